"""A process that does jobs of a library on a server and nothing else: no page, no HTTP.

Any number of them may run, on any machine that reaches the server and sees the files. Each opens the models once. One
that is told to end lets go of what it has in hand, and others go on with it; so they do 20 s after one was killed.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from deepseek_mm.config import Config
from deepseek_mm.database_places import server_place
from deepseek_mm.embeddings.space import EmbeddingModel
from deepseek_mm.errors import ConfigError, TransientError
from deepseek_mm.jobs.fleet import (
    ProcessDescription,
    describe_process,
    list_processes,
    refuse_stranger,
)
from deepseek_mm.library.crew import kinds_of
from deepseek_mm.library.library import Library
from deepseek_mm.storage.places import ServerPlace
from deepseek_mm.storage.server_schemas import ServerSchemas

LOOK_S = 2.0  # between two looks who else is there, and what this process is at
SPACE = "space_"  # how the schema of a vector space is called behind the prefix


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryWorker:
    """This process, as a worker of the library that its settings name."""

    place: ServerPlace  # of the table of jobs
    prefix: str  # of the schemas of the library's spaces
    me: ProcessDescription

    @classmethod
    def of(cls, config: Config, queues: Collection[str], *, name: str = "") -> "LibraryWorker":
        """ConfigError if the library lies on no server, BadQuestion if a queue is unknown, Conflict if servers of the
        library have another version.
        """
        place = server_place(config, "jobs")
        if place is None:
            raise ConfigError("a worker needs a library on a server. Name it: --url postgresql://USER@HOST/DATABASE")
        kinds_of(queues)
        me = describe_process("worker", "", name=name, queues=tuple(queues))
        refuse_stranger(me, list_processes(place), ())
        return cls(place=place, prefix=f"{config.storage.prefix}_{SPACE}", me=me)

    def admit(self, space: EmbeddingModel) -> "LibraryWorker":
        """This worker with the weights that it looks with. Conflict if the library was looked at with others."""
        me = replace(self.me, fingerprint=space.fingerprint)
        with ServerSchemas(self.place.url) as schemas:
            spaces = [name.removeprefix(self.prefix) for name in schemas.list_names(self.prefix)]
        refuse_stranger(me, list_processes(self.place), spaces)
        return replace(self, me=me)

    @contextmanager
    def working(self, library: Library) -> Iterator[None]:
        """Do jobs of its queues inside; at the end let go of those in hand."""
        library.jobs.describe(asdict(self.me))
        library.crew.limit_to(kinds_of(self.me.queues))
        library.crew.start()
        try:
            yield
        finally:
            library.crew.stop()

    def watch(self, ends: threading.Event, say: Callable[[str], object]) -> None:
        """Say what is being done, until the end. Conflict if a server with another version, or other weights, comes."""
        before: tuple[str, ...] = ()
        while not ends.wait(LOOK_S):
            try:
                others = list_processes(self.place)
            except TransientError as error:
                say(str(error))
                continue
            refuse_stranger(self.me, others, ())
            doing = next((each.doing for each in others if each.description == self.me and each.doing), ())
            for title in doing if doing != before else ():
                say(f"at work: {title}")
            before = doing
