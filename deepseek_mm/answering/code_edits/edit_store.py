"""Proposed changes and what undoes them, a file each, so that they outlive a restart.

A file belongs to the session whose wish it was and is for this user of the machine alone; the oldest of one session go.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from deepseek_mm.answering.code_edits.records import CodeEdit
from deepseek_mm.errors import NothingThere
from deepseek_mm.history.queries import hash_of
from deepseek_mm.storage.files import atomic_write, read_small

FOLDER = "edits"  # in the library's folder
INTERRUPTED = "the program ended while it was worked on. Ask for the change anew"
FORM = TypeAdapter(CodeEdit)
log = logging.getLogger(__name__)


class EditStore:
    """The changes of one library."""

    def __init__(self, data: Path, *, kept: int) -> None:
        self._folder, self._kept = data / FOLDER, kept

    def save(self, edit: CodeEdit, *, at_once: bool = True) -> CodeEdit:
        """Write it whole; the oldest of its owner beyond those that are kept are removed. LibraryError."""
        file = self._file(edit.id)
        is_new = not file.exists()  # only then there may be too many
        atomic_write(file, FORM.dump_json(edit), mode=0o600, at_once=at_once)
        for old in self._of(edit.owner)[self._kept :] if is_new else ():
            self._file(old.id).unlink(missing_ok=True)
        return edit

    def find(self, token: str, *, session: str) -> CodeEdit:
        """The session's own change. NothingThere."""
        found = self._read(self._file(token)) if token.isalnum() and token.isascii() else None
        if found is None or found.owner != hash_of(session):
            raise NothingThere("there is no change of yours with this number. See all with: GET /edits")
        return found

    def list_of(self, session: str) -> list[CodeEdit]:
        """The session's own, newest first."""
        return self._of(hash_of(session))

    def forget(self, token: str) -> None:
        """Remove one; the files that it changed stay as they are."""
        self._file(token).unlink(missing_ok=True)

    def forget_session(self, session: str) -> int:
        """Remove all of a session's; how many."""
        own = self.list_of(session)
        for each in own:
            self.forget(each.id)
        return len(own)

    def end_interrupted(self) -> None:
        """What was worked on when the program ended is not worked on any more."""
        for each in self._all():
            if not each.is_ended:
                self.save(replace(each, state="failed", message=INTERRUPTED))

    def _of(self, owner: str) -> list[CodeEdit]:
        return sorted(
            (each for each in self._all() if each.owner == owner), key=lambda each: each.made_at, reverse=True
        )

    def _all(self) -> Iterator[CodeEdit]:
        with suppress(FileNotFoundError):
            for name in os.listdir(self._folder):
                if name.endswith(".json") and (found := self._read(self._folder / name)) is not None:
                    yield found

    def _file(self, token: str) -> Path:
        return self._folder / f"{token}.json"

    def _read(self, file: Path) -> CodeEdit | None:
        """None where nothing is there, or nothing that can be read."""
        try:
            return FORM.validate_json(read_small(file))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, ValidationError):
            log.warning("a change cannot be read and is passed over: %s", file)
            return None
