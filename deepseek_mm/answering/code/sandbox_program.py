"""The program that calls a function in the sandbox. It is sent there as text, so it imports nothing of ours.

What to do stands beside it in input.txt, as JSON: "explore" searches among values for calls that reach other lines,
"see" makes calls and tells what each gave, "prove" runs a test file, once for each variant of the package's files. The
program tells its result as a line of JSON behind a mark. "see" may live in another time and another folder, so whatever
depends on clock, place, chance or the order of sets gives something else there.
"""

import ast
import contextlib
import datetime
import importlib
import inspect
import io
import itertools
import json
import os
import re
import signal
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

FAR_S = 400.5 * 86400 + 5025  # how much later it is elsewhere
MOST_WORDS = 300  # characters of a value that a test says
MOST_ATTRIBUTES = 6  # of an object
MOST_ITEMS = 20  # of an iterator
MOST_KEPT = 80  # calls that exploring tells of
Row = dict[str, Any]  # a call: imports, setup, named, then, bound


class Slow(BaseException):
    """A call takes too long."""


def raise_slow(number: int, frame: object) -> None:
    """What the alarm does."""
    raise Slow()


def unpack(files: dict[str, str], top: str) -> None:
    """Write the package's files below a folder that imports look in."""
    for name, text in files.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    if top not in sys.path:
        sys.path.insert(0, top)


def shift_time() -> None:
    """Go to another folder, and let clocks tell another time."""
    os.makedirs("elsewhere", exist_ok=True)
    os.chdir("elsewhere")
    clock, today, now = time.time, datetime.date, datetime.datetime

    class Day(today):  # type: ignore[misc, valid-type]
        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(time.time())

    class Moment(now):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    Day.__name__ = Day.__qualname__ = "date"
    Moment.__name__ = Moment.__qualname__ = "datetime"
    time.time = lambda: clock() + FAR_S
    datetime.date, datetime.datetime = Day, Moment  # type: ignore[misc]


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
        f"{parameter['name']}={text}" if parameter["keyword"] else f"*{text}" if parameter["star"] else text
        for parameter, text in given
        if not parameter["is_self"]
    ]
    return f"{callee}({', '.join(listed)})".replace("{await}", "")


class Trace:
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


def tell_words(value: object) -> str:
    """Its repr; of a set in order."""
    if type(value) in (set, frozenset) and value:
        with contextlib.suppress(TypeError):
            inner = ", ".join(repr(each) for each in sorted(value))  # type: ignore[call-overload]
            return f"{{{inner}}}" if type(value) is set else f"frozenset({{{inner}}})"
    return repr(value)


def is_literal(value: object, words: str) -> bool:
    """Whether these words are the value itself."""
    try:
        told = ast.literal_eval(words)
        return type(told) is type(value) and bool(told == value)
    except Exception:  # noqa: BLE001 - comparisons of the code under test
        return words == "set()" and type(value) is set


def is_near(value: object) -> bool:
    """Is it a float, or a list or tuple of nothing else?"""
    if type(value) in (list, tuple):
        return bool(value) and all(type(each) is float for each in value)  # type: ignore[attr-defined]
    return type(value) is float


def view_value(subject: str, value: object) -> list[Row]:
    """What a test can say of a value, the whole of it where that has words."""
    words = tell_words(value)
    if is_literal(value, words):
        if len(words) <= MOST_WORDS:
            return [{"subject": subject, "view": "value", "words": words, "near": is_near(value)}]
        return view_long(subject, value)
    if " at 0x" not in words and 0 < len(words) <= MOST_WORDS and type(value).__repr__ is not object.__repr__:
        if isinstance(value, types.ModuleType):
            return []
        return [{"subject": subject, "view": "repr", "words": repr(words), "near": False}, *view_parts(subject, value)]
    return [{"subject": subject, "view": "type", "words": repr(type(value).__name__), "near": False}] + view_parts(
        subject, value
    )


def view_long(subject: str, value: Any) -> list[Row]:
    """Of what is too long to be said: how long it is, and how it begins and ends."""
    rows = [{"subject": subject, "view": "len", "words": repr(len(value)), "near": False}]
    if isinstance(value, str | bytes | list | tuple):
        for view, part in (("head", value[:60]), ("tail", value[-60:])):
            if len(repr(part)) <= MOST_WORDS:
                rows.append({"subject": subject, "view": view, "words": repr(part), "near": False})
    return rows


