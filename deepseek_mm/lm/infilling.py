"""What stands between a text before and a text after: lines that are drawn from the first and chosen by the second.

The model was never shown a gap to fill (its tokenizer has no marks for one), it only goes on. So it goes on several
times, and of what it says that is taken after which the text that follows is least of a surprise: Bayes' rule over the
drawn ones, P(middle | before) P(after | before, middle), as left-to-right reranking in Fried et al. (arXiv:2204.05999),
section 4.1. In Python what does not parse in its place is left out, as long as anything does, and so is what leaves a
name without a value; and a line is begun for the model where its surroundings tell how it must begin (`hints`).
"""

import ast
import builtins
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf

from deepseek_mm.lm.engine.sampling import Sampling
from deepseek_mm.lm.generator import TextCompleter, TokenUsage

KNOWN = frozenset(dir(builtins)) | {"__file__", "__name__", "self", "cls"}
STEP = 4  # spaces of one indentation, where nothing tells
MOST_NAMES = 3  # unbound ones that are proposed; more are a text without its beginning
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, kw_only=True, slots=True)
class LineSlot:
    """Where a line can stand so that the whole is Python."""

    indent: str
    opens: bool  # a block: the next lines are its body


def parse_or_none(text: str) -> ast.Module | None:
    """None if it is no Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def find_unbound_names(tree: ast.Module) -> frozenset[str]:
    """Names that are used and that nothing binds, wherever it stands. A name that only grows (x += 1) is not bound."""
    used, bound = set[str](), set[str]()
    grown = {id(node.target) for node in ast.walk(tree) if isinstance(node, ast.AugAssign)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) or id(node) in grown else bound).add(node.id)
        else:
            bound |= set(find_bound_names(node))
    return frozenset(used - bound - KNOWN)


def find_bound_names(node: ast.AST) -> Iterator[str]:
    """Names that a node binds, if it is no name itself."""
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name


def find_slots(before: str, after: str) -> list[LineSlot]:
    """Where the missing line can stand, likeliest first; none where the text is no Python whatever the line is."""
    last, following = last_line(before), first_line(after)
    deep, step = indent_of(last), step_of(before + after)
    inner = deep + step if last.rstrip().endswith(":") else deep
    guesses = [inner, indent_of(following), deep, deep + step]
    found = []
    for opens in (True, False) if len(indent_of(following)) > len(inner) else (False, True):
        for indent in dict.fromkeys(guesses):
            line = f"{indent}if None:" if opens else f"{indent}pass"
            if parse_or_none(f"{before}{line}{after}") is not None:
                found.append(LineSlot(indent=indent, opens=opens))
        if found:
            break
    return found


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line for line in reversed(text.split("\n")) if line.strip()), "")


def first_line(text: str) -> str:
    """The first one."""
    return next((line for line in text.split("\n") if line.strip()), "")


def step_of(text: str) -> str:
    """One indentation more, as the text has it."""
    indents = {indent_of(line) for line in text.split("\n") if line.strip()} - {""}
    return min(indents, key=len, default=" " * STEP)


def indent_of(line: str) -> str:
    """The spaces that it begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def line_starts(before: str, after: str) -> list[str]:
    """How the missing line may begin, with its indentation, most certain first."""
    here = find_slots(before, after)
    if not here:
        return []
    place = here[0]
    filler = f"{place.indent}if None:" if place.opens else f"{place.indent}pass"
    tree = parse_or_none(f"{before}{filler}{after}")
    assert tree is not None, "the place was tried"
    names = sort_by_use(find_unbound_names(tree), after)
    return [
        place.indent + words
        for words in (block_starts(names) if place.opens else statement_starts(names, tree, before))
    ]


def block_starts(names: Sequence[str]) -> list[str]:
    """Of a block."""
    together = [f"for {', '.join(names)} in"] if names else []
    return [*together, *(f"for {name} in" for name in names[:1] if len(names) > 1), "if", "for", "while", "else:"]


def statement_starts(names: Sequence[str], tree: ast.Module, before: str) -> list[str]:
    """Of a statement."""
    if names:
        return [f"{', '.join(names)} ="] if len(names) == 1 else [f"{', '.join(names)} =", f"{names[0]} ="]
    row = before.count("\n") + 1
    inside = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS) and belongs_to_block(node, row)]
    if inside and not any(isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) for node in ast.walk(inside[-1])):
        return ["return"]
    return []


def belongs_to_block(node: ast.AST, row: int) -> bool:
    """Whether a line belongs to it."""
    return bool(node.lineno <= row <= (node.end_lineno or row))  # type: ignore[attr-defined]


def sort_by_use(names: frozenset[str], after: str) -> list[str]:
    """By where they are used first; none where there are too many."""
    return [] if len(names) > MOST_NAMES else sorted(names, key=lambda name: (after.find(name), name))


