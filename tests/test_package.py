"""The program as a package: every file of data in the wheel, and an installation of its own that answers."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from deepseek_mm.bundled_files import find_bundled
from deepseek_mm.cli.installation import APP, choose_installer, page_words, run_step
from deepseek_mm.cli.parser import build_parser, import_command
from deepseek_mm.errors import JobFailed

ROOT = Path(__file__).parent.parent
PACKAGES = ("deepseek_mm", "index", "ui")
BEYOND = 900  # seconds that building and installing may take


def tracked(*folders: str) -> set[str]:
    """Files that git knows."""
    told = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(filter(None, told.stdout.split("\0")))


LISTING = """
import json, os
from setuptools.dist import Distribution
from setup import list_bundled
package = Distribution({"script_name": "setup.py"})
package.parse_config_files()
build = package.get_command_obj("build_py")
build.ensure_finalized()
files = [path for _, _, path in build.find_all_modules()]
files += [os.path.join(folder, name) for _, folder, _, names in build.data_files for name in names]
print(json.dumps({"packed": [os.path.relpath(file) for file in files], "bundled": list(map(str, list_bundled()))}))
"""


@pytest.fixture(scope="module")
def listed() -> dict[str, set[str]]:
    """What setuptools would put into the wheel, without building it; in a process, since it changes Python's own."""
    told = subprocess.run([sys.executable, "-c", LISTING], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name: set(files) for name, files in json.loads(told.stdout.splitlines()[-1]).items()}


def test_every_file_that_the_program_reads_is_in_the_wheel(listed):
    wheel = listed["packed"]
    assert tracked(*PACKAGES) - wheel == set()
    assert {f"{package}/py.typed" for package in PACKAGES} <= wheel
    assert "app.py" in wheel


def test_what_lies_beside_the_packages_is_found_in_a_clone_and_in_a_wheel(tmp_path, listed):
    assert find_bundled("docs/help.md") == ROOT / "docs" / "help.md"
    (tmp_path / "bundled").mkdir()
    assert find_bundled("docs/help.md", packed=tmp_path / "bundled") == tmp_path / "bundled" / "docs" / "help.md"
    assert tracked("examples/photos") <= listed["bundled"]
    helps = {f"docs/help{language}.md" for language in ("", ".zh", ".de")}
    assert {"requirements.txt", "requirements-models.txt", *helps} < listed["bundled"]


def test_the_page_is_started_with_the_words_of_its_own_file(monkeypatch):
    from app import parse_flags

    words = ["--port", "8000", "--data", "/x", "--set", "rag.num_regions=5", "--token"]
    for name in ("HOST", "PORT", "DATA"):
        monkeypatch.delenv(name, raising=False)
    args = build_parser([import_command("page")]).parse_args(["page", *words])
    assert page_words(args) == words
    assert vars(parse_flags(page_words(args))) == vars(parse_flags(words))
    assert APP == ROOT / "app.py"


def test_an_environment_without_pip_is_filled_by_uv_and_without_both_one_is_told(monkeypatch, tmp_path):
    assert choose_installer()[:4] == [sys.executable, "-m", "pip", "install"]
    monkeypatch.setattr("deepseek_mm.cli.installation.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JobFailed, match="has no pip, and no uv is on the PATH"):
        choose_installer()
    (tmp_path / "uv").touch(mode=0o755)
    assert choose_installer() == [str(tmp_path / "uv"), "pip", "install", "--python", sys.executable]


def test_a_step_of_the_setup_that_fails_is_named():
    with pytest.raises(JobFailed, match="ended with 3: .*Mend what it says above"):
        run_step([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this clone, built from a copy of what git knows of it."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", ".venv")):
            (folder / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(ROOT / name, folder / "clone" / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, "."]
    subprocess.run(list(map(str, pip)), cwd=folder / "clone", check=True, timeout=BEYOND, stdout=subprocess.DEVNULL)
    (built,) = folder.glob("*.whl")
    return built


def without_clone() -> dict[str, str]:
    """The variables of this process, but for those that lead to this clone."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DATA", "PORT", "HOST")}


def run(program: Path, folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """The command in this folder, without this clone on Python's path."""
    command = [str(program), *map(str, words)]
    return subprocess.run(
        command, cwd=folder, env=without_clone(), capture_output=True, text=True, timeout=BEYOND, check=False
    )


@pytest.fixture(scope="module")
def program(wheel, tmp_path_factory) -> Path:
    """The command `deepseek-mm` of a fresh environment, which borrows the packages that are installed here."""
    home = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True, timeout=BEYOND)
    python = home / "venv" / "bin" / "python"
    installed = run(python, home, "-m", "pip", "install", "--no-deps", "--no-index", wheel)
    assert installed.returncode == 0, installed.stderr
    (site,) = (home / "venv" / "lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"])
    return home / "venv" / "bin" / "deepseek-mm"


@pytest.mark.slow
@pytest.mark.campaign(times=1, only=True)
def test_a_wheel_brings_all_that_the_program_reads(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert tracked(*PACKAGES) | {"app.py"} <= names
    assert {f"deepseek_mm/bundled/{path}" for path in tracked("examples/photos")} <= names
    tops = {name.partition("/")[0] for name in names if not name.partition("/")[0].endswith((".dist-info", ".data"))}
    assert tops == {*PACKAGES, "app.py"}


@pytest.mark.slow
@pytest.mark.campaign(times=1, only=True)
def test_an_installed_package_is_well_answers_and_explains_itself_in_an_empty_folder(program, tmp_path):
    doctor = run(program, tmp_path, "doctor")
    assert doctor.returncode == 0, doctor.stdout
    asked = run(program, tmp_path, "ask", "Is there a cat?", "--model", "none")
    assert asked.returncode in (0, 1), asked.stderr
    helped = run(program, tmp_path, "eval", "presence", "--help")
    assert (helped.returncode, "usage" in helped.stdout) == (0, True)
    where = run(program.with_name("python"), tmp_path, "-c", "import ui; print(ui.__file__)")
    assert str(ROOT) not in where.stdout


@pytest.mark.slow
@pytest.mark.campaign(times=1, only=True)
def test_an_installed_package_opens_the_page_with_the_bundled_photos(program, tmp_path):
    words = [str(program), "page", "--port", "0", "--data", "library", "--set", "lm.name=none"]
    with subprocess.Popen(words, cwd=tmp_path, env=without_clone(), stdout=subprocess.PIPE, text=True) as server:
        lines = []
        for line in server.stdout:
            lines.append(line)
            if line.startswith("ready: "):
                break
        server.send_signal(signal.SIGINT)  # to the page itself: the command has become it
        assert server.wait(60) == 0
    assert lines[-1].startswith("ready: http://127.0.0.1:"), lines
    assert any("indexing the bundled photos" in line for line in lines)