def view_parts(subject: str, value: Any) -> list[Row]:
    """Parts of an object that have words: its text, length, items, and public attributes."""
    rows: list[Row] = []
    kind = type(value)
    if inspect.isroutine(value) or isinstance(value, type):
        return rows
    if kind.__str__ is not object.__str__:
        add_view(rows, subject, "str", lambda: str(value))
    if hasattr(kind, "__len__") and hasattr(kind, "__iter__"):
        add_view(rows, subject, "len", lambda: len(value))
        add_view(rows, subject, "list", lambda: list(value))
    for name in sorted(getattr(value, "__dict__", {}))[: 4 * MOST_ATTRIBUTES]:
        if not name.startswith("_") and name.isidentifier() and len(rows) < MOST_ATTRIBUTES:
            add_view(rows, subject, name, lambda name=name: getattr(value, name))  # type: ignore[misc]
    return rows


def add_view(rows: list[Row], subject: str, view: str, look: Callable[[], object]) -> None:
    """One part, if it can be looked at and has words."""
    try:
        part = look()
        words = tell_words(part)
        if len(words) <= MOST_WORDS and is_literal(part, words):
            rows.append({"subject": subject, "view": view, "words": words, "near": is_near(part)})
    except Exception:  # noqa: BLE001 - code under test
        return


def read_iterator(value: Any) -> tuple[str, list[object]]:
    """At most so many of its items, and the expression that takes them."""
    items = list(itertools.islice(value, MOST_ITEMS + 1))
    if len(items) > MOST_ITEMS:
        return "list(itertools.islice({}, %d))" % MOST_ITEMS, items[:MOST_ITEMS]
    return "list({})", items


def is_stated(error: BaseException, top: str) -> bool:
    """Did a line of the package itself raise it, on purpose?"""
    at = error.__traceback__
    while at and at.tb_next:
        at = at.tb_next
    if at is None or not at.tb_frame.f_code.co_filename.startswith(top):
        return False
    lines = inspect.getsource(inspect.getmodule(at.tb_frame) or types).splitlines()
    return at.tb_lineno <= len(lines) and "raise" in lines[at.tb_lineno - 1]


class Caller:
    """Makes calls of the function under test."""

    def __init__(self, told: Row, top: str) -> None:
        self.seconds, self.top = float(told["seconds"]), top
        module = importlib.import_module(told["module"])
        self.names = {told["name"]: getattr(module, told["name"])}
        self.file = getattr(module, "__file__", "") or ""

    def see(self, row: Row, trace: Trace | None = None, seconds: float = 0.0) -> Row:
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

    def call(self, row: Row, names: dict[str, Any], trace: Trace | None) -> tuple[str, Any, str]:
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


def tell_state(value: Any) -> str:
    """Words that change when a container or an object does."""
    if type(value) in (list, dict, set, bytearray):
        return tell_words(value)
    if isinstance(value, int | float | str | bytes | tuple | type | types.FunctionType) or value is None:
        return ""
    told = [f"{check['view']}={check['words']}" for check in view_state("", value)]
    return "; ".join(told)


def view_state(name: str, value: Any) -> list[Row]:
    """What a test can say of an argument or an object after the call."""
    try:
        return [check for check in view_value(name, value) if check["view"] != "type"]
    except Exception:  # noqa: BLE001 - code under test
        return []


class Explorer:
    """Looks for calls that reach other lines, or give other things, within a time."""

    def __init__(self, caller: Caller, told: Row) -> None:
        self.caller, self.told, self.form = caller, told, told["form"]
        self.until = time.monotonic() + float(told["budget"])
        self.first, self.last = told["lines"]
        self.arcs, self.keys = set[tuple[int, int]](), set[tuple[str, ...]]()
        self.found: list[Row] = []
        self.tried = set[tuple[int, ...]]()

    def run(self) -> list[Row]:
        """Every call that was worth it: where it came from, and what it reached."""
        for n, row in enumerate(self.told["written"]):
            self.attempt(row, {"written": n, "combo": []})
        for combo in self.list_diagonals():
            self.attempt_combo(combo)
        while self.is_time_left() and self.improve():
            pass
        return self.found

    def is_time_left(self) -> bool:
        """Both time and room."""
        return time.monotonic() < self.until and len(self.found) < MOST_KEPT

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
        trace = Trace(self.caller.file)
        told = self.caller.see(row, trace, seconds=0.3)
        if told["kind"] not in ("value", "raises"):
            return
        checks = told.get("checks", [])
        same = told["kind"], told.get("error", ""), *(check["words"] for check in checks)
        if told["kind"] == "raises":
            same = (*same[:2], str(sorted(trace.arcs)))
        if trace.arcs <= self.arcs and same in self.keys:
            return
        self.arcs |= trace.arcs
        self.keys.add(same)
        own = sum(self.first <= line <= self.last for _, line in trace.arcs)
        wrong = told.get("error") in ("TypeError", "AttributeError") and not told["stated"]
        rank = (wrong, told["kind"] != "value", -own, len(self.found))
        self.found.append({**origin, **told, "rank": rank, "arcs": sorted(trace.arcs), "own": own})


