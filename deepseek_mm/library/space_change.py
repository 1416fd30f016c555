"""The files of a library indexed in another vector space, in the background, while searches go on in the old one.

The other space has a store of its own beside the old one, so nothing is lost by a kill: what is there already is not
read again. When every file is there, the settings name the new space, and the next start opens it.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from deepseek_mm.config import Config
from deepseek_mm.errors import Conflict, LibraryError, NothingThere
from deepseek_mm.ingest.intake import MEMBER, Hooks
from deepseek_mm.ingest.photo_words import is_own
from deepseek_mm.jobs import Task
from deepseek_mm.library.backup import size_of
from deepseek_mm.library.index_jobs import IndexingHandlers
from deepseek_mm.vision.pipeline import VisionPipeline
from index import Filter, Source
from index.store import RegionStore

CHANGE_SPACE = "change space"  # kind of jobs
ALL = Filter(collection=None)
PAGE = 500  # sources that are looked at together
Opens = Callable[[str], tuple[VisionPipeline, RegionStore]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceChange:
    """The handler of one kind of jobs."""

    filling: IndexingHandlers  # of the store that is searched now
    opens: Opens  # what looks at pictures in the space of this name, and its store
    keep: Callable[[str], None]  # have the next start open the space of this name

    def run(self, task: Task) -> str:
        """Payload: space. Raises what opening it raises; files that cannot be read are listed with the job."""
        name = str(task.job.payload["space"])
        eyes, store = self.opens(name)
        with closing(store):
            if store.folder == self.filling.store.folder:
                return f"the library is indexed in {name} already"
            known, filling = list(walk_sources(self.filling.store)), replace(self.filling, eyes=eyes, store=store)
            done = 0
            for collection, paths in group_paths(known):
                report = partial(report_from, task, done, len(known))
                hooks = Hooks(progress=report, failed=task.fail, stopping=lambda: task.stopping)
                if there := [path for path in paths if is_there(path, task)]:
                    filling.open_intake(collection).take(there, hooks=hooks)
                if task.stopping:
                    return "the files that are there stay there, and the next try goes on behind them"
                done += len(paths)
            filling.name(task)
            self._copy_own_words(known, filling)
            indexed = store.counts(where=ALL).sources
        self.keep(name)
        return f"{indexed} of {len(known)} files are indexed in {name}, which is searched from the next start on"

    def _copy_own_words(self, known: Sequence[Source], filling: IndexingHandlers) -> None:
        """What people wrote about photos here, into the new store."""
        found = {source.path: source for source in walk_sources(filling.store)}
        for at in range(0, len(known), PAGE):
            page = known[at : at + PAGE]
            regions = self.filling.store.regions_of([source.id for source in page])
            for source in page:
                own = next((region.text for region in regions.get(source.id, ()) if is_own(region)), "")
                if own and source.path in found:
                    filling.reword(found[source.path], own)


def report_from(task: Task, before: int, total: int, done: int, of: int, path: str) -> None:
    """Tell how far all collections are, from how far the one at hand is."""
    task.report(before + done, total, path)


def is_there(path: str, task: Task) -> bool:
    """Whether a file is there; one that is not is a failed item."""
    if Path(path).exists():
        return True
    task.fail(path, f"{path} is not there any more, so it cannot be indexed anew")
    return False


def walk_sources(store: RegionStore) -> Iterator[Source]:
    """Every file that a store knows, uploads included, by rising id."""
    last = 0
    while page := store.walk(ALL, limit=PAGE, after=last):
        yield from page
        last = page[-1].id


def group_paths(sources: Sequence[Source]) -> list[tuple[str, list[str]]]:
    """Collection -> the files to read for it; of what lies in an archive the archive, once."""
    groups: dict[str, dict[str, None]] = {}
    for source in sources:
        groups.setdefault(source.collection, {})[source.path.partition(MEMBER)[0]] = None
    return [(collection, list(paths)) for collection, paths in groups.items()]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceFolder:
    """The index of a library in one vector space."""

    name: str  # of the folder: the space's name and the begin of its fingerprint
    size_bytes: int
    in_use: bool  # it is searched now


def space_folders(config: Config) -> list[Path]:
    """The folders of all indexes of the library, by name."""
    return sorted(each.parent for each in (config.data / "spaces").glob("*/store.db"))


def list_spaces(config: Config, store: RegionStore) -> list[SpaceFolder]:
    """Every index of the library, by name."""
    return [
        SpaceFolder(name=folder.name, size_bytes=size_of(folder), in_use=folder == store.folder)
        for folder in space_folders(config)
    ]


def find_space(config: Config, name: str) -> Path:
    """The folder of the index of this name. NothingThere if the library has none."""
    found = next((folder for folder in space_folders(config) if folder.name == name), None)
    if found is None:
        raise NothingThere(f"the library has no index {name[:80]!r}. See which there are: GET /models/spaces")
    return found


def remove_space(folder: Path, store: RegionStore) -> int:
    """Delete an index that is not searched; how many bytes that frees. Conflict or LibraryError."""
    name, size_bytes = folder.name, size_of(folder)
    if folder == store.folder:
        raise Conflict(f"{name} is searched now. Change to another space first, then remove it")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise LibraryError(f"cannot remove the index {name}: {error.strerror or error}. Make it writable") from error
    return size_bytes
