"""/run over HTTP: who may, what comes back, and that leaving ends it."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from serve_help import client_of

from deepseek_mm.accounts.permissions import LOCAL, RIGHTS, USUAL, Caller
from deepseek_mm.api.routes.task_routes import run_router
from deepseek_mm.config import Config, SandboxConfig
from deepseek_mm.services.services import ProgramService

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are Linux's")
SMALL = SandboxConfig(seconds=20, memory_mb=300)
USER = Caller(name="phone", rights=frozenset(USUAL), session="key:phone")
RUNNER = Caller(name="laptop", rights=frozenset(RIGHTS), session="key:laptop")


def client(tmp_path, *, who=LOCAL, **numbers):
    config = Config(data=tmp_path, sandbox=replace(SMALL, **numbers))
    return client_of(
        run_router, who=who, services=SimpleNamespace(programs=ProgramService.of(SimpleNamespace(config=config)))
    )


def test_a_program_comes_back_with_its_words_its_end_and_what_protected_us(tmp_path):
    reply = client(tmp_path).post("/run", json={"code": "print(input.__name__, open('input.txt').read())", "text": "x"})
    told = reply.json()
    assert (reply.status_code, told["stdout"], told["exit"], told["ended_by"]) == (200, "input x\n", 0, "")
    assert {"files", "network", "system calls", "limits"} <= {each["name"] for each in told["protections"]}
    assert 0 < told["seconds"] < 20


def test_a_shell_script_that_takes_too_long_is_told_so(tmp_path):
    told = client(tmp_path, seconds=0.5).post("/run", json={"code": "echo a; sleep 600", "language": "bash"}).json()
    assert (told["stdout"], told["ended_by"]) == ("a\n", "time")


def test_the_library_is_not_there_for_a_program(tmp_path):
    (tmp_path / "keys.json").write_text("hashes")
    told = client(tmp_path).post("/run", json={"code": f"print(open('{tmp_path}/keys.json').read())"}).json()
    assert "No such file" in told["stderr"]


@pytest.mark.parametrize(
    ("who", "run", "says"),
    [
        (USER, "auto", "people of this machine only"),
        (RUNNER, "auto", "people of this machine only"),
        (USER, "on", "needs the right"),
        (LOCAL, "off", "sandbox.run is off"),
    ],
)
def test_whoever_may_not_run_programs_is_told_how_it_is_allowed(tmp_path, who, run, says):
    caller = client(tmp_path, who=who, run=run)
    reply = caller.post("/run", json={"code": "print(1)"})
    assert (reply.status_code, reply.json()["type"]) == (403, "urn:deepseek-mm:problem:forbidden")
    assert says in reply.json()["detail"]
    told = caller.get("/run").json()
    assert told["allowed"] is False
    assert says in told["why_not"]


def test_a_key_with_the_right_runs_programs_where_that_is_switched_on(tmp_path):
    caller = client(tmp_path, who=RUNNER, run="on")
    assert caller.get("/run").json()["allowed"] is True
    assert caller.post("/run", json={"code": "print(1)"}).json()["stdout"] == "1\n"


@pytest.mark.parametrize(
    "body", [{}, {"code": ""}, {"code": "a\0"}, {"code": "1", "language": "perl"}, {"code": "1", "x": 1}]
)
def test_what_is_no_program_is_refused(tmp_path, body):
    assert client(tmp_path).post("/run", json=body).status_code == 422


def test_a_key_has_not_the_right_to_run_unless_it_is_asked_for():
    assert set(RIGHTS) - set(USUAL) == {"run"}
