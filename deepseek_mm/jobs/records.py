"""What the table of jobs gives back. Plain records: nobody outside sees a database row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["waiting", "running", "done", "cancelled", "failed"]
ENDED: tuple[State, ...] = ("done", "cancelled", "failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One piece of long work, as it stood when it was read."""

    id: int  # rises with every job; orders them by their making
    kind: str  # chooses the handler
    title: str  # for people
    payload: dict[str, Any]  # for the handler
    state: State
    cancelling: bool  # it still runs, and was asked to stop for good
    done: int  # items
    total: int | None  # items; None while nobody knows
    per_second: float  # items, over the last seconds; 0 while unknown
    seconds_left: float | None  # at that speed; None while unknown, and unless it runs
    message: str  # what it is at, or how it ended
    result: dict[str, Any]  # what it brought, for programs; empty until it ended well
    num_failed: int  # items
    attempts: int  # how often it was begun; more than 1 after an interruption
    created_at: datetime  # UTC, like the other two; for people, no order rests on them
    started_at: datetime | None  # for the first time
    ended_at: datetime | None
    token: str = ""  # what it is called by those outside; cannot be guessed
    asker: str = ""  # who asked for it over the API; empty for the library's own work
    bulk: bool = False  # nobody sits waiting for it: others of its kind go first
    partial: str = ""  # the text that it has written so far, where it writes one

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRequest:
    """Who asks for a job over the API, and how."""

    by: str  # the asker's session
    key: str = ""  # with the same key comes the same job, once made; empty is none
    bulk: bool = False
    most: int | None = None  # jobs that may wait of the same kind and haste; None is any number


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAside:
    """A file that is passed over as long as it stays as it is."""

    path: str
    size_bytes: int
    modified_ns: int
    limits: str  # in force when it could not be read
    reason: str  # a whole sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """An item that a job could not do, and why."""

    item: str
    reason: str
