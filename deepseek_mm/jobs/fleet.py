"""The processes that do the jobs of a library on a server: who is there, what each is at, and who may join them.

All must be of one version and look with the same weights: a vector of another tower is a wrong one, and nobody would
see it. So whoever would join compares itself with those that are there before it does anything.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, text

from deepseek_mm.errors import Conflict
from deepseek_mm.jobs.table import machine_name
from deepseek_mm.storage.places import ServerPlace
from deepseek_mm.storage.postgres_database import explain_server_errors, open_engine, read_address
from deepseek_mm.storage.presence import GONE_S

SHORT = 8  # letters of a fingerprint that tell one from another
KNOWN = text("SELECT to_regclass('processes')")
LIVING = text(
    "SELECT processes.id, about, since, array_remove(array_agg(title ORDER BY jobs.id), NULL) AS doing,"
    " array_remove(array_agg(DISTINCT coalesce(parent, jobs.id)), NULL) AS jobs FROM processes"
    " LEFT JOIN jobs ON owner_pid = processes.id AND owner_started = processes.token AND state = 'running'"
    " WHERE seen_at > clock_timestamp() - make_interval(secs => :seconds) GROUP BY processes.id ORDER BY processes.id"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessDescription:
    """What a process says of itself to others that use the same library."""

    name: str  # for people
    role: Literal["server", "worker"]
    machine: str
    version: str
    queues: tuple[str, ...]
    fingerprint: str  # of the encoders' weights


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedProcess:
    """A process that is there."""

    description: ProcessDescription
    since: datetime
    doing: tuple[str, ...]  # titles of the jobs that it has in hand
    jobs: tuple[int, ...] = ()  # their ids, in place of a part's that of the job that people see


def describe_process(
    role: Literal["server", "worker"], fingerprint: str, *, name: str = "", queues: Sequence[str] = ()
) -> ProcessDescription:
    """The present process."""
    return ProcessDescription(
        name=name or machine_name(),
        role=role,
        machine=machine_name(),
        version=str(import_module("deepseek_mm").__version__),
        queues=tuple(queues),
        fingerprint=fingerprint,
    )


def list_processes(place: ServerPlace) -> list[ListedProcess]:
    """Those that use this table of jobs, the first to come first; nothing is made or changed. LibraryError."""
    with _connect(place) as connection:
        if connection.execute(KNOWN).scalar() is None:
            return []
        rows = connection.execute(LIVING, {"seconds": GONE_S}).all()
    return [
        ListedProcess(
            description=ProcessDescription(**row.about | {"queues": tuple(row.about["queues"])}),
            since=row.since.astimezone(UTC),
            doing=tuple(row.doing),
            jobs=tuple(row.jobs),
        )
        for row in rows
        if row.about
    ]


def refuse_stranger(me: ProcessDescription, others: Sequence[ListedProcess], spaces: Sequence[str]) -> None:
    """Conflict where a server of the library has another version than this process, or looks with other weights.

    Where no server is there, `spaces` say what the library was indexed in: ends of the names of its schemas.
    """
    servers = [each.description for each in others if each.description.role == "server"]
    for server in servers:
        if server.version != me.version:
            raise Conflict(
                f"this is version {me.version}, and the library is served by version {server.version} on "
                f"{server.machine}. Install the same one here: pip install deepseek-mm=={server.version}"
            )
    known = {each.fingerprint[:SHORT] for each in servers if each.fingerprint} or set(spaces)
    if me.fingerprint and known and me.fingerprint[:SHORT] not in known:
        raise Conflict(
            f"the weights here have the fingerprint {me.fingerprint[:SHORT]}, and the library was indexed with "
            f"{', '.join(sorted(known))}. Name the same vector space as its server does, with: --encoder NAME"
        )


@contextmanager
def _connect(place: ServerPlace) -> Iterator[Connection]:
    address = read_address(place.url)
    engine = open_engine(address, place.name)
    try:
        place_told = Path(f"{address.host}/{address.database}")
        with explain_server_errors("table of jobs", place_told), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
