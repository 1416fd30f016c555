"""The tools for agents over HTTP, through the official client and the server's own door."""

import json
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import anyio
import httpx2
import pytest
from fakes import Parrot
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from openai_house import listening
from rag_house import build, paint, put

from deepseek_mm.accounts.keys import Keys
from deepseek_mm.api.app import build_api
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.settings_file import SettingsFile

HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@contextmanager
def served(tmp_path, **lm):
    """The whole API over a red photo, behind the door that wants keys; with its keys and its house."""
    with build(tmp_path / "data", **lm) as assistant:
        put(assistant, paint(tmp_path / "photos", "rose.png", "red"))
        config = assistant.config
        assistant.config = replace(config, serve=replace(config.serve, keys="always"))
        api = build_api(assistant, SettingsFile.of(assistant.config))
        keys = Keys(config.data)
        with listening(guard_app(api.app, assistant.config, keys)) as url:
            yield url, keys, assistant
        api.close()


@asynccontextmanager
async def agent(url, key):
    """The official client with this key."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        yield client


def test_an_agent_with_a_key_searches_and_asks_until_the_key_is_removed(tmp_path):
    with served(tmp_path) as (url, keys, house):
        key = keys.add("agent", ["ask"])

        async def talk():
            async with agent(url, key) as client:
                found = await client.call_tool("search", {"words": "something red"})
                asked = await client.call_tool("ask", {"question": "Which photos are red?"})
                wrong = await client.call_tool("search", {"word": "red"})
                return found, asked, wrong

        found, asked, wrong = anyio.run(talk)
        assert found.structured_content["results"][0]["path"].endswith("rose.png")
        assert "rose.png" in asked.structured_content["answer"]
        assert "Did you mean words?" in wrong.content[0].text
        (mine,) = house.history.conversations(session=f"key:{keys.find(key).id}", limit=5)
        assert mine.id == asked.structured_content["conversation"]
        client = httpx2.Client(base_url=url, headers=HEADERS | {"Authorization": f"Bearer {key}"})
        assert client.post("/mcp", json=LIST).status_code == 200
        keys.remove("agent")
        assert client.post("/mcp", json=LIST).status_code == 401


def test_who_may_not_ask_and_what_is_no_message_are_refused(tmp_path):
    with served(tmp_path) as (url, keys, _):
        client = httpx2.Client(base_url=url, headers=HEADERS)
        may, may_not = ({"Authorization": f"Bearer {keys.add(right, [right])}"} for right in ("ask", "page"))
        assert client.post("/mcp", json=LIST).status_code == 401
        refused = client.post("/mcp", json=LIST, headers=may_not)
        assert (refused.status_code, "needs the right 'ask'" in refused.json()["detail"]) == (403, True)
        foreign = client.post("/mcp", json=LIST, headers=may | {"Origin": "http://far.example"})
        assert (foreign.status_code, foreign.json()["type"]) == (403, "urn:deepseek-mm:problem:foreign-page")
        rebound = client.post("/mcp", json=LIST, headers=may | {"Host": "far.example"})
        assert rebound.json()["type"] == "urn:deepseek-mm:problem:host"
        for method in ("GET", "DELETE"):  # no session could be listened to, or ended
            answer = client.request(method, "/mcp", headers=may)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        broken = client.post("/mcp", content=b"{", headers=may)
        assert (broken.status_code, broken.json()["error"]["code"]) == (400, -32700)


@pytest.mark.campaign(times=1, only=True)
def test_a_message_larger_than_the_protocols_own_limit_is_read(tmp_path):
    """Pictures come as data URLs, of which the package refuses more than 4 MiB unless it is told otherwise."""
    with served(tmp_path) as (url, keys, _):
        call = {"name": "search", "arguments": {"picture": "data:image/png;base64," + "A" * 6_000_000}}
        message = LIST | {"method": "tools/call", "params": call}
        headers = HEADERS | {"Authorization": f"Bearer {keys.add('agent', ['ask'])}"}
        answer = httpx2.post(f"{url}/mcp", json=message, headers=headers, timeout=60)
        assert answer.status_code == 200
        assert "no picture" in json.dumps(answer.json()["result"])


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_an_agent_that_hangs_up_stops_its_answer(tmp_path, version):
    never = threading.Event()
    with served(tmp_path, lm=Parrot("It is a rose [1]. And more.", wait=never, pause_after=5)) as (url, keys, house):
        key = keys.add("agent", ["ask"])
        headers = HEADERS | {"Authorization": f"Bearer {key}", "Mcp-Protocol-Version": version}
        params = {"name": "ask", "arguments": {"question": "What is red?"}}
        if version == "2026-07-28":
            headers |= {"Mcp-Method": "tools/call", "Mcp-Name": "ask"}
            about = {"protocolVersion": version, "clientCapabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
            params["_meta"] = {f"io.modelcontextprotocol/{name}": value for name, value in about.items()}
        message = LIST | {"method": "tools/call", "params": params}
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"{url}/mcp", json=message, headers=headers, timeout=1)
        session, deadline = f"key:{keys.find(key).id}", time.monotonic() + 10
        try:
            while (state := house.history.turns(1, session=session)[0].answer.state) != "stopped":
                assert time.monotonic() < deadline, state
                time.sleep(0.02)
        finally:
            never.set()
