"""The history: nothing that arrived is lost, nobody reads another's conversation, two processes mix nothing."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from deepseek_mm.errors import LibraryError, NothingThere
from deepseek_mm.history import Conversation, History
from deepseek_mm.history.log import TITLE_CHARS, title_of
from deepseek_mm.records import Answer, Check, Citation, Question
from index import Label, Region, Source

ROOT = Path(__file__).parent.parent

KITE_PHOTO = Source(
    id=3,
    path="/photos/<script>alert(1)</script> kite.jpg",
    kind="page",
    collection="uploads",
    digest="ab" * 32,
    size_bytes=2**40,
    modified_ns=1_700_000_000_123_456_789,
    width_px=640,
    height_px=480,
    taken_at=datetime(2021, 7, 4, 12, 30, 1, 250),
    latitude=-33.5,
    longitude=151.25,
    format="heic",
    note="Only the first of its 12 pictures is shown.",
)
KITE = Region(
    id=8,
    source=KITE_PHOTO,
    kind="whole",
    box_px=(10, 20, 300, 400),
    labels=(Label(name="kite", score=0.9), Label(name="bird", score=0.25)),
    colours=("red", "white"),
    text="MILK 1.5 %",
    page=3,
    lines=(5, 9),
)
ANSWER = Answer(
    text="A red kite [2].",
    citations=(Citation(number=2, region=KITE, score=0.5), Citation(number=1, region=replace(KITE, id=9), score=0.75)),
    checks=(
        Check(claim="A red kite", numbers=(2,), kept=True, reason="[2] is labelled kite"),
        Check(claim="a dog", numbers=(1, 2), kept=False, reason="no evidence shows a dog"),
    ),
    found=False,
    confidence=0.875,
    state="failed",
    model="parrot",
    seconds=1.5,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.db"


@pytest.fixture
def history(path):
    history = History(path)
    yield history
    history.close()


def ask(history: History, text: str = "what flies?", **asked) -> tuple[int, int]:
    return history.begin(Question(text=text, **asked), image_path="", settings={}, fingerprint="")


def count(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    finally:
        connection.close()


def test_the_sample_answer_differs_from_the_defaults_in_every_field():
    """Guards the round trip below: a field that a record gains must be stored as well."""
    for record in (ANSWER, KITE, KITE_PHOTO):
        plain = {f.name: f.default for f in fields(record) if f.name not in ("conversation", "turn")}
        assert [name for name, default in plain.items() if getattr(record, name) == default] == []


def test_an_answer_comes_back_equal_after_a_restart(history, path):
    conversation, turn = ask(history)
    history.finish(turn, ANSWER)
    history.close()
    (kept,) = History(path).turns(conversation, session="")
    assert kept.answer == replace(ANSWER, conversation=conversation, turn=turn)


def test_a_turn_keeps_the_question_the_upload_the_settings_and_the_models(history):
    question = Question(text="is <b>this</b> a kite? \u2603\x00", image_name="kite.png")
    settings = {"rag": {"num_regions": 6}, "data": Path("library"), "names": ["a", None, 0.5]}
    before = datetime.now(UTC)
    conversation, _ = history.begin(question, image_path="/u/ab.png", settings=settings, fingerprint="f" * 64)
    (turn,) = history.turns(conversation, session="")
    assert (turn.question, turn.image_name, turn.image_path) == (question.text, "kite.png", "/u/ab.png")
    assert turn.settings == settings | {"data": "library"}
    assert turn.fingerprint == "f" * 64
    assert before <= turn.asked_at <= datetime.now(UTC)
    assert turn.answer == Answer(text="", state="running", conversation=conversation, turn=turn.id)


def test_numbers_from_numpy_come_back_as_plain_numbers(history):
    numpys = replace(KITE, box_px=tuple(np.array([1, 2, 30, 40])), labels=(Label(name="kite", score=np.float32(0.5)),))
    plain = replace(KITE, box_px=(1, 2, 30, 40), labels=(Label(name="kite", score=0.5),))
    citation = Citation(number=np.int64(1), region=numpys, score=np.float32(0.25))
    conversation, turn = ask(history)
    history.finish(turn, Answer(text="x", citations=(citation,), confidence=np.float32(0.5), found=np.bool_(True)))
    answer = history.turns(conversation, session="")[0].answer
    assert answer.citations == (Citation(number=1, region=plain, score=0.25),)
    assert isinstance(answer.citations[0].score, float)


def test_a_file_name_that_is_no_utf8_is_kept(history):
    name = os.fsdecode(b"caf\xe9.jpg")
    region = replace(KITE, source=replace(KITE_PHOTO, path=name))
    conversation, turn = ask(history, image_name=name)
    history.finish(turn, replace(ANSWER, citations=(Citation(number=1, region=region, score=0.5),)))
    (kept,) = history.turns(conversation, session="")
    assert (kept.image_name, kept.answer.citations[0].region.source.path) == (name, name)


def test_the_text_grows_while_the_turn_runs_and_no_late_word_changes_a_finished_one(history):
    conversation, turn = ask(history)
    for text in ("A", "A red", "A red kite"):
        history.progress(turn, text)
        assert history.turns(conversation, session="")[0].answer.text == text
    history.finish(turn, Answer(text="A red kite [1]."))
    history.progress(turn, "A red")
    assert history.turns(conversation, session="")[0].answer.text == "A red kite [1]."


def test_finishing_twice_replaces_the_citations_instead_of_adding_them(history, path):
    conversation, turn = ask(history)
    history.finish(turn, ANSWER)
    history.finish(turn, replace(ANSWER, citations=ANSWER.citations[:1], checks=()))
    assert len(history.turns(conversation, session="")[0].answer.citations) == 1
    assert (count(path, "citations"), count(path, "checks")) == (1, 0)


def test_a_finished_answer_may_not_still_be_running(history):
    _, turn = ask(history)
    with pytest.raises(AssertionError, match="done, stopped or failed"):
        history.finish(turn, Answer(text="A", state="running"))


def test_a_conversation_goes_on_with_its_turns_in_order(history):
    conversation, first = ask(history, "one")
    same, second = ask(history, "two", conversation=conversation)
    assert same == conversation
    turns = history.turns(conversation, session="")
    assert [(turn.id, turn.question) for turn in turns] == [(first, "one"), (second, "two")]


def test_conversations_are_listed_newest_first_with_title_and_number_of_turns(history):
    old, _ = ask(history, "old  question\nof two lines")
    new, _ = ask(history, "", image_name="kite.png")
    assert [c.id for c in history.conversations(session="", limit=9)] == [new, old]
    ask(history, "again", conversation=old)
    first, second = history.conversations(session="", limit=9)
    assert (first.id, first.title, first.num_turns) == (old, "old question of two lines", 2)
    assert (second.id, second.title, second.num_turns) == (new, "kite.png", 1)
    assert first.started_at < second.started_at == second.last_at < first.last_at
    assert first.last_at.utcoffset() == timedelta(0)


def test_a_page_of_conversations_starts_at_the_offset(history):
    made = [ask(history, str(n))[0] for n in range(5)]
    page = history.conversations(session="", limit=2, offset=1)
    assert [c.id for c in page] == [made[3], made[2]]
    assert isinstance(page[0], Conversation)


def test_a_long_title_is_cut_at_a_word_and_an_endless_word_in_the_middle():
    assert title_of("what  is\nthis") == "what is this"
    assert title_of("word " * 30) == "word " * 10 + "word..."  # eleven words and the dots are 57
    assert title_of("x" * 100_000) == "x" * (TITLE_CHARS - 3) + "..."


def test_two_sessions_see_nothing_of_each_other(history):
    mine, turn = ask(history, "mine", session="anna's secret")
    theirs, _ = ask(history, "theirs", session="ben's secret")
    assert [c.id for c in history.conversations(session="anna's secret", limit=9)] == [mine]
    assert [c.id for c in history.conversations(session="ben's secret", limit=9)] == [theirs]
    assert history.conversations(session="", limit=9) == []
    for stranger in ("ben's secret", ""):
        with pytest.raises(NothingThere, match=f"no conversation {mine} here"):
            history.turns(mine, session=stranger)
        with pytest.raises(NothingThere, match="choose one from the history"):
            history.delete(mine, session=stranger)
        with pytest.raises(NothingThere, match=f"no conversation {mine} here"):
            ask(history, "let me in", session=stranger, conversation=mine)
    assert [t.id for t in history.turns(mine, session="anna's secret")] == [turn]


def test_an_unknown_conversation_reads_like_a_foreign_one(history):
    mine, _ = ask(history, session="anna")
    with pytest.raises(NothingThere) as foreign:
        ask(history, conversation=mine, session="ben")
    with pytest.raises(NothingThere) as unknown:
        ask(history, conversation=77, session="ben")
    assert str(foreign.value).replace(str(mine), "77") == str(unknown.value)


def test_the_secret_of_a_session_is_nowhere_in_the_file(history, path):
    ask(history, session="correct horse battery staple")
    history.close()
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"what flies?" in stored
    assert b"battery" not in stored


def test_deleting_takes_turns_citations_and_checks_and_leaves_the_others(history, path):
    gone, turn = ask(history)
    history.finish(turn, ANSWER)
    kept, other = ask(history)
    history.finish(other, ANSWER)
    history.delete(gone, session="")
    assert [c.id for c in history.conversations(session="", limit=9)] == [kept]
    assert [count(path, table) for table in ("turns", "citations", "checks")] == [1, 2, 2]
    with pytest.raises(NothingThere):
        history.turns(gone, session="")


def test_a_late_answer_to_a_deleted_turn_lands_in_no_other(history):
    gone, late = ask(history, "gone")
    history.delete(gone, session="")
    new, turn = ask(history, "new")
    history.progress(late, "late")
    history.finish(late, Answer(text="late"))
    assert (new, turn) != (gone, late)
    assert [t.answer.text for t in history.turns(new, session="")] == [""]


KILLED = """
import sys, time
from pathlib import Path
from deepseek_mm.history import History
from deepseek_mm.records import Question
history = History(Path(sys.argv[1]))
_, turn = history.begin(Question(text="what flies?"), image_path="", settings={}, fingerprint="")
history.progress(turn, "A red")
print("ready", flush=True)
time.sleep(60)
"""


def start(code: str, *args: object) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.campaign(times=30)
@pytest.mark.parametrize("reopened", [True, False], ids=["by a new history", "by one that was open"])
def test_a_kill_in_mid_answer_keeps_what_arrived_marked_stopped(path, reopened):
    open_before = History(path)
    with start(KILLED, path) as writer:
        assert writer.stdout.readline() == "ready\n"
        witness = History(path)
        (conversation,) = witness.conversations(session="", limit=9)
        assert witness.turns(conversation.id, session="")[0].answer.state == "running"  # its owner lives
        writer.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)  # a zombie now, as under a careless parent
        reader = History(path) if reopened else open_before
        answer = reader.turns(conversation.id, session="")[0].answer
    assert (answer.text, answer.state) == ("A red", "stopped")


def test_a_process_number_that_was_used_again_is_another_process(path):
    history = History(path)
    conversation, _ = ask(history)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE turns SET owner_pid = ?, owner_started = 'long ago'", [os.getppid()])
    connection.commit()
    connection.close()
    assert history.turns(conversation, session="")[0].answer.state == "stopped"


WRITES_50 = """
import sys
from pathlib import Path
from deepseek_mm.history import History
from deepseek_mm.records import Answer, Question
path, me = Path(sys.argv[1]), sys.argv[2]
history, conversation = History(path), None
for n in range(50):
    question = Question(text=f"{me} asks {n}", session=me, conversation=conversation)
    conversation, turn = history.begin(question, image_path="", settings={"n": n}, fingerprint=me)
    history.progress(turn, f"{me} hears")
    history.finish(turn, Answer(text=f"{me} hears {n}"))
