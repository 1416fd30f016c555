"""The figures of `bench page`: what each key of its JSON object says, and what is asked for.

A figure that is raced has three keys: `paint_cold_ms` of the small library, `paint_cold_ms_many` of the large one, and
`paint_cold_ratio`, the second over the first. Of conversations it is one turn, `_long` and the ratio.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One thing that is measured, less is better."""

    key: str  # ends with its unit
    says: str  # a sentence's predicate, for the help
    bar: float | None = None  # what it must stay below, in its unit

    @property
    def unit(self) -> str:
        """ms, s, mb, kb."""
        return self.key.rsplit("_", 1)[1]

    @property
    def ratio(self) -> str:
        """The key of the ratio."""
        return f"{self.key.rsplit('_', 1)[0]}_ratio"


MANY, LONG = "many", "long"  # what the keys of the second of a pair end with
LIBRARY = (
    Figure(key="paint_cold_ms", says="first contentful paint, nothing in the browser's cache", bar=1500),
    Figure(key="usable_cold_ms", says="until the question can be typed and the photos are counted", bar=3000),
    Figure(key="paint_warm_ms", says="first contentful paint of a second visit", bar=1500),
    Figure(key="usable_warm_ms", says="until a second visit is usable", bar=3000),
    Figure(key="sent_kb", says="what the first visit is sent, as it travels"),
    Figure(key="tab_first_ms", says="the slowest tab when it is opened for the first time", bar=200),
    Figure(key="tab_ms", says="a tab from the click until its first own element is seen, median", bar=200),
    Figure(key="tab_worst_ms", says="the slowest of these", bar=200),
    Figure(key="search_ms", says="from Enter until the first result is seen"),
    Figure(
        key="photo_ms",
        says="from Enter until its photo is drawn; in a large library few were shown before",
    ),
    Figure(key="more_ms", says="from scrolling to the last result until more are there"),
    Figure(key="scroll_s", says="scrolling through the results, one step a frame"),
    Figure(key="frame_ms", says="between two frames while scrolling, the slowest of twenty"),
    Figure(key="library_ms", says="from the click until the Library tab shows what is in the library"),
    Figure(key="server_mb", says="memory of the server at the end"),
)
TALKS = (
    Figure(key="open_ms", says="from the click in History until the conversation is seen"),
    Figure(key="continue_ms", says="from the click until it is seen in Ask"),
    Figure(key="word_ms", says="from Enter until the first word of the next answer is seen"),
)
FACTS = {
    "photos": "photos in the small library",
    "photos_many": "photos in the large library",
    "regions_many": "regions in the large library, each with its vector",
    "turns_long": "turns of the long conversation; the other has one",
    "results": "search results that were scrolled through",
    "results_many": "the same in the large library",
    "load": "load average of the machine at the end: above its cores, times are longer than they need be",
}


def list_keys() -> Iterator[tuple[str, str]]:
    """Every key with what it says."""
    for figures, second, what in ((LIBRARY, MANY, "large library"), (TALKS, LONG, "long conversation")):
        for figure in figures:
            bar = f" (below {figure.bar:g})" if figure.bar else ""
            yield figure.key, f"{figure.says}{bar}"
            yield f"{figure.key}_{second}", f"the same, {what}"
            yield figure.ratio, f"the {what} over the other"
    yield from FACTS.items()


def explain_keys() -> str:
    """A line for each key."""
    return "\n".join(f"  {key:<22} {text}" for key, text in list_keys())
