"""if __name__ == "__main__":
main()
"""

import contextlib
import datetime
import inspect
import io
import json
import os
import re
import signal
import sys
import time
import types
from pathlib import Path
from typing import Any

from deepseek_mm.answering.drafts.sandbox_calls import Explorer, LazyFolder, Slow, TargetCaller, raise_slow
from deepseek_mm.answering.drafts.sandbox_views import Row

FAR_S = 400.5 * 86400 + 5025  # how much later it is elsewhere


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

    class ShiftedDate(today):  # type: ignore[misc, valid-type]
        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(time.time())

    class ShiftedDatetime(now):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    ShiftedDate.__name__ = ShiftedDate.__qualname__ = "date"
    ShiftedDatetime.__name__ = ShiftedDatetime.__qualname__ = "datetime"
    time.time = lambda: clock() + FAR_S
    datetime.date, datetime.datetime = ShiftedDate, ShiftedDatetime  # type: ignore[misc]


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
        given: dict[str, Any] = {"tmp_path": LazyFolder, "capsys": lambda out=out: Captured(out)}
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
    results, variants = [], told.get("variants", [{}])
    sys.dont_write_bytecode = len(variants) == 1  # what stays the same is compiled once
    for variant in variants:
        for name, text in variant.items():
            write_source(Path(top, name), text)
        results.append(run_apart(told, float(told["seconds"])))
        for name in variant:
            write_source(Path(top, name), told["files"][name])
    return results


def write_source(path: Path, text: str) -> None:
    """Put another text into a file, and forget what it was compiled to: within a second that looks as new."""
    path.write_text(text, encoding="utf-8")
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()


def run_apart(told: Row, seconds: float) -> Row | None:
    """Run the tests in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                ended = run_tests(told["test"], seconds)
            os.write(writing, json.dumps(ended).encode())
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
            caller = TargetCaller(told, top)
        except BaseException as error:  # noqa: BLE001 - importing runs code under test
            result["trouble"] = f"{type(error).__name__}: {error}"
            return result
        if told["task"] == "explore":
            explorer = Explorer(caller, told)
            result |= {"seen": explorer.run(), "troubles": explorer.troubles}
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
