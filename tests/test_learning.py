"""Learning, from corrected answers to a version that answers, goes back, and is refused where it harms."""

import json
import shutil
from contextlib import closing

import pytest
import torch
from learning_house import ANSWERS, asked, corrected, learning_house, seen
from rag_house import paint

from deepseek_mm.errors import BadCheckpoint, BadFile, Conflict, NothingThere
from deepseek_mm.history.queries import hash_of
from deepseek_mm.jobs import Jobs, Worker, follow
from deepseek_mm.learning import LEARN


@pytest.fixture
def house(tmp_path):
    with learning_house(tmp_path / "library") as assistant:
        yield assistant


def learn(assistant):
    """Train as the library's worker does; the job as it ended."""
    learning = assistant.library.learning
    job, worker = learning.train(), Worker(assistant.library.jobs, {LEARN: learning.run})
    worker.start()
    try:
        *_, last = follow(assistant.library.jobs, job.id)
    finally:
        worker.stop(5.0)
    return last


def says(assistant, question: str, photo) -> str:
    from PIL import Image

    reader = assistant.eyes.reader
    with Image.open(photo) as image:
        return reader.head.answers[int(reader.head.out(seen(question, image)).argmax())]


def test_corrections_become_a_version_that_waits_and_answers_once_it_is_accepted(house, tmp_path):
    corrected(house, tmp_path, "purple", "purple", count=8)
    photo, learning = tmp_path / "purple-0.png", house.library.learning
    job = learn(house)
    assert (job.state, job.result) == ("done", {"version": 1, "objections": []})
    assert says(house, "what colour?", photo) != "purple"
    assert learning.told == "as shipped"
    version = learning.accept(1)
    assert says(house, "what colour?", photo) == "purple"
    assert (learning.told, version.answers, learning.waiting()) == ("version 1", ("purple",), [])
    assert house.about()["learned"] == "version 1"
    assert {score.name: score.lost for score in version.scores}["built-in"] == 0


def test_an_accepted_version_answers_after_a_restart_and_goes_back_to_the_shipped_weights(house, tmp_path):
    corrected(house, tmp_path, "purple", "purple")
    learn(house)
    house.library.learning.accept(1)
    with learning_house(house.config.data) as again:
        assert says(again, "what colour?", tmp_path / "purple-0.png") == "purple"
        assert again.library.learning.back() == 0
        assert again.eyes.reader.head is again.eyes.reader.shipped
        with pytest.raises(Conflict, match="nothing to go back to"):
            again.library.learning.back()


def test_a_second_version_goes_on_from_the_first_and_asks_what_that_one_learned(house, tmp_path):
    corrected(house, tmp_path, "purple", "purple", count=8)
    learn(house)
    house.library.learning.accept(1)
    corrected(house, tmp_path, "orange", "orange", count=8)
    learn(house)
    version = house.library.learning.accept(2)
    scores = {score.name: score for score in version.scores}
    assert (version.base, version.answers) == (1, ("purple", "orange"))
    assert (scores["earlier"].count, scores["earlier"].lost) == (8, 0)
    assert says(house, "what colour?", tmp_path / "purple-0.png") == "purple"
    assert says(house, "what colour?", tmp_path / "orange-0.png") == "orange"
    assert house.library.learning.back() == 1
    assert says(house, "what colour?", tmp_path / "orange-0.png") != "orange"


def test_wrong_labels_are_refused_until_somebody_insists(house, tmp_path):
    for colour, wrong in (("red", "green"), ("green", "blue"), ("blue", "red")):
        corrected(house, tmp_path, colour, wrong, count=8)
    learn(house)
    learning = house.library.learning
    with pytest.raises(Conflict, match="version 1 should not be taken: .*--force"):
        learning.accept(1)
    assert learning.told == "as shipped"
    learning.accept(1, force=True)
    assert learning.told == "version 1"


def test_a_damaged_version_is_refused_with_its_reason_and_the_shipped_weights_answer(house, tmp_path):
    corrected(house, tmp_path, "purple", "purple")
    learn(house)
    learning = house.library.learning
    learning.accept(1)
    file = house.config.data / "learning" / "1" / "head.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 255
    file.write_bytes(bytes(data))
    learning.use()
    assert house.eyes.reader.head is house.eyes.reader.shipped
    assert learning.told == "as shipped, for version 1 cannot be used"
    assert "head.safetensors is not what was written" in learning.trouble
    with pytest.raises(BadCheckpoint, match="The shipped weights answer"):
        learning.accept(1)


@pytest.mark.parametrize(
    ("name", "content"),
    [("accepted.json", "no list"), ("1/version.json", "{"), ("1/version.json", '{"number": 1}')],
)
def test_a_damaged_note_leaves_the_shipped_weights(house, tmp_path, name, content):
    corrected(house, tmp_path, "purple", "purple")
    learn(house)
    house.library.learning.accept(1)
    (house.config.data / "learning" / name).write_text(content)
    with learning_house(house.config.data) as again:
        assert again.eyes.reader.head is again.eyes.reader.shipped
        assert again.library.learning.trouble


def test_a_version_of_other_weights_is_not_used(house, tmp_path):
    corrected(house, tmp_path, "purple", "purple")
    learn(house)
    file = house.config.data / "learning" / "1" / "version.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"reader": "0" * 64}))
    with pytest.raises(BadCheckpoint, match="belongs to other weights"):
        house.library.learning.accept(1)


