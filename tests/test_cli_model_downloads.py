"""`models download | remove | token` from the words of the command line to the files on the disk."""

import io
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hub_help import NAME, SIZE, WEIGHTS, environ_of, model_files, parts, use_cache
from hub_server import TOKEN, Fault, hub_server
from jobs_help import eventually

from deepseek_mm.__main__ import main
from deepseek_mm.hub import Revisions, in_cache
from deepseek_mm.terminal import Desk

ROOT = Path(__file__).parent.parent
SPARE = ("--set", "hub.spare_mb=0", "--set", "hub.backoff_s=0.01", "--set", "hub.retries=1")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    use_cache(monkeypatch, tmp_path / "hub")
    with hub_server() as server:
        server.put(NAME, model_files())
        yield server


@pytest.fixture
def command(hub, tmp_path):
    """Runs `models` with these words: exit code, results, messages."""

    def run(*words: str, **more: str) -> tuple[int, str, str]:
        desk = Desk(out=io.StringIO(), err=io.StringIO(), environ=environ_of(hub, tmp_path, **more), cwd=tmp_path)
        code = main(["models", *words, "--data", str(tmp_path / "library"), *SPARE], desk)
        return code, desk.out.getvalue(), desk.err.getvalue()

    return run


def test_a_model_is_downloaded_kept_and_removed(command, tmp_path, hub):
    assert command("download", NAME)[:2] == (0, f"{NAME} is here, whole and compared\n")
    assert in_cache(NAME) is not None
    assert Revisions(tmp_path / "library").all() == {NAME: hub.repositories[NAME].main}
    assert "allowed = true" in (tmp_path / "library" / "config.toml").read_text()
    asked = len(hub.asked)
    told = json.loads(command("download", NAME, "--json")[1])
    assert (told["state"], told["revision"], len(hub.asked)) == ("done", hub.repositories[NAME].main, asked)
    code, said, _ = command("remove", NAME)
    assert (code, said[:-5]) == (0, f"{NAME} was removed, which frees 40")  # 400 kB, and what is noted beside it
    assert in_cache(NAME) is None
    assert list((tmp_path / "hub").glob("models--*")) == []
    assert Revisions(tmp_path / "library").all() == {}
    assert command("remove", NAME)[0] == 2


def test_a_download_that_fails_says_why_and_goes_on_with_the_same_command(command, hub):
    hub.faults = [Fault(on="/cdn/", breaks_at=0.5), Fault(on="/cdn/", status=503, times=2)]
    code, told, said = command("download", NAME)
    assert (code, told) == (2, "")
    assert "status 503" in said
    assert command("download", NAME)[0] == 0
    assert hub.starts(WEIGHTS) == [0, SIZE // 2]


def test_a_model_that_a_setting_names_is_not_removed(command):
    command("download", NAME)
    code, _, said = command("remove", NAME, "--vlm", NAME)
    assert code == 2
    assert f"{NAME} is in use (lm.vlm). Choose another model there first" in said
    assert in_cache(NAME) is not None


def test_a_flag_that_forbids_asking_a_hub_wins_over_the_wish(command, hub):
    code, _, said = command("download", NAME, "--set", "hub.allowed=false")
    assert (code, hub.asked) == (2, [])
    assert "fixed by flag hub.allowed of this start" in said


def test_a_token_is_read_from_a_line_and_opens_a_private_model(command, hub, monkeypatch):
    hub.put(NAME, model_files(), private=True)
    code, _, said = command("download", NAME)
    assert code == 2
    assert "python -m deepseek_mm models token" in said
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TOKEN}\n"))
    code, told, said = command("token")
    assert (code, said) == (0, "")
    assert TOKEN not in told
    assert command("download", NAME)[0] == 0


def test_a_command_that_gets_no_token_says_how_one_is_sent(command, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert "models token < FILE" in command("token")[2]


def test_ctrl_c_pauses_and_the_same_command_goes_on(hub, tmp_path):
    hub.faults = [Fault(on="/cdn/", chunk_s=0.03, times=9)]
    words = [
        sys.executable,
        "-m",
        "deepseek_mm",
        "models",
        "download",
        NAME,
        "--data",
        str(tmp_path / "library"),
        *SPARE,
    ]
    environ = os.environ | environ_of(hub, tmp_path) | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "0"}
    ran = subprocess.Popen(words, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: parts() and parts()[-1].stat().st_size > SIZE // 4)
    ran.send_signal(signal.SIGINT)
    told, said = ran.communicate(timeout=60)
    assert (ran.returncode, told) == (130, "")
    assert f"paused. It goes on with: python -m deepseek_mm models download {NAME}" in said
    (part,) = parts()
    here = part.stat().st_size
    hub.faults.clear()
    ran = subprocess.run(words, cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
    assert ran.returncode == 0
    assert hub.starts(WEIGHTS) == [0, here]


def test_two_commands_at_once_download_one_model_once(command, hub):
    hub.faults = [Fault(on="/cdn/", chunk_s=0.01)]
    with ThreadPoolExecutor(2) as pool:
        ended = [future.result()[:2] for future in [pool.submit(command, "download", NAME) for _ in range(2)]]
    assert ended == [(0, f"{NAME} is here, whole and compared\n")] * 2
    assert hub.starts(WEIGHTS) == [0]
