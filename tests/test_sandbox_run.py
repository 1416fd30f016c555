"""Programs behind walls: what they may do, and what is told of them. Those that mean harm: `test_sandbox_hostile`."""

import os
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from deepseek_mm.accounts.permissions import check_allowed
from deepseek_mm.config import Config, SandboxConfig, cache_folder
from deepseek_mm.errors import BadQuestion, Busy, Forbidden, LibraryError
from deepseek_mm.sandbox import run as sandbox_run
from deepseek_mm.sandbox.kernel import choose_home
from deepseek_mm.sandbox.records import LaunchOrder
from deepseek_mm.sandbox.run import (
    ENV,
    MOST_CODE,
    OWN_SPACE,
    ROOT,
    Sandbox,
    bubblewrap_command,
    judge_protections,
    open_sandbox,
    readable,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are Linux's")
CONFIG = SandboxConfig(seconds=20, memory_mb=400, at_once=3)
STANDS = dict.fromkeys(("files", "landlock", "network", "calls", "processes", "privileges", "user", "end"), "")


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox(CONFIG)


def order(**changes) -> LaunchOrder:
    empty = LaunchOrder(
        argv=[],
        env={},
        folder="/tmp/x",
        home="/tmp",
        files={},
        reads=["/usr"],
        hides=[],
        through="",
        avoid=[],
        seconds=1,
        memory_mb=100,
        disk_mb=1,
        processes=1,
        open_files=16,
    )
    return replace(empty, **changes)


def test_what_a_program_prints_and_how_it_ends_is_told(sandbox):
    ran = sandbox.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)")
    assert (ran.stdout, ran.stderr, ran.exit, ran.ended_by) == ("out\n", "err\n", 3, "")
    assert not ran.is_success
    assert 0 < ran.seconds < CONFIG.seconds


def test_a_program_may_use_packages_write_files_and_start_processes(sandbox):
    ran = sandbox.run(
        "import numpy, subprocess, pathlib\n"
        "pathlib.Path('x').write_text(str(numpy.arange(4).sum()))\n"
        "print(subprocess.run(['cat', 'x'], capture_output=True, text=True).stdout)\n"
    )
    assert (ran.stdout.strip(), ran.stderr, ran.is_success) == ("6", "", True)


def test_a_shell_script_is_run_with_its_text_beside_it(sandbox):
    ran = sandbox.run("wc -w < input.txt; exit 4", language="bash", text="one two three")
    assert (ran.stdout.strip(), ran.exit) == ("3", 4)


def test_the_limit_that_ended_a_program_is_named():
    assert Sandbox(replace(CONFIG, seconds=0.5)).run("while True: pass").ended_by == "time"
    small = Sandbox(replace(CONFIG, seconds=60, memory_mb=150, output_bytes=1000))
    loud = small.run("while True: print('x' * 100)")
    assert (loud.ended_by, len(loud.stdout)) == ("output", 1000)
    greedy = "import os\nfor n in range(3):\n    if not os.fork():\n        x = bytearray(90_000_000)\nwhile True: pass"
    assert small.run(greedy).ended_by == "memory"


def test_a_program_ends_when_nobody_waits_any_more(sandbox):
    stop = threading.Event()
    threading.Timer(0.4, stop.set).start()
    ran = sandbox.run("print('begun', flush=True)\nimport time\ntime.sleep(600)", stop=stop)
    assert (ran.ended_by, ran.exit < 0) == ("stopped", True)
    assert ran.seconds < CONFIG.seconds


