"""A whole library as a folder that any program can read, as a handler of jobs: it leaves as completely as it came.

The files themselves are copied, by month or by kind, each photo with a sidecar of what was said of it; "library.json"
has what no sidecar can say, and "conversations" the conversations of whoever asked. `imports.own_export` reads it back.
Files that are there already are not copied again, so a job that was interrupted goes on.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from deepseek_mm.config import Config
from deepseek_mm.errors import BadFile, Conflict, LibraryError, NothingThere
from deepseek_mm.history import Conversation, History
from deepseek_mm.imports.own_export import LISTING, facts_row, is_listing, make_listing, when
from deepseek_mm.imports.records import merge_facts
from deepseek_mm.jobs import Job, Task
from deepseek_mm.library.index_jobs import IndexingHandlers
from deepseek_mm.library.sidecar_jobs import list_own_facts
from deepseek_mm.parse.document import open_original
from deepseek_mm.parse.xmp.sidecars import find_sidecar, open_sidecar, write_sidecar
from deepseek_mm.sharing import ExportLimits, Sharing, here_in
from deepseek_mm.sharing.files import same_name
from deepseek_mm.storage.files import atomic_write
from index import Filter, Source
from index.region import StatedFacts

EXPORT = "export library"  # the kind of the jobs
FILES, CONVERSATIONS = "files", "conversations"  # folders of an export
TOGETHER = 256  # files whose words are looked up together
MOST_IN_ALBUM = 1_000_000
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportingHandlers:
    """The handler of jobs that export one library."""

    filling: IndexingHandlers
    sharing: Callable[[], Sharing]

    def begin(self, folder: str | os.PathLike[str], *, session: str) -> Job:
        """Export everything into this folder; the conversations of this session are written at once.

        Conflict if other things lie there.
        """
        target = Path(os.path.abspath(folder))
        check_target(target)
        target.mkdir(parents=True, exist_ok=True)
        (target / CONVERSATIONS).mkdir(exist_ok=True)
        talks = list(self._export_conversations(target, session))
        payload = {"folder": str(target), "conversations": talks}
        return self.filling.jobs.add(EXPORT, payload, title=f"Export everything to {target}", unique=True)

    def run(self, task: Task) -> str:
        """Payload: folder; conversations (rows of those that lie there)."""
        target, talks = Path(task.job.payload["folder"]), task.job.payload["conversations"]
        check_target(target)
        entries = list(self._export_files(target, task))
        if task.stopping:
            return "stopped before the end; the next try goes on"
        albums = self._list_albums()
        atomic_write(target / LISTING, make_listing(entries, albums, talks))
        task.result = {"files": len(entries), "albums": len(albums), "conversations": len(talks)}
        return f"{len(entries)} files, {len(albums)} albums and {len(talks)} conversations are in {target}"

    def _export_files(self, target: Path, task: Task) -> Iterator[Row]:
        """Copy every file, and say what is known of it."""
        names, total, last, done = FreeNames(), self.filling.store.counts().sources, 0, 0
        while some := self.filling.store.walk(limit=TOGETHER, after=last):
            last = some[-1].id
            for source, facts, words in self._describe(some):
                if task.stopping:
                    return
                done += 1
                task.report(done, total, source.path)
                name = names.take(source)
                if not self._try(self._copy, source, target / name, task):
                    continue
                if source.kind == "photo":
                    self._try(partial(self._lay_beside, replace_words(facts, words)), source, target / name, task)
                yield entry_of(source, name, facts, words)

    def _describe(self, sources: Sequence[Source]) -> Iterator[tuple[Source, StatedFacts, str]]:
        """Each file with all that is said of it, and somebody's own words about it."""
        stated = self.filling.store.statements.read_of([source.id for source in sources])
        for source, own in list_own_facts(self.filling.store, sources):
            taken_at, latitude, longitude = source.taken_at, source.latitude, source.longitude
            facts = replace(own, description="", taken_at=taken_at, latitude=latitude, longitude=longitude)
            for each in stated.get(source.id, ()):
                facts = merge_facts(facts, told_words(each.facts))
            yield source, facts, own.description

    def _try(self, work: Callable[[Source, Path], None], source: Source, path: Path, task: Task) -> bool:
        """Whether it could be done; what could not is a failed item, and the rest go on."""
        try:
            work(source, path)
        except (BadFile, NothingThere, LibraryError, OSError) as error:
            task.fail(source.path, str(error))
            return False
        return True

    def _copy(self, source: Source, path: Path) -> None:
        """The file itself."""
        if not path.is_file() or path.stat().st_size != source.size_bytes:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.part")
            with open_original(source.path, self.filling.config) as origin, draft.open("wb") as copy:
                shutil.copyfileobj(origin, copy)
            draft.replace(path)

    def _lay_beside(self, facts: StatedFacts, source: Source, path: Path) -> None:
        """A photo's sidecar, with what was said here."""
        beside, target = find_sidecar(source.path), path.with_name(f"{path.name}.xmp")
        if beside is not None and not target.exists():
            file = open_sidecar(beside.path, self.filling.config)
            if file is not None:
                atomic_write(target, file.data)
        if facts != StatedFacts():
            write_sidecar(str(path), facts, self.filling.config, shared=True)

    def _list_albums(self) -> list[Row]:
        store = self.filling.store
        found = []
        for album in store.curation.albums():
            inside = store.sources(Filter(album=album.name), order="album", limit=MOST_IN_ALBUM)
            cover = album.cover.digest if album.cover else ""
            found.append({"name": album.name, "cover": cover, "photos": [source.digest for source in inside]})
        return found

    def _export_conversations(self, target: Path, session: str) -> Iterator[Row]:
        sharing = self.sharing()
        for talk in sharing.history.conversations(session=session, limit=-1):
            data = sharing.export(talk.id, "json", session=session, places=True).data
            path = target / CONVERSATIONS / f"{talk.id:06}.json"
            atomic_write(path, data)
            yield talk_row(talk, f"{CONVERSATIONS}/{path.name}")


