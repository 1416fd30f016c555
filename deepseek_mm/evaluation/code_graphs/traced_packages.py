"""Open packages with their tests: fetched from PyPI as their authors packed them, run with every call written down."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.code_graphs import call_tracer

PACKAGES = Path(__file__).with_name("reference_packages.json")
PATIENCE_S = 600
Place = tuple[str, int, str]  # path below the folder, first line, name


@dataclass(frozen=True, kw_only=True, slots=True)
class TracedPackage:
    """Which package, and where in its archive what lies."""

    name: str
    version: str
    root: str  # folder that is imported from
    package: str  # folder of its code
    tests: str
    left_out: tuple[str, ...] = ()  # tests that need packages which are not there


@dataclass(frozen=True, kw_only=True, slots=True)
class TracedCall:
    """A function called another one."""

    caller: Place
    called: Place
    times: int


def list_traced(split: str) -> list[TracedPackage]:
    """The packages of a part, "test" or "dev". ConfigError for another one."""
    parts = json.loads(PACKAGES.read_text(encoding="utf-8"))
    if split not in parts:
        raise ConfigError(f"references has no split {split!r}. Use {' or '.join(parts)}")
    return [TracedPackage(**each | {"left_out": tuple(each.get("left_out", ()))}) for each in parts[split]]


def fetch_package(package: TracedPackage, work: Path) -> Path:
    """The folder of its source, taken from PyPI once. ConfigError says how to bring it otherwise."""
    folder = work / f"{package.name}-{package.version}"
    if folder.is_dir():
        return folder
    draft = work / f".{folder.name}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    wanted = f"{package.name}=={package.version}"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", wanted]
    done = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    archives = sorted(draft.glob("*.tar.gz"))
    if done.returncode or not archives:
        raise ConfigError(
            f"{wanted} cannot be had: {done.stderr.strip()[-200:]}. Unpack its source archive into {folder} by hand"
        )
    with tarfile.open(archives[0]) as archive:
        archive.extractall(draft / "unpacked", filter="data")
    os.replace(next((draft / "unpacked").iterdir()), folder)
    shutil.rmtree(draft)
    return folder


def trace_calls(package: TracedPackage, folder: Path) -> list[TracedCall]:
    """What its tests make its functions call; kept beside the folder. ConfigError where the tests do not run."""
    output = folder.with_name(f"{folder.name}.json").absolute()
    if not output.is_file():
        run_tests(package, folder.absolute(), output)
    top = os.path.realpath(folder)
    return [
        TracedCall(caller=place_in(caller, top), called=place_in(called, top), times=times)
        for caller, called, times in json.loads(output.read_text())
    ]


def place_in(place: Sequence[object], top: str) -> Place:
    """With the path below the folder."""
    path, line, name = place
    return os.path.relpath(str(path), top), int(str(line)), str(name)


def run_tests(package: TracedPackage, folder: Path, output: Path) -> None:
    """In a process of its own, with the tracer as pytest's only plugin."""
    plugins = folder.with_name(".plugins")
    plugins.mkdir(exist_ok=True)
    shutil.copyfile(call_tracer.__file__, plugins / "call_tracer.py")
    more = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join([str(folder / package.root), str(plugins)]),
        "TRACED_PACKAGE": os.path.realpath(folder / package.package) + os.sep,
        "TRACED_OUTPUT": str(output),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "call_tracer", "-p", "no:cacheprovider", "-W", "ignore"]
    done = subprocess.run(
        [*command, package.tests, *(f"--ignore={path}" for path in package.left_out)],
        cwd=folder,
        env=os.environ | more,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if not output.is_file() or done.returncode > 1:
        output.unlink(missing_ok=True)
        raise ConfigError(
            f"the tests of {package.name} do not run here: {done.stdout.strip()[-300:]}. Look in {folder}"
        )
