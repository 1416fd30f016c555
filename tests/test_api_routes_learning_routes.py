"""/learning and the right answer of a turn, over HTTP; and the same words on the command line."""

import json
from io import StringIO

import pytest
from learning_house import asked, corrected, learning_house
from rag_house import put
from serve_help import As
from starlette.testclient import TestClient
from test_learning import learn

from deepseek_mm.__main__ import build_parser
from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.api.app import build_api
from deepseek_mm.cli.learning_versions import WORDS
from deepseek_mm.errors import BadQuestion
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.terminal import Desk
from deepseek_mm.types import Act, Request


@pytest.fixture
def house(tmp_path):
    with learning_house(tmp_path / "library") as assistant:
        yield assistant


@pytest.fixture
def client(house):
    api = build_api(house, SettingsFile.of(house.config))
    yield TestClient(As(api.app), raise_server_exceptions=False)
    api.close()


def test_a_right_answer_is_kept_with_its_turn_and_taken_back(house, client, tmp_path):
    turn = asked(house.history, "What colour is it?", tmp_path / "a.png", "It is red.", session=LOCAL.session)
    assert client.put(f"/feedback/{turn}/answer", json={"answer": " light  blue "}).status_code == 200
    (told,) = client.get("/feedback").json()["items"]
    assert (told["id"], told["right"]) == (turn, "light blue")
    assert client.put(f"/feedback/{turn}/answer", json={"answer": ""}).status_code == 200
    assert client.get("/feedback").json()["items"] == []
    assert client.put(f"/feedback/{turn}/answer", json={"answer": "x" * 81}).status_code == 422
    assert client.put("/feedback/999/answer", json={"answer": "blue"}).status_code == 404


def test_what_was_learned_is_told_accepted_and_taken_back(house, client, tmp_path):
    corrected(house, tmp_path, "purple", "purple", count=8)
    told = client.get("/learning").json()
    assert (told["answers"], told["waiting_by"], told["versions"]) == ("as shipped", {"answer": 8}, [])
    job = client.post("/learning/train")
    assert (job.status_code, job.json()["kind"]) == (202, "learn")
    assert client.get(f"/library/jobs/{job.json()['id']}").json()["kind"] == "learn"
    learn(house)
    version = client.get("/learning/versions/1").json()
    assert (version["new_answers"], version["objections"], version["accepted"]) == (["purple"], [], False)
    assert {"photo": "purple-0.png", "after": "purple"}.items() <= version["changed"][0].items()
    assert client.post("/learning/versions/1/accept", json={}).json()["accepted"] is True
    assert client.get("/learning").json()["answers"] == "version 1"
    assert client.post("/learning/back").json()["answers"] == "as shipped"
    assert client.post("/learning/back").status_code == 409


def test_a_refused_version_is_a_conflict_until_it_is_forced(house, client, tmp_path):
    for colour, wrong in (("red", "green"), ("green", "blue"), ("blue", "red")):
        corrected(house, tmp_path, colour, wrong, count=8)
    learn(house)
    refused = client.post("/learning/versions/1/accept", json={})
    assert refused.status_code == 409
    assert "should not be taken" in refused.json()["detail"]
    assert client.post("/learning/versions/1/accept", json={"force": True}).status_code == 200


def test_photos_of_the_library_teach_with_question_and_answer(house, client, tmp_path):
    from rag_house import paint

    put(house, paint(tmp_path, "p.png", "purple"))
    (source,) = house.store.sources(limit=1)
    row = {"source": source.id, "question": "What colour is it?", "answer": "purple"}
    made = client.post("/learning/examples", json={"examples": [row, {"source": source.id, "words": "a kite"}]})
    assert (made.status_code, made.json()) == (201, {"kept": 2, "waiting": 2})
    assert client.post("/learning/examples", json={"examples": [{"source": 99, "words": "a kite"}]}).status_code == 404
    assert client.post("/learning/examples", json={"examples": [{"source": source.id}]}).status_code == 422


def test_there_is_nothing_to_learn_from_nothing(client):
    assert client.post("/learning/train").status_code == 404
    assert client.get("/learning/versions/7").status_code == 404


def typed(house, *words: str) -> str:
    """What the command prints."""
    args, out = build_parser().parse_args(["learning", *words]), StringIO()
    code = WORDS[args.word].run(house.library, args, Desk(out=out, err=StringIO()))
    assert code == 0
    return out.getvalue()


def test_every_word_of_the_command_does_the_same(house, tmp_path):
    turns = corrected(house, tmp_path, "purple", "purple", count=7)
    turn = asked(house.history, "What colour is that?", tmp_path / "purple-0.png", "It is red.")
    assert typed(house, "correct", str(turn), "purple") == f"kept; {len(turns) + 1} corrections are new\n"
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"image": "purple-1.png", "question": "Is there a kite?", "answer": "no"}) + "\n")
    assert typed(house, "teach", str(rows)).startswith("1 rows kept; 9 corrections")
    told = typed(house, "train")
    assert "version 1, on top of the shipped weights" in told
    assert "built-in" in told
    assert "*" not in typed(house, "list")
    assert typed(house, "accept", "1").startswith("version 1 answers from now on")
    assert typed(house, "list").splitlines()[1].startswith("*   1")
    assert json.loads(typed(house, "show", "1", "--json"))["accepted"] is True
    assert typed(house, "back") == "answers: as shipped\n"
    house.history.correct_request(turn, Request(acts=(Act(kind="count", text=""),), by="person"), session="")
    (line,) = typed(house, "requests").splitlines()
    assert json.loads(line)["request"]["acts"][0]["text"] == "What colour is that?"


@pytest.mark.parametrize("words", [["show"], ["accept", "one"], ["correct", "1"], ["list", "1"]])
def test_a_word_that_lacks_something_says_what(words, house, tmp_path):
    args = build_parser().parse_args(["learning", *words, "--data", str(tmp_path)])
    desk = Desk(load=lambda config, note: house, err=StringIO())
    with pytest.raises(BadQuestion, match="python -m deepseek_mm learning"):
        args.command.run(args, desk)