def test_programs_at_the_same_time_do_not_meet(sandbox):
    code = "import os, time\nopen('mine', 'w').close()\ntime.sleep(0.5)\nprint(sorted(os.listdir('.')), os.getpid())"
    told: list[str] = []
    threads = [threading.Thread(target=lambda: told.append(sandbox.run(code).stdout)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(told) == {"['main.py', 'mine'] 2\n"}


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm", os.path.expanduser("~")])
def test_the_working_folder_shows_nothing_of_what_a_program_reads_wherever_that_lies(monkeypatch, place):
    with TemporaryDirectory(dir=place) as clone:
        packages = os.path.join(clone, ".venv")
        os.mkdir(packages)
        Path(packages, "marker.txt").write_text("a package")
        for path in (clone, packages):
            os.chmod(path, 0o755)
        monkeypatch.setattr(sandbox_run, "readable", lambda: [*readable(), packages])
        told = Sandbox(CONFIG).run(
            "import os\nopen('mine', 'w').close()\n"
            f"print([name for _, folders, files in os.walk('.') for name in folders + files])\n"
            f"print(os.getcwd(), open({packages + '/marker.txt'!r}).read())"
        )
    assert told.stdout.startswith("['mine', 'main.py']\n") or told.stdout.startswith("['main.py', 'mine']\n"), told
    assert told.stdout.endswith(" a package\n")


def test_the_working_folder_lies_in_nothing_that_is_hidden_or_read():
    assert choose_home(["/usr", "/home/me/.venv"], ["/tmp/library"]) == "/tmp"
    assert choose_home(["/usr", "/tmp/clone/.venv"], []) == "/run/program0"
    assert choose_home(["/usr", "/tmp/clone/.venv", "/run/program0/.venv"], []) == "/run/program1"
    assert choose_home(["/usr"], ["/tmp"]) == "/run/program0"
    assert choose_home(["/usr", "/tmpfiles"], []) == "/tmp"


def test_a_helper_that_makes_the_walls_gets_the_same_working_folder():
    told = bubblewrap_command(order(through="/usr/bin/bwrap", home="/run/program0", reads=["/usr"]))
    assert told[told.index("--tmpfs") + 1] == "/run/program0"


def test_nothing_stays_in_the_app_after_a_program(sandbox):
    sandbox.run("print(1)")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        sandbox.run("print(1)")
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_hidden_is_empty_though_it_lies_where_programs_may_read(tmp_path):
    hidden = os.path.join(os.path.dirname(os.__file__), "json")
    ran = Sandbox(CONFIG, [tmp_path, hidden]).run(f"import os\nprint(os.listdir({hidden!r}))")
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize(
    ("code", "says"),
    [("  \n", "it a line, for example"), ("#" * (MOST_CODE + 1), "Run less of it"), ("x = '\ud800'", "Take it out")],
)
def test_what_is_no_program_is_refused_with_the_next_step(sandbox, code, says):
    with pytest.raises(BadQuestion, match=says):
        sandbox.run(code)


def test_where_a_wall_is_missing_nothing_runs_unless_that_is_accepted():
    with pytest.raises(Forbidden, match=r"system calls: seccomp \(left out\).*sandbox.weak=true"):
        Sandbox(CONFIG, avoid=("filter",)).run("print(1)")
    ran = Sandbox(replace(CONFIG, weak=True), avoid=("filter",)).run("print(1)")
    assert ran.stdout == "1\n"
    assert [each.name for each in ran.protections if not each.holds] == ["system calls"]


@pytest.mark.parametrize(
    ("avoid", "promises"),
    [
        (("filter",), {"system calls"}),
        (("namespaces", "landlock"), {"files"}),
        (("namespaces", "filter"), {"network", "other processes", "system calls"}),
        (("namespaces", "landlock", "filter"), {"files", "network", "other processes", "system calls"}),
        (("namespaces",), set()),
        (("landlock",), set()),
    ],
)
def test_each_promise_that_no_wall_keeps_is_named_and_nothing_runs(monkeypatch, avoid, promises):
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
    if python is None:
        pytest.skip("no Python here that all users may run")
    monkeypatch.setattr("sys.executable", python)
    house = Sandbox(CONFIG, avoid=(*avoid, "bubblewrap"))
    assert {each.name for each in house.protections() if not each.holds} == promises
    if not promises:
        assert house.run("print(1)").stdout == "1\n"
        return
    with pytest.raises(Forbidden) as refused:
        house.run("print(1)")
    assert {name for name in promises if f"{name}: " in str(refused.value)} == promises


def test_without_namespaces_the_other_walls_must_do(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("word")
    secret.chmod(0o644)
    script = f"cat {secret}; cat /etc/passwd; kill -0 {os.getpid()}; ls / > /dev/null; echo $((6 * 7))"
    ran = Sandbox(CONFIG, avoid=("namespaces",))._run(script, "bash", threading.Event(), "")
    assert ran.stdout == "42\n"
    assert "Operation not permitted" in ran.stderr
    held = {each.name: each.how for each in ran.protections if each.holds}
    assert (held["files"], held["network"]) == ("Landlock", "seccomp refuses sockets")
    open_house = Sandbox(CONFIG, avoid=("namespaces", "landlock"))._run("echo 1", "bash", threading.Event(), "")
    assert [each.name for each in open_house.protections if not each.holds] == ["files"]


def test_bubblewrap_shows_what_the_walls_would_and_covers_what_is_hidden():
    told = bubblewrap_command(
        order(through="/usr/bin/bwrap", reads=["/usr", "/nowhere"], hides=["/usr/share", "/home/me"])
    )
    pairs = list(zip(told, told[1:], strict=False))
    assert ("--ro-bind", "/usr") in pairs
    assert ("--ro-bind", str(ROOT / "deepseek_mm")) in pairs
    assert ("--tmpfs", "/usr/share") in pairs
    assert not {"/nowhere", "/home/me", "/home"} & set(told)
    assert {"--unshare-all", "--die-with-parent"} <= set(told)


def test_bubblewrap_is_asked_only_where_namespaces_are_missing_and_it_can_make_them(monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setitem(ENV, "PATH", str(tmp_path))
    whole, half = Sandbox(CONFIG), Sandbox(CONFIG)
    assert whole.protections()[0].how.startswith(OWN_SPACE)
    assert whole._through == ""
    half._known = judge_protections(STANDS | {"files": "EPERM"}, order())
    assert half._protections_by_helper() == half._known  # it was tried, and cannot
    assert half._through == ""


def test_a_promise_needs_one_of_its_walls_and_says_why_there_is_none():
    whole = {each.name: each for each in judge_protections(STANDS, order())}
    assert all(each.holds for each in whole.values())
    half = {each.name: each for each in judge_protections(STANDS | {"files": "EPERM", "network": "EPERM"}, order())}
    assert (half["files"].holds, half["files"].how) == (True, "Landlock")
    none = {each.name: each for each in judge_protections(STANDS | {"files": "EPERM", "landlock": "too old"}, order())}
    assert not none["files"].holds
    assert none["files"].how == "a file system of its own (EPERM) and Landlock (too old)"


def test_landlock_does_not_count_where_it_would_grant_what_is_to_be_hidden():
    held = STANDS | {"files": "EPERM"}
    assert judge_protections(held, order(hides=["/home/me/library"]))[0].holds
    assert not judge_protections(held, order(hides=["/usr/share/library"]))[0].holds


def test_programs_read_pythons_folders_and_the_systems_and_no_homes():
    assert {sys.prefix, sys.base_prefix, "/usr"} <= set(readable())
    assert not {"/", "/home", "/root", "/etc", "/tmp", os.getcwd()} & set(readable())


def test_a_sandbox_that_cannot_start_says_why_and_runs_nothing(monkeypatch):
    monkeypatch.setattr("deepseek_mm.sandbox.run.START", "import sys; sys.exit('no such luck')")
    with pytest.raises(Forbidden, match="did not start: no such luck"):
        Sandbox(CONFIG).run("print(1)")
    with pytest.raises(LibraryError, match="did not start: no such luck"):
        Sandbox(replace(CONFIG, weak=True)).run("print(1)")


def test_no_more_programs_run_at_once_than_there_may_be(monkeypatch):
    one, inside, done = Sandbox(replace(CONFIG, at_once=1, weak=True)), threading.Event(), threading.Event()

    def run(*_):
        inside.set()
        done.wait()

    monkeypatch.setattr(one, "_run", run)
    first = threading.Thread(target=one.run, args=("pass",))
    first.start()
    inside.wait()
    with pytest.raises(Busy, match="1 programs are running"):
        one.run("pass")
    done.set()
    first.join()
    one.run("pass")


def test_the_app_hides_its_library_and_what_it_keeps_elsewhere(tmp_path):
    config = Config(data=tmp_path / "library", sandbox=CONFIG)
    assert open_sandbox(config)._hides == [str(tmp_path / "library"), str(cache_folder())]


@pytest.mark.parametrize(
    ("run", "local", "granted", "says"),
    [
        ("auto", True, False, ""),
        ("auto", False, True, "people of this machine only"),
        ("on", True, False, ""),
        ("on", False, True, ""),
        ("on", False, False, 'the right "run"'),
        ("off", True, True, "sandbox.run is off"),
    ],
)
def test_who_may_run_programs_is_a_setting_and_a_right(run, local, granted, says):
    config = replace(CONFIG, run=run)
    if not says:
        return check_allowed(config, local=local, granted=granted)
    with pytest.raises(Forbidden, match=says):
        check_allowed(config, local=local, granted=granted)
    return None
