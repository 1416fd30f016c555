"""What can be wrong with an index on disk: each error says what, shows where, and names the next step."""

from pathlib import Path

from deepseek_mm.storage.errors import LAST_UPGRADER, IndexProblem

REBUILD = "python -m deepseek_mm index --rebuild"


class SpaceMismatch(IndexProblem):
    """The index holds vectors of another space; comparing the two would mean nothing."""

    def __init__(self, path: Path, *, stored: str, given: str) -> None:
        self.path = path
        super().__init__(
            f"the index at {path} was made by the space {stored}, not by {given}, and two spaces never mix. "
            f"Rebuild it with: {REBUILD}"
        )


class StoreDamaged(IndexProblem):
    """The database cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        super().__init__(
            f"the index at {path} is damaged ({why}); nothing was changed. Your pictures are not in it: "
            f"rebuild it from them with: {REBUILD}"
        )


class StoreTooNew(IndexProblem):
    """The database was written by a later version of this program."""

    def __init__(self, path: Path, *, version: str, newest: str) -> None:
        super().__init__(
            f"the index at {path} has schema version {version}, this program knows up to {newest}; nothing was "
            f"changed. Update the program, or choose another folder with --data"
        )


class StoreTooOld(IndexProblem):
    """The database was written by a version that is not upgraded any more."""

    def __init__(self, path: Path, *, version: str, oldest: str) -> None:
        self.path = path
        super().__init__(
            f"the index at {path} has schema version {version}, this program knows {oldest} and later; nothing was "
            f"changed. Open it once with the version that upgrades it (git checkout {LAST_UPGRADER}), or make it anew "
            f"from your pictures with: {REBUILD}"
        )


class StoreReadOnly(IndexProblem):
    """The folder cannot be written to, and SQLite needs to write even for readers."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the index at {path} cannot be written. Give yourself the right to write there (chmod u+w), "
            f"or choose another folder with --data"
        )


class NotStored(IndexProblem, LookupError):
    """A region that was asked for by its id is no longer there."""

    def __init__(self, region_id: int) -> None:
        super().__init__(f"no region {region_id} in the index: its file was removed or read anew. Search again")


class OtherStore(IndexProblem, LookupError):
    """What was set aside belongs to a content of the store that was exchanged or emptied since."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} was taken out of an index that is gone by now; nothing was changed. Add the files")


class BadFileName(IndexProblem, ValueError):
    """A file name that is not valid Unicode cannot be kept as text."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the file name {path!r} is not valid UTF-8. Rename the file and add it again")


class CacheUnusable(IndexProblem):
    """A file of vectors that cannot be trusted: torn, of another store, or no such file."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be used: {why}. Delete it; it is made again from the store")
