"""Taking in what another program exported, as a handler of jobs: its photos first, then what is said of them.

The plan is made anew whenever the job goes on: what is in the library already is not read again, what is told already
changes nothing, so a job that was interrupted loses and doubles nothing. What is told belongs to a photo's bytes: a
photo that lies in a year and in two albums of the export is one.
"""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_mm.errors import BadFile
from deepseek_mm.imports import ImportPlan, ImportPreview, find_export, preview_import, read_plan
from deepseek_mm.imports.own_export import when
from deepseek_mm.imports.records import ExportedAlbum, ExportedConversation, OwnExport, merge_facts
from deepseek_mm.ingest import Hooks, Report
from deepseek_mm.ingest.photo_words import STATED, is_own
from deepseek_mm.jobs import Job, Task
from deepseek_mm.library.index_jobs import IMPORT, IndexingHandlers
from deepseek_mm.parse.document import real_path
from deepseek_mm.sharing import Sharing
from deepseek_mm.storage.files import read_small
from index import Source
from index.region import LIBRARY, PhotoStatement, StatedFacts
from index.statements import PROGRAM_NAMES, StatedChanges

OURS = ""  # the command line's session in the history
TOGETHER = 256  # photos of which is noted what is said, in one transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnExportHandlers:
    """What only an export of this program brings: own words, collections, the order of albums, and conversations."""

    filling: IndexingHandlers
    describe: Callable[[Source, str], object]  # in somebody's own words
    sharing: Callable[[], Sharing]

    def restore(self, own: OwnExport, new_albums: Collection[str], task: Task) -> None:
        """Bring all of it where nothing is said here yet; albums that were there before keep their order."""
        store = self.filling.store
        for path, words in own.words.items():
            source = store.source_at(path)
            if source is not None and not any(map(is_own, store.regions_of([source.id])[source.id])):
                self.describe(source, words)
        for path, name in own.collections.items():
            known = store.source_at(path)
            if known is not None and known.collection == LIBRARY:
                store.collect([path], name)
        for album in own.albums:
            if album.name in new_albums:
                self._order(album)
        for talk in own.conversations if task.job.payload.get("conversations") else ():
            self._adopt(talk, task)

    def _order(self, album: ExportedAlbum) -> None:
        curation, album_id = self.filling.store.curation, self.filling.store.curation.make_album(album.name)
        found = {path: self.filling.store.source_at(path) for path in dict.fromkeys((*album.paths, album.cover))}
        ids = {path: source.id for path, source in found.items() if source is not None}
        curation.order(album_id, [ids[path] for path in album.paths if path in ids])
        if album.cover in ids:
            curation.set_cover(album_id, ids[album.cover])

    def _adopt(self, talk: ExportedConversation, task: Task) -> None:
        """Take a conversation in, unless it is there."""
        sharing = self.sharing()
        known = sharing.history.conversations(session=OURS, limit=-1)
        if any((each.title, when(each.last_at)) == (talk.title, talk.last_at) for each in known):
            return
        try:
            sharing.take_in(read_small(Path(talk.path), most_bytes=sharing.limits.max_bytes), session=OURS)
        except (BadFile, OSError, ValueError) as error:
            task.fail(talk.path, str(error))


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportingHandlers:
    """The handler of jobs that import into one store."""

    filling: IndexingHandlers
    restoring: OwnExportHandlers

    def preview(self, paths: Sequence[str | os.PathLike[str]], *, kind: str = "") -> ImportPreview:
        """What taking in this export would do; nothing is written. Without a `kind` it is found out.

        NothingThere if a path does not exist, BadFile if it is nobody's export, or cannot be read.
        """
        plan = read_plan([real_path(path) for path in paths], self.filling.config, kind=kind)
        return preview_import(plan, self.filling.store, self.filling.config)

    def begin(self, paths: Sequence[str | os.PathLike[str]], *, kind: str = "", conversations: bool = False) -> Job:
        """Take in an export with all that it says, and with `conversations` those as the command line's.

        An equal job that is under way is joined. Raises as `preview`.
        """
        names = [real_path(path) for path in paths]
        found = find_export(names, self.filling.config, kind=kind)
        title = f"Import from {PROGRAM_NAMES[found]}: {', '.join(names)}"
        payload = {"paths": names, "kind": found, "conversations": conversations}
        return self.filling.jobs.add(IMPORT, payload, title=title, unique=True)

    def run(self, task: Task) -> str:
        """Payload: paths; kind ("" is found out); only (instead of all photos, for a retry); conversations."""
        payload = task.job.payload
        self.filling.drives.note(payload["paths"])
        plan = read_plan(payload["paths"], self.filling.config, kind=str(payload.get("kind", "")))
        before = preview_import(plan, self.filling.store, self.filling.config, stopping=lambda: task.stopping)
        report = self._take(plan, task)
        changes = StatedChanges() if task.stopping else self._note(plan, task)
        self.filling.add_words(task)
        if plan.own is not None and not task.stopping:
            self.restoring.restore(plan.own, before.new_albums, task)
        if not report.stopped:
            self.filling.add_reading()
        left_out = {"left_out": before.left_out, "num_left_out": before.num_left_out, "unmatched": before.unmatched}
        task.result = {"kind": plan.kind, "files": before.files} | left_out | report.counts() | changes._asdict()
        return describe_import(plan, report, changes)

    def _take(self, plan: ImportPlan, task: Task) -> Report:
        """Its photos and videos become files of the library, where they lie."""
        only = set(task.job.payload.get("only") or ())
        documents = plan.own.documents if plan.own else ()
        every = [*(photo.path for photo in plan.photos), *documents]
        files = [path for path in every if not only or path in only]
        if not files:
            return Report()
        hooks = Hooks(progress=task.report, failed=task.fail, stopping=lambda: task.stopping)
        report = self.filling.open_intake("").take(files, hooks=hooks, retry=bool(only))
        if report.moves:
            self.filling.moved(report.moves)
        return report

    def _note(self, plan: ImportPlan, task: Task) -> StatedChanges:
        """Keep what is said of the photos that are in the library."""
        told = FactsByDigest(kind=plan.kind)
        for photo in plan.photos:
            known = self.filling.store.source_at(photo.path) if photo.told_by else None
            if known is not None:
                told.add(known.digest, photo.told_by, photo.facts)
        sums = StatedChanges()
        for some in told.batches():
            if task.stopping:
                break
            changes = self.filling.store.statements.note(some, stale=STATED)
            sums = StatedChanges(*(left + right for left, right in zip(sums, changes, strict=True)))
        return sums


