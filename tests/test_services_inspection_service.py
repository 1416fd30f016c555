"""Looking inside answers: nothing runs while one is given, all runs once more on request, and what differs is told."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from fakes import Parrot
from inspections import LOOK, Mixture
from rag_house import build, paint, put

from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import NothingThere
from deepseek_mm.history import History
from deepseek_mm.services.history_service import HistoryService
from deepseek_mm.services.inspection_service import InspectionService
from deepseek_mm.types import Answer, Citation, Question, ReaderLook
from index import Region, Source

STRANGER = Caller(name="stranger", rights=frozenset({"ask"}), session="key:stranger")
HEAT = ((0.5, 0.25), (0.25, 0.0))  # the mean of LOOK


@pytest.fixture
def open_house(tmp_path):
    opened: list[Assistant] = []

    def open_one(lm) -> Assistant:
        opened.append(build(tmp_path / f"library{len(opened)}", lm=lm))
        put(opened[-1], paint(tmp_path / "photos", "kite.png", "red"))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def inspect(house: Assistant, answer: Answer, caller: Caller = LOCAL):
    service = InspectionService(assistant=house, history=HistoryService(assistant=house))
    return service.inspect(caller, answer.conversation, answer.turn)


def asked(house: Assistant, text: str = "Is there a kite?") -> Answer:
    return house.ask(Question(text=text, session=LOCAL.session))


def looked(house: Assistant, path: str, *, heat=HEAT, question: str = "is there a kite?") -> Answer:
    """An answer for which the reader looked at a photo."""
    told = Question(text=question, session=LOCAL.session)
    space = house.retriever.space.fingerprint[:8]
    number, turn = house.history.begin(told, image_path="", settings={}, fingerprint=f"{space}+{house.lm.fingerprint}")
    region = Region(source=Source(path=path, width_px=64, height_px=48), box_px=(0, 0, 9, 9))
    cited = Citation(number=1, region=region, score=1.0)
    look = ReaderLook(question=question, things=("kite",), path=path, heat=heat)
    answer = Answer(text="Yes.", citations=(cited,), looked=look, conversation=number, turn=turn)
    house.history.finish(turn, answer)
    return answer


def with_reader(house: Assistant) -> list[tuple[str, str]]:
    """Let the house have a reader; what it was asked about which photo."""
    seen: list[tuple[str, str]] = []

    def look_by_layer(question, picture):
        assert picture.image is not None  # decoded, which fails where the photo is gone
        seen.append((question.text, picture.source.path))
        return LOOK

    house.eyes.reader = SimpleNamespace(look_by_layer=look_by_layer)  # type: ignore[assignment]
    return seen


def test_nothing_is_run_again_while_a_question_is_answered_and_all_of_it_on_request(open_house):
    lm = Mixture("Yes, I can see a kite in kite.png [1].")
    house = open_house(lm)
    answer = asked(house)
    assert (answer.model, lm.inspected) == ("mixture", 0)
    told = inspect(house, answer)
    assert (told.wording, told.model, lm.inspected) == ("model", "mixture", 1)
    (text,) = told.texts
    assert (text.text, text.shown) == ("Yes, I can see a kite in kite.png [1].", True)
    assert text.trace is not None
    assert told.reaches == text.trace.reaches


def test_what_it_takes_outlives_a_restart_the_prompt_word_for_word(open_house):
    lm = Mixture("Yes, I can see a kite in kite.png [1].")
    house = open_house(lm)
    answer = asked(house)
    house.history.close()
    house.history = History(house.config.data / "history.db")
    kept = house.history.turns(answer.conversation, session=LOCAL.session)[0].answer
    assert kept.utterances == answer.utterances
    assert [text for _, text in kept.utterances[0].prompt] == [message.text for message in lm.heard[0]]
    assert inspect(house, answer).wording == "model"


def test_words_that_were_dropped_are_told_as_what_was_not_shown(open_house):
    house = open_house(Mixture("The moon is made of cheese [1]."))
    answer = asked(house)
    told = inspect(house, answer)
    assert (told.wording, told.model, [text.shown for text in told.texts]) == ("program", "", [False])


def test_under_another_model_only_what_was_noted_is_told(open_house):
    house = open_house(Mixture("Yes, I can see a kite in kite.png [1]."))
    answer = asked(house)
    others = (Parrot("Hm."), Mixture())
    others[1].fingerprint = "others-1"  # of the same kind, with other weights
    for house.lm in others:
        told = inspect(house, answer)
        assert (told.wording, told.reaches, told.texts[0].trace) == ("changed", (), None)
        assert told.texts[0].shares == {"coder": 0.5, "witness": 0.5}


@pytest.mark.parametrize(("lm", "wording"), [(Parrot, "opaque"), (Mixture, "unkept")])
def test_a_model_that_shows_nothing_and_words_that_were_not_kept_are_told_apart(open_house, lm, wording):
    house = open_house(lm("Yes, I can see a kite in kite.png [1]."))
    answer = asked(house)
    house.history.finish(answer.turn, replace(answer, utterances=()))
    assert inspect(house, answer).wording == wording


def test_an_answer_of_the_program_without_a_look_says_so(open_house):
    house = open_house(Parrot(""))
    told = inspect(house, asked(house))
    assert (told.wording, told.texts, told.look) == ("program", (), None)


def test_the_reader_looks_again_at_the_cited_photo_and_is_compared_with_the_kept_map(open_house, tmp_path):
    house = open_house(Parrot(""))
    seen, path = with_reader(house), str(tmp_path / "photos" / "kite.png")
    look = inspect(house, looked(house, path)).look
    assert look is not None
    assert seen == [("is there a kite?", path)]
    assert (look.by_layer, look.agreement, look.source.width_px) == (True, pytest.approx(1.0), 64)
    unmapped = inspect(house, looked(house, path, heat=())).look
    assert unmapped is not None
    assert unmapped.agreement is None


def test_where_photo_or_space_are_gone_the_kept_map_is_left(open_house, tmp_path):
    house = open_house(Parrot(""))
    with_reader(house)
    gone = inspect(house, looked(house, str(tmp_path / "gone.png"))).look
    assert gone is not None
    assert (gone.by_layer, gone.map.layers_LGG.tolist()) == (False, [[[0.5, 0.25], [0.25, 0.0]]])
    house.eyes.reader = None
    kept = inspect(house, looked(house, str(tmp_path / "photos" / "kite.png"))).look
    assert kept is not None
    assert not kept.by_layer
    assert inspect(house, looked(house, "/gone.png", heat=())).look is None


def test_nobody_looks_into_an_answer_of_somebody_else(open_house):
    house = open_house(Parrot(""))
    with pytest.raises(NothingThere):
        inspect(house, asked(house), STRANGER)
