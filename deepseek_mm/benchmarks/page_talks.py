"""Conversations for the page to show: questions, and answers that cite photos of the library."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deepseek_mm.benchmarks.result import BenchSizes
from deepseek_mm.history import History, Turn
from deepseek_mm.records import Answer, Check, Citation
from index.region import Label, Region, Source

SESSION = "bench-page-of-a-visitor-with-a-long-history"  # whose they are: 43 letters, as a browser draws them
LONG_TITLE, SHORT_TITLE = "The long conversation", "Short conversation number {n}"
CITED = 3  # photos behind each answer
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
SAYS = "There is a dog on the beach [1]. Another one runs through the water [2]. A third one sleeps [3]."


def remember_all(history: Path, sources: Sequence[Source], sizes: BenchSizes) -> None:
    """Write a long conversation and some of one turn into the history of a server, which may be using it."""
    with closing(History(history)) as file:
        file.adopt(list(make_turns(sizes.page_turns, sources)), title=LONG_TITLE, session=SESSION)
        for n in range(sizes.page_talks):
            file.adopt(list(make_turns(1, sources)), title=SHORT_TITLE.format(n=n), session=SESSION)


def make_turns(count: int, sources: Sequence[Source]) -> Iterator[Turn]:
    """As many turns, oldest first."""
    for n in range(count):
        cited = tuple(make_citation(k, sources[(n * CITED + k) % len(sources)]) for k in range(1, CITED + 1))
        check = Check(claim="There is a dog on the beach.", numbers=(1,), kept=True, reason="the label says so")
        answer = Answer(text=SAYS, citations=cited, checks=(check,), confidence=0.9, model="smollm2", seconds=1.0)
        yield Turn(
            id=0,
            conversation=0,
            asked_at=BEGUN + timedelta(minutes=n),
            question=f"Is there a dog in photo {n + 1}, and what does it do?",
            image_name="",
            image_path="",
            answer=answer,
            settings={},
            fingerprint="bench",
        )


def make_citation(number: int, source: Source) -> Citation:
    """The whole photo, cited."""
    box = (0, 0, source.width_px, source.height_px)
    region = Region(id=number, source=source, kind="whole", box_px=box, labels=(Label(name="dog", score=0.9),))
    return Citation(number=number, region=region, score=0.4)
