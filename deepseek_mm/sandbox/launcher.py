"""A process between the app and a program that nobody vouched for. `run` starts it; it knows nothing of the app.

It reads its order, puts up the walls, starts the program behind them, and watches. Three processes: this one stays
outside and counts; the keeper is the first process of a new process namespace, so that its end is the end of all in it;
the program comes last and loses every right before it begins. This one ends when its input closes: then nobody waits.
"""

import json
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from deepseek_mm.sandbox import kernel, process_tree, restrictions
from deepseek_mm.sandbox.kernel import DEVICES, build
from deepseek_mm.sandbox.records import LaunchOrder
from deepseek_mm.sandbox.restrictions import LandlockRules

FIRST_UID, NUM_UIDS = 61184, 4096  # users that systemd hands to services for as long as they run: nobody else's
LOOK_S = 0.03  # between two looks at what runs
OWN = 3  # processes of ours that a limit counts too
CHUNK = 65536  # bytes read at once
NICE = 10  # how much others go first
LOST = 125  # the exit code where the program could not be started
Held = dict[str, str]  # wall -> "" where it stands, or why not


def main() -> None:
    """Read the order, run, report as JSON to the file whose number is the argument."""
    report = int(sys.argv[1])
    order = LaunchOrder(**json.loads(sys.stdin.buffer.readline()))
    os.set_inheritable(report, False)
    kernel.prctl(kernel.SET_SUBREAPER, 1)
    told = Launcher(order).run()
    os.write(report, json.dumps(told).encode())


