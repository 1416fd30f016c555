"""Taking in what another program exported, as a handler of jobs: its photos first, then what is said of them.

The plan is made anew whenever the job goes on: what is in the library already is not read again, what is told already
changes nothing, so a job that was interrupted loses and doubles nothing. What is told belongs to a photo's bytes: a
photo that lies in a year and in two albums of the export is one.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from deepseek_mm.imports import ImportPlan, ImportPreview, find_export, preview_import, read_plan
from deepseek_mm.imports.records import merge_facts
from deepseek_mm.ingest import Hooks, Report
from deepseek_mm.ingest.photo_words import STATED
from deepseek_mm.jobs import Job, Task
from deepseek_mm.library.index_jobs import IndexingHandlers
from deepseek_mm.parse.document import real_path
from index.region import PhotoStatement, StatedFacts
from index.statements import PROGRAM_NAMES, StatedChanges

IMPORT = "import"  # the kind of the jobs
TOGETHER = 256  # photos of which is noted what is said, in one transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportingHandlers:
    """The handler of jobs that import into one store."""

    filling: IndexingHandlers

    def preview(self, paths: Sequence[str | os.PathLike[str]], *, kind: str = "") -> ImportPreview:
        """What taking in this export would do; nothing is written. Without a `kind` it is found out.

        NothingThere if a path does not exist, BadFile if it is nobody's export, or cannot be read.
        """
        plan = read_plan([real_path(path) for path in paths], self.filling.config, kind=kind)
        return preview_import(plan, self.filling.store, self.filling.config)

    def begin(self, paths: Sequence[str | os.PathLike[str]], *, kind: str = "") -> Job:
        """Take in an export with all that it says. An equal job that is under way is joined. Raises as `preview`."""
        names = [real_path(path) for path in paths]
        found = find_export(names, self.filling.config, kind=kind)
        title = f"Import from {PROGRAM_NAMES[found]}: {', '.join(names)}"
        return self.filling.jobs.add(IMPORT, {"paths": names, "kind": found}, title=title, unique=True)

    def run(self, task: Task) -> str:
        """Payload: paths; kind ("" is found out); only (instead of all photos, for a retry)."""
        payload = task.job.payload
        self.filling.drives.note(payload["paths"])
        plan = read_plan(payload["paths"], self.filling.config, kind=str(payload.get("kind", "")))
        before = preview_import(plan, self.filling.store, self.filling.config, stopping=lambda: task.stopping)
        report = self._take(plan, task)
        changes = StatedChanges() if task.stopping else self._note(plan, task)
        self.filling.add_words(task)
        if not report.stopped:
            self.filling.add_reading()
        task.result = before.as_json() | report.counts() | changes._asdict() | {"kind": plan.kind}
        return describe_import(plan, report, changes)

    def _take(self, plan: ImportPlan, task: Task) -> Report:
        """Its photos and videos become files of the library, where they lie."""
        only = set(task.job.payload.get("only") or ())
        files = [photo.path for photo in plan.photos if not only or photo.path in only]
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
        (len(plan.unmatched), "of which nothing is said"),
        (len(plan.left_out), "files left out"),
    ]
    return ", ".join([report.sentence(), *(f"{count} {what}" for count, what in parts if count)])
