"""What a model needs to see for a task, within a budget: a map of signatures first, then the bodies that matter most.

The map follows the idea of aider's repository map (https://aider.chat/docs/repomap.html): files and signatures, those
first that matter most; the code here is our own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepseek_mm.code_graph.pieces import CodePiece, cut_pieces, read_head
from deepseek_mm.code_graph.ranking import NOTHING_KNOWN, KnownSigns, PieceCorpus, RankedPiece, rank_pieces
from deepseek_mm.code_graph.records import CALLS, CodeLink, SourceText

MAP_SHARE = 0.3  # of the budget
CHARS_PER_TOKEN = 3.5  # of code, on the average
MOST_BODY = 0.4  # of the budget for bodies that one piece may have; a longer one is cut
MAPPED, IN_FILE = 120, 12  # pieces of the map, and of one file in it
LINK_WEIGHT = {"certain": 1.0, "likely": 0.5, "name": 0.15}
CountTokens = Callable[[str], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextBody:
    """A piece with its text."""

    piece: CodePiece
    text: str
    is_cut: bool

    @property
    def place(self) -> str:
        """path:first-last"""
        return f"{self.piece.path}:{self.piece.first}-{self.piece.last}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeContext:
    """What was gathered."""

    map: str  # files with signatures
    bodies: tuple[ContextBody, ...]  # best first
    ranked: tuple[RankedPiece, ...]  # all that the task may be about, best first
    tokens: int  # of map and bodies

    @property
    def text(self) -> str:
        """Map and bodies as one text."""
        told = [f"# {body.place} {body.piece.qualified}\n{body.text}" for body in self.bodies]
        return "\n\n".join([self.map, *told] if self.map else told)


def make_corpus(sources: Sequence[SourceText], links: Sequence[CodeLink] | None = None) -> PieceCorpus:
    """The pieces of files; the links of a graph say what uses what, without them names do."""
    pieces = [piece for source in sources for piece in cut_pieces(source)]
    heads = {source.path: read_head(source.text) for source in sources}
    return PieceCorpus(pieces, links_between(pieces, links) if links is not None else None, heads)


def links_between(pieces: Sequence[CodePiece], links: Sequence[CodeLink]) -> list[tuple[int, int, float]]:
    """The graph's links as numbers of pieces; what a nested function does, the one around it does."""
    numbers: dict[tuple[str, int], int] = {}
    for number, piece in enumerate(pieces):
        for row in piece.own:
            numbers[piece.path, row] = number
    found: dict[tuple[int, int], float] = {}
    for link in links:
        source = numbers.get((link.source.path, link.source.line))
        target = numbers.get((link.target.path, link.target.line))
        if source is not None and target is not None and source != target:
            weight = LINK_WEIGHT[link.certainty] * (1.0 if link.kind in CALLS else 0.5)
            found[source, target] = max(found.get((source, target), 0.0), weight)
    return [(source, target, weight) for (source, target), weight in found.items()]


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has."""
    return int(len(text) / CHARS_PER_TOKEN) + 1


def gather_context(
    task: str,
    corpus: PieceCorpus,
    budget: int,
    known: KnownSigns = NOTHING_KNOWN,
    *,
    count_tokens: CountTokens = estimate_tokens,
) -> CodeContext:
    """The map and the bodies for a task in at most `budget` tokens.

    `known` says what vectors and the history tell of the pieces of the corpus.
    """
    ranked = rank_pieces(corpus, task, known)
    shown = draw_map([each.piece for each in ranked[:MAPPED]], int(budget * MAP_SHARE), count_tokens)
    left = budget - (count_tokens(shown) if shown else 0)
    bodies = choose_bodies([each.piece for each in ranked], left, count_tokens)
    told = CodeContext(map=shown, bodies=tuple(bodies), ranked=tuple(ranked), tokens=0)
    return CodeContext(
        map=shown, bodies=told.bodies, ranked=told.ranked, tokens=count_tokens(told.text) if told.text else 0
    )


def draw_map(pieces: Sequence[CodePiece], budget: int, count_tokens: CountTokens) -> str:
    """Files in the order of their best piece, each with signatures of its best pieces, as far as the budget goes."""
    by_file: dict[str, list[CodePiece]] = {}
    for piece in pieces:
        found = by_file.setdefault(piece.path, [])
        if len(found) < IN_FILE:
            found.append(piece)
    blocks: list[str] = []
    spent = 0
    for path, found in by_file.items():
        lines = [path, *(map_line(piece) for piece in sorted(found, key=lambda piece: piece.first))]
        block = "\n".join(lines)
        spent += count_tokens(block) + 1
        if spent > budget:
            break
        blocks.append(block)
    return "\n".join(blocks)


def map_line(piece: CodePiece) -> str:
    """A signature, further in where something encloses it."""
    return f"{'  ' * (1 + piece.qualified.count('.'))}{piece.first}: {piece.signature}"


def choose_bodies(pieces: Sequence[CodePiece], budget: int, count_tokens: CountTokens) -> list[ContextBody]:
    """Bodies, best first, as long as they fit; a long one is cut once, one that does not fit is passed over."""
    found: list[ContextBody] = []
    left = budget
    for piece in pieces:
        text, is_cut = piece.text, False
        heading = count_tokens(f"# {piece.path}:{piece.first}-{piece.last} {piece.qualified}\n\n")
        if count_tokens(text) > MOST_BODY * budget:
            text, is_cut = cut_text(text, int(MOST_BODY * budget), count_tokens), True
        cost = count_tokens(text) + heading
        if cost <= left:
            found.append(ContextBody(piece=piece, text=text, is_cut=is_cut))
            left -= cost
        if left < 2 * heading:
            break
    return found


def cut_text(text: str, budget: int, count_tokens: CountTokens) -> str:
    """The first lines of a text that fit, and a mark."""
    lines = text.split("\n")
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens("\n".join(lines[:middle]) + "\n...") <= budget:
            low = middle
        else:
            high = middle - 1
    return "\n".join([*lines[:low], "..."])
