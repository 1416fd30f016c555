"""What stands between a text before and a text after: lines that are drawn from the first and chosen by the second.

The model was never shown a gap to fill (its tokenizer has no marks for one), it only goes on. So it goes on several
times, and of what it says that is taken after which the text that follows is least of a surprise: Bayes' rule over the
drawn ones, P(middle | before) P(after | before, middle), as left-to-right reranking in Fried et al. (arXiv:2204.05999),
section 4.1. In Python what does not parse in its place is left out, as long as anything does.
"""

import ast
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deepseek_mm.lm.generator import Spent, Writes
from deepseek_mm.lm.sampling import Sampling

BEFORE, AFTER = 6000, 400  # characters of the text before that are read, and of the text after that are weighed
MOST_PARSED = 200_000  # characters that are checked for being Python
TOP_P = 0.95  # of the probability from which lines are drawn
INDENT = " \t"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draws:
    """How lines are drawn: the likeliest one, and these."""

    temperatures: tuple[float, ...] = (0.3, 0.3, 0.6, 0.6, 0.6, 0.6, 0.9, 0.9, 0.9)  # one line each
    seed: int = 0  # of the first; the next ones count on
    most: int = 96  # tokens of a line
    weight: float = 1.0  # of a line's own surprise beside that of the text after it


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """One line for the gap."""

    text: str
    nats: float  # its weighted surprise with that of the text after it: less is better
    parses: bool  # the whole is Python with it
    first: bool  # the likeliest line, as it would be without looking at what comes after


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Where something is missing. The cursor's line may have begun, and may go on behind it."""

    before: str
    after: str

    @property
    def fresh(self) -> bool:
        """Whether the cursor's line has nothing before it."""
        return not self.before.rpartition("\n")[2].strip()

    @property
    def open(self) -> str:
        """What the model goes on from: without spaces and line ends before the cursor, which are parts of tokens that
        go on behind it.
        """
        before = self.before[-BEFORE:]
        return (before.rstrip() if self.fresh else before.rstrip(INDENT)) or "\n"

    @property
    def spaces(self) -> str:
        """The spaces before the cursor."""
        return self.before[len(self.before.rstrip(INDENT)) :]

    @property
    def rest(self) -> str:
        """What stands behind the cursor on its line."""
        return self.after.partition("\n")[0].strip()

    def fitted(self, line: str) -> str:
        """A drawn line as it would stand at the cursor: with the spaces that are there, and no rest twice."""
        line = line.rstrip()
        if self.spaces:
            line = line.lstrip(INDENT)
        if self.rest and line.endswith(self.rest):
            line = line[: -len(self.rest)]
        return line

    def whole(self, line: str) -> str:
        """Everything with the line in its place."""
        return self.before + line + self.after


def fill(lm: Writes, gap: Gap, draws: Draws, *, stop: threading.Event, spent: list[Spent]) -> list[Filled]:
    """Lines for the gap, best first, each once; none where the model says nothing, or once it is stopped.

    What was read and written is added to `spent`. BadQuestion: the text is too long.
    """
    lines = list(dict.fromkeys(gap.fitted(line) for line in drawn(lm, gap, draws, stop=stop, spent=spent)))
    lines = [line for line in lines if line.strip()]
    parsing = {line for line in lines if parses(gap.whole(line))}
    filled = [
        Filled(
            text=line,
            nats=surprise(lm, gap, line, draws.weight, stop) if line in parsing or not parsing else float("inf"),
            parses=line in parsing,
            first=number == 0,
        )
        for number, line in enumerate(lines)
        if not stop.is_set()
    ]
    return [] if stop.is_set() else sorted(filled, key=lambda each: each.nats)


def drawn(lm: Writes, gap: Gap, draws: Draws, *, stop: threading.Event, spent: list[Spent]) -> list[str]:
    """The likeliest line first, then one for each temperature; the model writes them side by side."""
    seeded = ((heat, draws.seed + n) for n, heat in enumerate((0.0, *draws.temperatures)))
    samplings = [Sampling(temperature=heat, seed=seed, top_p=TOP_P, max_tokens=draws.most) for heat, seed in seeded]
    with ThreadPoolExecutor(len(samplings)) as pool:
        pieces = [lm.write(gap.open, each, stop=stop, spent=spent) for each in samplings]
        return list(pool.map(lambda each: one_line(each, fresh=gap.fresh), pieces))


def one_line(pieces: Iterator[str], *, fresh: bool) -> str:
    """Pieces up to the end of the first line that says something; whoever writes them is then let go.

    Where the line is a `fresh` one, what is added to the line before is left out.
    """
    text, line = "", ""
    for piece in pieces:
        text += piece
        line = text.partition("\n")[2] if fresh else text
        if "\n" in line.lstrip():
            break
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
    return line.lstrip("\n").partition("\n")[0]


def surprise(lm: Writes, gap: Gap, line: str, weight: float, stop: threading.Event) -> float:
    """Nats of the line after what is before, weighted, and of what comes after behind both."""
    before, after = gap.before[-BEFORE:] or "\n", tail_of(gap.after)
    if weight == 1:
        return lm.nats(before, line + after, stop=stop)
    return weight * lm.nats(before, line, stop=stop) + lm.nats(before + line, after, stop=stop)


def tail_of(after: str) -> str:
    """As much of the text after as is weighed: whole lines, or the end of this one where nothing is."""
    if not after.strip():
        return "\n"
    part = after[:AFTER]
    return part if len(part) == len(after) or "\n" not in part.strip() else part.rpartition("\n")[0]


def parses(text: str) -> bool:
    """Whether it is Python."""
    if len(text) > MOST_PARSED:
        return False
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def first_of(filled: Sequence[Filled]) -> str:
    """The likeliest line without looking at what comes after; nothing where there is none."""
    return next((each.text for each in filled if each.first), "")
