"""A user's rules over the photos of the library: which hold in each, and the boxes that they rest on.

Photos come some hundred at a time, by rising id, so a library of any size takes no more memory. A rule knows a photo by
its boxes and their labels only: a thing without a box may be there all the same (`Rule.by_absence`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.answering.scene_programs import parts_by_number, scene_of
from deepseek_mm.errors import BadProgram, NothingThere
from deepseek_mm.logic.rules import FORM, Rule, Warned, watch_many
from deepseek_mm.storage.files import atomic_write, read_lines
from index import LIBRARY, Filter, Region
from index.region import UPLOADS

if TYPE_CHECKING:
    from index.store import RegionStore

BATCH = 256  # photos that are looked at together
RULES = "rules.txt"  # in the library's folder: the rules that were checked last on its page


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A rule that holds in a photo."""

    rule: Rule
    regions: tuple[Region, ...]  # the boxes that it rests on, in the order of its conditions; () for what is not there


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A photo, and the rules that hold in it in their order; none perhaps."""

    photo: Region  # the whole of it
    held: tuple[Held, ...]


def check(rules: Sequence[Rule], store: "RegionStore", *, collection: str, least: float) -> Iterator[Checked]:
    """See `Assistant.check_rules`; a box counts whose label has at least the probability `least`."""
    if not rules:
        raise BadProgram(f"there is no rule to check. Write one a line, such as: {FORM}")
    if collection == UPLOADS or not store.counts(where=photos_of(collection)).sources:
        raise NothingThere(why_none(store, collection))
    return walk_photos(rules, store, photos_of(collection), least)


def photos_of(collection: str) -> Filter:
    """What is checked of a collection."""
    return Filter(collection=collection, source_kinds=("photo",))


def why_none(store: "RegionStore", collection: str) -> str:
    """Why there is no photo to check, and what to do."""
    if collection == LIBRARY:
        return "the library has no photos to check. Add some with: python -m deepseek_mm index PHOTOS"
    names = [name for name in store.collections() if name != LIBRARY]
    if collection not in names:
        return f"no collection is called {collection!r}. Those there are: {', '.join(names) or 'none yet'}"
    return f"no photo is in the collection {collection!r}. Name another, or none for the whole library"


def walk_photos(rules: Sequence[Rule], store: "RegionStore", where: Filter, least: float) -> Iterator[Checked]:
    """Batch by batch; a photo that goes meanwhile is left out."""
    after = 0
    while sources := store.walk(where, limit=BATCH, after=after):
        after = sources[-1].id
        found = store.regions_of([source.id for source in sources])
        photos = [regions for regions in found.values() if regions]
        warned = watch_many(rules, [scene_of(regions, least=least) for regions in photos])
        yield from map(build_checked, photos, warned)


def build_checked(regions: Sequence[Region], warned: Sequence[Warned]) -> Checked:
    """With the boxes in place of their numbers."""
    parts = parts_by_number(regions)
    held = (Held(rule=each.rule, regions=tuple(parts[number] for number in each.numbers)) for each in warned)
    return Checked(photo=regions[0], held=tuple(held))


def kept_rules(data: Path) -> str:
    """The text of the rules that were kept in a library's folder; empty where there are none."""
    return "\n".join(read_lines(data / RULES))


def keep_rules(data: Path, text: str) -> None:
    """Keep this text there. LibraryError says why it cannot be."""
    atomic_write(data / RULES, text.encode("utf-8", "replace"))
