"""The pass over code that makes the graph of who calls what; a job that goes on where it was left.

It comes after files were taken in. What a file says is kept by its digest, so only what changed is read anew, and links
are made anew in the projects that changed. All of it is done by a process of its own that gives way to others; files
are read by the workers. The graph lies in the library's folder and holds files of all collections: whoever asks is told
of those that they may see.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from deepseek_mm.answering.code.graphs import LibraryGraphs
from deepseek_mm.code_graph.graph_store import AWAY, GraphStore
from deepseek_mm.code_graph.linker import write_source
from deepseek_mm.code_graph.sources import can_be_linked, read_known
from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import LibraryError
from deepseek_mm.jobs import Jobs, State, Task
from deepseek_mm.library.index_jobs import has_files_waiting
from index import Filter, Source
from index.store import RegionStore

MAP = "map code"  # the kind of job
TITLE = "See who calls what in the code"
FILES = Filter(source_kinds=("code",))
ACTIVE: tuple[State, ...] = ("waiting", "running")
MOST_FILES = 20_000  # of a graph; of those beyond, in the order of their names, callers are told by name
REST = 3.0  # times as long as links took to be made, before they are made again
LONGEST_REST_S = 600.0
LOOK_S = 0.2
COMMAND = ("-m", "deepseek_mm.code_graph.linker")
SOURCES = Path(__file__).resolve().parents[2]


@dataclass(kw_only=True)
class CodePass:
    """Keeps the graph of one store's code."""

    store: RegionStore
    jobs: Jobs
    graph: GraphStore
    config: ParseConfig
    rested_at_s: float = field(default=0.0, init=False)  # by the monotonic clock: when links may be made again

    def begin(self) -> None:
        """Forget what is gone, and write down that the graph is to be made where files are new or changed."""
        if self.store.read_only or self.graph.read_only:
            return
        if self.is_due(self.purge()):
            self.jobs.add(MAP, {}, title=TITLE, unique=True)

    def is_due(self, sources: Sequence[Source] | None = None) -> bool:
        """Whether the graph is not that of the files as they are; `sources` are these, where they are known."""
        here = self.list_sources() if sources is None else sources
        return {one.path: one.digest for one in here} != self.graph.digests() or not self.graph.is_linked()

    @property
    def is_under_way(self) -> bool:
        """Whether it is being made, or waits to be."""
        return bool(self.jobs.find(kinds=(MAP,), states=ACTIVE, limit=1))

    def open_graphs(self) -> LibraryGraphs:
        """What tells whoever asks who calls what."""
        return LibraryGraphs(self.store, self.config, self.graph, lambda: self.is_under_way)

    def purge(self) -> list[Source]:
        """Forget files that the library does not know any more, also what they say; returns those that it knows."""
        if self.graph.read_only:
            return []
        sources = self.list_sources()
        self.graph.forget(self.graph.digests().keys() - {source.path for source in sources})
        return sources

    def run(self, task: Task) -> str:
        """Read what is new, then link what changed."""
        sources = self.purge()
        known = self.graph.digests(without_away=True)
        new = [source for source in sources if known.get(source.path) != source.digest]
        if task.halt.wait(max(0.0, self.rested_at_s - time.monotonic())):
            return ""
        with self._process(task) as process:
            assert process.stdin is not None, "files go in"
            assert process.stdout is not None, "it tells how far it is"
            assert process.stderr is not None, "or why it ended"
            count = self._send(new, process.stdin, task)
            if self._to_stop(task):
                return f"{count} files of code read"
            begun_s = time.monotonic()
            parts = self._follow(process.stdout, task)
            why = process.stderr.read().strip().rpartition("\n")[2]
        self.rested_at_s = time.monotonic() + min(LONGEST_REST_S, REST * (time.monotonic() - begun_s))
        if process.returncode and not task.stopping:
            raise LibraryError(
                f"the program that sees who calls what ended early ({why or process.returncode}). What was read is "
                "kept: index the folder again to go on, with more free memory if the code is large"
            )
        return f"{count} files of code read, {parts} projects linked"

    def _to_stop(self, task: Task) -> bool:
        """New files come first; taking them in ends with this pass again."""
        return task.stopping or has_files_waiting(self.jobs)

    def _send(self, sources: Sequence[Source], stream: IO[str], task: Task) -> int:
        """Hand files on, as far as they can be opened."""
        count = 0
        for source in sources:
            if self._to_stop(task):
                break
            text = read_known(source, self.config)
            if text is None:
                self.graph.begin_file(source.path, source.digest, source.format, why=AWAY)
                continue
            try:
                stream.write(write_source(text))
            except BrokenPipeError:  # it ended, and tells why
                return count
            count += 1
            task.report(count, len(sources), source.path)
        with suppress(BrokenPipeError):
            stream.close()
        return count

    def _follow(self, stream: IO[str], task: Task) -> int:
        """Report parts as they are linked; how many there were."""
        total = 0
        for line in stream:
            done, total = map(int, line.split())
            task.report(done, total)
        return total

    @contextmanager
    def _process(self, task: Task) -> Iterator["subprocess.Popen[str]"]:
        """The process, which ends soon after the job is to stop."""
        path = os.pathsep.join(filter(None, (os.fspath(SOURCES), os.environ.get("PYTHONPATH", ""))))
        with subprocess.Popen(
            [sys.executable, *COMMAND, os.fspath(self.graph.path.parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
        ) as process:
            threading.Thread(target=end_in_time, args=(process, task), name="map-code", daemon=True).start()
            try:
                yield process
                process.wait()
            finally:
                process.kill()

    def list_sources(self) -> list[Source]:
        """Files that the graph tells of."""
        return [one for one in self.store.sources(FILES, order="name", limit=MOST_FILES) if can_be_linked(one)]


def end_in_time(process: "subprocess.Popen[str]", task: Task) -> None:
    """End the process once its job is to stop."""
    while process.poll() is None:
        if task.stopping:
            process.kill()
        task.halt.wait(LOOK_S)
