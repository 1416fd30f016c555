"""Why a program failed: what the kind of its error means at the line that raised it, in that line's own names.

What each kind of error of Python's library means is in Python's reference ("Built-in Exceptions"); which part of the
line it speaks of is read from the line's syntax. Nothing is run, so this is what is likely.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deepseek_mm.answering.code.claims import quote_code
from deepseek_mm.answering.code.file_facts import write_code

HEADS = re.compile(r"^(?:for|while|if|elif|with|except|def|class|else|try|match|case|async)\b")
QUOTED = re.compile(r"'([^']{1,80})'|\"([^\"]{1,80})\"")


@dataclass(frozen=True, kw_only=True, slots=True)
class CrashSite:
    """The line that failed, and what was said."""

    error: str  # "IndexError"
    said: str  # "list index out of range"
    line: str  # of code, without its indentation
    tree: ast.Module | None  # of the line, where it can be parsed


def read_site(said: str, line: str) -> CrashSite:
    """Out of an error's words, "IndexError: list index out of range", and the line of code."""
    error, _, words = said.partition(":")
    return CrashSite(error=error.strip().rpartition(".")[2], said=words.strip(), line=line, tree=parse_line(line))


def parse_line(line: str) -> ast.Module | None:
    """The syntax of one line, also of a head such as `for x in y:`; None where it is only a part of a statement."""
    text = line.strip()
    tries = [text, f"{text} pass", text.rstrip(":"), f"try:\n pass\n{text}\n pass"]
    if HEADS.match(text):
        tries.insert(0, f"{text}\n pass" if text.endswith(":") else text)
    if text.startswith("el"):
        tries.insert(0, f"if x:\n pass\n{text}\n pass")
    for each in tries:
        try:
            return ast.parse(each)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def explain_crash(site: CrashSite) -> str:
    """What is likely wrong, as a sentence without a full stop; "" where nothing is known of this kind of error."""
    cause = CAUSES.get(site.error)
    return cause(site) if cause else ""


def find_blamed(site: CrashSite) -> str:
    """The name in the line whose value is to blame, as far as the kind of error tells; or ""."""
    found = BLAMED[site.error](site) if site.error in BLAMED else []
    name = found[0] if found else ""
    return name if name.isidentifier() else ""


def _walk(site: CrashSite) -> Iterator[ast.AST]:
    yield from ast.walk(site.tree) if site.tree else ()


def _list_subscripted(site: CrashSite) -> list[str]:
    found = [each for each in _walk(site) if isinstance(each, ast.Subscript) and not isinstance(each.slice, ast.Slice)]
    return [write_code(each.value) for each in found]


def _list_divisors(site: CrashSite) -> list[str]:
    signs = (ast.Div, ast.FloorDiv, ast.Mod)
    return [
        write_code(each.right) for each in _walk(site) if isinstance(each, ast.BinOp) and isinstance(each.op, signs)
    ]


def _list_owners(site: CrashSite) -> list[str]:
    missing = QUOTED.findall(site.said)
    name = (missing[-1][0] or missing[-1][1]) if missing else ""
    return [write_code(each.value) for each in _walk(site) if isinstance(each, ast.Attribute) and each.attr == name]


def _tell_index(site: CrashSite) -> str:
    for each in _walk(site):
        if isinstance(each, ast.Subscript) and not isinstance(each.slice, ast.Slice):
            value, place = write_code(each.value), write_code(each.slice)
            code = quote_code(write_code(each))
            if place in ("0", "-1"):
                return f"`{value}` is empty: {code} needs at least one entry, and there is none"
            if "pop" not in site.said:
                return f"`{value}` has fewer entries than `{place}` asks for in {code}; it may be empty"
    if "pop" in site.said:
        return "`pop` was called on a list that is empty"
    return "a list is shorter than the position that is asked for, perhaps empty"


def _tell_key(site: CrashSite) -> str:
    key = quote_code(site.said) if site.said else "the key"
    for each in _list_subscripted(site):
        other = f"`{each}.get(...)` gives None instead"
        return f"`{each}` has no entry {key}: it was never put there, or is spelt otherwise. {other}"
    return f"a dictionary has no entry {key}: it was never put there, or is spelt otherwise"


def _tell_attribute(site: CrashSite) -> str:
    owners = _list_owners(site)
    owner = f"`{owners[0]}`" if owners else "what stands before the dot"
    missing = QUOTED.findall(site.said)
    name = (missing[-1][0] or missing[-1][1]) if missing else ""
    if "NoneType" in site.said:
        return f"{owner} is None there, so it has no `{name}`: whatever gave it found nothing, or returned nothing"
    kind = next((one or other for one, other in missing[:1]), "")
    return f"{owner} is of the type `{kind}`, which has no `{name}`: another type was expected, or the name is misspelt"


