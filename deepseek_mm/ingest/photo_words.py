"""The words that belong to a photo become regions of it: its file's name, and what people wrote about it.

A region of kind "name" has the words of the file's name, one more those of its folder; one of kind "note" has what the
file itself says in EXIF, IPTC or XMP, what a sidecar or another program says of it (`index.statements`), what a line of
a document in the same folder says of a file of this name, or what somebody wrote here: that one carries the label
`OWN_WORDS`, and stays when the others are read anew. The name of somebody in a part of the photo is a note on that
part. One of kind "place" names the city where it was taken, one of kind "camera" what it was taken with. So search
finds a photo by its words and by their meaning, whatever the picture looks like.

The pass is made over photos and over documents: a photo that is new is given its words, and a document that is new
gives them to the photos beside it. It needs no pixels, so a library of before is finished in a moment. Of a photo that
was moved or renamed only the words of the names are new, and its file is not opened.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import dirname

import numpy as np

from deepseek_mm.config import ParseConfig
from deepseek_mm.embeddings.space import EmbeddingModel, Floats
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.language.cities import city_near
from deepseek_mm.language.file_names import words_of_folder, words_of_name
from deepseek_mm.language.places import places_around
from deepseek_mm.language.typed_filters import describe_camera
from deepseek_mm.parse.descriptions import DescribedFile, described_files
from deepseek_mm.parse.document import open_file
from deepseek_mm.parse.workers.client import PictureTexts, read_picture_texts
from deepseek_mm.parse.xmp.sidecars import Sidecar, read_sidecar
from index import Filter, Label, Region, Source
from index.region import PhotoStatement, StatedFacts
from index.statements import INSIDE, SIDECAR
from index.store import RegionStore

WORDS_MARK = "words"  # of photos and documents over which this pass was made
RENAMED_MARK = "renamed"  # of those over which it was made before they had another name
STATED = (WORDS_MARK, RENAMED_MARK)  # marks that a photo loses of which another file says something new
NAME, NOTE, PLACE, CAMERA = "name", "note", "place", "camera"  # kinds of regions
OWN_WORDS = "own words"  # label of a note that somebody wrote here
PHOTOS, DOCUMENTS = Filter(source_kinds=("photo",)), Filter(source_kinds=("document",))
TOGETHER = 64  # photos whose words are read together
MOST_BESIDE = 200  # documents of one folder that are looked through
MOST_NOTES = 4  # of one photo, besides what is stated of it
PEOPLE = "people: {}"  # how a note lists them


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoWords:
    """Gives photos of one store their words."""

    store: RegionStore
    space: EmbeddingModel
    config: ParseConfig
    stopping: Callable[[], bool]
    taught: Mapping[str, str] = field(default_factory=dict)  # path of a photo -> somebody's own words about it
    _beside: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # folder -> file -> what is said of it

    def add_all(self) -> int:
        """Every photo that has none yet, and those that a new document describes; returns how many."""
        beside = {source.id: source for document in self._without(DOCUMENTS) for source in self._described_by(document)}
        done = 0
        for some in batches([*beside.values(), *(s for s in self._without(PHOTOS) if s.id not in beside)]):
            if self.stopping():
                break
            new = {source.id for source in self._never_read(some)} | beside.keys()
            self._add([source for source in some if source.id in new])
            self._rename([source for source in some if source.id not in new])
            done += len(some)
        return done

    def add_to(self, paths: Sequence[str]) -> None:
        """The photos at these paths that have none yet; what documents say of them is added by the next `add_all`."""
        found = [source for path in paths if (source := self.store.source_at(path)) is not None]
        where = Filter(source_ids=tuple(source.id for source in found), source_kinds=("photo",))
        bare = self.store.sources_without_mark(WORDS_MARK, where=where, limit=len(found)) if found else []
        for some in batches(self._never_read(bare) if bare else []):
            if self.stopping():
                return
            self._add(some)

    def _never_read(self, sources: Sequence[Source]) -> list[Source]:
        where = Filter(source_ids=tuple(source.id for source in sources))
        return self.store.sources_without_mark(RENAMED_MARK, where=where, limit=len(sources))

    def _rename(self, sources: Sequence[Source]) -> None:
        """Exchange the words of the names of photos; what is told by the files themselves stays."""
        if not sources:
            return
        named = [region for source in sources for region in name_regions(source)]
        vectors_ND = self._embed(named)
        ids = [source.id for source in sources]
        self.store.exchange_of_many(ids, named, vectors_ND, mark=WORDS_MARK, kinds=(NAME,))

    def _without(self, where: Filter) -> Iterator[Source]:
        last = 0
        while some := self.store.sources_without_mark(WORDS_MARK, where=where, limit=TOGETHER, after=last):
            yield from some
            last = some[-1].id

    def _described_by(self, document: Source) -> list[Source]:
        """The photos of its folder that a new document describes; it is new no longer."""
        nothing = np.zeros((0, self.space.dim), np.float32)
        self.store.extend(document.id, [], nothing, mark=WORDS_MARK)
        named = {each.file.lower() for each in self._lines_of(document)}
        if not named:
            return []
        photos = self.store.sources(Filter(folder=dirname(document.path), source_kinds=("photo",)), limit=100_000)
        return [p for p in photos if p.name.lower() in named and dirname(p.path) == dirname(document.path)]

    def _lines_of(self, document: Source) -> list[DescribedFile]:
        regions = self.store.regions_of([document.id])[document.id]
        return [each for region in regions if region.kind == "text" for each in described_files(region.text)]

    def _notes_beside(self, source: Source) -> list[str]:
        """What documents in its folder say of the photo."""
        folder = dirname(source.path)
        if folder not in self._beside:
            here: dict[str, list[str]] = {}
            where = Filter(folder=folder, source_kinds=("document",))
            for document in self.store.sources(where, limit=MOST_BESIDE):
                for each in self._lines_of(document) if dirname(document.path) == folder else ():
                    here.setdefault(each.file.lower(), []).append(each.text)
            self._beside[folder] = here
        return self._beside[folder].get(source.name.lower(), [])

    def _add(self, sources: Sequence[Source]) -> None:
        inside = {source.id: self._read_inside(source) for source in sources}
        self._note_stated(sources, inside)
        ids = [source.id for source in sources]
        there = {source.id: source for source in self.store.sources(Filter(source_ids=tuple(ids)), limit=len(ids))}
        stated = self.store.statements.read_of(ids)
        regions = [self._regions(there.get(s.id, s), inside[s.id], stated.get(s.id, ())) for s in sources]
        all_of_them = [region for own in regions for region in own]
        vectors_ND = self._embed(all_of_them)
        kinds = (NAME, NOTE, PLACE, CAMERA)
        self.store.exchange_of_many(ids, all_of_them, vectors_ND, mark=WORDS_MARK, kinds=kinds)

    def _note_stated(self, sources: Sequence[Source], inside: Mapping[int, PictureTexts | None]) -> None:
        """Keep what the files and their sidecars state, so that their photos have its dates, places and stars."""
        told = []
        for source in sources:
            texts = inside[source.id]
            if texts is not None and texts.facts != StatedFacts():
                told.append(PhotoStatement(digest=source.digest, origin=INSIDE, told_by=source.path, facts=texts.facts))
            beside = read_sidecar(source.path, self.config, turn=texts.turn if texts else 1)
            told += [stated_beside(source, beside)] if beside is not None else []
        if told:
            self.store.statements.note(told)

    def _embed(self, regions: Sequence[Region]) -> Floats:
        """(N, D), what they are found by; each text is embedded once."""
        texts = list(dict.fromkeys(region.text for region in regions))
        known = dict(zip(texts, self.space.embed_texts(texts), strict=True)) if texts else {}
        return np.array([known[region.text] for region in regions], np.float32).reshape(-1, self.space.dim)

    def _regions(self, source: Source, inside: PictureTexts | None, stated: Sequence[PhotoStatement]) -> list[Region]:
        box = (0, 0, source.width_px, source.height_px)
        mine = self._own_words(source)
        texts, kept = (inside, []) if inside is not None else (PictureTexts(), self._told_before(source))
        notes = [*texts.notes, *self._notes_beside(source)][:MOST_NOTES]
        notes += [text for each in stated for text in notes_of(each.facts)]
        own = {region.text for region in mine}  # which a sidecar that was written here says again
        pairs = [(NOTE, text) for text in dict.fromkeys(notes) if text not in own]
        pairs += [(PLACE, name_place(source)), (CAMERA, describe_camera(texts.camera))]
        told = [Region(source=source, kind=kind, box_px=box, text=text) for kind, text in pairs if text]
        told += [region for region in kept if region.text not in {text for _, text in pairs}]
        return [*name_regions(source), *told, *named_regions(source, stated), *mine]

    def _told_before(self, source: Source) -> list[Region]:
        """What is known of a file that cannot be read now."""
        regions = self.store.regions_of([source.id]).get(source.id, ())
        return [region for region in regions if region.kind in (NOTE, CAMERA) and not is_own(region)]

    def _own_words(self, source: Source) -> list[Region]:
        """What somebody wrote here; of a photo that was read anew what was written of it before."""
        mine = [region for region in self.store.regions_of([source.id]).get(source.id, ()) if is_own(region)]
        told = self.taught.get(source.path, "")
        return mine or ([write_own_words(source, told)] if told else [])

    def _read_inside(self, source: Source) -> PictureTexts | None:
        """What the file says itself; None where it cannot be read now."""
        try:
            return read_picture_texts(open_file(source.path, self.config), self.config)
        except (BadFile, NothingThere):
            return None


def name_regions(source: Source) -> list[Region]:
    """The words of a photo's name, and those of its folder, where they have any."""
    box = (0, 0, source.width_px, source.height_px)
    names = dict.fromkeys([words_of_name(source.name), words_of_folder(source.path)])
    return [Region(source=source, kind=NAME, box_px=box, text=text) for text in names if text]


