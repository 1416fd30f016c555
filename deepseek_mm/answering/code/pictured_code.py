"""The code that a picture shows, or that makes what it shows, by the words in it.

Every line is a question of its own and votes for the files that have its words: the rarer those are, the more it
counts, and the earlier a file comes in its ranking, the more it gets. Beside these votes stand the rankings by all
words together, by names that are defined somewhere, by a traceback's frames, by what the whole means, and by how many
of the lines a file has. What is read wrongly spoils one line; a word that the index does not have is mended if it can.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice

from deepseek_mm.answering.code.tracebacks import as_printed, crash_of
from deepseek_mm.retrieval.ranking import reciprocal_rank_fusion
from index import Filter, Region
from index.store import RegionStore
from index.words import split_words

WHERE = Filter(kinds=("code", "text"))
PAGES = frozenset(["html", "markdown"])  # documents that are as good as code
READ, READ_ALL = 40, 200  # pieces that a line's words, and all words together, may find
MOST_LINES, MOST_NAMES = 120, 40  # that vote
EARLY = 3.0  # of a line's ranking: the smaller, the more its first places count
ENOUGH_WORDS = 5  # different ones of a picture, from which on a file that has them all is surely meant
FEW = 4  # places at which a name may be defined, to say anything
WEIGHTS = (2.0, 1.0, 1.0, 4.0, 0.5)  # of the rankings by lines, all words, names, frames and meaning
SHARED, AHEAD = 2.0, 15  # weight of the ranking by share of lines, and files beyond those wanted that have a share
DEPTH = 3.0  # of the joined ranks: first places count much more than the rest
WORD = re.compile(r"[^\W\d]\w*")
LIKE_A_NAME = re.compile(r"\w_\w|[a-z][A-Z]|^_")
MOST_UNKNOWN, MOST_TRIED = 40, 60  # words that are mended, and spellings of one that are tried
SHORTEST = 3  # letters of a part of a word that was read without its gap
ALIKE = ("1lI", "0O", "5S", "8B", "2Z", "6G")  # letters that are read for each other


@dataclass(frozen=True, slots=True)
class FileMatch:
    """A file that a picture may be of, by its best piece."""

    region: Region
    share: float  # of the picture's lines whose words this file has, 0 to 1


class Ballot:
    """Files and their points in one ranking; of each its best piece."""

    def __init__(self) -> None:
        self.points: defaultdict[int, float] = defaultdict(float)  # source -> points
        self.pieces: defaultdict[int, float] = defaultdict(float)  # region -> points
        self.known: dict[int, Region] = {}

    def vote(self, regions: Sequence[Region], worth: float) -> None:
        """Deal points by rank: a file counts by its first piece."""
        firsts = dict.fromkeys(region.source.id for region in regions)
        for rank, source in enumerate(firsts):
            self.points[source] += worth / (EARLY + rank)
        for rank, region in enumerate(regions):
            self.known.setdefault(region.id, region)
            self.pieces[region.id] += worth / (EARLY + rank)

    @property
    def order(self) -> list[int]:
        """Sources, best first."""
        return sorted(self.points, key=lambda source: -self.points[source])


def locate_files(
    store: RegionStore, lines: Sequence[str], meant: Callable[[str], Sequence[Region]], *, k: int, where: Filter = WHERE
) -> list[FileMatch]:
    """At most k files, best first; `meant` finds pieces by what words mean. None where the picture has no words."""
    asked = [words for line in mended_lines(store, lines)[:MOST_LINES] if (words := " ".join(WORD.findall(line)))]
    if not asked:
        return []
    everything = " ".join(dict.fromkeys(word for words in asked for word in words.split()))
    by_line, at_once, by_name, by_frame, by_meaning = (Ballot() for _ in range(5))
    for words in asked:
        hits = [hit for hit in store.search_words(words, k=READ, where=where) if is_code(hit.region)]
        if hits:
            by_line.vote([hit.region for hit in hits], hits[0].score)
    found = [hit.region for hit in store.search_words(everything, k=READ_ALL, where=where)]
    at_once.vote([region for region in found if is_code(region)], 1.0)
    for name in names_in(lines):
        defined = store.symbols(name, where=where)
        if 0 < len({region.source.id for region in defined}) <= FEW:
            by_name.vote(defined[:1], 1.0 / len(defined))
    for n, region in enumerate(regions_of_frames(store, lines), start=1):
        by_frame.vote([region], 1 / n)
    by_meaning.vote([region for region in meant(everything) if is_code(region)], 1.0)
    ballots = (by_line, at_once, by_name, by_frame, by_meaning)
    rankings = [ballot.order for ballot in ballots]
    wanted = telling([set(split_words(line)) for line in asked])
    shares = {
        source: share_of(wanted, source, store) for source in reciprocal_rank_fusion(rankings, WEIGHTS)[: k + AHEAD]
    }
    by_share = sorted(filter(shares.get, shares), key=lambda source: -shares[source])
    order = [
        source
        for source in reciprocal_rank_fusion([*rankings, by_share], (*WEIGHTS, SHARED), depth=DEPTH)
        if source in shares
    ]
    return [FileMatch(best_piece(source, ballots), shares[source]) for source in order[:k]]


def is_code(region: Region) -> bool:
    """Code, or a page's source."""
    return region.kind == "code" or region.source.format in PAGES


