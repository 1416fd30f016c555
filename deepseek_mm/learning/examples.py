"""Corrections as examples, a question about one photo with right or wrong answers, and as rows for the training.

A right answer counts in full. A thumb up says that what was said is right, one down that it is wrong, and no more. A
box that was named, and a photo that was described, say which things are there. What is asked of many photos, or what
the reader does not settle, teaches nothing here.

Shape key:  N corrections, W width of what is seen
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from deepseek_mm.answering.closed_vqa import SETTLED, close_question
from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, LibraryError, NothingThere
from deepseek_mm.history import Turn
from deepseek_mm.jobs import Task
from deepseek_mm.language.parser import parse
from deepseek_mm.language.words import lead, normalize_answer, singular, with_article
from deepseek_mm.learning.memory import Corrections, ReaderRows, no_corrections
from deepseek_mm.learning.study import widen_head
from deepseek_mm.parse.document import read_page
from deepseek_mm.storage.files import atomic_write, parse_json, read_lines
from deepseek_mm.vision.pipeline import ImageAnalysis
from deepseek_mm.vision.vqa import LIKELIEST, THERE, VqaModel
from deepseek_mm.vision.vqa_net import VqaQuestion

YES_NO = ("yes", "no")
HALF = 0.5  # what a thumb, a box and a description count beside a right answer
TAUGHT = "taught.jsonl"
REPLACED = "was"  # field of a description's row: what was said before it, the latest last
MOST_CHARS = 40  # of an answer that can be learned
SHAPE = '{"image": "cat.jpg", "question": "What is it?", "answer": "cat"}'


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One thing to learn."""

    question: str  # as the reader is asked
    path: str  # of the photo
    answer: str  # in the spelling of answers; empty: the one of `said` that the reader knows
    by: str  # answer, thumb, box or words
    wrong: bool = False  # it is not that answer
    weight: float = 1.0
    said: str = ""  # the sentence that was judged
    turn: int = 0  # in the history; 0 is none

    @property
    def key(self) -> str:
        """The same for the same thing to learn only."""
        told = "\0".join((self.question, self.path, self.answer or self.said, str(self.wrong)))
        return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def asks(self) -> str:
        """The same for the same question about the same photo."""
        told = f"{self.question}\0{self.path}"
        return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def of_turns(turns: Iterable[Turn]) -> Iterator[Example]:
    """All that these turns teach, oldest first."""
    for turn in turns:
        yield from of_boxes(turn)
        if (turn.right or turn.rating) and (example := example_of(turn)):
            yield example


def example_of(turn: Turn) -> Example | None:
    """What the right answer or the thumb of a turn teaches; None where it is about no one photo."""
    program, path = parse(turn.question), photo_of(turn)
    if turn.about != "photos" or program.kind not in SETTLED or not path:
        return None
    question = close_question(program).text.lower()
    if turn.right:
        answer = normalize_answer(turn.right)[:MOST_CHARS]
        return Example(question=question, path=path, answer=answer, by="answer", turn=turn.id) if answer else None
    said = turn.answer.text.lower()
    word = lead(said)
    return Example(
        question=question,
        path=path,
        answer=word if word in YES_NO else "",
        by="thumb",
        wrong=turn.rating == "down",
        weight=HALF,
        said=said,
        turn=turn.id,
    )


def photo_of(turn: Turn) -> str:
    """The one photo that a turn is about: that of the question, else the only one that is cited; or ""."""
    if turn.image_path or turn.more:
        return "" if turn.more else turn.image_path
    cited = {each.region.source.path for each in turn.answer.citations if each.region.source.kind == "photo"}
    return cited.pop() if len(cited) == 1 else ""


def of_boxes(turn: Turn) -> Iterator[Example]:
    """Whatever was named in a box is there."""
    cited = {each.number: each.region.source for each in turn.answer.citations}
    for box in turn.boxes:
        source = cited.get(box.number)
        if box.label.strip() and source and source.kind == "photo":
            yield is_there(singular(normalize_answer(box.label)), source.path, by="box", turn=turn.id)


def is_there(thing: str, path: str, *, by: str, turn: int = 0) -> Example:
    """A thing that a photo shows."""
    question = f"is there {with_article(thing)}?"
    return Example(question=question, path=path, answer="yes", by=by, weight=HALF, turn=turn)


def named_in(words: str, nouns: Collection[str]) -> list[str]:
    """Things of one or two words that a description names, and that the reader was asked for often."""
    line = [singular(word) for word in normalize_answer(words).split()]
    pairs = [f"{a} {b}" for a, b in zip(line, line[1:], strict=False)]
    return list(dict.fromkeys(thing for thing in (*pairs, *line) if thing in nouns))


def said_of(example: Example, likeliest: Sequence[str]) -> str:
    """The answer that an example is about: its own, or the likeliest of these that its sentence says; or ""."""
    if example.answer:
        return example.answer
    words = f" {normalize_answer(example.said)} "
    return next((answer for answer in likeliest if f" {answer} " in words), "")


def of_taught(folder: Path, nouns: Collection[str]) -> Iterator[Example]:
    """What was taught without a conversation: descriptions, and questions with answers."""
    for row in taught_rows(folder / TAUGHT):
        if "words" in row:
            yield from (is_there(thing, row["image"], by="words") for thing in named_in(row["words"], nouns))
        else:
            question = close_question(parse(row["question"])).text.lower()
            yield Example(
                question=question, path=row["image"], answer=normalize_answer(row["answer"])[:MOST_CHARS], by="answer"
            )


