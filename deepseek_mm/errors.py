"""Errors a user can act on: each says what is wrong, shows the value, and names the next step.

Catch `DeepSeekMMError` at the edges (command line, page); anything else is a bug of ours.
"""

import errno
import sqlite3
from pathlib import Path

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no space, no quota, no larger file allowed
FULL_DATABASE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
STORAGE_FULL = "the disk is full, so nothing of this was kept. Free some space where the library lies, and try again"


class DeepSeekMMError(Exception):
    """Base of every error that a user can fix."""


def explain(error: Exception) -> str:
    """Its message; of an error that nobody foresaw its kind as well."""
    return str(error) if isinstance(error, DeepSeekMMError) else f"{type(error).__name__}: {error}"


class ConfigError(DeepSeekMMError, ValueError):
    """A setting is unknown, out of range, or contradicts another."""


class BadQuestion(DeepSeekMMError, ValueError):
    """A question that cannot be asked: empty, or far too long."""


class BadProgram(DeepSeekMMError, ValueError):
    """A program, or a rule, that does not hold together; the message points at the place."""


class BadFeedback(DeepSeekMMError, ValueError):
    """A rating that is none, or a box that fits no citation of the answer."""


class BadFile(DeepSeekMMError, ValueError):
    """A file that cannot be read: damaged, locked, too large, or of no kind that is known."""


class BadPicture(BadFile):
    """A file that cannot be read as a picture."""


class LimitReached(BadFile):
    """A file that a limit on reading struck, or that ended the process that read it: trying again brings the same."""


class Cancelled(DeepSeekMMError, RuntimeError):
    """A file was not read to the end, since whoever asked for it does not want it any more."""


class NothingThere(DeepSeekMMError, FileNotFoundError):
    """A file, folder or record that was named does not exist."""


class LibraryError(DeepSeekMMError, OSError):
    """The library's folder cannot be used: read-only, in use, or damaged."""


class TransientError(LibraryError):
    """The library's server is away, restarts or has too much to do: the same may well go in a moment."""


class OutOfReach(DeepSeekMMError, RuntimeError):
    """Files cannot be seen from this machine, which says nothing of whether they are there."""


class JobFailed(DeepSeekMMError, RuntimeError):
    """A piece of long work ended with an error, whose sentence this carries."""


class MissingPackage(DeepSeekMMError, ImportError):
    """An optional package is needed and absent."""

    def __init__(self, package: str, *, needed_for: str, extra: str | None = None) -> None:
        how = f"deepseek-mm[{extra}]" if extra else package
        super().__init__(f"{needed_for} needs the package {package}. Install it with: pip install '{how}'")


class NotEnoughMemory(DeepSeekMMError, MemoryError):
    """A model needs more memory than is free; nothing of it was loaded."""


class MissingWeights(DeepSeekMMError, FileNotFoundError):
    """A model's weights are not where they should be."""

    def __init__(self, path: Path, *, make: str) -> None:
        super().__init__(f"no weights at {path}. Make them with: {make}")


class BadCheckpoint(DeepSeekMMError, ValueError):
    """A model's files cannot be read, or hold another kind of model."""


class ModelFailed(DeepSeekMMError, RuntimeError):
    """A language model broke while it was answering: scores that are no numbers, too little memory, a fault of ours."""


class ServerError(DeepSeekMMError, RuntimeError):
    """A language model server did not answer as it should."""


class RequestRefused(ServerError):
    """A language model server refuses what it was asked, as every other would."""


class NoServerAnswers(ServerError):
    """None of the language model's servers answers, and nothing of the answer was said."""


class CannotListen(DeepSeekMMError, OSError):
    """The address to serve at is taken, or not ours."""


class Busy(DeepSeekMMError, RuntimeError):
    """More is asked of the service than it takes at a time."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unauthorised(DeepSeekMMError, PermissionError):
    """A key is needed, and none that is known was shown."""


class Forbidden(DeepSeekMMError, PermissionError):
    """This caller, or this address, may not do that."""


class TooLarge(DeepSeekMMError, ValueError):
    """A request has more bytes than are taken."""


class Conflict(DeepSeekMMError, ValueError):
    """The same was asked for already, in other words; or its state does not allow it any more."""


def is_storage_full(error: BaseException | None) -> bool:
    """Whether this comes of a disk that takes no more, however it was told since."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            return True
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) in FULL_DATABASE:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


class StorageFull(DeepSeekMMError):
    """The disk takes no more."""

    def __init__(self) -> None:
        super().__init__(STORAGE_FULL)

    @classmethod
    def of(cls, error: BaseException) -> "StorageFull | None":
        """What to say of an error that comes of a full disk; None for any other."""
        return cls() if is_storage_full(error) else None
