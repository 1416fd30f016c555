"""What the tests of the history keep in it: an answer with something in every field, and short ways to ask and look."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from storage_contract import run_sql

from deepseek_mm.history import Corrected, History
from deepseek_mm.stage_clock import AnswerStage, AnswerTimeline
from deepseek_mm.types import (
    Act,
    ActFilters,
    Answer,
    Check,
    Citation,
    Question,
    ReaderLook,
    Request,
    Said,
    Trace,
    Utterance,
    Verdict,
    Worked,
)
from index import Label, Region, Source, Symbol

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
    duration_ms=9_000,
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
    at_ms=1_500,
    lines=(5, 9),
    symbol=Symbol(
        name="fly", parent="Kite", kind="method", signature="def fly(self)", doc="Up.", calls=("lift", "pull")
    ),
)
REQUEST = Request(
    acts=(
        Act(kind="find", text="find kites of last summer", subject="kites", filters=ActFilters(date="last summer")),
        Act(kind="look", text="what colour are they", attribute="colour", scope="found", reference="they", chance=0.5),
    ),
    language="de",
    chance=0.75,
)
MEANT = Request(acts=(Act(kind="count", text="what flies?", subject="kites", form="number"),), by="person")
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
    request=REQUEST,
    utterances=(
        Utterance(
            prompt=(("system", "Speak."), ("user", "what flies?")),
            text="I see a red kite [2].",
            trace=Trace(experts=("ear", "eye"), layers=(1, 3), top_k=1, visits=("ab", "bb"), written=(7, 9)),
        ),
    ),
    looked=ReaderLook(question="what flies?", things=("kite",), path=KITE.source.path, heat=((0.25, 0.5), (0.0, 0.25))),
    verdict=Verdict(
        answer="2", chance=0.75, outcome="unsure", runner_up="3", said=(Said(by="reader", answer="2", chance=0.5),)
    ),
    worked=Worked(program="count(all())", answer="2", steps=(("all()", "[1] [2]"),), agrees="agrees"),
    timeline=AnswerTimeline(
        stages=(
            AnswerStage(name="retrieved", seconds=0.25, kept=2, among=70),
            AnswerStage(name="looked", seconds=0.5, kept=1, by=("reader",), files=("kite.jpg",)),
        ),
        together=2,
    ),
)
BOX = Corrected(number=2, box_px=(1, 2, 30, 40), label="a red kite", made_at=datetime(2026, 11, 25, 8, tzinfo=UTC))


def ask(history: History, text: str = "what flies?", **asked) -> tuple[int, int]:
    return history.begin(Question(text=text, **asked), image_path="", settings={}, fingerprint="")


def told(history: History, text: str = "what flies?", answer: Answer = ANSWER, **asked) -> tuple[int, int]:
    """Asked and answered: (conversation, turn)."""
    conversation, turn = ask(history, text, **asked)
    history.finish(turn, answer)
    return conversation, turn


def count(path: Path, table: str) -> int:
    return run_sql(path, f"SELECT count(*) FROM {table}")[0][0]


def stored(path: Path) -> bytes:
    """Every byte of the history's file and its log."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name))
