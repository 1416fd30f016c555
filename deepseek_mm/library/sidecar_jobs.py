"""Writing somebody's own words beside photos, as a handler of jobs: descriptions, stars, favourites, albums, people.

Only what was said here is written: what a machine saw or said is not, nor what other files say. The photos themselves
are never touched. A photo of which nothing was said here gets no sidecar.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from deepseek_mm.errors import BadFile, LibraryError, NothingThere
from deepseek_mm.ingest.photo_words import is_own
from deepseek_mm.jobs import Job, Task
from deepseek_mm.library.index_jobs import IndexingHandlers
from deepseek_mm.library.photo_facts import list_named
from deepseek_mm.parse.xmp.sidecars import write_sidecar
from index import Filter, Source
from index.region import Rating, StatedFacts
from index.store import RegionStore

SIDECARS = "write sidecars"  # the kind of the jobs
PHOTOS = Filter(source_kinds=("photo",))
TOGETHER = 256  # photos whose words are looked up together


@dataclass(frozen=True, kw_only=True, slots=True)
class SidecarHandlers:
    """The handler of jobs that write sidecars for the photos of one store."""

    filling: IndexingHandlers

    def begin(self, source_ids: Sequence[int] = (), *, dry_run: bool = False) -> Job:
        """Write those of these photos, or of all of which somebody said something; `dry_run` only counts."""
        what = f"of {len(source_ids)} photos" if source_ids else "of all photos"
        payload = {"ids": list(source_ids), "dry_run": dry_run}
        return self.filling.jobs.add(SIDECARS, payload, title=f"Write the sidecars {what}", unique=True)

    def run(self, task: Task) -> str:
        """Payload: ids (none: all photos); dry_run."""
        payload = task.job.payload
        ids, dry_run = [int(each) for each in payload.get("ids", ())], bool(payload.get("dry_run"))
        total = len(ids) or self.filling.store.counts(where=PHOTOS).sources
        written = same = done = 0
        for source, facts in self._said_of(ids):
            if task.stopping:
                break
            done += 1
            task.report(done, total, source.path)
            if facts == StatedFacts():
                continue
            changed = self._write(source, facts, task, dry_run=dry_run)
            written += bool(changed)
            same += changed is False
        task.result = {"written": written, "unchanged": same, "dry_run": dry_run}
        form = "{} sidecars would be written, {} are as they should be" if dry_run else SAID
        return form.format(written, same)

    def _write(self, source: Source, facts: StatedFacts, task: Task, *, dry_run: bool) -> bool | None:
        """Whether it was changed; None where it could not be written, which is a failed item."""
        stem = source.path.removesuffix(source.name) + source.name.rpartition(".")[0]
        shared = len(self.filling.store.statements.named_like(stem)) > 1
        try:
            return write_sidecar(source.path, facts, self.filling.config, shared=shared, dry_run=dry_run)
        except (BadFile, NothingThere, LibraryError) as error:
            task.fail(source.path, str(error))
            return None

    def _said_of(self, ids: Sequence[int]) -> Iterator[tuple[Source, StatedFacts]]:
        """Every photo with what somebody said of it."""
        for sources in self._batches(ids):
            faces = self.filling.store.people.faces_of([source.id for source in sources])
            for source, facts in list_own_facts(self.filling.store, sources):
                yield source, replace(facts, people=list_named(faces.get(source.id, ())))

    def _batches(self, ids: Sequence[int]) -> Iterator[list[Source]]:
        where, last = (Filter(source_ids=tuple(ids), source_kinds=("photo",)) if ids else PHOTOS), 0
        while some := self.filling.store.walk(where, limit=TOGETHER, after=last):
            yield some
            last = some[-1].id


def list_own_facts(store: RegionStore, sources: Sequence[Source]) -> Iterator[tuple[Source, StatedFacts]]:
    """Each file with somebody's own words, stars and albums of it; not who is in it."""
    ids = [source.id for source in sources]
    ratings, regions = store.curation.ratings_of(ids), store.regions_of(ids)
    for source in sources:
        rating = ratings.get(source.id, Rating())
        yield (
            source,
            StatedFacts(
                description=next((region.text for region in regions[source.id] if is_own(region)), ""),
                stars=rating.stars,
                is_favourite=rating.is_favourite,
                albums=tuple(store.curation.albums_of(source.id)),
            ),
        )


SAID = "{} sidecars written, {} were as they should be"
