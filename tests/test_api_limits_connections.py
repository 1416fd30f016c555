"""Slow callers and such as vanish: they are cut off or let go of, and others are served meanwhile."""

import logging
import re
import socket
import time
from contextlib import ExitStack, suppress

import pytest
from fastapi import FastAPI, Request
from jobs_help import eventually
from line_help import Dripping, body_of, heard, one_answer, request, serving_house, status_of

from deepseek_mm.api.limits import SlowClientProtocol

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


@pytest.mark.campaign(times=1, only=True)
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


HALF = request("/ask", ASK)[:-5]  # a request under way: its body is still to come


@pytest.mark.parametrize(
    ("limits", "status", "why"),
    [
        ({"connections": 3}, 503, "3 connections are open, and no more"),
        ({"connections_per_address": 3}, 429, "3 connections are open from your address"),
    ],
)
def test_more_lines_than_there_may_be_are_sent_away_with_a_problem(tmp_path, limits, status, why):
    with serving_house(tmp_path, **limits) as house, ExitStack() as lines:
        held = [lines.enter_context(house.line()) for _ in range(3)]
        for line in held:
            line.sendall(HALF)
        eventually(lambda: sum(bool(each.cycle) for each in connections(house)) == 3)
        with house.line() as line:
            answer = heard(line)
        assert status_of(answer) == status
        assert why in body_of(answer)["detail"]
        held[0].close()
        eventually(house.answers, within_s=30)


def connections(house) -> list[SlowClientProtocol]:
    """What the server has open."""
    return list(house.server.server_state.connections)


@pytest.mark.parametrize(
    ("limits", "sent"),
    [({"connections": 20}, b""), ({"connections_per_address": 20}, b"GET /health HTTP/1.1\r\nX-Slow: ")],
    ids=["nothing sent", "half a head"],
)
def test_a_flood_of_idle_lines_from_ones_own_address_shuts_nobody_out(tmp_path, limits, sent):
    with serving_house(tmp_path, **limits) as house, ExitStack() as lines:
        busy = lines.enter_context(house.line())
        busy.sendall(HALF)
        kept = lines.enter_context(house.line())
        kept.sendall(request("/health/live", method="GET"))
        assert status_of(one_answer(kept)) == 200
        for _ in range(60):
            lines.enter_context(house.line()).sendall(sent)
        for _ in range(3):
            assert house.answers()
        assert len(connections(house)) <= 22  # the last that were closed may still be on their way out
        assert heard(kept) == b""  # the longest idle ones go
        busy.sendall(request("/ask", ASK)[-5:])  # and none that is being answered
        assert status_of(one_answer(busy)) == 200


def test_whoever_is_told_why_and_does_not_hang_up_holds_no_place(tmp_path):
    with serving_house(tmp_path, connections=10) as house, ExitStack() as lines:
        for _ in range(30):
            lines.enter_context(house.line()).sendall(b"nonsense\r\n\r\n")
        assert house.answers()


def test_one_address_that_has_many_idle_lines_loses_them_before_another_loses_its_one(tmp_path):
    with serving_house(tmp_path, connections=20) as house, ExitStack() as lines:
        other = lines.enter_context(house.line(of="127.0.0.2"))
        other.sendall(request("/health/live", method="GET"))
        assert status_of(one_answer(other)) == 200
        for _ in range(60):
            lines.enter_context(house.line())
        assert house.answers()
        other.sendall(request("/health/live", method="GET"))
        assert status_of(one_answer(other)) == 200


def test_one_address_cannot_take_all_places_even_with_requests_under_way(tmp_path):
    with serving_house(tmp_path, connections=20, connections_per_address=10) as house, ExitStack() as lines:
        for _ in range(30):
            lines.enter_context(house.line(of="127.0.0.2")).sendall(HALF)
        eventually(lambda: sum(bool(each.cycle) for each in connections(house)) == 10)
        assert house.answers()


HOST = b"Host: 127.0.0.1\r\n"


LIVE = b"GET /health/live HTTP/1.1\r\n" + HOST
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"


LONG = (  # head, status, what is said
    (b"GET /health/live?" + b"a" * 16_384 + b" HTTP/1.1\r\n" + HOST, 414, "its address has 16,397 bytes"),
    (b"GET /" + b"a" * 300_000, 414, "its address has [0-9,]+ bytes"),
    (LIVE + b"X: y\r\n" * 200, 431, "it has 201 headers"),
    (LIVE + b"X: y\r\n" * 20_000, 431, "it has 20001 headers|more than 65,536 bytes"),
    (LIVE + b"X: " + b"y" * 65_600 + b"\r\n", 431, "its head has 65,6[0-9]+ bytes|more than 65,536 bytes"),
    (LIVE + UPGRADE + b"X: y\r\n" * 200, 431, "it has 203 headers"),
)


@pytest.mark.parametrize("size", [1_000_000, 4_000], ids=["at once", "in pieces"])
def test_a_head_that_is_too_long_is_refused_and_nothing_behind_it_is_read(house, size):
    for head, status, why in LONG:
        with house.line() as line:
            send(line, head + b"\r\n" + request("/health/live", method="GET"), size)
            answer = heard(line)
        assert status_of(answer) == status
        assert body_of(answer)["type"] == "urn:deepseek-mm:problem:head-too-long"
        assert re.search(why, body_of(answer)["detail"])
        assert answer.count(b"HTTP/1.1 ") == 1
    assert house.answers()


def send(line: socket.socket, whole: bytes, size: int) -> None:
    """In pieces, as long as the other side listens: the answer may be given before the end."""
    with suppress(OSError):
        for at in range(0, len(whole), size):
            line.sendall(whole[at : at + size])


def test_a_head_just_within_the_limits_is_read_and_its_line_stays_open(house):
    url = b"/health/live?" + b"a" * (16_384 - 13)
    largest = b"GET " + url + b" HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 198 + b"Y: " + b"z" * 40_000 + b"\r\n\r\n"
    with house.line() as line:
        for _ in range(2):
            for at in range(0, len(largest), 9_000):
                line.sendall(largest[at : at + 9_000])
            assert status_of(one_answer(line)) == 200


def test_a_head_that_is_too_long_after_a_good_one_ends_the_line_after_the_good_ones_answer(house):
    with house.line() as line:
        line.sendall(request("/health/live", method="GET"))
        line.sendall(b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = heard(line)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"414"]


def test_what_is_no_http_is_told_so_as_a_problem(house):
    for sent in (b"\x00\x01\x02\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n: y\r\n\r\n"):
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
