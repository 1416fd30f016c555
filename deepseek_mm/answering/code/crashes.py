"""A traceback told: where it came up, why that is likely, and through which calls it came."""

from deepseek_mm.answering.code.claims import (
    LIKELY,
    MAX_DOC,
    ClaimWriter,
    line_of,
    name_region,
    place_of,
    quote_code,
    quote_condition,
    quote_line,
)
from deepseek_mm.answering.code.crash_causes import explain_crash, find_blamed, read_site
from deepseek_mm.answering.code.explanations import find_function
from deepseek_mm.answering.code.source_files import CODE, CodeFiles
from deepseek_mm.answering.code.tracebacks import Crash, TracebackFrame
from deepseek_mm.language.words import clean, quotable
from index import Region
from index.store import RegionStore

MOST = 6  # calls that are told


def tell_crash(crash: Crash, store: RegionStore, files: CodeFiles, tell: ClaimWriter) -> None:
    """Frame by frame, the innermost first, with the likely cause behind it; those of other projects are counted."""
    places = [(frame, find_frame(frame, store)) for frame in crash.frames]
    known = [(frame, region) for frame, region in places if region is not None]
    for n, (frame, region) in enumerate(known[:MOST]):
        said = f"{clean(crash.said, MAX_DOC)} came up" if n == 0 and crash.said else "It came through there"
        where = f"in {name_region(region)}, {region.source.name} line {frame.line}"
        tell.say(f"{said} {where}: {quote_line(region, frame.line)}", region)
        if n == 0:
            _tell_cause(crash, frame, region, files, tell)
    _tell_raised(crash, store, files, tell)
    outside = len(places) - len(known)
    if known and outside:
        noun = "call of the traceback is" if outside == 1 else "calls of the traceback are"
        tell.say(f"{outside} {noun} of files that are not here", known[0][1])


def find_frame(frame: TracebackFrame, store: RegionStore) -> Region | None:
    """The shortest piece of code that has this line, of the file whose path ends most alike."""
    name = frame.path.replace("\\", "/").rsplit("/", 1)[-1]
    regions = store.at_line(name, frame.line, where=CODE)
    return max(regions, key=lambda one: count_alike(one.source.path, frame.path), default=None)


def count_alike(path: str, other: str) -> int:
    """How many parts two paths have in common, from the end."""
    pairs = zip(reversed(path.split("/")), reversed(other.replace("\\", "/").split("/")), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(path.count("/"), other.count("/")) + 1)


def _tell_cause(crash: Crash, frame: TracebackFrame, region: Region, files: CodeFiles, tell: ClaimWriter) -> None:
    site = read_site(crash.said, line_of(region, frame.line))
    cause = explain_crash(site)
    if cause:
        tell.say(f"Likely {cause}", region, certainty=LIKELY)
    blamed = find_blamed(site)
    given = find_given(region, blamed, frame.line) if blamed else None
    if given:
        tell.say(f"`{blamed}` is given its value in line {given[0]}: {quote_code(given[1])}", region)
    file = files.open(region.source)
    function = find_function(file, region) if file else None
    if blamed and not given and function and blamed in function.signature:
        tell.say(f"`{blamed}` is a parameter of {name_region(region)}, so whoever calls it gave it", region)


def find_given(region: Region, name: str, line: int) -> tuple[int, str] | None:
    """The last line before this one, of the same piece of code, that assigns the name."""
    first = region.lines[0]
    for number in range(line - 1, first - 1, -1):
        code = line_of(region, number)
        target, sign, _ = code.partition("=")
        names = [each.strip() for each in target.split(":")[0].split(",")]
        if sign and not code.partition("=")[2].startswith("=") and name in names:
            return number, code
    return None


def _tell_raised(crash: Crash, store: RegionStore, files: CodeFiles, tell: ClaimWriter) -> None:
    """Of an error of the library's own what it says of itself, and where it is raised."""
    name = crash.said.partition(":")[0].strip().rpartition(".")[2]
    own = store.symbols(name, where=CODE)[:1] if name.isidentifier() else []
    if not own or own[0].symbol is None or own[0].symbol.kind != "class":
        return
    doc = f', which says: "{quotable(own[0].symbol.doc, MAX_DOC)}"' if own[0].symbol.doc.strip() else ""
    tell.say(f"{name_region(own[0])} is an error of this code, defined in {place_of(own[0])}{doc}", own[0])
    for caller in store.callers(name, where=CODE)[:MOST]:
        file = files.open(caller.source)
        function = find_function(file, caller) if file else None
        for each in [one for one in function.raises if one.error == name] if function else ():
            where = f"{name_region(caller)} in {place_of(caller)}"
            tell.say(f"{where} raises it{quote_condition(each.condition)}", caller)