class Launcher:
    """One run."""

    def __init__(self, order: LaunchOrder) -> None:
        self.order, self.held = order, Held()
        self.root = os.geteuid() == 0
        self.uid = FIRST_UID + os.getpid() % NUM_UIDS if self.root else os.geteuid()
        self.peak_mb, self.ended_by = 0.0, ""
        self.said = b""  # by the keeper and the program: a line of JSON each

    def run(self) -> dict[str, Any]:
        """What came of it: all of `Ran` but what the program wrote."""
        self.separate()
        ours, theirs = os.pipe()
        began = time.monotonic()
        keeper = os.fork()
        if keeper == 0:
            os.close(ours)
            Keeper(self, theirs).run()
        os.close(theirs)
        self.mute()
        self.watch(keeper, ours, began)
        clean = self.end(keeper)
        told = self.heard()
        self.held["end"] = "" if clean else "something could not be killed"
        return {
            "exit": told.pop("exit", -signal.SIGKILL),
            "seconds": time.monotonic() - began,
            "ended_by": self.ended_by,
            "peak_mb": self.peak_mb,
            "held": self.held | told.pop("held", {}),
            "trouble": told.pop("trouble", ""),
        }

    def separate(self) -> None:
        """New namespaces for all that follows; where one is refused all are, and the other walls must do."""
        if self.order.through:
            self.held |= dict.fromkeys(("processes", "network", "files", "ipc"), "")
            return
        if "namespaces" in self.order.avoid:
            self.held["processes"] = "left out"
            return
        ids = os.geteuid(), os.getegid()
        try:
            kernel.unshare(kernel.NEW_PID | (0 if self.root else kernel.NEW_USER))
            self.held["processes"] = ""
        except OSError as error:
            self.held["processes"] = str(error)
            return
        if not self.root:
            write("/proc/self/setgroups", "deny")
            write("/proc/self/uid_map", f"{ids[0]} {ids[0]} 1")
            write("/proc/self/gid_map", f"{ids[1]} {ids[1]} 1")

    def mute(self) -> None:
        """Let go of what the program writes to: its end is to be seen when the program lets go."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)

    def watch(self, keeper: int, ours: int, began: float) -> None:
        """Until the program ends, or a limit ends it, or nobody waits any more."""
        while not self.ended_by:
            left_s = self.order.seconds - (time.monotonic() - began)
            ready, _, _ = select.select([0, ours], [], [], max(0.0, min(LOOK_S, left_s)))
            if ours in ready:
                self.said += (said := os.read(ours, CHUNK))
                if not said:  # the last one who could say something is gone
                    break
            self.ended_by = "stopped" if 0 in ready else "time" if left_s <= 0 else self.too_much(keeper)

    def too_much(self, keeper: int) -> str:
        """The limit that is passed now, if one is."""
        pids = process_tree.below(keeper)
        now_mb = sum(map(process_tree.memory_mb, pids))
        self.peak_mb = max(self.peak_mb, now_mb)
        if now_mb > self.order.memory_mb:
            return "memory"
        if len(pids) > self.order.processes + OWN:  # the kernel should have seen to it
            return "processes"
        return "disk" if self.disk_mb(pids) > self.order.disk_mb else ""

    def disk_mb(self, pids: list[int]) -> float:
        """What its files take where they lie in a folder of this machine; elsewhere the kernel limits them."""
        if self.order.through or self.heard()["held"].get("files") == "":
            return 0.0
        return process_tree.folder_mb(self.order.folder) + process_tree.deleted_mb(pids)

    def end(self, keeper: int) -> bool:
        """Nothing of it is left."""
        with suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGKILL)
        return process_tree.end_all(os.getpid())

    def heard(self) -> dict[str, Any]:
        """What the keeper and the program said of themselves."""
        told: dict[str, Any] = {"held": {}}
        for line in self.said.splitlines():
            said = json.loads(line)
            told["held"] |= said.pop("held", {})
            told |= said
        return told


class Keeper:
    """The first process behind the walls: it puts them up, starts the program, waits, and takes everything with it."""

    def __init__(self, launcher: Launcher, theirs: int) -> None:
        self.order, self.uid, self.root = launcher.order, launcher.uid, launcher.root
        self.alone = launcher.held["processes"] == "" and not self.order.through
        self.theirs, self.held = theirs, Held()
        self.folder = self.order.home if self.order.through else self.order.folder

    def run(self) -> None:
        """Never returns."""
        code = 0
        try:
            kernel.prctl(kernel.SET_PDEATHSIG, signal.SIGKILL)
            self.separate()
            self.fill()
            program = os.fork()
            if program == 0:
                self.become()
            kernel.prctl(kernel.SET_DUMPABLE, 0)  # nobody reads or traces this process
            self.say(exit=os.waitstatus_to_exitcode(self.wait(program)))
        except BaseException as error:  # noqa: BLE001  this process must not go on as a copy of its parent
            self.say(trouble=f"{type(error).__name__}: {error}")
            code = 1
        finally:
            os._exit(code)

    def separate(self) -> None:
        """No network, no processes, no files but those of the order."""
        if self.order.through:
            return
        spaces = {"network": kernel.NEW_NET, "ipc": kernel.NEW_IPC | kernel.NEW_UTS, "files": kernel.NEW_NS}
        for name, flag in spaces.items():
            self.held[name] = self.try_step(lambda flag=flag: kernel.unshare(flag)) if self.alone else "no namespaces"
        if not self.held["files"]:
            order = self.order
            self.held["files"] = self.try_step(lambda: build(order))
            if not self.held["files"]:
                self.folder = order.home

    def fill(self) -> None:
        """The program's folder with its files in it."""
        for name, text in self.order.files.items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        if self.root:
            os.chmod(self.folder, 0o700)
            for path in (self.folder, *(os.path.join(self.folder, name) for name in self.order.files)):
                os.chown(path, self.uid, self.uid)

    def wait(self, program: int) -> int:
        """How the program ended; orphans that end before are buried."""
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == program:
                return status

    def become(self) -> None:
        """The program. Never returns."""
        try:
            os.setsid()
            os.chdir(self.folder)
            os.umask(0o077)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            self.limit()
            rules = self.rules()
            self.renounce()
            self.forbid(rules)
            self.say(held=self.held)
            os.execve(
                self.order.argv[0], self.order.argv, self.order.env | {"HOME": self.folder, "TMPDIR": self.folder}
            )
        except BaseException as error:  # noqa: BLE001  as above
            self.say(trouble=f"{type(error).__name__}: {error}")
        finally:
            os._exit(LOST)

    def limit(self) -> None:
        """What one process may take; what all take together is watched from outside."""
        order = self.order
        others = 0 if self.alone or self.root else process_tree.threads_of(self.uid)
        os.nice(NICE)
        for what, most in (
            (resource.RLIMIT_AS, order.memory_mb * 2**20),
            (resource.RLIMIT_CPU, int(order.seconds) + 1),
            (resource.RLIMIT_FSIZE, order.disk_mb * 2**20),
            (resource.RLIMIT_NOFILE, order.open_files),
            (resource.RLIMIT_NPROC, order.processes + others + (0 if self.root else OWN)),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_MEMLOCK, 0),
            (resource.RLIMIT_MSGQUEUE, 0),
        ):
            kernel.limit(what, most)

    def rules(self) -> LandlockRules | None:
        """What Landlock will grant, while the paths can still be opened."""
        self.held["landlock"] = "left out"
        if "landlock" in self.order.avoid:
            return None
        try:
            rules = LandlockRules()
            rules.grant(self.order.reads)
            rules.grant((self.folder, *DEVICES), write=True)
        except OSError as error:
            self.held["landlock"] = str(error)
            return None
        self.held["landlock"] = ""
        self.held["signals"] = "" if rules.signals else f"version {rules.version} lets signals through"
        return rules

    def renounce(self) -> None:
        """Another user, and no privileges, now or later."""
        if self.root:
            self.held["user"] = self.try_step(self.leave_root)
        else:
            self.held["user"] = ""
        self.held["privileges"] = self.try_step(kernel.drop_capabilities)
        kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
        kernel.prctl(kernel.SET_PDEATHSIG, signal.SIGKILL)

    def leave_root(self) -> None:
        os.setgroups([])
        os.setresgid(self.uid, self.uid, self.uid)
        os.setresuid(self.uid, self.uid, self.uid)

    def forbid(self, rules: LandlockRules | None) -> None:
        """The last walls: from here on even this process is a stranger."""
        if rules is not None:
            rules.hold()
        os.set_inheritable(self.theirs, False)
        os.closerange(3, self.theirs)
        os.closerange(self.theirs + 1, self.order.open_files)
        if "filter" in self.order.avoid or (why := restrictions.why_not()):
            self.held["calls"] = "left out" if "filter" in self.order.avoid else why
            return
        beside = self.held["files"] != "" and not self.root  # the files of who started the app are in reach, and theirs
        only = 0 if self.alone else os.getpid()
        self.held["calls"] = self.try_step(lambda: restrictions.hold(only=only, keep_attributes=beside))

    def try_step(self, step: Any) -> str:
        """Nothing if it went well, else why not."""
        try:
            step()
        except OSError as error:
            return str(error)
        return ""

    def say(self, **told: Any) -> None:
        """To the launcher."""
        os.write(self.theirs, json.dumps(told).encode() + b"\n")


def write(path: str, text: str) -> None:
    """Into one of the kernel's files."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
