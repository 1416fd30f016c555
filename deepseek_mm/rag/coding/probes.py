"""The programs that run in the sandbox for a test file, and the test file itself: texts in, texts out.

A probe puts the package's files beside itself, imports the function and makes every call, each for a second at most;
what came out is printed as JSON. The second probe lives in another time and another folder, so whatever depends on
clock, place, chance or the order of sets gives something else there. The last program runs the finished test file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_mm.rag.coding.trials import CallTarget, Trial
from deepseek_mm.storage.files import parse_json

MARK = "deepseek-mm-seen:"
MOST_SAID = 80  # characters of an error's words that a test repeats
MOST_REPR = 300  # of a value
CALL_S = 1.0  # that one call may take
UNPACK = """import json, os, sys
told = json.load(open("input.txt", encoding="utf-8"))
os.makedirs("code", exist_ok=True)
for name, text in told["files"].items():
    path = os.path.join("code", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w", encoding="utf-8").write(text)
sys.path.insert(0, os.path.abspath("code"))
"""
SHIFT = """import datetime, time
os.makedirs("elsewhere", exist_ok=True)
os.chdir("elsewhere")
FAR = 400.5 * 86400 + 5025
clock, today, now = time.time, datetime.date, datetime.datetime
class Day(today):
    @classmethod
    def today(cls): return cls.fromtimestamp(time.time())
class Moment(now):
    @classmethod
    def now(cls, tz=None): return cls.fromtimestamp(time.time(), tz)
    @classmethod
    def utcnow(cls): return cls.utcfromtimestamp(time.time())
    @classmethod
    def today(cls): return cls.now()
time.time = lambda: clock() + FAR
datetime.date, datetime.datetime = Day, Moment
"""
PROBE = """import ast, builtins, contextlib, importlib, io, signal
class Slow(BaseException): pass
def late(number, frame): raise Slow()
signal.signal(signal.SIGALRM, late)
def is_same(value, words):
    try: return type(ast.literal_eval(words)) is type(value) and ast.literal_eval(words) == value
    except Exception: return value == set() and words == "set()" and type(value) is set
def seen(call):
    try:
        signal.setitimer(signal.ITIMER_REAL, told["seconds"])
        value = eval(call, dict(names))
        if hasattr(value, "__next__"): call, value = f"list({call})", list(value)
        words = repr(value)
        kinds = {"literal": is_same(value, words), "float": type(value) is float}
        return {"call": call, "kind": "value", "words": words, **kinds}
    except Slow: return {"call": call, "kind": "slow"}
    except Exception as error:
        kind, said = type(error), str(error)
        return {"call": call, "kind": "raises", "words": said, "error": kind.__name__, "module": kind.__module__}
    except BaseException as error: return {"call": call, "kind": "exits", "words": type(error).__name__}
    finally: signal.setitimer(signal.ITIMER_REAL, 0)
result = {"trouble": "", "seen": []}
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    try: names = {told["name"]: getattr(importlib.import_module(told["module"]), told["name"])}
    except BaseException as error: result["trouble"] = f"{type(error).__name__}: {error}"
    else: result["seen"] = [seen(call) for call in told["calls"]]
print(told["mark"] + json.dumps(result))
"""
PROVE = """import contextlib, io, re, types
try: import pytest
except ImportError:
    class Raises:
        def __init__(self, kind, match=""): self.kind, self.match = kind, match
        def __enter__(self): return self
        def __exit__(self, kind, error, at):
            assert kind and issubclass(kind, self.kind) and re.search(self.match, str(error))
            return True
    class Near(float):
        def __eq__(self, other): return abs(other - self) <= max(1e-12, 1e-6 * abs(self))
    sys.modules["pytest"] = types.SimpleNamespace(raises=Raises, approx=Near)
names, failed, ran = {"__name__": "test_it"}, [], 0
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    exec(compile(told["test"], "test_it.py", "exec"), names)
    for name, test in list(names.items()):
        if name.startswith("test_"):
            ran += 1
            try: test()
            except BaseException as error: failed.append(name)
print(told["mark"] + json.dumps({"failed": failed, "ran": ran}))
"""
FROM = {
    "docstring": "as its docstring shows it",
    "call": "as other code calls it",
    "model": "proposed by the language model",
    "guess": "guessed from its parameters",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CallResult:
    """What a call gave."""

    trial: Trial
    call: str  # with "list(...)" around it where it gave an iterator
    kind: str  # value, raises, slow or exits
    words: str = ""  # the value's repr, or what an error said
    literal: bool = False  # the words are the value
    is_float: bool = False
    error: str = ""  # the error's type, and the module that it is of
    module: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Equal where the same came out."""
        return self.kind, self.words, self.error

    @property
    def guessed_wrong(self) -> bool:
        """Were its arguments guessed, and of a type that the function does not take?"""
        return self.trial.source in ("guess", "model") and self.error in ("TypeError", "AttributeError")

    @property
    def stands(self) -> bool:
        """Can a test say it? Not where it has an address in it, is very long, or a guess was of the wrong type."""
        short = len(self.words) <= MOST_REPR and " at 0x" not in self.words and "\n" not in self.words
        known = self.kind == "value" or (self.kind == "raises" and self.module != "__main__")
        return known and short and not self.guessed_wrong


def probe(elsewhere: bool) -> str:
    """The program that makes every call."""
    return UNPACK + (SHIFT if elsewhere else "") + PROBE


def prove() -> str:
    """The program that runs a test file."""
    return UNPACK + PROVE


def pack_files(files: Mapping[str, str], **more: object) -> str:
    """What these programs find beside them."""
    return json.dumps({"files": dict(files), "mark": MARK, "seconds": CALL_S, **more})


def read_result(stdout: str) -> dict[str, object] | None:
    """What a program told; None where it did not come so far."""
    lines = [line for line in stdout.splitlines() if line.startswith(MARK)]
    try:
        told = parse_json(lines[-1][len(MARK) :]) if lines else None
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def seen_of(told: Mapping[str, object], trials: Sequence[Trial]) -> list[CallResult]:
    """What each call gave, in order."""
    rows = told.get("seen")
    made = []
    for trial, row in zip(trials, rows if isinstance(rows, list) else [], strict=False):
        words = {name: str(row.get(name, "")) for name in ("call", "kind", "words", "error", "module")}
        made.append(CallResult(trial=trial, literal=bool(row.get("literal")), is_float=bool(row.get("float")), **words))
    return made


def file_of(target: CallTarget, module: str, seen: Sequence[CallResult], place: str) -> str:
    """A test file that says what was seen."""
    seen_in = "Seen in a sandbox; whether it is right, no assertion says."
    head = f'"""What `{target.call_name}` does now ({place}). {seen_in}"""'
    tests = [one_test(target, n, one) for n, one in enumerate(seen, start=1)]
    body = "\n\n\n".join(tests)
    return "\n".join([head, "", *imports(target, module, seen), "", "", body])


def imports(target: CallTarget, module: str, seen: Sequence[CallResult]) -> list[str]:
    """The lines that bring in what the tests use."""
    ours = {(module, target.import_name)}
    ours |= {(one.module, one.error) for one in seen if one.kind == "raises" and one.module != "builtins"}
    pytest = any(one.kind == "raises" or one.is_float for one in seen)
    lines = ["import re", "", "import pytest", ""] if any(one.kind == "raises" and one.words for one in seen) else []
    lines = lines or (["import pytest", ""] if pytest else [])
    return [*lines, *(f"from {where} import {name}" for where, name in sorted(ours))]


def one_test(target: CallTarget, number: int, seen: CallResult) -> str:
    """One test."""
    name = f"def test_{target.name.strip('_').lower()}_{number}():  # {FROM[seen.trial.source]}"
    if seen.trial.wanted and seen.words != seen.trial.wanted:
        name += f", which says {seen.trial.wanted}"
    if seen.kind == "raises":
        match = f", match=re.escape({seen.words[:MOST_SAID]!r})" if seen.words else ""
        return f"{name}\n    with pytest.raises({seen.error}{match}):\n        {seen.call}"
    if seen.is_float and seen.literal and "." in seen.words:
        return f"{name}\n    assert {seen.call} == pytest.approx({seen.words})"
    if seen.words in ("None", "True", "False"):
        return f"{name}\n    assert {seen.call} is {seen.words}"
    told = f"{seen.call} == {seen.words}" if seen.literal else f"repr({seen.call}) == {seen.words!r}"
    return f"{name}\n    assert {told}"


def draft_file(target: CallTarget, module: str, trials: Sequence[Trial], place: str) -> str:
    """The same before anything ran: only what docstrings say is asserted."""
    head = f'"""A draft for `{target.call_name}` ({place}). Nothing of it was run."""'
    tests = [
        f"def test_{target.name.strip('_').lower()}_{n}():  # {FROM[trial.source]}\n    "
        + (f"assert {trial.call} == {trial.wanted}" if trial.wanted else f"{trial.call}  # gives what? A run tells")
        for n, trial in enumerate(trials, start=1)
    ]
    return "\n".join([head, "", f"from {module} import {target.import_name}", "", "", "\n\n\n".join(tests)])
