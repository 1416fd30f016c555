"""What a piece of code does, told from its syntax: words of its own, what it gives back, raises, uses and calls."""

from collections.abc import Sequence

from deepseek_mm.answering.code.claims import (
    MAX_DOC,
    ClaimWriter,
    join_names,
    name_region,
    place_at,
    place_of,
    quote_code,
    quote_condition,
    quote_note,
)
from deepseek_mm.answering.code.file_facts import FunctionFact
from deepseek_mm.answering.code.source_files import CodeFile, CodeFiles
from deepseek_mm.answering.code.statements import count_times
from deepseek_mm.language.words import join_words, quotable
from index import Region

MOST_RAISED, MOST_CONSTANTS = 3, 3  # that are told of one function
SIMPLE = 80  # letters of what is given back, that still say something


def find_function(file: CodeFile, region: Region) -> FunctionFact | None:
    """The facts of the function that a piece of code defines."""
    path = region.symbol.path if region.symbol else ""
    same = [each for each in file.facts.functions if each.path == path]
    near = [each for each in same if each.lines[0] <= region.lines[1] and region.lines[0] <= each.lines[1]]
    return next(iter(near or same), None)


def tell_doc(region: Region, tell: ClaimWriter) -> None:
    """The first paragraph of its docstring."""
    if region.symbol and region.symbol.doc.strip():
        paragraph = region.symbol.doc.strip().split("\n\n")[0]
        tell.say(f'It says of itself: "{quotable(paragraph, MAX_DOC)}"', region)


def tell_facts(region: Region, files: CodeFiles, tell: ClaimWriter) -> None:
    """What a function gives back, raises and repeats, and the constants that it uses; nothing where it is none."""
    file = files.open(region.source)
    function = find_function(file, region) if file else None
    if file is not None and region.symbol and region.symbol.kind == "class":
        _tell_class(region, file, tell)
    if file is None or function is None:
        return
    if len(function.returns) == 1 and len(function.returns[0]) <= SIMPLE and not function.returns[0].isidentifier():
        tell.say(f"It gives back {quote_code(function.returns[0])}", region)
    raised = [quote_code(each.error) + quote_condition(each.condition) for each in function.raises[:MOST_RAISED]]
    if raised:
        tell.say(f"It raises {join_words(list(dict.fromkeys(raised)))}", region)
    for written, rounds in function.rounds:
        tell.say(f"It goes round {quote_code(f'for ... in {written}')} {count_times(rounds)}", region)
    tell_constants(file, function.uses, tell)


def _tell_class(region: Region, file: CodeFile, tell: ClaimWriter) -> None:
    path = region.symbol.path if region.symbol else ""
    own = next((each for each in file.facts.classes if each.name == path), None)
    if own is not None and own.bases:
        tell.say(f"It is based on {join_names(own.bases)}", region)
    fields = [each.name for each in file.facts.constants if each.owner == path]
    if fields:
        tell.say(f"It has {join_names(fields)}", region)
    inside = [each.symbol for each in file.regions if each.symbol and each.symbol.parent == path]
    methods = [each.name for each in inside if each.kind == "method"]
    public = [name for name in methods if not name.startswith("_")] or methods
    if public:
        tell.say(f"It has the method{'s' if len(public) > 1 else ''} {join_names(public)}", region)


def tell_constants(file: CodeFile, names: Sequence[str], tell: ClaimWriter) -> None:
    """The constants of the file among these names, with their values."""
    known = [each for name in names if name.isupper() and (each := file.facts.constant(name)) is not None]
    for each in known[:MOST_CONSTANTS]:
        region = file.region_at(each.line)
        noted = quote_note(each.comment)
        tell.say(f"`{each.name}` is {quote_code(each.value)}{noted} in {place_at(region, each.line)}", region)


def compare_regions(regions: Sequence[Region], files: CodeFiles, tell: ClaimWriter) -> None:
    """What two or more pieces of code are, each for itself, and then what they have in common and what not."""
    for region in regions:
        tell.say(f"{name_region(region)} is defined in {place_of(region)}", region)
        tell_doc(region, tell)
        tell_facts(region, files, tell)
    if len(regions) != 2:
        return
    opened = [files.open(region.source) for region in regions]
    functions = [find_function(file, region) if file else None for file, region in zip(opened, regions, strict=True)]
    first, second = functions
    if first is None or second is None:
        return
    names = [region.symbol.path if region.symbol else "" for region in regions]
    mine, others = read_parameters(first), read_parameters(second)
    if mine == others:
        tell.say(f"Both take {quote_code(', '.join(mine)) if mine else 'no parameters'}", *regions)
    else:
        told = [f"{join_names([name])} takes {quote_code(', '.join(own)) if own else 'nothing'}" for name, own in
                zip(names, (mine, others), strict=True)]  # fmt: skip
        tell.say(" and ".join(told), *regions)
    calls = [set(region.symbol.calls) if region.symbol else set() for region in regions]
    both = sorted(calls[0] & calls[1])
    if both:
        tell.say(f"Both call {join_names(both)}", *regions)


def read_parameters(function: FunctionFact) -> list[str]:
    """Its parameters as they are written, without self."""
    inside = function.signature.partition("(")[2].removesuffix(")")
    parts, depth, part = list[str](), 0, ""
    for letter in inside:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += letter
    parts.append(part.strip())
    return [each for each in parts if each and each not in ("self", "cls")]


def summarise_file(file: CodeFile, tell: ClaimWriter) -> None:
    """What a file is for, what it defines, and what it needs."""
    head, name = file.regions[0], file.source.name
    lead = f"`{name}` has {count_lines(file)}"
    doc = file.facts.doc or (head.symbol.doc if head.symbol else "")
    if doc.strip():
        lead += f' and says of itself: "{quotable(doc.strip().split(chr(10) * 2)[0], MAX_DOC)}"'
    tell.say(lead, head)
    for kind, noun in (("class", "classes"), ("function", "functions")):
        own = [each for each in file.regions if each.symbol and each.symbol.kind == kind]
        if own:
            names = [each.symbol.path for each in own if each.symbol]
            tell.say(f"It defines the {noun if len(own) > 1 else kind} {join_names(names)}", *own[:MOST_RAISED])
    if file.facts.imports:
        tell.say(f"It imports {join_names(list(file.facts.imports))}", head)


def count_lines(file: CodeFile) -> str:
    """1 line, 30 lines"""
    number = len(file.lines) - (file.lines[-1:] == ("",)) or max(each.lines[1] for each in file.regions)
    return f"{number} line{'s' if number != 1 else ''}"
