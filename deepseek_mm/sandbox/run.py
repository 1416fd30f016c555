"""Running a program behind walls, from the app's side: start the launcher, read what comes, judge what held.

The app itself only starts a process and reads pipes. A limit on how much is read is kept here; every other one is the
launcher's, which also ends the program when this side is gone.
"""

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import BoundedSemaphore, Event
from typing import Any, cast

from deepseek_mm.config import Config, SandboxConfig, cache_folder
from deepseek_mm.errors import BadQuestion, Busy, Forbidden, LibraryError
from deepseek_mm.sandbox.kernel import DEVICES, choose_home
from deepseek_mm.sandbox.process_tree import empty
from deepseek_mm.sandbox.records import EndedBy, Language, LaunchOrder, Protection, Ran

ROOT = Path(__file__).parent.parent.parent  # of our package, for the launcher
OWN_CODE = (str(ROOT / "deepseek_mm"),)  # what the launcher is, in bubblewrap's file system
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from deepseek_mm.sandbox.launcher import main; main()"
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime",
)  # fmt: skip
ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "agg",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),  # address space is limited
}
OWN_SPACE = "a file system of its own"
NAMES: Mapping[Language, str] = {"python": "main.py", "bash": "main.sh"}
GRACE_S = 8.0  # for the launcher to end everything, after the time of the program is over
LOOK_S = 0.1  # between two looks at whether it is still wanted
RETRY_S = 2  # when somebody for whom there was no room may try again
CHUNK = 65536  # bytes read at once
MOST_CODE = 1_000_000  # characters of a program


def open_sandbox(config: Config) -> "Sandbox":
    """The sandbox of an app: no program sees its library, its keys, its history, or what it keeps elsewhere."""
    return Sandbox(config.sandbox, (config.data, cache_folder()))


class Sandbox:
    """Runs programs, each apart from all others. May be used from many threads."""

    def __init__(self, config: SandboxConfig, hides: Sequence[Path] = (), *, avoid: Sequence[str] = ()) -> None:
        """`hides`: what no program may see, wherever it lies. `avoid`: walls left out, for tests of the others."""
        self.config = config
        self._room = BoundedSemaphore(config.at_once)
        self._hides, self._avoid = [str(Path(path).absolute()) for path in hides], list(avoid)
        self._known: tuple[Protection, ...] = ()
        self._through = ""  # bubblewrap, where it is needed

    def run(self, code: str, *, language: Language = "python", stop: Event | None = None, text: str = "") -> Ran:
        """The program's output and end. `text` lies beside it as input.txt; `stop` ends it.

        Forbidden: a protection is missing on this machine, and `sandbox.weak` is off. BadQuestion: the code is too
        long, or no text. Busy: `sandbox.at_once` are running. LibraryError: it cannot be started.
        """
        check(code)
        if not self.config.weak and (missing := [each for each in self.protections() if not each.holds]):
            told = "; ".join(f"{each.name}: {each.how}" for each in missing)
            raise Forbidden(
                f"this machine cannot wall a program off as it should ({told}). Run it elsewhere, or accept that with:"
                " --set sandbox.weak=true"
            )
        if not self._room.acquire(blocking=False):
            raise Busy(
                f"{self.config.at_once} programs are running, and no more are at once (sandbox.at_once). Try again",
                retry_after_s=RETRY_S,
            )
        try:
            return self._run(code, language, stop or Event(), text)
        finally:
            self._room.release()

    def protections(self) -> tuple[Protection, ...]:
        """What holds on this machine, found out once by running a program that does nothing."""
        if not self._known:
            try:
                self._known = self._run("pass", "python", Event(), "").protections
                self._known = self._protections_by_helper()
            except LibraryError as error:
                return (Protection(name="start", holds=False, how=str(error)),)
        return self._known

    def _protections_by_helper(self) -> tuple[Protection, ...]:
        """The same through bubblewrap, where that may make the namespaces that this process may not."""
        helper = shutil.which("bwrap", path=ENV["PATH"])
        if (
            helper is None
            or "bubblewrap" in self._avoid
            or any(OWN_SPACE in each.how for each in self._known if each.holds)
        ):
            return self._known
        self._through = helper
        try:
            return self._run("pass", "python", Event(), "").protections
        except LibraryError:  # it may not make them either
            self._through = ""
            return self._known

    def _run(self, code: str, language: Language, stop: Event, text: str) -> Ran:
        folder = os.path.realpath(tempfile.mkdtemp(prefix="deepseek-mm-run-"))
        files = {NAMES[language]: code} | ({"input.txt": text} if text else {})
        try:
            order = self._order(folder, command(language), files)
            return Running(order, self.config.output_bytes, stop).finish()
        finally:
            with contextlib.suppress(OSError):  # what cannot be removed lies in the system's folder for such things
                empty(folder)
                os.rmdir(folder)

    def _order(self, folder: str, argv: list[str], files: dict[str, str]) -> LaunchOrder:
        config, reads = self.config, readable()
        return LaunchOrder(
            argv=argv,
            env=ENV,
            folder=folder,
            home=choose_home([*reads, *OWN_CODE], self._hides),
            files=files,
            reads=reads,
            hides=self._hides,
            through=self._through,
            avoid=self._avoid,
            seconds=config.seconds,
            memory_mb=config.memory_mb,
            disk_mb=config.disk_mb,
            processes=config.processes,
            open_files=config.open_files,
        )


