"""Against an OpenAI-compatible server that nobody here wrote: `transformers serve`, with a tiny random model."""

import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import torch
from tiny_lm import save_tiny, tiny_llama, tiny_tokenizer

from deepseek_mm.config import LMConfig
from deepseek_mm.errors import ServerError
from deepseek_mm.lm.backends.server_model import open_remote
from deepseek_mm.lm.backends.transformers_model import LocalModel
from deepseek_mm.types import Message

ASK = (Message(role="system", text="two cups"), Message(role="user", text="a black dog?"))
COMMAND = Path(sys.executable).with_name("transformers")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.campaign(times=1, only=True),
    pytest.mark.skipif(not COMMAND.exists(), reason="the command `transformers` is not installed"),
    pytest.mark.skipif(not importlib.util.find_spec("openai"), reason="`transformers serve` needs the package openai"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path):
    """The address of a server that has loaded the checkpoint in `folder`."""
    port = free_port()
    command = [str(COMMAND), "serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 180
        while not healthy(port):
            assert process.poll() is None, "transformers serve ended before it was ready"
            assert time.monotonic() < deadline, "transformers serve was not ready within 180 s"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)


def healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").is_success
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("model") / "tiny", tiny_llama().to(torch.float32))


@pytest.fixture(scope="module")
def url(folder):
    with serving(folder) as address:
        yield address


def words(generator, *, max_tokens=30) -> str:
    return "".join(generator.stream(ASK, max_tokens=max_tokens, stop=threading.Event()))


def test_a_server_nobody_here_wrote_says_what_the_same_model_says_here(url, folder):
    here = LocalModel(tiny_llama(), tiny_tokenizer(), name="here", fingerprint="0")
    there = open_remote(LMConfig(url=url, name=str(folder), timeout_s=120))
    assert words(there).rstrip("\ufffd") == words(here) != ""


def test_a_stop_is_heard_while_that_server_speaks(url, folder):
    stop = threading.Event()
    pieces = open_remote(LMConfig(url=url, name=str(folder), timeout_s=120)).stream(ASK, max_tokens=200, stop=stop)
    assert next(pieces)
    stop.set()
    assert list(pieces) == []


def test_an_unknown_model_on_that_server_is_an_error_with_a_next_step(url):
    with pytest.raises(ServerError, match=r"--model|See its log"):
        words(open_remote(LMConfig(url=url, name="nobody/nothing", timeout_s=120)))
