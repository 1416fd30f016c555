"""What a proposed change consists of: the files before and after, the steps that led there, and what checks say."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Literal

EditState = Literal["running", "proposed", "nothing", "failed", "stopped", "applied", "undone"]
StepTool = Literal["search", "read", "grep", "run_tests", "apply_patch", "unknown", "says"]
CheckName = Literal["applies", "parses", "lints", "tests", "place"]
Verdict = Literal["good", "bad", "not checked"]
AS_TEXT = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}  # how bytes stand in JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChange:
    """One file, whole, before and after."""

    __pydantic_config__: ClassVar = AS_TEXT

    path: str  # absolute, without links
    name: str  # as the diff calls it: below the folder that all of the code lies in
    before: bytes | None  # None: there was no file
    after: bytes | None  # None: it is removed, which only an undo does


@dataclass(frozen=True, kw_only=True, slots=True)
class EditStep:
    """One thing that the model did, and what came of it."""

    tool: StepTool
    about: str  # what it asked for, short
    said: str  # what it was told, cut
    refused: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EditCheck:
    """What one check found."""

    name: CheckName
    verdict: Verdict
    words: str  # a sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeEdit:
    """A wish, and how far the model has come with it; what is proposed and has been done with that."""

    id: str  # drawn by chance: who knows it and is its owner may see it
    owner: str  # SHA-256 of the session whose it is, hexadecimal
    request: str
    state: EditState = "running"
    model: str = ""
    steps: tuple[EditStep, ...] = ()
    text: str = ""  # what the model says of its change
    diff: str = ""  # unified
    changes: tuple[FileChange, ...] = ()
    checks: tuple[EditCheck, ...] = ()
    message: str = ""  # why it ended early, failed or proposes nothing
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def is_ended(self) -> bool:
        """Whether nothing more comes by itself."""
        return self.state != "running"
