"""The program that runs in the sandbox: many candidates one after the other, each in a process of its own.

Starting a sandbox takes a fifth of a second, a fork a thousandth. So the walls stand around all programs of a batch,
and a fork, with a limit on its processor time, around each. It imports nothing of ours, reads `input.txt` and prints
one line of JSON a job.

A job is {"program", "tests"} -> [1, 0, ...], which tests held; or {"program", "calls"} -> what each call gave back, as
`repr` writes it, or null where it raised or gave something that cannot be written down.
"""

import ast
import contextlib
import json
import os
import select
import signal
from typing import Any

CPU_S = 0.4  # of one program and its tests
WALL_S = 3.0  # the same on the wall, on a busy machine
CHUNK = 65536
LONGEST = 120  # characters of a value that is written down


def main() -> None:
    """One line a job, in order."""
    with open("input.txt", encoding="utf-8") as file:
        jobs = json.load(file)
    for job in jobs:
        os.write(1, (run_apart(job) + "\n").encode())


def run_apart(job: dict[str, Any]) -> str:
    """The outcome of one job as JSON; "null" where its process ended before it could tell."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        run_inside(job, theirs)
    os.close(theirs)
    told = bytearray()
    while select.select([ours], [], [], WALL_S)[0] and (more := os.read(ours, CHUNK)):
        told += more
    os.close(ours)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # and whatever it has started
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return told.decode() if told.endswith(b"]") else "null"


def run_inside(job: dict[str, Any], told: int) -> None:
    """The child. Never returns; it tells at its end or not at all, so that leaving early counts for nothing."""
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        signal.setitimer(signal.ITIMER_PROF, CPU_S)  # its signal ends the process
        os.write(told, json.dumps(compute_outcome(job)).encode())
    except BaseException:  # noqa: BLE001  whatever a program raises, this process must not go on as its parent
        pass
    finally:
        os._exit(0)


def compute_outcome(job: dict[str, Any]) -> list[Any]:
    """Run the program, then what is asked of it."""
    names: dict[str, Any] = {"__name__": "candidate"}
    exec(compile(job["program"], "candidate", "exec"), names)
    if "calls" in job:
        return [run_call(call, names) for call in job["calls"]]
    return [run_test(test, names) for test in job["tests"]]


def run_test(test: str, names: dict[str, Any]) -> int:
    """1 if the test raises nothing."""
    try:
        exec(compile(test, "test", "exec"), dict(names))
    except BaseException:  # noqa: BLE001  SystemExit too: a test that is left is not passed
        return 0
    return 1


def run_call(call: str, names: dict[str, Any]) -> str | None:
    """What a call gives back, if that can be written down and read again."""
    try:
        value = eval(compile(call, "call", "eval"), dict(names))
        text = repr(value)
        return text if len(text) <= LONGEST and ast.literal_eval(text) == value else None
    except BaseException:  # noqa: BLE001  as above
        return None


if __name__ == "__main__":
    main()
