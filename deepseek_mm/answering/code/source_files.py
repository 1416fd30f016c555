"""The files of a library's code as they are now: their lines, their facts, and pieces for each place in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Literal

from deepseek_mm.answering.code.file_facts import FileFacts, read_facts
from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.parse.document import open_file
from deepseek_mm.parse.workers.client import read_letters
from index import Filter, Region, Source
from index.region import FOR_FOLDERS
from index.store import RegionStore

CODE = Filter(kinds=("code",))  # what questions about code are asked of
FILES = Filter(source_kinds=("code",))
PYTHON = "python"  # format of files whose facts are read
MOST_FILES = 40  # that one question opens


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeFile:
    """A file of code with its pieces, the ones at its head first, and what its syntax says; of no Python nothing."""

    source: Source
    regions: tuple[Region, ...]
    facts: FileFacts
    lines: tuple[str, ...]

    def region_at(self, line: int) -> Region:
        """The shortest piece that has this line; the first one where none has."""
        around = [each for each in self.regions if each.lines[0] <= line <= each.lines[1]]
        return min(around, key=lambda each: each.lines[1] - each.lines[0], default=self.regions[0])


class CodeFiles:
    """Opens files of one store, each as far as the library knows it: a path in a conversation is a stranger's word."""

    def __init__(self, store: RegionStore, limits: ParseConfig) -> None:
        self._store, self._limits = store, limits

    def open(self, source: Source) -> CodeFile | None:
        """The file with its facts; None where nothing of it is indexed as code, or it cannot be read any more."""
        regions = [each for each in self._store.regions_of([source.id])[source.id] if each.kind == "code"]
        read = read_source_lines(source, self._limits) if regions else None
        if read is None or read[0] != source.digest:
            facts, lines = FileFacts(), tuple[str, ...]()
        else:
            lines = tuple(read[1])
            facts = read_facts("\n".join(lines)) if source.format == PYTHON else FileFacts()
        regions.sort(key=lambda each: each.lines)
        return CodeFile(source=source, regions=tuple(regions), facts=facts, lines=lines) if regions else None

    def open_many(self, sources: Sequence[Source]) -> list[CodeFile]:
        """Those of them that can be opened, MOST_FILES at most, each once."""
        wanted = list({source.id: source for source in sources}.values())[:MOST_FILES]
        return [opened for source in wanted if (opened := self.open(source)) is not None]

    def find(self, names: Sequence[str]) -> list[Source]:
        """Files that are named so: "units.py", "units", "shop/orders.py", a folder "shop/", a pattern "test_*.py"."""
        found: dict[int, Source] = {}
        for name in names:
            plain = name.strip().strip("/")
            word = max(plain.split("*"), key=len)
            near = self._store.sources(Filter(source_kinds=("code",), path=word), order="name", limit=1_000)
            found |= {each.id: each for each in near if fits_name(each.path, plain)}
        return list(found.values())


def fits_name(path: str, name: str) -> bool:
    """Whether a file is meant by this name: its own, without its ending, one of its folders', or a pattern of it."""
    parts = path.lower().split("/")
    wanted = name.lower().split("/")
    stem = parts[-1].rpartition(".")[0]
    ways = [parts, [*parts[:-1], stem]] + ([parts[:-1]] if stem in FOR_FOLDERS else [])
    if any(fit(way[-len(wanted) :], wanted) for way in ways):
        return True
    return any(fit(parts[start : start + len(wanted)], wanted) for start in range(len(parts) - len(wanted)))


def fit(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether each part is, or fits the pattern of, what is wanted there."""
    return len(parts) == len(wanted) and all(fnmatch(a, b) for a, b in zip(parts, wanted, strict=True))


State = Literal["", "changed", "gone"]  # as it was read; written to since; not there, or not known here


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Lines of a file."""

    lines: tuple[str, ...]
    cited: tuple[int, int]  # the first and the last of those that are meant
    first: int = 1  # number of the first one
    total: int = 0  # in the file
    state: State = ""


def listing_of(region: Region, store: RegionStore, config: ParseConfig, *, around: int) -> Listing:
    """The lines of its file, at most `around` before and behind those of the region; of a file that is not there the
    region's own text. Where the file was read again since, what has the region's name there is meant.
    """
    known = store.source_at(region.source.path)
    if known is None or (read := read_source_lines(known, config)) is None:
        kept = tuple(region.text.split("\n"))
        return Listing(lines=kept, cited=region.lines, first=region.lines[0] or 1, total=len(kept), state="gone")
    digest, lines = read
    now = region if known.digest == region.source.digest else find_moved(region, known, store)
    state: State = "" if now and digest == known.digest else "changed"
    first, last = (now or region).lines
    start = max(0, min(first, len(lines)) - 1 - around)
    shown = tuple(lines[start : last + around])
    return Listing(lines=shown, cited=(first, last), first=start + 1, total=len(lines), state=state)


def read_source_lines(source: Source, config: ParseConfig) -> tuple[str, list[str]] | None:
    """Its digest and its lines; None where it is gone or cannot be read any more."""
    try:
        file = open_file(source.path, config)
        return file.digest, read_letters(file, config).split("\n")
    except (DeepSeekMMError, OSError):
        return None


def find_moved(region: Region, now: Source, store: RegionStore) -> Region | None:
    """The piece of this name in the file as it was read last; None where there is none, or several are."""
    if region.symbol is None:
        return None
    there = store.regions_of([now.id]).get(now.id, ())
    name = region.symbol.path, region.symbol.kind
    same = [each for each in there if each.symbol and (each.symbol.path, each.symbol.kind) == name]
    return same[0] if len(same) == 1 else None
