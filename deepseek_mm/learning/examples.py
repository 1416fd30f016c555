"""What somebody corrected, as questions about one photo with the answers that are right, or wrong.

A right answer counts in full. A thumb up says that what was said is right, one down that it is wrong, and no more. A
box that was named, and a photo that was described, say which things are there. What is asked of many photos, or what
the reader does not settle, teaches nothing here.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.answering.closed_vqa import SETTLED, close_question
from deepseek_mm.errors import BadFile, LibraryError
from deepseek_mm.history import Turn
from deepseek_mm.language.parser import parse
from deepseek_mm.language.words import lead, normalize_answer, singular, with_article
from deepseek_mm.storage.files import atomic_write, parse_json, read_lines

YES_NO = ("yes", "no")
HALF = 0.5  # what a thumb, a box and a description count beside a right answer
TAUGHT = "taught.jsonl"
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


def of_turns(turns: Iterable[Turn], nouns: Collection[str]) -> Iterator[Example]:
    """All that these turns teach, oldest first."""
    for turn in turns:
        yield from of_boxes(turn)
        if (turn.right or turn.rating) and (example := judged(turn)):
            yield example


def judged(turn: Turn) -> Example | None:
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


def taught_rows(file: Path) -> list[dict[str, str]]:
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


def teach(folder: Path, rows: Sequence[dict[str, str]]) -> int:
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
    atomic_write(file, "".join(f"{json.dumps(row)}\n" for row in (*kept, *rows)).encode())
    return len(rows)
