"""Learning: corrections become a version of the reader's last layer, which somebody looks at, and accepts or not.

`head.safetensors` holds what differs from the shipped layer, and rows for answers that it did not know;
`memory.safetensors` what is remembered of the corrections; `version.json` the report and the checksums of both, written
last: a version without it is none. `accepted.json` lists what was accepted, the newest last. All lies in DATA/learning.

Training is a job: it looks at the photos of new corrections, learns in seconds, and keeps a version with its report.
Nothing changes before a version is accepted; then it answers from the next question on, also after a restart. Only the
layer that chooses among answers learns: towers, image head and vectors stay, so that no index is touched.
"""

import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from deepseek_mm.config import Config
from deepseek_mm.errors import BadCheckpoint, Conflict, DeepSeekMMError, NothingThere
from deepseek_mm.history import History
from deepseek_mm.jobs import Job, Jobs, Task
from deepseek_mm.learning.examples import (
    REPLACED,
    TAUGHT,
    CorrectionRows,
    Example,
    move_taught,
    of_taught,
    of_turns,
    read_corrections,
    taught_rows,
    teach,
    untell,
)
from deepseek_mm.learning.memory import ReplayMemory, known_by, read_builtin
from deepseek_mm.learning.study import Material, Score, StudyResult, chances_of, changes, head_of, study, widen_head
from deepseek_mm.storage.files import atomic_write, read_json
from deepseek_mm.types import PhotoDescription
from deepseek_mm.vision.pipeline import VisionPipeline
from deepseek_mm.vision.vqa import VqaModel

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
    teachers: tuple[str, ...] = ()  # `history.hash_of` the sessions whose corrections it and those before learned
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

    def remove(self, number: int) -> None:
        """Delete it with all that it remembers."""
        shutil.rmtree(self.folder / str(number))

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
    lists["teachers"] = tuple(told.get("teachers", ()))  # nobody had an account before
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


LEARN = "learn"  # kind of job
SHIPPED = "as shipped"
MOST_CHANGED = 20  # questions whose answers a report shows before and after
log = logging.getLogger(__name__)


