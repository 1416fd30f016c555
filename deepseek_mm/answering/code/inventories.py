"""What there is in files of code, by kind: functions, classes, errors of their own, constants, tests, imports."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deepseek_mm.answering.code.claims import MAX_DOC, ClaimWriter, place_at, quote_code
from deepseek_mm.answering.code.source_files import CodeFile
from deepseek_mm.language.code_requests import Listed
from deepseek_mm.language.words import join_words, quotable
from index import Region

MOST = 12  # that one answer names
NOUNS: Mapping[Listed, tuple[str, str]] = {
    "function": ("function", "functions"),
    "class": ("class", "classes"),
    "method": ("method", "methods"),
    "exception": ("class of errors", "classes of errors"),
    "constant": ("constant", "constants"),
    "test": ("test", "tests"),
    "import": ("import", "imports"),
    "file": ("file", "files"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedItem:
    """One of a list."""

    name: str
    beside: str  # a value or the first sentence of what it says of itself
    line: int
    region: Region


def tell_inventory(listed: Listed, files: Sequence[CodeFile], tell: ClaimWriter, *, where: str) -> None:
    """How many there are and what they are called; that there is none is told as well."""
    found = [entry for file in files for entry in LISTS[listed](file)]
    one, many = NOUNS[listed]
    if not found:
        if files:
            tell.say(f"There is no {one} {where}", *[file.regions[0] for file in files[:1]])
        return
    head = f"There is 1 {one}" if len(found) == 1 else f"There are {len(found)} {many}"
    names = [tell_entry(entry) for entry in found[:MOST]]
    if len(found) > MOST:
        names.append(f"{len(found) - MOST} more")
    tell.say(
        f"{head} {where}: {join_words(names)}",
        *[entry.region for entry in found[:MOST]],
    )


def tell_entry(entry: ListedItem) -> str:
    """`BadLine` (readings.py:17, "A line that is no reading.")"""
    beside = f", {entry.beside}" if entry.beside else ""
    return f"`{entry.name}` ({place_at(entry.region, entry.line) if entry.line else entry.region.source.name}{beside})"


def _symbols(*kinds: str) -> Callable[[CodeFile], Iterator[ListedItem]]:
    def list_symbols(file: CodeFile) -> Iterator[ListedItem]:
        for region in file.regions:
            if region.symbol and region.symbol.kind in kinds:
                yield ListedItem(name=region.symbol.path, beside="", line=region.lines[0], region=region)

    return list_symbols


def _exceptions(file: CodeFile) -> Iterator[ListedItem]:
    own = {each.name: each for each in file.facts.classes}
    errors = {name for name, each in own.items() if each.is_error}
    for _ in own:  # of what is based on one of the file's own
        errors |= {name for name, each in own.items() if any(base in errors for base in each.bases)}
    for name, each in own.items():
        if name in errors:
            region = file.region_at(each.lines[0])
            said = f'"{quotable(each.doc.split(chr(10))[0], MAX_DOC)}"' if each.doc else ""
            yield ListedItem(name=name, beside=said, line=each.lines[0], region=region)


def _constants(file: CodeFile) -> Iterator[ListedItem]:
    for each in file.facts.constants:
        if not each.owner and each.name.isupper():
            yield ListedItem(
                name=each.name, beside=quote_code(each.value), line=each.line, region=file.region_at(each.line)
            )


def _tests(file: CodeFile) -> Iterator[ListedItem]:
    for region in file.regions:
        if region.symbol and region.symbol.name.startswith("test") and region.symbol.kind in ("function", "method"):
            yield ListedItem(name=region.symbol.path, beside="", line=region.lines[0], region=region)


def _imports(file: CodeFile) -> Iterator[ListedItem]:
    for name in file.facts.imports:
        yield ListedItem(name=name, beside="", line=0, region=file.regions[0])


def _file(file: CodeFile) -> Iterator[ListedItem]:
    doc = file.facts.doc or (file.regions[0].symbol.doc if file.regions[0].symbol else "")
    said = f'"{quotable(doc.strip().split(chr(10))[0], MAX_DOC)}"' if doc.strip() else ""
    yield ListedItem(name=file.source.name, beside=said, line=0, region=file.regions[0])


LISTS: Mapping[Listed, Callable[[CodeFile], Iterator[ListedItem]]] = {
    "function": _symbols("function"),
    "class": _symbols("class"),
    "method": _symbols("method"),
    "exception": _exceptions,
    "constant": _constants,
    "test": _tests,
    "import": _imports,
    "file": _file,
}