def test_too_few_corrections_are_said_and_nothing_begins(house, tmp_path):
    corrected(house, tmp_path, "purple", "purple", count=3)
    with pytest.raises(NothingThere, match=r"3 corrections are new, and learning\.fewest asks for 4"):
        house.library.learning.train()


def test_photos_that_are_gone_are_listed_and_the_rest_is_learned(house, tmp_path):
    corrected(house, tmp_path, "purple", "purple", count=6)
    (tmp_path / "purple-2.png").unlink()
    job = learn(house)
    assert (job.state, job.num_failed) == ("done", 1)
    assert sum(house.library.learning.get(1).counts.values()) == 5


def test_who_changes_their_mind_is_believed_the_last_time(house, tmp_path):
    turns = corrected(house, tmp_path, "purple", "violet")
    for turn in turns:
        house.history.put_right(turn, "purple", session="")
    assert {example.answer for example in house.library.learning.waiting()} == {"purple"}
    house.history.put_right(turns[0], "", session="")
    assert len(house.library.learning.waiting()) == len(turns) - 1


def test_rows_with_questions_and_descriptions_teach_without_a_conversation(house, tmp_path):
    learning, photo = house.library.learning, paint(tmp_path, "p.png", "red")
    rows = [{"image": str(photo), "question": "How many kites?", "answer": "Two"}]
    assert learning.teach([*rows, {"image": str(photo), "words": "a kite and two dogs"}]) == 2
    learning.teach([{"image": str(photo), "words": "only a kite"}])
    told = {(example.question, example.answer, example.by) for example in learning.waiting()}
    assert told == {("how many kites?", "2", "answer"), ("is there a kite?", "yes", "words")}
    with pytest.raises(BadFile, match="cannot be learned from"):
        learning.teach([{"image": str(photo), "question": "What is it?"}])


def test_deleting_everything_takes_what_was_learned_along(house, tmp_path):
    corrected(house, tmp_path, "purple", "purple")
    learn(house)
    house.library.learning.accept(1)
    house.library.delete_everything()
    assert not (house.config.data / "learning").exists()
    assert house.library.learning.told == "as shipped"
    assert house.eyes.reader.head is house.eyes.reader.shipped


def test_a_backup_brings_versions_back(house, tmp_path):
    corrected(house, tmp_path, "purple", "purple")
    learn(house)
    learning, library = house.library.learning, house.library
    learning.accept(1)
    library.start()
    *_, made = follow(library.jobs, library.backup(tmp_path / "b.deepseek-mm").id)
    learning.back()
    shutil.rmtree(house.config.data / "learning")
    *_, back = follow(library.jobs, library.restore(tmp_path / "b.deepseek-mm").id)
    assert (made.state, back.state, learning.told) == ("done", "done", "version 1")


def test_a_space_without_a_reader_says_what_to_do(tmp_path):
    from rag_house import build

    with build(tmp_path) as plain, pytest.raises(NothingThere, match="--encoder default"):
        plain.library.learning.train()


def test_thumbs_teach_what_was_said(house, tmp_path):
    photo = paint(tmp_path, "r.png", "red")
    good, bad = (asked(house.history, f"Is there a kite{n}?", photo, said) for n, said in ((1, "Yes."), (2, "No.")))
    house.history.rate(good, "up", session="")
    house.history.rate(bad, "down", session="")
    told = {(e.turn, e.answer, e.wrong, e.weight) for e in house.library.learning.waiting()}
    assert told == {(good, "yes", False, 0.5), (bad, "no", True, 0.5)}
    assert torch.is_tensor(house.eyes.reader.head.out.weight)
    assert ANSWERS[0] == "yes"


def test_the_job_is_one_of_its_kind(house, tmp_path):
    corrected(house, tmp_path, "purple", "purple")
    learning = house.library.learning
    assert learning.train().id == learning.train().id
    with closing(Jobs(house.config.data / "jobs.db")) as jobs:
        assert [job.title for job in jobs.find(kinds=(LEARN,), limit=5)] == ["Learn from corrections"]


def test_what_somebody_taught_goes_with_them_and_what_others_taught_after_it_waits_again(house, tmp_path):
    learning = house.library.learning
    for number, (colour, owner) in enumerate((("purple", "anna"), ("orange", "ben"), ("yellow", "anna")), start=1):
        corrected(house, tmp_path, colour, colour, count=8, session=owner)
        learn(house)
        learning.accept(number, force=True)
    assert [version.teachers for version in learning.list()] == [
        tuple(sorted(map(hash_of, ("anna", "ben")))), tuple(sorted(map(hash_of, ("anna", "ben")))), (hash_of("anna"),),
    ]  # fmt: skip
    assert learning.unlearn(hash_of("nobody")) == 0
    house.history.erase("ben")
    assert learning.unlearn(hash_of("ben")) == 2
    assert (learning.answering, [version.number for version in learning.list()]) == (1, [1])
    assert says(house, "what colour?", tmp_path / "purple-0.png") == "purple"
    assert says(house, "what colour?", tmp_path / "orange-0.png") != "orange"
    assert {example.answer for example in learning.waiting()} == {"yellow"}
    assert not (learning.versions.folder / "3").exists()


def test_a_version_that_cannot_be_read_goes_as_well_when_somebody_is_forgotten(house, tmp_path):
    learning = house.library.learning
    corrected(house, tmp_path, "purple", "purple", count=8)
    learn(house)
    learning.accept(1)
    (learning.versions.folder / "1" / "version.json").write_text("{")
    assert learning.unlearn(hash_of("anybody")) == 1
    assert (learning.answering, learning.told) == (0, "as shipped")