class Running:
    """One program under way."""

    def __init__(self, order: LaunchOrder, output_bytes: int, stop: Event) -> None:
        self.order, self.most, self.stop = order, output_bytes, stop
        self.ended_by: EndedBy = ""
        report, theirs = os.pipe()
        argv = [sys.executable, "-E", "-s", "-S", "-B", "-c", START, str(ROOT), str(theirs)]
        if order.through:
            argv = [*bubblewrap_command(order), *argv]
        try:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(theirs,),
                start_new_session=True,
                cwd="/",
                env={"LANG": "C.UTF-8"},
            )
        except OSError as error:
            os.close(report)
            raise LibraryError(f"no program can be started: {error.strerror}. Close others and try again") from error
        finally:
            os.close(theirs)
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        self.lifeline = self.process.stdin  # while it is open, somebody waits
        self.pipes = {"stdout": self.process.stdout.fileno(), "stderr": self.process.stderr.fileno(), "report": report}
        self.told = {name: bytearray() for name in self.pipes}

    def finish(self) -> Ran:
        """Wait for its end. LibraryError: it did not even begin."""
        try:
            with contextlib.suppress(BrokenPipeError):
                self.lifeline.write(json.dumps(asdict(self.order)).encode() + b"\n")
                self.lifeline.flush()
            self._listen()
        finally:
            self._close()
        return self._ran()

    def _listen(self) -> None:
        """Read until all three pipes are closed; what is too much, too late or unwanted cuts the lifeline."""
        deadline = time.monotonic() + self.order.seconds + GRACE_S
        with selectors.DefaultSelector() as ready:
            for name, pipe in self.pipes.items():
                ready.register(pipe, selectors.EVENT_READ, name)
            while ready.get_map() and time.monotonic() < deadline:
                heard = [(key.fd, self._hear(key.data, key.fd)) for key, _ in ready.select(LOOK_S)]
                for pipe in [pipe for pipe, more in heard if not more]:
                    ready.unregister(pipe)
                if self.stop.is_set():
                    self._cut("stopped")

    def _hear(self, name: str, pipe: int) -> bool:
        """Whether there may be more."""
        data = os.read(pipe, CHUNK)
        room = self.most - len(self.told[name])
        self.told[name] += data if name == "report" else data[:room]
        if name != "report" and len(data) > room:
            self._cut("output")
        return bool(data)

    def _cut(self, why: EndedBy) -> None:
        self.ended_by = self.ended_by or why
        with contextlib.suppress(BrokenPipeError):
            self.lifeline.close()

    def _close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.lifeline.close()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()  # the walls fall with it: the keeper dies with its parent
            self.process.wait()
        os.close(self.pipes["report"])
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()

    def _ran(self) -> Ran:
        stdout, stderr = (self.told[name].decode(errors="replace") for name in ("stdout", "stderr"))
        try:
            told: dict[str, Any] = json.loads(self.told["report"])
        except ValueError:
            raise LibraryError(f"the sandbox did not start: {stderr[-500:].strip() or 'it said nothing'}") from None
        if told["trouble"]:
            raise LibraryError(
                f"the sandbox cannot start a program here: {told['trouble']}. If only root may read that file, start"
                " the app as another user, or with a Python that all may run"
            )
        return Ran(
            stdout=stdout,
            stderr=stderr,
            exit=told["exit"],
            seconds=told["seconds"],
            ended_by=self.ended_by or cast("EndedBy", told["ended_by"]),
            peak_mb=told["peak_mb"],
            protections=judge_protections(told["held"], self.order),
        )


