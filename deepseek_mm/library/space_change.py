"""The files of a library indexed in another vector space, in the background, while searches go on in the old one.

The other space has a store of its own beside the old one, so nothing is lost by a kill: what is there already is not
read again. When every file is there the settings name the new space, and it is searched from the next question on.
The old index stays until somebody removes it.

A library whose space cannot be opened any more is the same turned round: the files of the index that nobody can search
are indexed in the space that is searched meanwhile.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from deepseek_mm.config import Config
from deepseek_mm.database_places import SpacePlace, space_places
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.errors import BadPicture, Conflict, LibraryError, NothingThere
from deepseek_mm.ingest.intake import MEMBER
from deepseek_mm.ingest.photo_words import is_own
from deepseek_mm.ingest.report import Hooks
from deepseek_mm.jobs import Job, Task
from deepseek_mm.library.backup import size_of
from deepseek_mm.library.index_jobs import CAPTION, DESCRIBED, MARK, IndexingHandlers
from deepseek_mm.library.library import Library
from deepseek_mm.parse.document import read_photo
from deepseek_mm.storage.places import Place
from deepseek_mm.storage.server_schemas import ServerSchemas
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from index import Filter, Region, Source
from index.region import UPLOADS, Stamp
from index.store import RegionStore

CHANGE_SPACE = "change space"  # kind of jobs
ALL = Filter(collection=None)
PAGE = 500  # sources that are looked at together
MOST_ROUNDS, FEW = 5, 20  # over what came meanwhile; files that the last round may take while people search
Opens = Callable[[str], tuple[VisionPipeline, RegionStore]]
KnownFile = tuple[str, Stamp]  # its collection, and its size, time and bytes when it was read
Known = Mapping[str, KnownFile]  # by path
Report = Callable[[int, int, str], None]  # how many of how many are done, and the last one


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceChange:
    """The handler of one kind of jobs."""

    library: Library
    opens: Opens  # what looks at pictures in the space of this name, and its store
    keep: Callable[[str], None]  # have the next start open the space of this name
    use: Callable[[str, VisionPipeline, RegionStore], None]  # search it from now on

    def run(self, task: Task) -> str:
        """Payload: space; or from, the folder of an index whose files are to be indexed in the space of now.

        Raises what opening it raises; files that cannot be read are listed with the job.
        """
        if name := str(task.job.payload.get("from", "")):
            return self._take_over(task, name)
        name = str(task.job.payload["space"])
        before = self.library.store
        with ExitStack() as stack:
            eyes, store = self.opens(name)
            stack.callback(store.close)
            if store.folder == before.folder:
                return f"the library is indexed in {name} already"
            store.begin_ids_above(before)
            copy = StoreCopy(origin=before, target=replace(self.library.filling, eyes=eyes, store=store), task=task)
            if not copy.catch_up():
                return LATER
            store.curation.join(before.curation)
            store.people.join(before.people)
            store.statements.join(before.statements)
            self.keep(name)
            self.use(name, eyes, store)
            stack.pop_all()
        copy.catch_up(last=True)  # what somebody did between the last look and the change
        self.library.filling.add_reading()
        return f"{len(read_known(store))} of {len(copy.before)} files are indexed in {name}, which is searched now"

    def _take_over(self, task: Task, folder: str) -> str:
        """Index the files of another index of this library, which cannot be searched."""
        here, space = self.library.store, find_space(self.library.config, folder)
        if space.name == here.folder.name:
            return f"the index {folder} is searched again"
        home, place = here.folder.with_name(space.name), space.place
        server = None if isinstance(place, Path) else place
        with RegionStore.open_known(home, self.library.config.index, place=server) as origin:
            copy = StoreCopy(origin=origin, target=self.library.filling, task=task, removes=False)
            if not copy.catch_up():
                return LATER
            here.curation.join(origin.curation)
            here.people.join(origin.people)
            here.statements.join(origin.statements)
            told = f"{len(read_known(here))} files are indexed now, {len(copy.before)} were known before"
        self.library.filling.add_reading()
        return told


LATER = "the files that are there stay there, and the next try goes on behind them"


@dataclass(kw_only=True)
class StoreCopy:
    """Brings one index up to what another one knows: its files, collections, writing in pictures and people's words."""

    origin: RegionStore
    target: IndexingHandlers
    task: Task
    removes: bool = True  # whether what the origin does not know is taken out
    before: Known = field(default_factory=dict)  # what the origin knew at the last look
    tried: Known = field(default_factory=dict)  # what was taken in, or could not be

    def catch_up(self, *, last: bool = False) -> bool:
        """Until few files are missing, or once. False if it was stopped."""
        for _ in range(1 if last else MOST_ROUNDS):
            num_new = self._take_files(last)
            if self.task.stopping:
                return False
            self.target.name(self.task)
            self._copy_words()
            if num_new <= FEW:
                break
        return not self.task.stopping

    def _take_files(self, last: bool) -> int:
        """One round; how many files were missing."""
        known, there = read_known(self.origin), read_known(self.target.store)
        if self.removes:
            old = self.before if last else there  # what was added to the new one after the change stays
            self.target.store.remove_places([*(old.keys() - known.keys())])
        self.before = known
        missing = {path: file for path, file in known.items() if file not in (there.get(path), self.tried.get(path))}
        done = 0
        for collection, paths in group_paths(missing):
            report = partial(report_from, self.task, done, len(missing))
            here = [path for path in paths if is_there(path, self.task)]
            if collection == UPLOADS:
                self._take_uploads(here, report)
            elif here:
                hooks = Hooks(progress=report, failed=self.task.fail, stopping=lambda: self.task.stopping)
                self.target.open_intake(collection).take(here, hooks=hooks)
            if self.task.stopping:
                return 0
            done += len(paths)
        self.tried = {**self.tried, **missing}
        self._drop_unknown_members(missing)
        return len(missing)

    def _take_uploads(self, paths: Sequence[str], report: Report) -> None:
        """Pictures that came with questions: they stay apart from the library, also where it has the same bytes."""
        for number, path in enumerate(paths, 1):
            if self.task.stopping:
                return
            try:
                photo = read_photo(Path(path), max_pixels=self.target.config.max_pixels, collection=UPLOADS)
                (seen,) = self.target.eyes.see_many([ImageAnalysis(photo.image, photo.source)])
                self.target.store.add(seen.regions[0].source, seen.regions, seen.vectors_ND)
            except (BadPicture, NothingThere) as error:
                self.task.fail(path, str(error))
            report(number, len(paths), path)

    def _drop_unknown_members(self, taken: Known) -> None:
        """Of an archive all is taken in; what had been taken out of the library stays out."""
        if any(MEMBER in path for path in taken):
            extra = read_known(self.target.store).keys() - self.before.keys()
            self.target.store.remove_places([path for path in extra if MEMBER in path])

    def _copy_words(self) -> None:
        """What was read in photos, said of them by a machine, and written about them by people."""
        for page in pages_of(self.origin):
            photos = [source for source in page if source.kind == "photo"]
            found = {photo.id: self.target.store.source_at(photo.path) for photo in photos}
            pairs = [(photo, copy) for photo in photos if (copy := found[photo.id]) is not None]
            unread = find_unread(self.origin, [photo.id for photo, _ in pairs])
            unread_here = find_unread(self.target.store, [copy.id for _, copy in pairs])
            regions = self.origin.regions_of([photo.id for photo, _ in pairs])
            here = self.target.store.regions_of([copy.id for _, copy in pairs])
            for photo, copy in pairs:
                told = regions.get(photo.id, ())
                self._copy_said(copy, told, here.get(copy.id, ()))
                if photo.id not in unread and copy.id in unread_here:
                    texts = [region for region in told if region.kind == "text"]
                    self.target.store.extend(copy.id, texts, self._embed(texts), mark=MARK)

    def _copy_said(self, copy: Source, told: Sequence[Region], here: Sequence[Region]) -> None:
        """People's own words about a photo, or else a machine's."""
        own = [region.text for region in told if is_own(region)]
        said = [region for region in told if region.machine_made]
        if own:
            if own[0] not in [region.text for region in here if is_own(region)]:
                self.target.reword(copy, own[0])
        elif said and not any(region.machine_made for region in here):
            self.target.store.exchange_regions(copy.id, said, self._embed(said), mark=DESCRIBED, without=(CAPTION,))

    def _embed(self, regions: Sequence[Region]) -> Floats:
        return self.target.eyes.index_space.embed_texts([region.text for region in regions])