"""


def test_two_processes_with_fifty_turns_each_lose_and_mix_nothing(path):
    writers = [start(WRITES_50, path, name) for name in ("anna", "ben")]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdout.close()
    history = History(path)
    for me in ("anna", "ben"):
        (conversation,) = history.conversations(session=me, limit=9)
        turns = history.turns(conversation.id, session=me)
        assert [t.question for t in turns] == [f"{me} asks {n}" for n in range(50)]
        assert [t.answer.text for t in turns] == [f"{me} hears {n}" for n in range(50)]
        assert {(t.answer.state, t.fingerprint) for t in turns} == {("done", me)}


def test_eight_threads_on_one_history_keep_every_turn(history):
    def work(name: str) -> None:
        for n in range(10):
            _, turn = ask(history, f"{n}", session=name)
            history.progress(turn, name)
            history.finish(turn, Answer(text=f"{name} {n}"))

    threads = [threading.Thread(target=work, args=(f"thread {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in (f"thread {n}" for n in range(8)):
        mine = history.conversations(session=name, limit=99)
        texts = [history.turns(c.id, session=name)[0].answer.text for c in reversed(mine)]
        assert texts == [f"{name} {n}" for n in range(10)]


def test_a_folder_that_is_a_file_is_refused_with_a_next_step(tmp_path):
    (tmp_path / "library").write_text("I am a file")
    with pytest.raises(LibraryError, match=r"cannot use the history at .*--data FOLDER"):
        History(tmp_path / "library" / "history.db")


def test_odd_letters_in_the_folder_are_no_obstacle(tmp_path):
    path = tmp_path / "100% of #1? \u2603" / "history.db"
    ask(History(path))
    assert path.exists()
    assert len(History(path).conversations(session="", limit=9)) == 1
