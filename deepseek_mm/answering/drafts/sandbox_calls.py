"""Calls of a function in the sandbox: made from the values of its parameters, traced, and searched among.

It is sent to the sandbox as text, so it imports nothing of ours but what is sent along.
"""

import contextlib
import importlib
import inspect
import io
import signal
import sys
import tempfile
import time
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from deepseek_mm.answering.drafts.sandbox_views import (
    MOST_WORDS,
    Row,
    read_iterator,
    tell_state,
    view_state,
    view_value,
)

MOST_KEPT = 80  # calls that exploring tells of
SLOWEST = 2.5  # seconds on the clock for one that is computed
MOST_STALE = 200  # calls one after the other that were not worth it


class Slow(BaseException):
    """A call takes too long."""


def raise_slow(number: int, frame: object) -> None:
    """What the alarm does."""
    raise Slow()


def compose(form: Row, combo: Sequence[int]) -> Row:
    """The call with the n-th value of each parameter; -1 leaves a parameter out.

    `form`: what is called ("slug", "{self}.add"), and its parameters in order: name, keyword, values. A value has its
    text, and lines that import, prepare, and act upon it.
    """
    made: Row = {"imports": [], "setup": [], "named": [], "then": []}
    given = []
    for parameter, n in zip(form["parameters"], combo, strict=True):
        if n < 0:
            continue
        value = parameter["values"][n]
        made["imports"] += value["imports"]
        made["setup"] += value["setup"]
        made["named"].append([parameter["variable"], value["text"]])
        made["then"] += [line.replace("{it}", parameter["variable"]) for line in value["then"]]
        given.append((parameter, parameter["variable"]))
    made["bound"] = write_call(form["callee"], given)
    return made


def write_call(callee: str, given: Sequence[tuple[Row, str]]) -> str:
    """The expression; of a property without brackets."""
    told = {parameter["name"]: text for parameter, text in given if parameter["is_self"]}
    callee = callee.replace("{self}", next(iter(told.values()), ""))
    if callee.endswith("{property}"):
        return callee.removesuffix("{property}")
    listed = [
        f"{parameter['name']}={text}" if parameter["keyword"] else spread_text(text) if parameter["star"] else text
        for parameter, text in given
        if not parameter["is_self"]
    ]
    return f"{callee}({', '.join(filter(None, listed))})"


def spread_text(text: str) -> str:
    """Further arguments: one after the other where they are written down."""
    return text[1:-1].rstrip(",") if text.startswith("(") else f"*{text}"


class LineTrace:
    """Which lines of one file run, each with the line before it."""

    def __init__(self, file: str) -> None:
        self.file, self.arcs = file, set[tuple[int, int]]()

    def __call__(self, frame: types.FrameType, event: str, value: object) -> Any:
        if frame.f_code.co_filename != self.file:
            return None
        last = -frame.f_code.co_firstlineno

        def follow(frame: types.FrameType, event: str, value: object) -> Any:
            nonlocal last
            if event == "line":
                self.arcs.add((last, frame.f_lineno))
                last = frame.f_lineno
            return follow

        return follow


def is_stated(error: BaseException, top: str) -> bool:
    """Did a line of the package itself raise it, on purpose?"""
    at = error.__traceback__
    while at and at.tb_next:
        at = at.tb_next
    if at is None or not at.tb_frame.f_code.co_filename.startswith(top):
        return False
    lines = inspect.getsource(inspect.getmodule(at.tb_frame) or types).splitlines()
    return at.tb_lineno <= len(lines) and "raise" in lines[at.tb_lineno - 1]