def report_from(task: Task, before: int, total: int, done: int, of: int, path: str) -> None:
    """Tell how far all collections are, from how far the one at hand is."""
    task.report(before + done, total, path)


def is_there(path: str, task: Task) -> bool:
    """Whether a file is there; one that is not is a failed item."""
    if Path(path).exists():
        return True
    task.fail(path, f"{path} is not there any more, so it cannot be indexed anew")
    return False


def pages_of(store: RegionStore) -> Iterator[list[Source]]:
    """Every file that a store knows, uploads included, by rising id, some at a time."""
    last = 0
    while page := store.walk(ALL, limit=PAGE, after=last):
        yield page
        last = page[-1].id


def find_unread(store: RegionStore, ids: Sequence[int]) -> set[int]:
    """Those of the sources in whose pictures no writing was looked for."""
    where = Filter(collection=None, source_ids=tuple(ids))
    return {source.id for source in store.sources_without_mark(MARK, where=where, limit=len(ids))} if ids else set()


def read_known(store: RegionStore) -> Known:
    """Every path that a store knows, uploads and copies included, with its collection, and what its file was like."""
    stamps = store.stamps() | store.stamps(collection=UPLOADS)
    known: dict[str, KnownFile] = {}
    for page in pages_of(store):
        places = store.places_of([source.id for source in page])
        known |= {
            path: (source.collection, stamps[path])
            for source in page
            for path in places[source.id]
            if path in stamps  # it may have been taken out meanwhile
        }
    return known


