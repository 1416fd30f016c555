"""/models/servers over HTTP: found and tried for people of this machine, and for nobody else."""

import pytest
from model_servers import look_at, model_servers
from service import house_in

from deepseek_mm.accounts.permissions import RIGHTS, Caller

REMOTE = Caller(name="far", rights=frozenset(RIGHTS), session="key:far", local=False)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with house_in(tmp_path_factory.mktemp("servers")) as house:
        yield house


@pytest.fixture
def servers(monkeypatch):
    """An Ollama and a vLLM, where their kinds are looked for."""
    with model_servers("ollama", "vllm") as (servers, limits):
        look_at(monkeypatch, limits)
        yield servers


def test_servers_are_told_with_their_models_and_what_these_can(house, servers):
    told = house.caller().get("/models/servers").json()["servers"]
    assert [(row["kind"], row["url"]) for row in told] == [("ollama", servers[0].url), ("vllm", servers[1].url)]
    llava = told[0]["models"][0]
    assert (llava["name"], llava["sees"], llava["uses_tools"], llava["tried"]) == ("llava:7b", True, False, None)
    assert told[0]["models"][3]["remote_host"] == "https://ollama.com:443"
    assert told[1]["models"][0]["sees"] is None


def test_a_trial_is_told_and_stands_beside_the_model_from_then_on(house, servers):
    me, asked = house.caller(), {"url": servers[0].url, "model": "qwen3:4b"}
    told = me.post("/models/servers/try", json=asked).json()
    assert [(trial["ability"], trial["works"]) for trial in told["trials"]] == [("text", True), ("tools", True)]
    (qwen,) = [row for row in me.get("/models/servers").json()["servers"][0]["models"] if row["name"] == "qwen3:4b"]
    assert qwen["tried"] == told


def test_only_servers_that_were_found_are_asked(house, servers):
    for url in ("http://example.com/v1", "http://127.0.0.1:9/v1", servers[0].url + "/"):
        answer = house.caller().post("/models/servers/try", json={"url": url, "model": "llava:7b"})
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:deepseek-mm:problem:nothing-there")
        assert servers[0].url in answer.json()["detail"]


def test_a_model_that_runs_elsewhere_is_refused(house, servers):
    asked = {"url": servers[0].url, "model": "gpt-oss:120b-cloud"}
    assert house.caller().post("/models/servers/try", json=asked).status_code == 422


def test_nobody_from_elsewhere_and_nobody_who_only_asks_learns_what_listens_here(house, servers):
    reader = Caller(name="reader", rights=frozenset(["ask"]), session="key:reader")
    asked = {"url": servers[0].url, "model": "llava:7b"}
    assert house.caller(REMOTE).get("/models/servers").json() == {"servers": []}
    assert house.caller(REMOTE).post("/models/servers/try", json=asked).status_code == 403
    assert house.caller(reader).get("/models/servers").status_code == 403
    assert [server.looked for server in servers] == [[], []]
