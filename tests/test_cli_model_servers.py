"""`models servers`, `models try-server` and a line of `doctor`: what else on this machine has models."""

import io
import json

import pytest
from model_servers import limits_of, look_at, model_server

from deepseek_mm.__main__ import main
from deepseek_mm.cli import doctor
from deepseek_mm.models import local_servers
from deepseek_mm.models.loopback_client import ServerLimits
from deepseek_mm.terminal import Desk


@pytest.fixture
def command(tmp_path):
    """Runs `models` with these words: exit code, results, messages."""

    def run(*words):
        desk = Desk(out=io.StringIO(), err=io.StringIO(), environ={}, cwd=tmp_path)
        code = main(["models", *words, "--data", str(tmp_path)], desk)
        return code, desk.out.getvalue(), desk.err.getvalue()

    return run


@pytest.fixture
def look(monkeypatch):
    """Looks at these servers instead of the usual ports."""

    def at(*servers):
        look_at(monkeypatch, limits_of(*(("ollama", server) for server in servers)))

    return at


def test_servers_are_listed_with_what_their_models_can(command, look):
    with model_server("ollama") as server:
        look(server)
        code, told, _ = command("servers")
    lines = told.splitlines()
    assert (code, lines[0]) == (0, f"ollama 0.12.3 at {server.url}")
    assert lines[1].split() == ["llava:7b", "vision,", "4096", "tokens,", "4.7", "GB"]
    assert lines[3].split()[1] == "embedding,"
    assert lines[4].endswith("runs at https://ollama.com:443: what is asked leaves this machine")


def test_what_a_trial_showed_stands_in_the_list_before_what_its_server_says(command, look):
    with model_server("ollama", sees=False) as server:
        look(server)
        code, told, _ = command("try-server", server.url, "llava:7b")
        assert (code, [line.split()[:2] for line in told.splitlines()]) == (1, [["text", "works"], ["vision", "fails"]])
        listed = command("servers")[1]
    assert "vision fails (tried)" in listed


def test_json_holds_the_same(command, look):
    with model_server("vllm") as server:
        look(server)
        assert json.loads(command("servers", "--json")[1])["servers"][0]["kind"] == "vllm"
        tried = json.loads(command("try-server", server.url, "Qwen/Qwen2.5-VL-3B-Instruct", "--json")[1])
    assert [trial["ability"] for trial in tried["trials"]] == ["text", "vision", "tools"]


def test_where_there_is_none_the_next_step_is_named(command, look):
    look()
    code, told, said = command("servers")
    assert (code, told) == (1, "")
    assert said == (
        "no model server on this machine. Start Ollama, llama.cpp, LM Studio or vLLM on its usual port,"
        " then look again\n"
    )
    code, _, said = command("try-server", "http://127.0.0.1:1/v1", "m")
    assert code == 2
    assert "no model server of this machine at 'http://127.0.0.1:1/v1'" in said


def test_doctor_has_a_line_for_them_and_is_well_without_one(monkeypatch):
    (none,) = doctor.model_servers()
    assert none.state == "ok"
    with model_server("vllm") as server:
        limits = limits_of(("vllm", server))
        find = local_servers.find_servers
        monkeypatch.setattr(local_servers, "find_servers", lambda: find(limits))
        (found,) = doctor.model_servers()
        monkeypatch.setattr(local_servers, "find_servers", lambda: find(ServerLimits(ports=())))
        (none,) = doctor.model_servers()
    assert found.detail == f"vllm at {server.url} with 1 models"
    assert none.detail == "none on this machine; none is needed"
