"""Conversations of up to twelve turns: which files the words of each turn mean, by what was shown, cited and asked.

Turns are understood by the trained model; what an answer cites stands in the table, so that nothing is looked at.
"""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deepseek_mm.answering.references import OF_NO_PHOTO, ActResolver, ConversationState
from deepseek_mm.answering.request_model import RequestModel
from deepseek_mm.history import Turn
from deepseek_mm.language.parser import PhotoQuestion
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Act, Answer, Citation, Picture, Question, Request
from deepseek_mm.vision.pipeline import ImageAnalysis
from index import Counts, Label, Region, Source
from index.region import UPLOADS

TABLE = Path(__file__).parent / "data" / "conversations.jsonl"
CONVERSATIONS = {told["name"]: told["turns"] for told in map(json.loads, TABLE.read_text("utf-8").splitlines())}
COUNTS = {kind: Counts(sources=9, regions=9) for kind in ("photo", "document", "code")}


@cache
def model() -> RequestModel:
    return RequestModel()


def upload(name: str) -> ImageAnalysis:
    return ImageAnalysis(None, Source(path=f"/uploads/{name}", collection=UPLOADS))


def cited(number: int, name: str, given: list[str]) -> Citation:
    """A file of the library, or a picture that somebody gave, which shows what its name says."""
    photo = not name.endswith(".md")
    source = (
        upload(name).source if name in given else Source(path=f"/photos/{name}", kind="photo" if photo else "document")
    )
    label = Label(name=name.split(".")[0], score=0.9)
    return Citation(
        number=number, region=Region(source=source, kind="whole", box_px=(0, 0, 9, 9), labels=(label,)), score=0.5
    )


class Talk:
    """A conversation that goes on turn by turn."""

    def __init__(self) -> None:
        self.turns, self.given = list[Turn](), list[str]()
        shelf = SimpleNamespace(again=lambda path: upload(Path(path).name))
        self.resolver = ActResolver(shelf, SimpleNamespace(find_named=lambda name: None))

    def say(self, told: dict[str, Any]) -> QuestionContext:
        """What the turn means; its answer, which cites what the table says, joins the conversation."""
        gives = told.get("gives", [])
        self.given += gives
        state = ConversationState.of(self.turns)
        question = Question.of(told["say"], [Picture(name=name, path=name) for name in gives])
        (understood,) = model().understand_many([(told["say"], state.situation(question, COUNTS))])
        request = state.complete_request(understood)
        act = request.acts[0]
        program = PhotoQuestion(kind="other", text=act.text, library=True)
        case = QuestionContext(question=question, program=program, act=act, request=request, turns=tuple(self.turns))
        meant = self.resolver.resolve(case, state, [upload(name) for name in gives])
        self._answer(told, request, files_of(meant))
        return meant

    def _answer(self, told: dict[str, Any], request: Request, meant: list[str]) -> None:
        names = told.get("cites", [] if told.get("about") == "talk" else meant)
        citations = tuple(cited(number, name, self.given) for number, name in enumerate(names, 1))
        paths = [f"/uploads/{name}" for name in told.get("gives", [])]
        self.turns.append(
            Turn(
                id=len(self.turns) + 1,
                conversation=1,
                asked_at=datetime(2026, 1, 1, tzinfo=UTC),
                question=told["say"],
                image_name=Path(paths[0]).name if paths else "",
                image_path=paths[0] if paths else "",
                more=tuple((Path(path).name, path) for path in paths[1:]),
                answer=Answer(text="", citations=citations, request=request),
                settings={},
                fingerprint="",
            )
        )


def files_of(case: QuestionContext) -> list[str]:
    """The names of the files that a case is about; none where it is the whole library."""
    sources = case.among or case.pictures or ((case.source,) if case.source else ())
    return sorted(source.name for source in sources)


def mistake_of(told: dict[str, Any], case: QuestionContext) -> str:
    """What a turn was taken for, where that is not what it means."""
    act, about = case.act or Act(kind="chat", text=""), told.get("about")
    wanted = [] if about in ("talk", "library", None) else sorted(about)
    wrong = about is not None and files_of(case) != wanted
    if about == "talk":
        wrong = act.kind not in (*OF_NO_PHOTO, "manage")
    asks = told.get("asks", {})
    wrong = wrong or any(name == "subject" and part not in act.subject for name, part in asks.items())
    wrong = wrong or any(name != "subject" and getattr(act, name) != said for name, said in asks.items())
    return f"{told}: {files_of(case)}, {act}" if wrong else ""


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_every_turn_of_a_conversation_means_the_files_that_it_speaks_of(name):
    talk = Talk()
    mistakes = [mistake for told in CONVERSATIONS[name] if (mistake := mistake_of(told, talk.say(told)))]
    assert not mistakes, "\n".join(mistakes)