def taught_rows(file: Path) -> list[dict[str, Any]]:
    """What the file of a library holds. LibraryError if that is not what was written."""
    try:
        rows = [parse_json(line) for line in read_lines(file)]
        for row in rows:
            if not isinstance(row["image"], str) or not ("words" in row or {"question", "answer"} <= row.keys()):
                raise ValueError(f"{row!r:.80} is no row like {SHAPE}")
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise LibraryError(
            f"{file} is damaged ({error}). What it taught so far stays learned; move it away: mv {file} {file}.damaged"
        ) from error
    return rows


def teach(folder: Path, rows: Sequence[dict[str, Any]]) -> int:
    """Keep these rows; a description takes the place of the photo's one before. BadFile where a row lacks something."""
    for row in rows:
        whole = row.get("image") and (
            row.get("words") or (row.get("question") and normalize_answer(row.get("answer", "")))
        )
        if not whole:
            raise BadFile(f"{json.dumps(row)} cannot be learned from. A row is like {SHAPE}")
    file = folder / TAUGHT
    kept = taught_rows(file)
    anew = {row["image"] for row in rows if "words" in row}
    kept = [row for row in kept if not ("words" in row and row["image"] in anew) and row not in rows]
    write_taught(file, [*kept, *rows])
    return len(rows)


def untell(folder: Path, image: str) -> dict[str, Any] | None:
    """Forget the description of a photo, and return its row; None where there is none."""
    file = folder / TAUGHT
    rows = taught_rows(file)
    found = next((row for row in rows if row["image"] == image and "words" in row), None)
    if found is not None:
        write_taught(file, [row for row in rows if row is not found])
    return found


def move_taught(folder: Path, moves: Mapping[str, str]) -> None:
    """What was taught about a photo goes with its file; what was taught of others that lay at its new path goes."""
    file = folder / TAUGHT
    rows = taught_rows(file)
    replaced = set(moves.values()) - moves.keys()
    kept = [
        row | {"image": moves.get(row["image"], row["image"])}
        for row in rows
        if row["image"] in moves or row["image"] not in replaced
    ]
    if kept != rows:
        write_taught(file, kept)


def write_taught(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    """All rows of a library's file."""
    atomic_write(file, "".join(f"{json.dumps(row)}\n" for row in rows).encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectionRows:
    """Corrections that can be learned, as rows, and the answers among them that the reader does not know."""

    examples: tuple[Example, ...]
    asked: Corrections
    new_answers: tuple[str, ...]


def read_corrections(examples: Sequence[Example], reader: VqaModel, config: ParseConfig, task: Task) -> CorrectionRows:
    """Open each photo once; one that cannot be read is left out, and listed with the job."""
    by_path: dict[str, list[Example]] = {}
    for example in examples:
        by_path.setdefault(example.path, []).append(example)
    kept, parts = list[Example](), list[Tensor]()
    for done, (path, own) in enumerate(by_path.items(), start=1):
        if task.stopping:
            break
        if (image := open_photo(path, config, task)) is not None:
            picture = ImageAnalysis(image)
            parts.append(reader.features_many([(VqaQuestion.of(example.question), picture) for example in own]))
            kept += own
        task.report(done, len(by_path), path)
    return as_rows(kept, torch.cat(parts), reader) if kept else as_rows([], torch.zeros(0, 0), reader)


def open_photo(path: str, config: ParseConfig, task: Task) -> Image | None:
    """The photo; None where it cannot be read, which is listed."""
    try:
        return read_page(path, 0, config)
    except (BadFile, NothingThere) as error:
        task.fail(path, str(error))
        return None


def as_rows(examples: Sequence[Example], x_NW: Tensor, reader: VqaModel) -> CorrectionRows:
    """With the number of each answer; a thumb whose sentence says nothing that the reader knows is left out."""
    head = reader.head
    likeliest_NK = widen_head(head.out, 0)(x_NW).topk(LIKELIEST).indices.tolist() if len(examples) else []
    told = [
        (n, replace(example, answer=said_of(example, [head.answers[k] for k in own])))
        for n, (example, own) in enumerate(zip(examples, likeliest_NK, strict=True))
    ]
    told = [(n, example) for n, example in told if example.answer]
    new = dict.fromkeys(e.answer for _, e in told if e.answer not in head.answers and not e.wrong)
    number = {answer: n for n, answer in enumerate((*head.answers, *new))}
    told = [(n, example) for n, example in told if example.answer in number]
    if not told:
        return CorrectionRows(examples=(), asked=no_corrections(reader.net.config.width), new_answers=())
    kept = [example for _, example in told]
    rows = ReaderRows(
        x_NW=x_NW[[n for n, _ in told]],
        right_N=torch.tensor([number[example.answer] for example in kept]),
        wrong_N=torch.tensor([example.wrong for example in kept]),
        weight_N=torch.tensor([example.weight for example in kept]),
    )
    closed_N = torch.tensor([reader.sure.family(example.question) in (THERE, "closed") for example in kept])
    asks_N = torch.tensor([int(example.asks, 16) - 2**63 for example in kept])
    return CorrectionRows(
        examples=tuple(kept), asked=Corrections(rows=rows, closed_N=closed_N, asks_N=asks_N), new_answers=tuple(new)
    )
