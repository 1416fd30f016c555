"""A plugin of pytest that writes down which functions of a package call which, as it happens.

It is loaded by its file alone, in a process that runs the tests of an open package. A generator counts for whoever
names it, since it runs when somebody else asks for its first value.
"""

import json
import os
import sys
import threading
from types import CodeType, FrameType
from typing import Any

GENERATORS = 0x20 | 0x80 | 0x200  # flags of code that runs later
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
BEGINNING = 10  # bytes of code before anything of a generator has run
PACKAGE, OUTPUT = os.environ.get("TRACED_PACKAGE", ""), os.environ.get("TRACED_OUTPUT", "")
calls: dict[tuple[CodeType, CodeType], int] = {}
inside: dict[str, bool] = {}


def is_inside(code: CodeType) -> bool:
    """Whether code belongs to the package."""
    name = code.co_filename
    if name not in inside:
        inside[name] = os.path.realpath(name).startswith(PACKAGE)
    return inside[name]


def note_call(frame: FrameType, event: str, arg: Any) -> None:
    """A profile function."""
    if event != "call" or not is_inside(frame.f_code):
        return
    caller = frame.f_back
    if caller is None or not is_inside(caller.f_code):
        return
    code = frame.f_code
    if code.co_flags & GENERATORS and (frame.f_lasti > BEGINNING or not is_named(code.co_name, caller)):
        return
    pair = (caller.f_code, code)
    calls[pair] = calls.get(pair, 0) + 1


def is_named(name: str, caller: FrameType) -> bool:
    """Whether the code that asks for a first value names the generator; a comprehension's function names it for it."""
    code = caller.f_code
    if name in code.co_names or name in code.co_freevars or name in code.co_cellvars or name in code.co_varnames:
        return True
    return code.co_name in COMPREHENSIONS and caller.f_back is not None and is_named(name, caller.f_back)


def pytest_sessionstart() -> None:
    """Begin."""
    threading.setprofile(note_call)
    sys.setprofile(note_call)


def pytest_sessionfinish() -> None:
    """Write everything."""
    sys.setprofile(None)
    threading.setprofile(None)
    rows = [[place_of(caller), place_of(called), count] for (caller, called), count in calls.items()]
    with open(OUTPUT, "w", encoding="utf-8") as file:
        json.dump(rows, file)


def place_of(code: CodeType) -> list[Any]:
    """Its file, first line and name."""
    return [os.path.realpath(code.co_filename), code.co_firstlineno, code.co_name]