def group_paths(known: Known) -> list[tuple[str, list[str]]]:
    """Collection -> the files to read for it; of what lies in an archive the archive, once."""
    groups: dict[str, dict[str, None]] = {}
    for path, (collection, _) in known.items():
        groups.setdefault(collection, {})[path.partition(MEMBER)[0]] = None
    return [(collection, list(paths)) for collection, paths in groups.items()]


def take_over_lost(library: Library, name: str) -> Job | None:
    """Have the files of the largest index of a space that cannot be opened indexed in that of now; None without any."""
    found = largest_index(library.config, library.store, name) or largest_index(library.config, library.store)
    return take_over(library, found) if found else None


def take_over(library: Library, folder: str) -> Job:
    """Have the files of another index of the library indexed in the space of now."""
    title = f"Index the files of {folder} again"
    return library.jobs.add(CHANGE_SPACE, {"from": folder}, title=title, unique=True)


def find_older_index(config: Config, store: RegionStore) -> str:
    """The largest index that an earlier version's weights of the same space made, while nothing is indexed by those of
    now; its folder's name, or "".
    """
    older = largest_index(config, store, store.folder.name.rpartition("-")[0])
    return "" if older and store.counts().sources else older


def largest_index(config: Config, store: RegionStore, name: str = "") -> str:
    """The folder of the largest index but this store's, of the space of this name or of any; "" if there is none."""
    others = [space for space in space_places(config) if space.name != store.folder.name]
    named = [space for space in others if not name or space.name.rpartition("-")[0] == name]
    return max(named, key=lambda space: size_of_index(space.place)).name if named else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceFolder:
    """The index of a library in one vector space."""

    name: str  # of the folder: the space's name and the begin of its fingerprint
    size_bytes: int
    in_use: bool  # it is searched now


def size_of_index(place: Place) -> int:
    """Bytes of the database alone."""
    if isinstance(place, Path):
        return place.stat().st_size
    with ServerSchemas(place.url) as schemas:
        return schemas.size_of(place.name)


def list_spaces(config: Config, store: RegionStore) -> list[SpaceFolder]:
    """Every index of the library, by name."""
    return [
        SpaceFolder(name=each.name, size_bytes=measure_space(each), in_use=each.name == store.folder.name)
        for each in space_places(config)
    ]


def measure_space(space: SpacePlace) -> int:
    """Bytes of an index, with all that is kept for its speed."""
    return size_of(space.place.parent) if isinstance(space.place, Path) else size_of_index(space.place)


def find_space(config: Config, name: str) -> SpacePlace:
    """Where the index of this name lies. NothingThere if the library has none."""
    found = next((space for space in space_places(config) if space.name == name), None)
    if found is None:
        raise NothingThere(f"the library has no index {name[:80]!r}. See which there are: GET /models/spaces")
    return found


def remove_space(space: SpacePlace, store: RegionStore) -> int:
    """Delete an index that is not searched; how many bytes that frees. Conflict or LibraryError."""
    name, size_bytes = space.name, measure_space(space)
    if name == store.folder.name:
        raise Conflict(f"{name} is searched now. Change to another space first, then remove it")
    if not isinstance(space.place, Path):
        with ServerSchemas(space.place.url) as schemas:
            schemas.rename({}, drop=[space.place.name])
        return size_bytes
    try:
        shutil.rmtree(space.place.parent)
    except OSError as error:
        raise LibraryError(f"cannot remove the index {name}: {error.strerror or error}. Make it writable") from error
    return size_bytes
