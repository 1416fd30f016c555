"""The pass over photos that reads faces, once somebody has switched that on; a job that goes on where it was left.

It comes after new photos were taken in, and asks of each photo that it was not made over. What it finds stays in the
library's store: a vector of each face and where it is. No picture of a face is kept. At the end faces are grouped anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from deepseek_mm.config import PeopleConfig
from deepseek_mm.errors import BadFile, Cancelled, NothingThere
from deepseek_mm.ingest.quarantine import Quarantine
from deepseek_mm.jobs import Jobs, Task
from deepseek_mm.library.drives import Drives
from deepseek_mm.library.index_jobs import has_files_waiting
from deepseek_mm.vision.faces.face_reader import FaceLimits, FaceReader, read_face_reader
from index import Filter, Source
from index.people import FACES_MARK, NewFace
from index.store import RegionStore

FACES = "read faces"  # the kind of job
PHOTOS = Filter(source_kinds=("photo",))
TOGETHER = 64  # photos that are looked up at a time
SHOWN_EACH = 500  # photos, after which faces are grouped
TITLE = "Look for faces in photos"


@dataclass(kw_only=True)
class FacePass:
    """Reads the faces of one store's photos."""

    store: RegionStore
    jobs: Jobs
    quarantine: Quarantine
    drives: Drives
    config: Callable[[], PeopleConfig]  # as the settings are now
    opens: Callable[[FaceLimits], FaceReader] = field(default=lambda limits: read_face_reader(limits=limits))

    @cached_property
    def reader(self) -> FaceReader:
        """The networks, opened when the first photo is looked at."""
        return self.opens(FaceLimits(least_px=self.config().least_px))

    def begin(self) -> None:
        """Write down that faces are to be read, where somebody has switched that on and photos wait."""
        if self.config().enabled and not self.store.read_only and self.num_waiting():
            self.jobs.add(FACES, {}, title=TITLE, unique=True)

    def num_waiting(self) -> int:
        """Photos whose faces were not read."""
        return self.store.num_without_mark(FACES_MARK, where=PHOTOS)

    def stop(self) -> None:
        """Cancel the pass that waits or is under way."""
        for job in self.jobs.find(kinds=(FACES,), states=("waiting", "running"), limit=-1):
            self.jobs.cancel(job.id)

    def run(self, task: Task) -> str:
        """Every photo that was not looked at; what is offline or cannot be read stays for another time."""
        total, done, found = self.num_waiting(), 0, 0
        for source in self._unread():
            if self._to_stop(task):
                break
            try:
                faces = self._read(source, task)
            except (BadFile, NothingThere) as error:
                task.fail(source.path, str(error))
                continue
            except Cancelled:
                break
            if not self.config().enabled:  # switched off while this photo was looked at
                break
            self.store.people.add(source.id, faces)
            done, found = done + 1, found + len(faces)
            task.report(done, total, source.path)
            if done % SHOWN_EACH == 0:  # people are seen while others are looked for, and each grouping has less to do
                self.tidy()
        self.tidy()
        return f"{done} photos looked at, {found} faces found"

    def tidy(self) -> None:
        """Forget faces of photos that are gone, and group those that are there."""
        self.store.people.purge()
        self.store.people.group(self.config().same_person)

    def _to_stop(self, task: Task) -> bool:
        """New files come first; taking them in ends with this pass again."""
        off = not self.config().enabled
        return off or task.stopping or has_files_waiting(self.jobs)

    def _unread(self) -> Iterator[Source]:
        last = 0
        while some := self.store.sources_without_mark(FACES_MARK, where=PHOTOS, limit=TOGETHER, after=last):
            offline = self.drives.list_unreadable([source.path for source in some])
            yield from (source for source in some if source.path not in offline)
            last = some[-1].id

    def _read(self, source: Source, task: Task) -> list[NewFace]:
        """The faces of a photo; none of a video, and none where faces of the same bytes are known."""
        if source.is_video or self.store.people.has_faces(source.digest):
            return []
        image = self.quarantine.read_page(source.path, 0, stopping=lambda: task.stopping)
        return [NewFace(box=face.box, score=face.score, vector_D=face.vector_D) for face in self.reader.read(image)]
