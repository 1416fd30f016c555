"""`eval reading`: are questions over passages answered with the right words, and is silence noticed?

As SQuAD counts (arXiv:1606.05250): of a question's right answers the best one; exact is the same words, F1 the harmonic
mean of the shares of words in common. Articles, punctuation and capitals do not count; Chinese is compared sign by
sign. A passage that does not say is right to be called so, and wrong where words are quoted. `--open` looks for the
passage first, among all of the set, as the product does.
"""

import json
import re
import string
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from deepseek_mm.answering.skills.document import SAID
from deepseek_mm.embeddings.passage_reader import Reading
from deepseek_mm.errors import ConfigError
from deepseek_mm.retrieval.passages import order_readings
from deepseek_mm.types import Evidence

ARTICLES = re.compile(r"\b(?:a|an|the|der|die|das|ein|eine|einer|eines|einem|einen|dem|den|des)\b")
SIGN = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+")
PUNCTUATION = set(string.punctuation) | set(
    "\u3002\uff0c\u3001\uff1b\uff1a\uff1f\uff01\u201c\u201d\u2018\u2019\u300a\u300b\uff08\uff09\u00b7"
)

ReadMany = Callable[[str, Sequence[str]], Sequence[Reading]]
FindPassages = Callable[[str], Sequence[Evidence]]  # a question -> passages, best first


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """A question over a passage; without answers it does not say."""

    question: str
    passage: str
    answers: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingReport:
    """Shares in percent; None of what no question asks."""

    n: int
    f1: float | None
    exact: float | None
    said_accuracy: float | None  # answered where the passage says it
    no_answer_accuracy: float | None
    ms_per_question: float
    passage_r1: float | None = None
    answer_f1: float | None = None  # of the words in the passage that was found

    def table(self) -> str:
        """A line a figure."""
        told = (
            ("questions", self.n),
            ("words that answer, F1", self.f1),
            ("the same words", self.exact),
            ("said, and answered", self.said_accuracy),
            ("not said, and noticed", self.no_answer_accuracy),
            ("the right passage first", self.passage_r1),
            ("words in the passage that was found, F1", self.answer_f1),
            ("milliseconds a question", self.ms_per_question),
        )
        return "\n".join(f"{name:40} {value}" for name, value in told if value is not None)

    def json(self) -> str:
        """One line."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})


def read_reading_rows(file: Path, *, titles: Sequence[str] = ()) -> list[ReadingRow]:
    """Rows {question, context, answers}, of these articles alone where some are named. ConfigError names a bad line."""
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            read = ReadingRow(row["question"], row["context"], tuple(row["answers"]), row.get("title", ""))
        except (ValueError, KeyError, TypeError) as error:
            wanted = "{question, context, answers}"
            raise ConfigError(f"{file}:{number} is no row {wanted}: {error}. Mend the line") from error
        if not titles or read.title in titles:
            found.append(read)
    if not found:
        raise ConfigError(f"{file} has no rows to ask. Name another file")
    return found


def evaluate_reading(read_many: ReadMany, rows: Sequence[ReadingRow]) -> ReadingReport:
    """Every question with its own passage."""
    started = time.perf_counter()
    readings = [read_many(row.question, [row.passage])[0] for row in rows]
    took_ms = 1000 * (time.perf_counter() - started) / len(rows)
    pairs = list(zip(rows, readings, strict=True))
    said = [pair for pair in pairs if pair[0].answers]
    return ReadingReport(
        n=len(rows),
        f1=mean([score_best(compute_f1, quote_best(*pair), pair[0].answers) for pair in said]),
        exact=mean([score_best(is_exact, quote_best(*pair), pair[0].answers) for pair in said]),
        said_accuracy=mean([float(reading.said >= SAID) for _, reading in said]),
        no_answer_accuracy=mean([float(reading.said < SAID) for row, reading in pairs if not row.answers]),
        ms_per_question=round(took_ms, 1),
    )


def evaluate_open_reading(
    find: FindPassages, read_many: ReadMany, rows: Sequence[ReadingRow], most: int
) -> ReadingReport:
    """Every question among all passages; of the first ones the reader chooses."""
    started, first, f1 = time.perf_counter(), list[float](), list[float]()
    for row in rows:
        found = list(find(row.question))[:most]
        passages = [entry.region.text for entry in found]
        readings = read_many(row.question, passages)
        order = order_readings([entry.score for entry in found], [reading.said for reading in readings])
        first.append(float(bool(order) and passages[order[0]].strip() in row.passage))
        quoted = quote_best(ReadingRow(row.question, passages[order[0]], ()), readings[order[0]]) if order else ""
        f1.append(score_best(compute_f1, quoted, row.answers) if row.answers else 0.0)
    took_ms = 1000 * (time.perf_counter() - started) / len(rows)
    return ReadingReport(
        n=len(rows),
        f1=None,
        exact=None,
        said_accuracy=None,
        no_answer_accuracy=None,
        ms_per_question=round(took_ms, 1),
        passage_r1=mean(first),
        answer_f1=mean(f1),
    )


def quote_best(row: ReadingRow, reading: Reading) -> str:
    """The likeliest words of the passage."""
    return row.passage[reading.spans[0].start : reading.spans[0].end] if reading.spans else ""


def normalize_answer(text: str) -> list[str]:
    """Words without articles and punctuation; signs of Chinese."""
    bare = "".join(char if char not in PUNCTUATION else " " for char in text.lower())
    return SIGN.findall(ARTICLES.sub(" ", bare))


def compute_f1(told: str, right: str) -> float:
    """Harmonic mean of the shares of words in common."""
    a, b = normalize_answer(told), normalize_answer(right)
    same = sum((Counter(a) & Counter(b)).values())
    return 2 * same / (len(a) + len(b)) if a and b else float(a == b)


def is_exact(told: str, right: str) -> float:
    """1 where the words are the same."""
    return float(normalize_answer(told) == normalize_answer(right))


def score_best(score: Callable[[str, str], float], told: str, right: Sequence[str]) -> float:
    """By the right answer that fits best."""
    return max(score(told, each) for each in right)


def mean(values: Sequence[float]) -> float | None:
    """In percent."""
    return round(100 * sum(values) / len(values), 2) if values else None