@dataclass(frozen=True, kw_only=True, slots=True)
class FreeNames:
    """Names inside an export: readable, and each once whatever its capitals."""

    taken: set[str] = field(default_factory=set)

    def take(self, source: Source) -> str:
        """The path of a file inside the export: by its month, or by its kind."""
        month = f"{source.taken_at:%Y-%m}" if source.taken_at else "undated" if source.kind == "photo" else source.kind
        stem, dot, ending = same_name(source.name).rpartition(".")
        stem, end = (stem, dot + ending) if stem else (ending, "")
        name, number = f"{FILES}/{month}/{stem}{end}", 2
        while name.casefold() in self.taken:
            name, number = f"{FILES}/{month}/{stem} ({number}){end}", number + 1
        self.taken.add(name.casefold())
        return name


def open_sharing(config: Config, filling: IndexingHandlers, history: History) -> Sharing:
    """What writes conversations into files and takes them in again."""
    return Sharing(
        history=history,
        picture=lambda source, page: filling.quarantine.read_page(source.path, page),
        uploads=config.data / "uploads",
        version=str(import_module("deepseek_mm").__version__),
        here=here_in(filling.store),
        limits=ExportLimits(max_pixels=config.parse.max_pixels),
    )


def check_target(folder: Path) -> None:
    """Conflict unless nothing lies there, or an earlier export."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    listing = folder / LISTING
    is_ours = listing.is_file() and is_listing(str(listing))
    if folder.exists() and not folder.is_dir() or (names - {FILES, CONVERSATIONS} and not is_ours):
        raise Conflict(f"{folder} holds other things than an export. Name a new or an empty folder")


def told_words(facts: StatedFacts) -> StatedFacts:
    """The words of a statement: its date, place, stars and albums show in the library itself, as far as they hold."""
    return StatedFacts(
        title=facts.title,
        description=facts.description,
        keywords=facts.keywords,
        people=facts.people,
        boxes=facts.boxes,
    )


def replace_words(facts: StatedFacts, words: str) -> StatedFacts:
    """What a sidecar gets: somebody's own words, stars, favourites and albums."""
    return StatedFacts(description=words, stars=facts.stars, is_favourite=facts.is_favourite, albums=facts.albums)


def entry_of(source: Source, name: str, facts: StatedFacts, words: str) -> Row:
    """A file as the listing has it."""
    row: Row = {"file": name, "kind": source.kind, "sha256": source.digest, "path": source.path}
    row["collection"] = source.collection
    said = facts_row(facts) if source.kind == "photo" else {}
    return row | ({"words": words} if words else {}) | ({"facts": said} if said else {})


def talk_row(talk: Conversation, name: str) -> Row:
    """A conversation as the listing has it."""
    return {"file": name, "title": talk.title, "last_at": when(talk.last_at)}