class Learning:
    """One library's."""

    def __init__(self, config: Config, *, eyes: VisionPipeline, jobs: Jobs, history: History) -> None:
        self.config, self.eyes, self.jobs, self.history = config, eyes, jobs, history
        self.versions, self.builtin = Versions(config.data), read_builtin
        self.told, self.trouble = SHIPPED, ""  # what answers now, for people, and why it is not what was accepted
        self.use()

    @property
    def reader(self) -> VqaModel:
        """That learns. NothingThere in a space without one."""
        reader = self.eyes.reader
        if not isinstance(reader, VqaModel):
            raise NothingThere("this library's space has no reader, so nothing is learned. Use --encoder default")
        return reader

    def use(self) -> None:
        """Answer with the version that was accepted last; one that cannot be read leaves the shipped weights."""
        if not isinstance(self.eyes.reader, VqaModel):
            return
        self.reader.put_back()
        self.told, self.trouble, number = SHIPPED, "", 0
        try:
            if number := self.answering:
                version = self._fitting(number)
                answers, out = head_of(self.reader.shipped, version.answers, self.versions.tensors(version, HEAD))
                self.reader.adopt(answers, out.weight, out.bias)
                self.told = told_of(number)
        except DeepSeekMMError as error:
            log.warning("the shipped weights answer: %s", error)
            self.told, self.trouble = f"{SHIPPED}, for version {number} cannot be used", str(error)

    @property
    def answering(self) -> int:
        """Number of the version that was accepted last; 0 is the shipped weights."""
        return ([0, *self.versions.accepted_numbers()])[-1]

    def train(self) -> Job:
        """Learn from what is new. NothingThere says that it is too little."""
        new = self.waiting()
        if len(new) < self.config.learning.fewest:
            raise NothingThere(
                f"{len(new)} corrections are new, and learning.fewest asks for {self.config.learning.fewest}. Correct "
                "some answers (thumb down, then the right answer), name boxes, or describe photos"
            )
        return self.jobs.add(LEARN, {}, title="Learn from corrections", unique=True)

    def waiting(self) -> list[Example]:
        """Corrections that the version which answers has not learned yet, oldest first."""
        nouns = self.reader.sure.nouns
        found = [*of_turns(self.history.feedback()), *of_taught(self.versions.folder, nouns)]
        base = self._answering_version()
        learned = set(base.learned) if base else set()
        latest = {example.asks: example for example in found}  # somebody may change their mind
        return [example for example in latest.values() if example.key not in learned]

    def run(self, task: Task) -> str:
        """The job's handler: look, learn, keep a version and its report."""
        looked = read_corrections(self.waiting(), self.reader, self.config.parse, task)
        if task.stopping:
            return "stopped; nothing was learned"
        if len(looked.examples) < self.config.learning.fewest:
            raise NothingThere(
                f"of the new corrections {len(looked.examples)} can be learned, and learning.fewest asks for "
                f"{self.config.learning.fewest}. Correct more answers about single photos"
            )
        version = self._learn(looked)
        task.result = {"version": version.number, "objections": [*version.objections]}
        against = f", and should not be taken: {'; '.join(version.objections)}" if version.objections else ""
        return f"version {version.number} waits to be accepted{against}"

    def list(self) -> list[Version]:
        """All versions, the newest first; a damaged one is left out, see the log."""
        found = []
        for number in reversed(self.versions.numbers()):
            try:
                found.append(self.versions.read(number))
            except BadCheckpoint as error:
                log.warning("%s", error)
        return found

    def get(self, number: int) -> Version:
        """One of them. NothingThere, BadCheckpoint."""
        return self.versions.read(number)

    def accept(self, number: int, *, force: bool = False) -> Version:
        """Answer with it from the next question on. Conflict if its report speaks against it and nobody insists."""
        version = self._fitting(number)
        for name in (HEAD, MEMORY):
            self.versions.tensors(version, name)
        if version.objections and not force:
            raise Conflict(
                f"version {number} should not be taken: {'; '.join(version.objections)}. Correct the corrections and "
                "learn anew, or insist: --force, or press again"
            )
        before = [each for each in self.versions.accepted_numbers() if each != number]
        self.versions.keep_accepted([*before, number])
        self.use()
        return version

    def back(self) -> int:
        """Answer with what answered before; its number, or 0 for the shipped weights. Conflict if these answer now."""
        before = self.versions.accepted_numbers()
        if not before:
            raise Conflict("the shipped weights answer already, so there is nothing to go back to")
        self.versions.keep_accepted(before[:-1])
        self.use()
        return self.answering

    def unlearn(self, owner: str) -> int:
        """Delete every version that learned from this owner's corrections, or that cannot be read; how many those are.

        What answers is the last one accepted of those that are left, or the shipped weights. What others taught in the
        deleted ones waits to be learned anew.
        """
        kept = {version.number for version in self.list() if owner not in version.teachers}
        spoiled = [number for number in self.versions.numbers() if number not in kept]
        if spoiled:
            self.versions.keep_accepted([number for number in self.versions.accepted_numbers() if number in kept])
            for number in spoiled:
                self.versions.remove(number)
            self.use()
        return len(spoiled)

    def teach(self, rows: Sequence[dict[str, Any]]) -> int:
        """Keep questions with right answers about photos, or descriptions, to learn from. BadFile."""
        return teach(self.versions.folder, rows)

    def list_descriptions(self) -> dict[str, str]:
        """Path of a photo -> the words in which somebody has described it. LibraryError."""
        rows = taught_rows(self.versions.folder / TAUGHT)
        return {row["image"]: row["words"] for row in rows if "words" in row}

    def list_replaced(self, path: str) -> tuple[PhotoDescription, ...]:
        """What was said of a photo before somebody's words, the latest last."""
        rows = taught_rows(self.versions.folder / TAUGHT)
        found = next((row for row in rows if row["image"] == path and "words" in row), {})
        return tuple(PhotoDescription(text=text, machine_made=machine) for text, machine in found.get(REPLACED, ()))

    def move_files(self, moves: Mapping[str, str]) -> None:
        """What was taught about photos at these paths is about those at the others from now on."""
        move_taught(self.versions.folder, moves)

    def untell(self, path: str) -> None:
        """Forget how somebody has described a photo."""
        untell(self.versions.folder, path)

    def _fitting(self, number: int) -> Version:
        version = self.versions.read(number)
        if version.reader != known_by():
            raise BadCheckpoint(
                f"version {number} belongs to other weights than these: the program was updated. Learn anew with: "
                "python -m deepseek_mm train continual"
            )
        return version

    def _answering_version(self) -> Version | None:
        """That answers now; None where the shipped weights do, whatever was accepted."""
        return self._fitting(self.answering) if self.told == told_of(self.answering) else None

    def _learn(self, looked: CorrectionRows) -> Version:
        """Train, and keep what came out."""
        base, told = self._answering_version(), self.config.learning
        earlier = ReplayMemory.nothing(self.reader.net.config.width)
        if base:
            earlier = ReplayMemory.of(self.versions.tensors(base, MEMORY))
        held_N = torch.tensor([int(example.key, 16) % told.held_out == 0 for example in looked.examples])
        material = Material(
            now=self.reader.head,
            shipped=self.reader.shipped,
            new_answers=looked.new_answers,
            trained=looked.asked.at(~held_N),
            held_out=looked.asked.at(held_N),
            earlier=earlier,
            builtin=self.builtin(),
        )
        studied = study(material, told)
        version = Version(
            number=max(self.versions.numbers(), default=0) + 1,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            base=base.number if base else 0,
            reader=known_by(),
            answers=studied.answers[len(self.reader.shipped.answers) :],
            learned=(*(base.learned if base else ()), *(example.key for example in looked.examples)),
            scores=studied.scores,
            objections=studied.objections,
            teachers=tuple(sorted({*(base.teachers if base else ()), *self._teachers_of(looked.examples)})),
            counts=dict(Counter(example.by for example in looked.examples)),
            changed=changed_answers(looked, material, studied),
            seconds=studied.seconds,
        )
        memory = earlier.with_more(looked.asked, held_N, size=told.remembered)
        self.versions.write(version, changes(self.reader.shipped, studied), memory.tensors())
        return version

    def _teachers_of(self, examples: Iterable[Example]) -> set[str]:
        return self.history.owners_of([example.turn for example in examples if example.turn])


def told_of(number: int) -> str:
    """What answers, for people."""
    return f"version {number}" if number else ""


def changed_answers(
    looked: CorrectionRows, material: Material, studied: StudyResult
) -> tuple[tuple[str, str, str, str], ...]:
    """Some of the corrected questions: with the photo's name, what was answered before, and what is answered now."""
    before = widen_head(material.now.out, len(material.new_answers))
    pairs = [
        [studied.answers[n] for n in chances_of(out, looked.asked, studied.answers).argmax(-1).tolist()]
        for out in (before, studied.out)
    ]
    told = zip(looked.examples, *pairs, strict=True)
    return tuple((e.question, Path(e.path).name, old, new) for e, old, new in told)[:MOST_CHANGED]
