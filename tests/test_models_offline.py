"""Nothing leaves the machine unasked: no start and no list of models opens a connection."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import ColourSpace

from deepseek_mm.config import Config, LMConfig, SeeConfig
from deepseek_mm.factory import load

ROOT = Path(__file__).parent.parent
REFUSE = """
import os, socket, sys
def end(what, whom):
    os.write(2, f"{what} {whom}".encode())
    os._exit(99)  # whichever thread it is
def refuse(self, address, *more):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        end("connects to", address)
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = lambda host, *more, **named: end("looks up", host)
"""
START = """
from dataclasses import replace
from pathlib import Path
from deepseek_mm.config import Config, EncoderConfig, LMConfig, SeeConfig
from deepseek_mm.factory import load
data = Path(sys.argv[1])
small = {"encoder": EncoderConfig(name="edge"), "see": SeeConfig(glance=False, detector=False)}
config = Config(data=data, lm=LMConfig(name=sys.argv[2]), **small)
with load(config, saved=("lm.name",)) as assistant:
    assistant.library.start()
    print([notice.text for notice in assistant.notices])
"""
COMMAND = """
from deepseek_mm.__main__ import main
sys.exit(main(sys.argv[2:] + ["--data", sys.argv[1]]))
"""


def run(code: str, *words: str, offline: str = "0") -> subprocess.CompletedProcess:
    environ = os.environ | {"HF_HUB_OFFLINE": offline}
    return subprocess.run(
        [sys.executable, "-c", REFUSE + code, *words],
        cwd=ROOT, env=environ, check=False, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.campaign(times=1, only=True)
def test_a_real_start_whose_saved_model_was_never_downloaded_asks_no_hub_and_says_what_to_do(tmp_path):
    ran = run(START, str(tmp_path / "library"), "some/model")
    assert ran.returncode == 0, ran.stderr
    assert "python -m deepseek_mm models download some/model" in ran.stdout


def test_a_start_whose_saved_model_was_never_downloaded_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("deepseek_mm.factory.open_space", lambda encoder, **_: ColourSpace())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **named: pytest.fail(f"looks up {asked}"))
    config = Config(data=tmp_path / "library", lm=LMConfig(name="some/model"), see=SeeConfig(glance=False))
    with load(config, saved=("lm.name",)) as assistant:
        assistant.library.start()
        assert "python -m deepseek_mm models download some/model" in assistant.notices[0].text


@pytest.mark.parametrize("words", [("models", "list"), ("models", "show", "HuggingFaceTB/SmolVLM-256M-Instruct")])
def test_a_list_of_models_asks_no_hub(tmp_path, words):
    ran = run(COMMAND, str(tmp_path / "library"), *words)
    assert (ran.returncode, "SmolVLM" in ran.stdout) == (0, True), ran.stderr


def test_a_download_that_somebody_starts_does_ask(tmp_path):
    ran = run(COMMAND, str(tmp_path / "library"), "models", "download", "some/model", "--set", "hub.retries=0")
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (99, "looks up huggingface.co")
