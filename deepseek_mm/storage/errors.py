"""What can be wrong with a database on disk: each error says what, shows where, and names the next step.

`IndexProblem` is their base and that of the errors of `index`: an edge (command line, page) catches it beside
`DeepSeekMMError`.
"""

from pathlib import Path

LAST_UPGRADER = "04574c7"  # the last commit that opens databases of every earlier one


class IndexProblem(Exception):
    """Base of every error about an index that a user can fix."""


class StoreUnmerged(IndexProblem):
    """The latest changes wait in a log that cannot be read where the folder cannot be written."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the latest changes of the index at {path} wait in {path.name}-wal, which cannot be read where "
            f"nothing can be written. Open the library once where it can be, or give yourself the right to (chmod u+w)"
        )


class StoreFull(IndexProblem):
    """The disk has no room left; the last change was not made."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"no room left on the disk of {path}; the last change was not made. Free some space and repeat it"
        )


class StoreBusy(IndexProblem):
    """Another process has kept the write lock for too long."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        super().__init__(
            f"the index at {path} was locked by another process for more than {timeout_s:g} s; the last change was not "
            f"made. Wait for the other process to finish, or end it, and repeat the command"
        )