@dataclass(frozen=True, kw_only=True, slots=True)
class FactsByDigest:
    """What an export says, joined for every photo's bytes."""

    kind: str
    known: dict[str, tuple[str, StatedFacts]] = field(default_factory=dict)

    def add(self, digest: str, told_by: str, facts: StatedFacts) -> None:
        """Note what one file says."""
        first = self.known.get(digest)
        self.known[digest] = (told_by, facts) if first is None else (first[0], merge_facts(first[1], facts))

    def batches(self) -> Iterator[list[PhotoStatement]]:
        """All of it, so much at a time."""
        every = [
            PhotoStatement(digest=digest, origin=self.kind, told_by=told_by, facts=facts)
            for digest, (told_by, facts) in self.known.items()
        ]
        yield from (every[start : start + TOGETHER] for start in range(0, len(every), TOGETHER))


def describe_import(plan: ImportPlan, report: Report, changes: StatedChanges) -> str:
    """One line for people."""
    parts: list[tuple[int, str]] = [
        (changes.dates, "dates set"),
        (changes.places, "places set"),
        (changes.rated, "favourites and stars taken over"),
        (changes.albums, "put into albums"),
        (len(plan.silent_photos), "of which nothing is said"),
        (len(plan.left_out), "files left out"),
    ]
    return ", ".join([report.sentence(), *(f"{count} {what}" for count, what in parts if count)])
