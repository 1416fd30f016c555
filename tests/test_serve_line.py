"""Slow callers and such as vanish: they are cut off or let go of, and others are served meanwhile."""

import logging
import socket
import time
from contextlib import ExitStack

import pytest
from fastapi import FastAPI, Request
from jobs_help import eventually
from line_help import Dripping, body_of, heard, request, serving_house, status_of

PATIENCE_S = 0.3
ASK = {"question": "Is there a red thing?"}


@pytest.fixture
def house(tmp_path):
    with serving_house(tmp_path, patience_s=PATIENCE_S) as house:
        yield house


@pytest.fixture
def slow(tmp_path):
    """A house whose model speaks for minutes, if nobody stops it."""
    with serving_house(tmp_path, lm=Dripping(words=3_000, pause_s=0.05)) as house:
        yield house


def drip(line: socket.socket, data: bytes) -> bytes:
    """Send byte by byte until the other side has had enough; then what it said."""
    line.settimeout(0.05)
    for n in range(len(data)):
        try:
            line.sendall(data[n : n + 1])
            if (said := line.recv(1)) is not None:
                line.settimeout(60)
                return said + heard(line) if said else b""
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            return b""
    raise AssertionError("a slow caller was never cut off")


def test_a_head_that_comes_byte_by_byte_is_cut_and_others_are_served_meanwhile(house):
    with ExitStack() as lines:
        slow = [lines.enter_context(house.line()) for _ in range(20)]
        for line in slow:
            line.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
        assert house.answers()
        answer = drip(slow[0], b"a" * 2_000)
        assert status_of(answer) == 408
        assert body_of(answer)["type"] == "urn:deepseek-mm:problem:too-slow"
        assert all(status_of(heard(line)) == 408 for line in slow[1:])


def test_a_body_that_comes_byte_by_byte_is_cut_and_others_are_served_meanwhile(house):
    whole = request("/ask", ASK | {"question": "x" * 4_000})
    with house.line() as line:
        line.sendall(whole[:200])
        assert house.answers()
        answer = drip(line, whole[200:])
    assert status_of(answer) == 408
    assert "body came too slowly" in body_of(answer)["detail"]
    assert house.answers()


def test_a_line_on_which_nothing_is_asked_is_closed_without_a_word(house):
    with house.line() as line:
        assert heard(line) == b""


def test_a_caller_who_takes_its_time_within_reason_is_served(house):
    whole = request("/search", {"text": "red"}, Connection="close")
    with house.line() as line:
        for at in range(0, len(whole), 60):
            line.sendall(whole[at : at + 60])
            time.sleep(PATIENCE_S / 10)
        assert status_of(heard(line)) == 200


def test_an_answer_that_is_not_read_is_given_up_and_others_are_served_meanwhile(house):
    texts = {"texts": ["red"] * 256}
    with house.line() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        for _ in range(40):  # asked again and again, without ever listening
            line.sendall(request("/embed", texts))
        assert house.answers()
        eventually(lambda: cut(line), within_s=180)  # its answers have to fill the line first, on a busy machine
    assert house.answers()


def cut(line: socket.socket) -> bool:
    """Whether the other side has let go of it."""
    try:
        line.sendall(b"x")
    except OSError:
        return True
    return False


def test_more_lines_than_there_may_be_are_sent_away_with_a_problem(tmp_path):
    with serving_house(tmp_path, connections=3) as house, ExitStack() as lines:
        held = [lines.enter_context(house.line()) for _ in range(3)]
        for line in held:
            line.sendall(b"GET / HTTP/1.1\r\n")
        with house.line() as line:
            answer = heard(line)
        assert status_of(answer) == 503
        assert "3 connections are open" in body_of(answer)["detail"]
        held[0].close()
        eventually(house.answers, within_s=30)


def test_what_is_no_http_is_told_so_as_a_problem(house):
    for sent in (b"\x00\x01\x02\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000):
        with house.line() as line:
            line.sendall(sent)
            answer = heard(line)
        assert (status_of(answer), body_of(answer)["type"]) == (400, "urn:deepseek-mm:problem:no-http")
        assert b"application/problem+json" in answer


def test_a_caller_who_hangs_up_while_it_waits_ends_its_question(slow):
    with slow.line() as line:
        line.sendall(request("/ask", ASK))
        assert slow.lm.begun.wait(30)
    assert slow.lm.stopped.wait(30)
    eventually(lambda: slow.api.tasks.counts()["running"] == 0)
    assert slow.answers()


def test_a_caller_who_hangs_up_in_the_midst_of_its_events_ends_its_question(slow):
    with slow.line() as line:
        line.sendall(request("/ask", ASK, Accept="text/event-stream"))
        while b"event: text" not in line.recv(65_536):
            pass
    assert slow.lm.stopped.wait(30)


def test_a_caller_who_hangs_up_in_the_midst_of_a_chat_ends_it(slow):
    talk = {"model": "deepseek-mm", "stream": True, "messages": [{"role": "user", "content": ASK["question"]}]}
    with slow.line() as line:
        line.sendall(request("/v1/chat/completions", talk))
        assert slow.lm.begun.wait(30)
        line.recv(1)
    assert slow.lm.stopped.wait(30)


def test_the_task_of_a_caller_who_has_gone_goes_on(tmp_path):
    with serving_house(tmp_path, lm=Dripping(words=20, pause_s=0.05)) as house, house.client() as http:
        address = http.post("/infer", json={"kind": "ask", "input": ASK}).json()["address"]
        with house.line() as line:
            line.sendall(request(f"{address}/events", method="GET"))
            assert b"200 OK" in line.recv(65_536)
        eventually(lambda: http.get(address).json()["state"] not in ("waiting", "running"), within_s=60)
        task = http.get(address).json()
        assert (task["state"], task["result"]["state"]) == ("done", "done")


@pytest.mark.parametrize("path", ["/ask", "/library/files", "/v1/chat/completions", "/infer", "/below/read"])
def test_a_caller_who_hangs_up_while_it_sends_is_no_fault_of_ours(house, path, caplog):
    house.api.app.mount("/below", below())
    kind = "multipart/form-data; boundary=x" if path == "/library/files" else "application/json"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: 90000\r\n\r\n"
    with caplog.at_level(logging.INFO):
        with house.line() as line:
            line.sendall(
                head.encode() + b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
            )
            assert house.answers()
        eventually(lambda: path in statuses(caplog), within_s=30)
    assert statuses(caplog)[path] == 499
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def below() -> FastAPI:
    """An app such as Gradio's, that has errors of its own and reads bodies by itself."""
    app = FastAPI()

    @app.post("/read")
    async def read(request: Request) -> str:
        return (await request.body()).decode()

    return app


def statuses(caplog) -> dict[str, int]:
    """Of the requests that are over, by route, as the log has them."""
    fields = [record.fields for record in caplog.records if hasattr(record, "fields")]
    return {each["route"]: each["status"] for each in fields}
