"""Every version that was trained, each in a folder of its own; which of them answers, and which did before.

`head.safetensors` holds what differs from the shipped layer, and rows for answers that it did not know;
`memory.safetensors` what is remembered of the corrections; `version.json` the report and the checksums of both, written
last: a version without it is none. `accepted.json` lists what was accepted, the newest last. All lies in DATA/learning.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from deepseek_mm.errors import BadCheckpoint, NothingThere
from deepseek_mm.learning.study import Score
from deepseek_mm.storage.files import atomic_write, read_json

FOLDER, ACCEPTED, TOLD, CARD = "learning", "accepted.json", "version.json", "CARD.md"
HEAD, MEMORY = "head.safetensors", "memory.safetensors"
SEE = "python -m deepseek_mm learning list"


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """What is known of one."""

    number: int
    made_at: str  # UTC, ISO 8601
    base: int  # version that it went on from; 0 is the shipped weights
    reader: str  # `builtin.known_by` of the weights that it belongs to
    answers: tuple[str, ...]  # beyond those that the shipped reader knows
    learned: tuple[str, ...]  # keys of all examples that it and those before learned
    scores: tuple[Score, ...]
    objections: tuple[str, ...]  # why it should not be taken
    counts: Mapping[str, int]  # examples by where they come from, and those left out
    changed: tuple[tuple[str, str, str, str], ...]  # question, photo's name, answer before, answer after; some of them
    seconds: float  # that training took, without looking at photos
    sums: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of the files


class Versions:
    """Those in one library's folder."""

    def __init__(self, data: Path) -> None:
        self.folder = data / FOLDER

    def numbers(self) -> list[int]:
        """Of all that are whole or damaged, rising."""
        return sorted(int(file.parent.name) for file in self.folder.glob(f"*/{TOLD}") if file.parent.name.isdecimal())

    def write(self, version: Version, head: Mapping[str, Tensor], memory: Mapping[str, Tensor]) -> None:
        """Keep it. LibraryError says why it cannot be kept."""
        folder = self.folder / str(version.number)
        files = {HEAD: save(dict(head)), MEMORY: save(dict(memory))}
        for name, data in files.items():
            atomic_write(folder / name, data)
        atomic_write(folder / CARD, card(version).encode())
        told = asdict(version) | {"sums": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}}
        atomic_write(folder / TOLD, json.dumps(told, indent=1).encode())

    def read(self, number: int) -> Version:
        """NothingThere if there is none of that number, BadCheckpoint if what is said of it cannot be read."""
        file = self.folder / str(number) / TOLD
        if not file.exists():
            there = ", ".join(map(str, self.numbers())) or "none yet"
            raise NothingThere(f"there is no version {number}. Those there are: {there}")
        try:
            return version_of(read_json(file))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadCheckpoint(f"version {number} is damaged: {file} cannot be read ({error}). {NEXT}") from error

    def tensors(self, version: Version, name: str) -> dict[str, Tensor]:
        """Out of HEAD or MEMORY. BadCheckpoint if it is not what was written."""
        file = self.folder / str(version.number) / name
        data = file.read_bytes() if file.is_file() else b""
        if hashlib.sha256(data).hexdigest() != version.sums.get(name):
            raise BadCheckpoint(f"version {version.number} is damaged: {file} is not what was written. {NEXT}")
        try:
            return {key: value.float() if value.dtype is torch.float16 else value for key, value in load(data).items()}
        except SafetensorError as error:
            raise BadCheckpoint(f"version {version.number} is damaged: {file} holds {error}. {NEXT}") from error

    def accepted_numbers(self) -> list[int]:
        """Numbers of those that were accepted, the newest last; [] where the shipped weights answer."""
        file = self.folder / ACCEPTED
        try:
            listed = read_json(file) if file.exists() else []
            return [int(number) for number in listed]
        except (OSError, ValueError, TypeError) as error:
            raise BadCheckpoint(f"{file} cannot be read ({error}). {NEXT}") from error

    def keep_accepted(self, numbers: Sequence[int]) -> None:
        """The newest last."""
        atomic_write(self.folder / ACCEPTED, json.dumps(list(numbers)).encode())


NEXT = f"The shipped weights answer; take another version, see: {SEE}"


def version_of(told: dict[str, Any]) -> Version:
    """Out of JSON."""
    scores = tuple(Score(**score) for score in told["scores"])
    changed = tuple(tuple(each) for each in told["changed"])
    lists = {name: tuple(told[name]) for name in ("answers", "learned", "objections")}
    return Version(**told | lists | {"scores": scores, "changed": changed})


def card(version: Version) -> str:
    """For whoever opens the folder."""
    rows = "\n".join(
        f"| {s.name} | {s.count} | {s.before} | {s.after} | +{s.gained} -{s.lost} |" for s in version.scores
    )
    against = "\n".join(f"- {each}" for each in version.objections) or "- nothing"
    counts = ", ".join(f"{count} {name}" for name, count in version.counts.items())
    return (
        f"# Version {version.number}\n\n"
        f"The last layer of the reader, learned {version.made_at} in {version.seconds:.1f} s from {counts}; it goes "
        f"on from version {version.base} (0: as shipped). The towers, the image head and every vector stay as they "
        f"are, so no index is touched. It belongs to reader.safetensors {version.reader[:12]}.\n\n"
        f"| questions | count | right before | right after | changed |\n|---|---|---|---|---|\n{rows}\n\n"
        f"Against it:\n{against}\n"
    )
