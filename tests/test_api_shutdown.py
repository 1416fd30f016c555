"""A server that stops tells everybody who waits, by the protocol that they speak, and cuts no stream."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest
from gradio.server_messages import CloseStreamMessage, UnexpectedErrorMessage
from line_help import Dripping, Stalling, body_of, heard, request, serving_house, status_of
from rag_house import build, paint, put

from deepseek_mm.api import lifecycle
from deepseek_mm.api.app import build_api
from deepseek_mm.api.lifecycle import GracefulShutdown
from deepseek_mm.api.server import open_socket, run_api
from deepseek_mm.config import ServeConfig
from deepseek_mm.settings_file import SettingsFile

ASK = {"question": "Is there a red thing?"}
TALK = {"model": "deepseek-mm", "stream": True, "messages": [{"role": "user", "content": ASK["question"]}]}
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """Nothing here ends by itself, so nobody waits for it."""
    monkeypatch.setattr(lifecycle, "GRACE_S", 0.2)


@pytest.fixture
def slow(tmp_path):
    """A house with such a model."""
    with serving_house(tmp_path, lm=Stalling()) as house:
        yield house


def streamed(answer: bytes) -> str:
    """The body of a whole answer in chunks; AssertionError if it was cut."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        number = int(size, 16)
        assert rest[number : number + 2] == b"\r\n", "cut in the midst of a chunk"
        body, rest = body + rest[:number], rest[number + 2 :]
        if number == 0:
            assert rest == b""
            return body.decode()
    raise AssertionError("the stream has no end")


def stopped_while(house, sent: bytes, begun: bytes) -> bytes:
    """All that is said to a request whose answer had begun with this when the server was told to stop."""
    with house.line() as line:
        line.sendall(sent)
        said = b""
        while begun not in said:
            piece = line.recv(65_536)
            assert piece, said
            said += piece
        assert house.lm.begun.wait(30)
        house.server.should_exit = True
        return said + heard(line)


def frames(text: str) -> list[dict[str, str]]:
    """Server-sent events: their fields."""
    parts = [part for part in re.split(r"\r?\n\r?\n", text) if part and not part.startswith(":")]
    return [dict(line.split(": ", 1) for line in re.split(r"\r?\n", part)) for part in parts]


def test_a_question_that_is_answered_in_events_ends_with_a_closing_event(slow):
    last = frames(streamed(stopped_while(slow, request("/ask", ASK, **EVENTS), b"event: state")))[-1]
    assert last["event"] == "closing"
    told = json.loads(last["data"])
    assert (told["type"], told["status"], told["instance"]) == ("urn:deepseek-mm:problem:stopping", 503, "/ask")
    assert "Ask again" in told["detail"]


def test_who_listens_to_a_task_is_told_and_can_go_on_where_it_was(slow):
    with slow.client() as http:
        address = http.post("/infer", json={"kind": "ask", "input": ASK}).json()["address"]
    said = frames(streamed(stopped_while(slow, request(f"{address}/events", method="GET"), b"event: state")))
    assert said[-1]["event"] == "closing"
    assert "id" not in said[-1]  # so that the last event that counts stays the last of the task
    assert any("id" in each for each in said)


def test_a_chat_of_openai_ends_with_an_error_and_done(slow):
    answer = stopped_while(slow, request("/v1/chat/completions", TALK | {"model": "deepseek-mm-lm"}), b"data: ")
    said = [each["data"] for each in frames(streamed(answer))]
    assert said[-1] == "[DONE]"
    assert json.loads(said[-2])["error"]["code"] == "stopping"
    assert all(json.loads(each)["object"] for each in said[:-2])


def test_a_request_that_waits_for_its_answer_gets_a_problem(slow):
    with slow.line() as line:
        line.sendall(request("/ask", ASK))
        assert slow.lm.begun.wait(30)
        slow.server.should_exit = True
        answer = heard(line)
    assert status_of(answer) == 503
    assert body_of(answer)["type"] == "urn:deepseek-mm:problem:stopping"
    assert b"retry-after" in answer.lower()


def test_what_ends_by_itself_in_time_is_not_disturbed(tmp_path):
    with serving_house(tmp_path, lm=Dripping(words=4, pause_s=0.05)) as house:
        said = frames(streamed(stopped_while(house, request("/ask", ASK, **EVENTS), b"event: state")))
        assert [each["event"] for each in said][-1] in ("end", "closing")
        assert [each["event"] for each in said].count("end") + [each["event"] for each in said].count("closing") == 1