BEFORE, AFTER = 6000, 400  # characters of the text before that are read, and of the text after that are weighed
MOST_PARSED = 200_000  # characters that are checked for being Python
TOP_P = 0.95  # of the probability from which lines are drawn
INDENT = " \t"


@dataclass(frozen=True, kw_only=True, slots=True)
class LineSampling:
    """How lines are drawn: the likeliest one, and these."""

    temperatures: tuple[float, ...] = (0.4, 0.6, 0.6, 0.8, 0.8, 1.0)  # one line each
    begun: tuple[float, ...] = (0.0, 0.6)  # the same of lines that are begun for the model
    most_begun: int = 4  # beginnings
    seed: int = 0  # of the first; the next ones count on
    most: int = 96  # tokens of a line


@dataclass(frozen=True, kw_only=True, slots=True)
class FilledLine:
    """One line for the gap."""

    text: str
    nats: float  # its surprise with that of the text after it: less is better
    faults: float  # names that it leaves without a value; infinite where the whole is no Python with it
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
    def begun(self) -> list[str]:
        """How the line may begin, if it is a fresh one: with its indentation."""
        before = self.before[: len(self.before) - len(self.spaces)]
        return line_starts(before, self.after) if self.fresh and len(before + self.after) <= MOST_PARSED else []

    @property
    def rest(self) -> str:
        """What stands behind the cursor on its line."""
        return self.after.partition("\n")[0].strip()

    def fit_line(self, line: str) -> str:
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


def fill(
    lm: TextCompleter, gap: Gap, draws: LineSampling, *, stop: threading.Event, spent: list[TokenUsage]
) -> list[FilledLine]:
    """Lines for the gap, best first, each once; none where the model says nothing, or once it is stopped.

    What was read and written is added to `spent`. BadQuestion: the text is too long.
    """
    lines = list(dict.fromkeys(gap.fit_line(line) for line in draw_lines(lm, gap, draws, stop=stop, spent=spent)))
    faults = {line: faults_of(gap.whole(line)) for line in lines if line.strip()}
    least = min(faults.values(), default=0.0)
    filled = [
        FilledLine(
            text=line,
            nats=surprise(lm, gap, line, stop) if found == least else inf,
            faults=found,
            first=line == lines[0],
        )
        for line, found in faults.items()
        if not stop.is_set()
    ]
    return [] if stop.is_set() else sorted(filled, key=lambda each: (each.faults, each.nats))


def draw_lines(
    lm: TextCompleter, gap: Gap, draws: LineSampling, *, stop: threading.Event, spent: list[TokenUsage]
) -> list[str]:
    """The likeliest line first, then one for each temperature; the model writes them side by side.

    The first one is written alone, so that the others find its long prompt read.
    """
    wanted = [("", heat) for heat in (0.0, *draws.temperatures)]
    wanted += [(words, heat) for words in gap.begun[: draws.most_begun] for heat in draws.begun]

    def draw(number: int) -> str:
        words, heat = wanted[number]
        sampling = Sampling(temperature=heat, seed=draws.seed + number, top_p=TOP_P, max_tokens=draws.most)
        text = f"{gap.open}\n{words}" if words else gap.open
        pieces = lm.write(text, sampling, stop=stop, spent=spent)
        return words + one_line(pieces, fresh=gap.fresh and not words, blank=bool(words))

    first = draw(0)
    with ThreadPoolExecutor(len(wanted)) as pool:
        return [first, *pool.map(draw, range(1, len(wanted)))]


def one_line(pieces: Iterator[str], *, fresh: bool, blank: bool = False) -> str:
    """Pieces up to the end of the first line that says something, or `blank`, of any; who writes them is then let go.

    Where the line is a `fresh` one, what is added to the line before is left out.
    """
    text, line = "", ""
    for piece in pieces:
        text += piece
        line = text.partition("\n")[2] if fresh else text
        if "\n" in (line if blank else line.lstrip()):
            break
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
    return (line if blank else line.lstrip("\n")).partition("\n")[0]


def surprise(lm: TextCompleter, gap: Gap, line: str, stop: threading.Event) -> float:
    """Nats of the line after what is before, and of what comes after behind both."""
    return lm.nats(gap.before[-BEFORE:] or "\n", line + tail_of(gap.after), stop=stop)


def tail_of(after: str) -> str:
    """As much of the text after as is weighed: whole lines, or the end of this one where nothing is."""
    if not after.strip():
        return "\n"
    part = after[:AFTER]
    return part if len(part) == len(after) or "\n" not in part.strip() else part.rpartition("\n")[0]


def faults_of(text: str) -> float:
    """How many names have no value; infinite where it is no Python, or too much of it."""
    tree = parse_or_none(text) if len(text) <= MOST_PARSED else None
    return inf if tree is None else len(find_unbound_names(tree))


def first_of(filled: Sequence[FilledLine]) -> str:
    """The likeliest line without looking at what comes after; nothing where there is none."""
    return next((each.text for each in filled if each.first), "")