def stated_beside(source: Source, beside: Sidecar) -> PhotoStatement:
    """What a sidecar states of a photo."""
    return PhotoStatement(
        digest=source.digest,
        origin=SIDECAR,
        told_by=beside.path,
        size_bytes=beside.size_bytes,
        modified_ns=beside.modified_ns,
        facts=beside.facts,
    )


def notes_of(facts: StatedFacts) -> list[str]:
    """What is stated of a photo, as texts."""
    people = PEOPLE.format(", ".join(facts.names)) if facts.names else ""
    return [text for text in (facts.title, facts.description, ", ".join(facts.keywords), people) if text]


def named_regions(source: Source, stated: Sequence[PhotoStatement]) -> list[Region]:
    """A note on every part of a photo of which a name is stated."""
    boxes = dict.fromkeys(box for each in stated for box in each.facts.boxes)
    across, down = source.width_px, source.height_px
    return [
        Region(
            source=source,
            kind=NOTE,
            box_px=(round(b.left * across), round(b.top * down), round(b.right * across), round(b.bottom * down)),
            text=b.name,
        )
        for b in boxes
    ]


def name_place(source: Source) -> str:
    """The city in or near which a photo was taken, and what it lies in; "" where that is not known."""
    if source.latitude is None or source.longitude is None:
        return ""
    city = city_near(source.latitude, source.longitude)
    return ", ".join(dict.fromkeys([city.name, *places_around(city.name), city.country])) if city else ""


def write_own_words(source: Source, text: str) -> Region:
    """What somebody wrote about a photo, as a region of it."""
    box = (0, 0, source.width_px, source.height_px)
    return Region(source=source, kind=NOTE, box_px=box, text=text, labels=(Label(name=OWN_WORDS, score=1.0),))


def is_own(region: Region) -> bool:
    """Whether somebody wrote it here."""
    return region.kind == NOTE and region.label == OWN_WORDS


def batches(sources: Sequence[Source]) -> Iterator[Sequence[Source]]:
    """So many at a time."""
    for start in range(0, len(sources), TOGETHER):
        yield sources[start : start + TOGETHER]
