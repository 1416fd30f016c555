"""What somebody said of a misunderstood question becomes an example, with the situation in which it was asked."""

import json

import pytest
from fakes import picture
from rag_house import build, paint, put

from deepseek_mm.learning.request_examples import RequestCorrection, corrected_requests
from deepseek_mm.types import Act, Question, Request

ACT = Act(kind="count", text="the red ones", subject="kites", scope="found", form="number")
MEANT = Request(acts=(ACT,), by="person")


@pytest.fixture
def house(tmp_path):
    with build(tmp_path / "data") as assistant:
        put(assistant, paint(tmp_path / "photos", "kite.png", "green", "red"))
        yield assistant


def corrections(house) -> list[RequestCorrection]:
    return corrected_requests(house.history, house.store)


def ask(house, text: str, meant: Request | None = None, **asked):
    answer = house.ask(Question(text=text, **asked))
    if meant:
        house.history.correct_request(answer.turn, meant, session=asked.get("session", ""))
    return answer


def test_a_corrected_request_is_an_example_with_what_was_known_when_it_was_asked(house):
    first = ask(house, "Is there a kite?", session="anna")
    answer = ask(house, "the red ones", MEANT, conversation=first.conversation, session="anna")
    (example,) = corrections(house)
    assert (example.turn, example.text, example.request) == (answer.turn, "the red ones", MEANT)
    situation = example.situation
    assert (situation.turns, situation.before, situation.cited_photos, situation.pictures) == (1, "look", 1, 0)
    assert (situation.has_photos, situation.has_documents, situation.code) == (True, False, False)


def test_pictures_that_came_along_belong_to_the_situation(house):
    ask(house, "the red ones", MEANT, image=picture("red"), image_name="r.png")
    assert [(each.situation.pictures, each.situation.turns) for each in corrections(house)] == [(1, 0)]


def test_of_two_corrections_of_the_same_words_the_later_one_counts(house):
    ask(house, "the red ones", MEANT)
    later = ask(house, "the red ones", Request(acts=(Act(kind="find", text="the red ones"),), by="person"))
    ask(house, "the blue ones")
    assert [(each.turn, each.request.acts[0].kind) for each in corrections(house)] == [(later.turn, "find")]


def test_an_example_comes_back_whole_out_of_its_json(house):
    ask(house, "the red ones", MEANT)
    (example,) = corrections(house)
    assert RequestCorrection.of_json(json.loads(json.dumps(example.as_json()))) == example
