"""Conversations for the tests of the History tab: long ones, old ones, branched and pinned ones, without asking."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fakes import picture

from deepseek_mm.history import Conversation, History, Turn
from deepseek_mm.types import Answer, Citation
from index import Label, Region, Source

NOW = datetime(2026, 11, 25, 15, 30).astimezone()  # a Wednesday, in this machine's time


def kite(folder: Path) -> Citation:
    """A part of a painted photo that lies in `folder`."""
    path = folder / "kite.jpg"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        picture("red", size=(640, 480), patch="white").save(path, "JPEG")
    source = Source(path=str(path), width_px=640, height_px=480)
    region = Region(source=source, box_px=(40, 30, 320, 240), labels=(Label(name="red kite", score=0.9),))
    return Citation(number=1, region=region, score=0.5)


def turn(question: str, *, cites: Sequence[Citation] = (), at: datetime | None = None, **more) -> Turn:
    """A question that was answered, just now if it is not said when."""
    text = "It is a kite [1]." if cites else "It is nothing."
    answer = Answer(text=text, citations=tuple(cites), model="paper", seconds=0.2)
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    return Turn(
        id=0, conversation=0, asked_at=moment, question=question, image_name="", image_path="",
        answer=answer, settings={}, fingerprint="paper", **more,
    )  # fmt: skip


def keep(history: History, session: str, title: str, *turns: Turn, pinned: bool = False) -> int:
    """A conversation of this browser's; of one question, its title, if no turns are given."""
    return history.adopt(turns or (turn(title),), title=title, pinned=pinned, session=session)


def about(title: str = "Is it red?", *, at: datetime = NOW, **more) -> Conversation:
    """A row of the list."""
    moment = at.astimezone(UTC)
    return Conversation(**({"id": 1, "title": title, "started_at": moment, "last_at": moment, "num_turns": 1} | more))


def days_ago(days: float) -> datetime:
    """A moment before NOW."""
    return NOW - timedelta(days=days)
