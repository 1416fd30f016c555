"""Does a search own up when there is nothing to find?

Some photos become a library, as they would for a user, and it is asked for things one by one: things that people see in
those photos, and things that are in none of them. A false answer is a thing that is nowhere and was called found, a
false refusal one that is there and was not. Rare things are harder, so refusals are told by the number of photos whose
captions say the thing as well.

`things.jsonl` holds 400 things for the dev photos of Flickr8k. Those that are there come from a list of 490 nouns of
things one can point at that those captions say: 40 from each band of the table, evenly along the alphabet; a word
counts in whatever sense a caption uses it. Those that are nowhere are 200 out of 255 that were written down by kinds of
things: struck out were those that a caption implies, that one of the three photos nearest to the word seemed to show
(looked at by eye), or that such photos may show unmentioned, and a dozen more to make it 200. The other photos were not
looked at. `examples/things.jsonl` holds 100 for the bundled photos, all of which were looked at: 50 things with the
photos that show them, and 50 that none shows.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from deepseek_mm.config import Config
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, percent, read_rows
from deepseek_mm.language.words import plural
from deepseek_mm.parse.document import read_photo
from deepseek_mm.retrieval.certainty import MeasuredErrors
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.types import Found, Query
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from index.store import RegionStore

THINGS_FILE = Path(__file__).parent / "things.jsonl"
BANDS = ((1, 1), (2, 3), (4, 7), (8, 15), (16, 10**9))  # photos whose captions say a thing


class FindMany(Protocol):
    """A search of several queries at once."""

    def __call__(self, queries: Sequence[Query], *, k: int) -> list[Found]:
        """At most k matches of each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchedThing:
    """A thing to search for."""

    name: str
    there: bool  # in at least one of the photos
    images: frozenset[str] = frozenset()  # file names of the photos that show it, where that is known


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchOutcome:
    """What a search said of one thing."""

    thing: SearchedThing
    found: bool
    num_said: int  # photos whose captions say it
    certainty: float = 0.0  # of the search, 0 to 1
    first: str = ""  # file name of the best photo


@dataclass(frozen=True, kw_only=True, slots=True)
class AbstainReport:
    """Percent of absent things that were called found, and of those there that were not."""

    outcomes: tuple[SearchOutcome, ...]

    @property
    def false_answers(self) -> float:
        """Percent of the things that are nowhere."""
        return percent_of([outcome.found for outcome in self.outcomes if not outcome.thing.there])

    @property
    def false_refusals(self) -> float:
        """Percent of the things that are there."""
        return percent_of([not outcome.found for outcome in self.outcomes if outcome.thing.there])

    @property
    def wrong_first(self) -> float:
        """Percent of the things that were found, of which the photos are known and the first photo is none of them."""
        found = [outcome for outcome in self.outcomes if outcome.found and outcome.thing.images]
        return percent_of([outcome.first not in outcome.thing.images for outcome in found])

    @property
    def certainties(self) -> MeasuredErrors:
        """How certain the search was of each kind of thing."""
        there, absent = (sorted(o.certainty for o in self.outcomes if o.thing.there is kind) for kind in (True, False))
        return MeasuredErrors(there=tuple(there), absent=tuple(absent))

    def table(self) -> str:
        """For people: both rates, the refusals by band, and the things that went wrong."""
        absent = [outcome for outcome in self.outcomes if not outcome.thing.there]
        lines = [f"{'false answers':<28}{self.false_answers:>6.1f} % of {len(absent)}"]
        lines.append(f"{'false refusals':<28}{self.false_refusals:>6.1f} % of {len(self.outcomes) - len(absent)}")
        if self.has_photos:
            lines.append(f"{'found, in a wrong photo':<28}{self.wrong_first:>6.1f} %")
        for low, high in BANDS:
            band = [o for o in self.outcomes if o.thing.there and low <= o.num_said <= high]
            if band:
                lines.append(
                    f"{band_name(low, high):<28}{percent_of([not o.found for o in band]):>6.1f} % of {len(band)}"
                )
        lines.append("called found: " + ", ".join(o.thing.name for o in absent if o.found))
        lines.append("refused: " + ", ".join(o.thing.name for o in self.outcomes if o.thing.there and not o.found))
        return "\n".join(lines)

    def json(self) -> str:
        """The figures as one line of JSON."""
        rates = {"false_answers": self.false_answers, "false_refusals": self.false_refusals}
        first = {"wrong_first": self.wrong_first} if self.has_photos else {}
        return json.dumps({**rates, **first, "n": len(self.outcomes)})

    @property
    def has_photos(self) -> bool:
        """Is it known of any thing which photos show it?"""
        return any(outcome.thing.images for outcome in self.outcomes)


def band_name(low: int, high: int) -> str:
    """The name of a band in the table."""
    if low == high:
        return f"  said of {low} photo"
    return f"  said of {low} or more" if high >= 10**9 else f"  said of {low} to {high}"


def read_things(file: Path = THINGS_FILE) -> list[SearchedThing]:
    """Rows `{thing, there}` of a JSONL file, or `{thing, images}` that show it. Raises what `read_rows` raises."""
    return read_rows(
        file,
        lambda row: SearchedThing(
            name=str(row["thing"]),
            there=bool(row["images"] if "images" in row else row["there"]),
            images=frozenset(row.get("images", ())),
        ),
        shape="{thing, there} or {thing, images}",
        flag="--things",
    )


def evaluate_abstain(
    eyes: VisionPipeline, rows: Sequence[CaptionRow], images: Path, things: Sequence[SearchedThing], config: Config
) -> AbstainReport:
    """Index the rows' photos in a temporary library, and search it for every thing."""
    space, paths = eyes.space, find_pictures(images, [row.image for row in rows])
    with (
        TemporaryDirectory() as folder,
        RegionStore(
            Path(folder), space_name=space.name, fingerprint=space.fingerprint, dim=space.dim, config=config.index
        ) as store,
    ):
        photos = (read_photo(path, max_pixels=config.parse.max_pixels) for path in paths)
        for sight in eyes.see_many(ImageAnalysis(photo.image, photo.source) for photo in photos):
            store.add(sight.regions[0].source, sight.regions, sight.vectors_ND)
        retriever = Retriever(space, store, eyes, config)
        return ask_for_things(retriever.find_many, things, rows)


def ask_for_things(find: FindMany, things: Sequence[SearchedThing], rows: Sequence[CaptionRow] = ()) -> AbstainReport:
    """Search for every thing; `rows` are what people say of the photos."""
    found = find([Query(text=thing.name) for thing in things], k=1)
    outcomes = [
        SearchOutcome(
            thing=thing,
            found=answer.found,
            num_said=count_mentions(thing.name, rows),
            certainty=answer.certainty,
            first=answer.matches[0].region.source.name if answer.matches else "",
        )
        for thing, answer in zip(things, found, strict=True)
    ]
    return AbstainReport(outcomes=tuple(outcomes))


def count_mentions(name: str, rows: Sequence[CaptionRow]) -> int:
    """Photos with a caption that says the thing, in singular or plural."""
    pattern = re.compile(rf"\b({re.escape(name.lower())}|{re.escape(plural(name.lower()))})\b")
    return sum(any(pattern.search(caption.lower()) for caption in row.captions) for row in rows)


def percent_of(wrong: Sequence[bool]) -> float:
    """Percent of the values that are true; 0 of none."""
    return percent(wrong) if wrong else 0.0