def judge_protections(held: Mapping[str, str], order: LaunchOrder) -> tuple[Protection, ...]:
    """What the walls that stand are worth; each promise needs one of some walls. "" in `held`: the wall stands."""
    overlap = any(Path(path).is_relative_to(read) for path in order.hides for read in order.reads)
    ways = {
        "files": (("files", OWN_SPACE), *(() if overlap else (("landlock", "Landlock"),))),
        "network": (("network", "a network of its own without connections"), ("calls", "seccomp refuses sockets")),
        "other processes": (("processes", "a process namespace"), ("calls", "seccomp refuses what reaches them")),
        "privileges": (("privileges", "no capabilities and none by any file"),),
        "user": (("user", "no rights of root"),),
        "system calls": (("calls", "seccomp"),),
        "end of everything": (("end", "all processes are ended with it"),),
    }
    limits = (
        f"{order.seconds:g} s, {order.memory_mb} MB, {order.disk_mb} MB of files, {order.processes} processes,"
        f" {order.open_files} open files"
    )
    made = []
    for name, walls in ways.items():
        standing = [what for wall, what in walls if held.get(wall, "not tried") == ""]
        missing = [f"{what} ({held.get(wall) or 'not tried'})" for wall, what in walls]
        made.append(Protection(name=name, holds=bool(standing), how=" and ".join(standing or missing)))
    return (*made, Protection(name="limits", holds=True, how=limits))


def bubblewrap_command(order: LaunchOrder) -> list[str]:
    """What bubblewrap is told: the same file system as `walls` makes, with our launcher in it."""
    told = [order.through, "--unshare-all", "--die-with-parent", "--size", str(order.disk_mb * 2**20)]
    told += ["--tmpfs", order.home]
    for path in sorted({*order.reads, *OWN_CODE}):
        if os.path.islink(path):
            told += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            told += ["--ro-bind", path, path]
    for path in order.hides:
        told += ["--tmpfs", path] if any(Path(path).is_relative_to(read) for read in order.reads) else []
    for path in DEVICES:
        told += ["--dev-bind", path, path]
    return [*told, "--proc", "/proc", "--chdir", "/"]


def command(language: Language) -> list[str]:
    """What runs the program's file."""
    if language == "python":
        return [sys.executable, "-s", "-E", "-B", NAMES[language]]
    bash = shutil.which("bash", path=ENV["PATH"])
    if bash is None:
        raise BadQuestion("there is no bash on this machine. Install it, or run Python")
    return [bash, "--noprofile", "--norc", NAMES[language]]


def readable() -> list[str]:
    """What every program may read: the system's programs and libraries, Python's and its packages'."""
    paths = (*SYSTEM, sys.base_prefix, sys.prefix)
    return list(dict.fromkeys([*paths, *map(os.path.realpath, paths)]))  # links, and what they lead to


def check(code: str) -> None:
    """BadQuestion: it cannot be a program."""
    if len(code) > MOST_CODE:
        raise BadQuestion(f"the program has {len(code):,} characters, and {MOST_CODE:,} are taken. Run less of it")
    if not code.strip():
        raise BadQuestion("there is nothing to run: the program is empty. Give it a line, for example: print(1)")
    try:
        code.encode()
    except UnicodeEncodeError as error:
        raise BadQuestion(f"the program holds half a character ({error.reason}). Take it out") from error