def best_piece(source: int, ballots: Sequence[Ballot]) -> Region:
    """The piece of this file with most points, of the first ballot that knows it; frames say it best."""
    by_line, at_once, by_name, by_frame, by_meaning = ballots
    for ballot in (by_frame, by_line, at_once, by_name, by_meaning):
        own = [region for region in ballot.known.values() if region.source.id == source]
        if own:
            return max(own, key=lambda region: ballot.pieces[region.id])
    raise AssertionError(f"no ballot knows source {source}")


def telling(lines: list[set[str]]) -> list[set[str]]:
    """The lines with at least two words; all if none has two."""
    return [words for words in lines if len(words) > 1] or lines


def share_of(wanted: Sequence[set[str]], source: int, store: RegionStore) -> float:
    """The share of lines whose words all stand in this file.

    Few different words prove little, whatever file has them: the share is less in proportion.
    """
    there = {word for region in store.regions_of([source])[source] for word in split_words(region.text)}
    proof = min(1.0, len(set().union(*wanted)) / ENOUGH_WORDS)
    return proof * sum(words <= there for words in wanted) / len(wanted)


def names_in(lines: Sequence[str]) -> list[str]:
    """Words with an underscore or a capital inside, as code has them; each once."""
    words = (word for line in lines for word in WORD.findall(line) if LIKE_A_NAME.search(word))
    return list(dict.fromkeys(words))[:MOST_NAMES]


def regions_of_frames(store: RegionStore, lines: Sequence[str]) -> Iterator[Region]:
    """For each frame of a traceback, the innermost first, the shortest piece of code that has its line, if it is here.

    A file counts whose folder is the one that was printed too: many are called `utils.py`.
    """
    crash = crash_of(as_printed(lines))
    for frame in crash.frames if crash else ():
        *_, folder, name = ["", *re.split(r"[\\/]", frame.path)]
        regions = store.at_line(name, frame.line, where=WHERE)
        yield from [region for region in regions if folder and f"/{folder}/{name}" in region.source.path][:1]


def mended_lines(store: RegionStore, lines: Sequence[str]) -> list[str]:
    """The lines; words that the index does not have are read again as some that it has."""
    known: dict[str, bool] = {}

    def is_known(word: str) -> bool:
        if word not in known:
            known[word] = store.count_phrase(word) > 0
        return known[word]

    words = dict.fromkeys(word for line in lines for word in WORD.findall(line))
    unknown = [word for word in words if len(word) > SHORTEST and not is_known(word)][:MOST_UNKNOWN]
    better = {word: mended for word in unknown if (mended := mended_word(word, is_known)) != word}
    return [WORD.sub(lambda match: better.get(match[0], match[0]), line) for line in lines]


def mended_word(word: str, is_known: Callable[[str], bool]) -> str:
    """The word with one or two letters changed for ones that look alike, or cut in two, if that is known; else it."""
    return next(filter(is_known, chain(islice(variants(word), MOST_TRIED), cuts(word, is_known))), word)


def variants(word: str) -> Iterator[str]:
    """The word with one letter, then two, exchanged for a letter that looks like it."""
    swaps = [
        (n, other) for n, sign in enumerate(word) for row in ALIKE if sign in row for other in row if other != sign
    ]
    swaps += [(word.find("rn"), "m")] if "rn" in word else []
    for some in [*((one,) for one in swaps), *combinations(swaps, 2)]:
        signs = list(word)
        for n, other in some:
            signs[n] = other
            if other == "m":
                signs[n + 1] = ""
        yield "".join(signs)


def cuts(word: str, is_known: Callable[[str], bool]) -> Iterator[str]:
    """Two known words that were read as one: an underscore or a gap was lost. The most even ones first."""
    places = sorted(range(SHORTEST, len(word) - SHORTEST + 1), key=lambda n: abs(2 * n - len(word)))
    for n in places:
        if is_known(word[:n]) and is_known(word[n:]):
            yield f"{word[:n]} {word[n:]}"