def test_many_streams_end_at_once_and_the_server_ends_with_them(slow):
    answers = []

    def listen() -> None:
        with slow.line() as line:
            line.sendall(request("/v1/chat/completions", TALK))
            answers.append(heard(line))

    threads = [threading.Thread(target=listen) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert slow.lm.begun.wait(30)
    slow.server.should_exit = True
    for thread in threads:
        thread.join(60)
    assert len(answers) == 8
    assert {status_of(answer) for answer in answers} <= {200, 503}
    assert all("[DONE]" in streamed(answer) for answer in answers if status_of(answer) == 200)


async def gradio_stream(scope, receive, send):
    """As Gradio answers on its queue: one event, and then nothing."""
    headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'data: {"msg": "estimation"}\n\n', "more_body": True})
    await asyncio.sleep(300)


def spoken(path: str, app) -> bytes:
    """The body of what is said at this path until the server has stopped."""

    async def run() -> bytes:
        said, ending = [], GracefulShutdown(app)

        async def send(message):
            said.append(message)

        scope = {"type": "http", "path": path, "method": "GET", "headers": []}
        asking = asyncio.create_task(ending(scope, None, send))
        await asyncio.sleep(0.01)
        await ending.end_all()
        await asking
        assert said[-1]["more_body"] is False
        return b"".join(message.get("body", b"") for message in said)

    return asyncio.run(run())


def test_the_pages_stream_of_results_ends_as_gradios_own_server_ends_it():
    said = [json.loads(each["data"]) for each in frames(spoken("/en/gradio_api/queue/data", gradio_stream).decode())]
    assert [each["msg"] for each in said] == ["estimation", "unexpected_error", "close_stream"]
    assert "being stopped" in said[1]["message"]
    messages = [UnexpectedErrorMessage, CloseStreamMessage]
    assert [model.model_validate(each).msg for model, each in zip(messages, said[1:], strict=True)]


def test_a_download_under_way_is_not_called_complete():
    async def download(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/jpeg")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await asyncio.sleep(300)

    async def run() -> list[str]:
        said, ending = [], GracefulShutdown(download)

        async def send(message):
            said.append(message)

        asking = asyncio.create_task(ending({"type": "http", "path": "/x", "headers": []}, None, send))
        await asyncio.sleep(0.01)
        await ending.end_all()
        asking.cancel()  # as the server does when it has waited long enough
        with pytest.raises(asyncio.CancelledError):
            await asking
        return [message.get("body", b"") for message in said]

    assert asyncio.run(run()) == [b"", b"half"]


def serve(folder: Path) -> None:
    """The house as a process of its own, until a signal comes."""
    with build(folder / "library", lm=Stalling()) as assistant:
        assistant.config = replace(assistant.config, serve=ServeConfig(port=0))
        put(assistant, paint(folder / "photos", "red.png", "red"))
        api = build_api(assistant, SettingsFile.of(assistant.config))
        with open_socket(assistant.config.serve) as sock, suppress(KeyboardInterrupt):
            run_api(api, sock, say=partial(print, flush=True), note="", hush=api.tasks.stop)


@pytest.mark.campaign(times=1, only=True)
def test_sigterm_ends_every_kind_of_stream_of_a_real_process_cleanly(tmp_path):
    command = [sys.executable, __file__, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        base = next(line for line in process.stdout if line.startswith("ready: ")).split()[1]
        said, begun = {}, threading.Barrier(4)

        def listen(name: str, path: str, body: object) -> None:
            with httpx.stream("POST", base + path, json=body, headers=EVENTS, timeout=60, trust_env=False) as answer:
                begun.wait(60)
                said[name] = answer.read().decode()  # raises if it is cut

        threads = [
            threading.Thread(target=listen, args=("ask", "/ask", ASK)),
            threading.Thread(target=listen, args=("grounded", "/v1/chat/completions", TALK)),
            threading.Thread(target=listen, args=("bare", "/v1/chat/completions", TALK | {"model": "deepseek-mm-lm"})),
        ]
        for thread in threads:
            thread.start()
        begun.wait(60)
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(60)
        assert process.wait(60) == -signal.SIGTERM  # uvicorn raises it again when all is closed
    assert frames(said["ask"])[-1]["event"] == "closing"
    assert said["grounded"].endswith("data: [DONE]\n\n")
    assert said["bare"].endswith("data: [DONE]\n\n")
    assert '"code": "stopping"' in said["bare"]


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
