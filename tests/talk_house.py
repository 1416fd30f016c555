"""What the tests of talk share: turns of a conversation, cases of an act, and a small library."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from index_help import open_store, rows

from deepseek_mm.answering.talk_case import ProductFacts, TalkCase
from deepseek_mm.history import Turn
from deepseek_mm.types import Act, Answer, Citation, Found, Match
from index import Filter, Label, Region, Source
from index.store import RegionStore

FACTS = ProductFacts(
    version="1.2",
    language_model="deepseek-mm",
    folder="/home/me/library",
    kinds={"photo": 2, "document": 1},
    collections=("Holidays", "work"),
)


def photo(name: str, *, number: int = 0, collection: str = "library", day: int = 1) -> Region:
    source = Source(
        id=number,
        path=f"/photos/{name}",
        collection=collection,
        width_px=64,
        height_px=48,
        taken_at=datetime(2023, 5, day),
    )
    return Region(id=number, source=source, kind="whole", box_px=(0, 0, 64, 48), labels=(Label(name="dog", score=0.9),))


def turn(question: str, answer: str = "", cited: Sequence[Region] = (), sure: float | None = 0.9) -> Turn:
    """An answer that cites these regions as 1, 2, ..."""
    citations = tuple(Citation(number=n, region=region, score=0.5) for n, region in enumerate(cited, 1))
    return Turn(
        id=1,
        conversation=7,
        asked_at=datetime(2026, 1, 1, tzinfo=UTC),
        question=question,
        image_name="",
        image_path="",
        answer=Answer(text=answer, citations=citations, confidence=sure),
        settings={},
        fingerprint="",
    )


def case(text: str, kind: Any = "chat", *, locale: str = "en", turns: Sequence[Turn] = (), **more: Any) -> TalkCase:
    """A case of this act; `act` has its further fields."""
    act = Act(kind=kind, text=text, **more.pop("act", {}))
    return TalkCase(act=act, locale=locale, conversation=tuple(turns), **{"facts": FACTS, **more})


def fill_library(folder: Path) -> RegionStore:
    """Two photos of a dog, of which one is in Holidays, and a document of two passages."""
    store = open_store(folder)
    for region in (photo("dog.jpg", day=3), photo("beach.jpg", collection="Holidays", day=20)):
        store.add(region.source, [region], rows(1))
    lease = Source(path="/documents/lease.pdf", kind="document", format="pdf")
    texts = (
        "The flat is let for two years from the first of May. The rent is 1,180 euros and is paid each month.",
        "The tenant pays small repairs of the flat up to 100 euros. A dog needs the landlord's permission. Page two.",
    )
    passages = [
        Region(source=lease, kind="text", box_px=(0, 0, 0, 0), text=text, page=page)
        for page, text in enumerate(texts, 1)
    ]
    store.add(lease, passages, rows(2))
    return store


def finds(*sources: Source, certainty: float = 0.9) -> Any:
    """A search that always finds these files, or nothing."""

    def find(text: str, where: Filter) -> Found:
        matches = tuple(
            Match(region=Region(source=source, kind="whole", box_px=(0, 0, 9, 9)), score=0.5) for source in sources
        )
        return Found(matches=matches, found=bool(sources), certainty=certainty)

    return find
