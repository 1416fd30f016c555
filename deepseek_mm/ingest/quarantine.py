"""Files that a limit of reading struck are set aside with the reason: no later pass tries them again.

It ends when the file changes, when a limit in the settings or what reads files does, or when somebody asks for the file
by hand. The table lies beside the jobs, so it outlives the program.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL.Image import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, LimitReached, NothingThere
from deepseek_mm.jobs import Jobs
from deepseek_mm.jobs.records import SetAside
from deepseek_mm.parse.document import read_original, read_page, stat_known
from deepseek_mm.parse.workers.client import Stopping, never

PLUG_IN = "Plug in or mount the drive, then try again"
READERS = 1  # raise it with what reads files: then everything that was set aside is tried once more


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantine:
    """What one library has set aside."""

    jobs: Jobs
    config: ParseConfig
    find_away: Callable[[str], str] = lambda path: ""  # the folder that is not there now and in which a path lies

    def reasons(self) -> dict[str, str]:
        """Path -> why it is passed over, of every file that is still as it was."""
        return {row.path: row.reason for row in self.jobs.set_aside() if self._holds(row)}

    def check(self, path: str) -> None:
        """BadFile with the reason if the file is set aside."""
        for row in self.jobs.set_aside(path):
            if self._holds(row):
                raise BadFile(row.reason)

    def note(self, path: str, reason: str) -> None:
        """Set a file aside as it is now; one that went meanwhile needs no note."""
        status = stat_known(path)
        if status is not None:
            size, modified = status
            row = SetAside(path=path, size_bytes=size, modified_ns=modified, limits=self._limits, reason=reason)
            self.jobs.put_aside(row)

    def release(self, path: str) -> None:
        """Try the file again from now on."""
        self.jobs.take_back(path)

    @contextmanager
    def noting(self, path: str) -> Iterator[None]:
        """Set the file aside if a limit strikes inside."""
        try:
            yield
        except LimitReached as error:
            self.note(path, str(error))
            raise

    def read_page(self, path: str, page: int, *, stopping: Stopping = never) -> Image:
        """As `document.read_page`, but for a file that is set aside: that one is not tried."""
        self.check(path)
        with self.noting(path), self.explaining(path):
            return read_page(path, page, self.config, stopping=stopping)

    def read_original(self, path: str) -> bytes:
        """As `document.read_original`."""
        with self.explaining(path):
            return read_original(path, self.config)

    @contextmanager
    def explaining(self, path: str) -> Iterator[None]:
        """NothingThere says of a file that is offline what to do."""
        try:
            yield
        except NothingThere as error:
            if away := self.find_away(path):
                raise NothingThere(f"{path} is offline: {away} is not there now. {PLUG_IN}") from error
            raise

    @property
    def _limits(self) -> str:
        """What decides whether a file can be read."""
        config = self.config
        limits = (config.worker_memory_mb, config.worker_seconds, config.worker_file_seconds, config.worker_output_mb)
        return " ".join(map(str, (READERS, *limits)))

    def _holds(self, row: SetAside) -> bool:
        return row.limits == self._limits and stat_known(row.path) == (row.size_bytes, row.modified_ns)