class Raises:
    """`pytest.raises` where pytest is not installed."""

    def __init__(self, kind: type[BaseException], match: str = "") -> None:
        self.kind, self.match = kind, match

    def __enter__(self) -> "Raises":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, at: object) -> bool:
        assert kind
        assert issubclass(kind, self.kind)
        assert re.search(self.match, str(error))
        return True


def is_approximately(value: Any) -> Any:
    """`pytest.approx` where pytest is not installed."""

    class Near:
        def __eq__(self, other: object) -> bool:
            pairs = zip(value, other, strict=True) if isinstance(value, list | tuple) else [(value, other)]  # type: ignore[call-overload]
            return all(abs(one - two) <= max(1e-12, 1e-6 * abs(one)) for one, two in pairs)

    return Near()


class Captured:
    """`capsys`: what was printed."""

    def __init__(self, out: io.StringIO) -> None:
        self.out = out

    def readouterr(self) -> types.SimpleNamespace:
        """All of it."""
        return types.SimpleNamespace(out=self.out.getvalue(), err="")


def run_tests(text: str, seconds: float) -> Row:
    """The names of the tests that fail, and how many ran."""
    names: dict[str, Any] = {"__name__": "test_it"}
    failed, ran = [], 0
    exec(compile(text, "test_it.py", "exec"), names)
    for name, test in list(names.items()):
        if not name.startswith("test_"):
            continue
        ran += 1
        out = io.StringIO()
        given = {"tmp_path": LazyFolder, "capsys": lambda out=out: Captured(out)}
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            with contextlib.redirect_stdout(out):
                test(**{each: given[each]() for each in inspect.signature(test).parameters})
        except BaseException:  # noqa: BLE001 - whatever it is, the test fails
            failed.append(name)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return {"failed": failed, "ran": ran}


def prove(told: Row, top: str) -> list[Row | None]:
    """The same tests over each variant of the files, in a process of its own; None where that came to no end."""
    results = []
    for variant in told.get("variants", [{}]):
        for name, text in variant.items():
            Path(top, name).write_text(text, encoding="utf-8")
        results.append(run_apart(told, float(told["seconds"])))
        for name in variant:
            Path(top, name).write_text(told["files"][name], encoding="utf-8")
    return results


def run_apart(told: Row, seconds: float) -> Row | None:
    """Run the tests in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                result = run_tests(told["test"], seconds)
            os.write(writing, json.dumps(result).encode())
        except BaseException as error:  # noqa: BLE001 - the child only reports
            os.write(writing, json.dumps({"trouble": f"{type(error).__name__}: {error}"[:2000]}).encode())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        signal.setitimer(signal.ITIMER_REAL, 10 * seconds)
        told_bytes = b"".join(iter(lambda: os.read(reading, 65536), b""))
        result: Row = json.loads(told_bytes)
        return result
    except (Slow, ValueError):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.close(reading)
        os.waitpid(child, 0)


def install_pytest() -> None:
    """Stand in for pytest where it is not installed."""
    try:
        import pytest  # noqa: F401
    except ImportError:
        sys.modules["pytest"] = types.SimpleNamespace(raises=Raises, approx=is_approximately)  # type: ignore[assignment]


def work(told: Row, top: str) -> Row:
    """The result of the task."""
    result: Row = {"trouble": "", "seen": []}
    if told["task"] == "prove":
        install_pytest()
        return {"variants": prove(told, top)}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            caller = Caller(told, top)
        except BaseException as error:  # noqa: BLE001 - importing runs code under test
            result["trouble"] = f"{type(error).__name__}: {error}"
            return result
        if told["task"] == "explore":
            result["seen"] = Explorer(caller, told).run()
        else:
            result["seen"] = [caller.see(row) for row in told["rows"]]
    return result


def main() -> None:
    """Read what to do, do it, tell the result."""
    sys.argv = sys.argv[:1]
    told = json.loads(Path("input.txt").read_text(encoding="utf-8"))
    signal.signal(signal.SIGALRM, raise_slow)
    top = os.path.abspath("code")
    os.makedirs(top, exist_ok=True)
    unpack(told["files"], top)
    if told.get("elsewhere"):
        shift_time()
    result = work(told, top)
    sys.stdout.write(told["mark"] + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