class TargetCaller:
    """Makes calls of the function under test."""

    def __init__(self, told: Row, top: str) -> None:
        self.seconds = float(told["seconds"])
        module = importlib.import_module(told["module"])
        self.names = {told["name"]: getattr(module, told["name"])}
        self.file = getattr(module, "__file__", "") or ""
        installed = not self.file.startswith(top)
        self.top = str(Path(self.file).parent) if installed else top

    def see(self, row: Row, trace: LineTrace | None = None, seconds: float = 0.0) -> Row:
        """What a call gave: a value with views of it, an error, an exit, or nothing in time."""
        names, kind = dict(self.names), "unready"
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds or self.seconds)
            self.prepare(row, names)
            before = {name: tell_state(names[name]) for name, _ in row["named"]}
            kind = "raises"
            called, value, printed = self.call(row, names, trace)
            checks = view_value("result", value) if value is not None or not printed else []
            if printed and len(printed) <= MOST_WORDS:
                checks.append({"subject": "printed", "view": "value", "words": repr(printed), "near": False})
            for name, _ in row["named"]:
                if tell_state(names[name]) != before[name]:
                    checks += view_state(name, names[name])
            return {"kind": "value", "wrap": called, "checks": checks}
        except Slow:
            return {"kind": "slow"}
        except Exception as error:  # noqa: BLE001 - code under test
            told = {"words": str(error), "error": type(error).__name__, "module": type(error).__module__}
            return {"kind": kind, "stated": self.know_stated(error), **told}
        except BaseException as error:  # noqa: BLE001 - SystemExit and its like, too
            return {"kind": "exits", "words": type(error).__name__}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.settrace(None)

    def know_stated(self, error: BaseException) -> bool:
        """False also where its source cannot be read."""
        try:
            return is_stated(error, self.top)
        except (OSError, TypeError):
            return False

    def prepare(self, row: Row, names: dict[str, Any]) -> None:
        """Everything that stands before the call."""
        for line in dict.fromkeys(row["imports"]):
            exec(line, names)
        names["tmp_path"] = LazyFolder()
        for line in row["setup"]:
            exec(line, names)
        for name, text in row["named"]:
            names[name] = eval(text, names)
        for line in row["then"]:
            exec(line, names)

    def call(self, row: Row, names: dict[str, Any], trace: LineTrace | None) -> tuple[str, Any, str]:
        """How the value was taken, the value, and what was printed."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            if trace is not None:
                sys.settrace(trace)
            value, wrap = eval(row["bound"], names), "{}"
            if inspect.iscoroutine(value):
                wrap, value = "asyncio.run({})", run_coroutine(value)
            elif hasattr(value, "__next__") and hasattr(value, "__iter__") and not isinstance(value, io.IOBase):
                wrap, value = read_iterator(value)
            sys.settrace(None)
        return wrap, value, out.getvalue()


def run_coroutine(value: Any) -> Any:
    """Its result."""
    import asyncio

    return asyncio.run(value)


class LazyFolder:
    """A temporary folder that is made when it is used first."""

    def __init__(self) -> None:
        self._path: Path | None = None

    def __truediv__(self, name: str) -> Path:
        self._path = self._path or Path(tempfile.mkdtemp())
        return self._path / name


class Explorer:
    """Looks for calls that reach other lines, or give other things, within a time."""

    def __init__(self, caller: TargetCaller, told: Row) -> None:
        self.caller, self.told, self.form = caller, told, told["form"]
        self.until = time.process_time() + float(told["budget"])  # computed, for other work may slow this down
        self.deadline = time.monotonic() + SLOWEST * float(told["budget"])
        self.first, self.last = told["lines"]
        self.arcs, self.keys = set[tuple[int, int]](), set[tuple[str, ...]]()
        self.found: list[Row] = []
        self.tried = set[tuple[int, ...]]()
        self.troubles: dict[str, str] = {}  # how calls ended that cannot be told: slow, exits, unready
        self.stale = 0  # calls since the last one that was worth it

    def run(self) -> list[Row]:
        """Every call that was worth it: where it came from, and what it reached."""
        for n, row in enumerate(self.told["written"]):
            self.attempt(row, {"written": n, "combo": []})
        if not self.told["search"]:
            return self.found
        for combo in self.list_diagonals():
            self.attempt_combo(combo)
        while self.is_time_left() and self.improve():
            pass
        return self.found

    def is_time_left(self) -> bool:
        """Both time and room."""
        if time.process_time() > self.until or time.monotonic() > self.deadline:
            return False
        return len(self.found) < MOST_KEPT and self.stale < MOST_STALE

    def list_diagonals(self) -> Iterator[tuple[int, ...]]:
        """The n-th value of every parameter; those that may be left out are, at first."""
        wide = [len(parameter["values"]) for parameter in self.form["parameters"]]
        optional = [parameter["optional"] for parameter in self.form["parameters"]]
        for n in range(max(wide, default=1)):
            yield tuple(-1 if may else n % most for most, may in zip(wide, optional, strict=True))

    def improve(self) -> bool:
        """Change one value of the calls that came furthest; False where nothing new is left to try."""
        bases = sorted((one for one in self.found if one["combo"]), key=lambda one: one["rank"])
        count = 0
        for one in bases[:12]:
            for combo in self.list_neighbours(tuple(one["combo"])):
                if not self.is_time_left():
                    return False
                count += self.attempt_combo(combo)
                if count >= 60:  # look again which are the best
                    return True
        return count > 0

    def list_neighbours(self, combo: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Those that differ in one value, by turns of the parameters."""
        wide = [len(parameter["values"]) for parameter in self.form["parameters"]]
        for n in range(-1, max(wide, default=0)):
            for place, parameter in enumerate(self.form["parameters"]):
                if n < wide[place] and (n >= 0 or parameter["optional"]):
                    yield (*combo[:place], n, *combo[place + 1 :])

    def attempt_combo(self, combo: tuple[int, ...]) -> bool:
        """Whether it was new."""
        if combo in self.tried or not self.is_time_left():
            return False
        self.tried.add(combo)
        self.attempt(compose(self.form, combo), {"written": -1, "combo": list(combo)})
        return True

    def attempt(self, row: Row, origin: Row) -> None:
        """Make a call; note it where it reached or gave something new."""
        trace = LineTrace(self.caller.file)
        self.stale += 1
        told = self.caller.see(row, trace, seconds=0.3)
        if told["kind"] not in ("value", "raises"):
            words = f"{told.get('error', '')} {told.get('words', '')}".strip()
            self.troubles.setdefault(told["kind"], words[:MOST_WORDS])
            return
        checks = told.get("checks", [])
        same = told["kind"], told.get("error", ""), *(check["words"] for check in checks)
        if told["kind"] == "raises":
            same = (*same[:2], str(sorted(trace.arcs)))
        if trace.arcs <= self.arcs and same in self.keys:
            return
        self.stale = 0
        self.arcs |= trace.arcs
        self.keys.add(same)
        own = sum(self.first <= line <= self.last for _, line in trace.arcs)
        wrong = told.get("error") in ("TypeError", "AttributeError") and not told["stated"]
        rank = (wrong, told["kind"] != "value", -own, len(self.found))
        self.found.append({**origin, **told, "rank": rank, "arcs": sorted(trace.arcs), "own": own})