def _tell_type(site: CrashSite) -> str:
    said = site.said
    if "NoneType" in said and ("subscriptable" in said or "iterable" in said or "unpack" in said):
        names = _list_subscripted(site) or [write_code(each.iter) for each in _walk(site) if isinstance(each, ast.For)]
        return f"{f'`{names[0]}`' if names else 'a value'} is None there, where something to look into was expected"
    if "missing" in said and "argument" in said:
        return f"the call leaves out what the function needs: {said}"
    if "positional argument" in said or "unexpected keyword" in said:
        return f"the call does not fit the parameters of the function: {said}"
    if "not callable" in said:
        return (
            "something is called that is no function: perhaps a name was given another value, or brackets are too many"
        )
    if "unsupported operand" in said or "must be str" in said or "can only concatenate" in said:
        kinds = " and ".join(f"`{one or other}`" for one, other in QUOTED.findall(said)[:2]) or "two types"
        return f"values of types that do not fit were joined ({kinds}): convert one of them first"
    if "unhashable" in said:
        return "something that can be changed, such as a list, is used as a key or in a set: a tuple would do"
    return ""


def _tell_value(site: CrashSite) -> str:
    said = site.said
    if "invalid literal" in said or "could not convert" in said:
        given = said.rpartition(":")[2].strip()
        return f"the text {quote_code(given) if given else ''} is no number, and the line converts it without a check"
    if "unpack" in said:
        return f"the right side has not as many values as there are names on the left: {said}"
    if "empty" in said or "arg is an empty sequence" in said:
        return "the list is empty, and of nothing there is no largest, smallest or mean"
    return ""


def _tell_division(site: CrashSite) -> str:
    for divisor in _list_divisors(site):
        empty = f": `{divisor[4:-1]}` is empty" if divisor.startswith("len(") else ""
        return f"`{divisor}` is 0 there{empty}, and the line divides by it"
    return "something is divided by 0"


def _tell_name(site: CrashSite) -> str:
    names = QUOTED.findall(site.said)
    name = f"`{names[0][0] or names[0][1]}`" if names else "a name"
    if site.error == "UnboundLocalError" or "local variable" in site.said:
        return f"{name} is read before that function gave it a value: only one branch does, or it is assigned below"
    return f"{name} is not defined there: it is misspelt, not imported, or defined further down"


def _tell_import(site: CrashSite) -> str:
    names = QUOTED.findall(site.said)
    name = f"`{names[0][0] or names[0][1]}`" if names else "a module"
    if "circular" in site.said or "partially initialized" in site.said:
        return f"{name} imports what imports it: the two modules need each other while they are read"
    return f"{name} is not there: it is not installed, misspelt, or the program was started from another folder"


BLAMED: dict[str, Callable[[CrashSite], list[str]]] = {
    "IndexError": _list_subscripted,
    "KeyError": _list_subscripted,
    "ZeroDivisionError": _list_divisors,
    "AttributeError": _list_owners,
}
CAUSES: dict[str, Callable[[CrashSite], str]] = {
    "IndexError": _tell_index,
    "KeyError": _tell_key,
    "AttributeError": _tell_attribute,
    "TypeError": _tell_type,
    "ValueError": _tell_value,
    "ZeroDivisionError": _tell_division,
    "NameError": _tell_name,
    "UnboundLocalError": _tell_name,
    "ImportError": _tell_import,
    "ModuleNotFoundError": _tell_import,
    "RecursionError": lambda site: (
        "a function calls itself without an end: the case that stops it is missing or never met"
    ),
    "FileNotFoundError": lambda site: (
        f"there is no such file: {site.said}. A path that is relative counts from where the program was started"
    ),
    "PermissionError": lambda site: f"the program may not do that there: {site.said}",
    "IsADirectoryError": lambda site: f"a folder was given where a file is needed: {site.said}",
    "StopIteration": lambda site: "`next` was asked for one more than there are; `next(..., None)` gives None instead",
    "UnicodeDecodeError": lambda site: (
        "the bytes are in another encoding than the one that they are read in: name it with `encoding=`"
    ),
    "JSONDecodeError": lambda site: f"the text is no JSON, perhaps empty or an error page: {site.said}",
    "TimeoutError": lambda site: "what was waited for did not come in time",
    "ConnectionRefusedError": lambda site: (
        "nothing listens at that address: the server is not started, or the port is another"
    ),
    "NotImplementedError": lambda site: "the function is only a promise there: a subclass has to define it",
    "AssertionError": lambda site: f"what {quote_code(site.line)} demands is not so",
    "OverflowError": lambda site: "a number became larger than it can be",
    "MemoryError": lambda site: "there was not enough memory for what is made there",
}
