"""A full house sends away whoever comes, before the request is understood; half a request is never judged."""

import json

import pytest
from line_help import body_of, one_answer, request, serving_house, status_of

from deepseek_mm.api.limits import COMPUTES, RequestLimiter

EMBED = {"texts": ["a kite"]}


def whole(path: str, body: bytes = b"{}", *, length: int | None = None) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize("path", COMPUTES)
def test_a_whole_request_that_computes_is_refused_where_there_is_no_room(path):
    room = RequestLimiter(most=0)
    head, _, body = room.refusal(whole(path)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 1" in head.lower()
    assert int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) == len(body)
    told = json.loads(body)
    assert "Try again in 1 s" in (told["error"]["message"] if path.startswith("/v1/") else told["detail"])
    assert room.turned_away == 1


@pytest.mark.parametrize(
    "data",
    [
        whole("/health"),
        whole("/embed/more"),
        whole("/embed", length=9),
        whole("/embed", b"{}{}", length=2),
        b"POST /embed HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /embed HTTP/1.1\r\nHost: x",
        b"GET /embed HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_anything_else_is_read_as_ever(data):
    room = RequestLimiter(most=0)
    assert room.refusal(data) is None
    assert room.turned_away == 0


def test_with_room_nobody_is_refused():
    assert RequestLimiter(most=1).refusal(whole("/embed")) is None


def test_those_who_come_in_one_turn_count_before_they_are_inside():
    room = RequestLimiter(most=2)
    assert [room.refusal(whole("/embed")) is None for _ in range(3)] == [True, True, False]
    assert [room.enter(), room.enter()] == [True, True]
    assert (room.begun, room.inside) == (0, 2)
    assert not room.enter()
    room.inside = 0
    assert room.refusal(whole("/embed")) is None
    room.forget()  # the door let nobody in
    assert [room.refusal(whole("/embed")) is None for _ in range(3)] == [True, True, False]


def test_over_one_line_refusals_and_answers_follow_each_other(tmp_path):
    with serving_house(tmp_path) as house:
        room = house.api.room
        with house.line() as line:
            for most, status in ((room.most, 200), (0, 429), (0, 429), (room.most, 200)):
                room.most = most  # not `inside`: whoever was answered may still be on their way out
                line.sendall(request("/embed", EMBED))
                answer = one_answer(line)
                assert status_of(answer) == status
        assert room.turned_away == 2
        assert body_of(answer)["texts"]


def test_half_a_request_in_a_full_house_gets_its_429_when_it_is_whole(tmp_path):
    with serving_house(tmp_path) as house:
        house.api.room.most = 0
        data = request("/embed", EMBED)
        with house.line() as line:
            line.sendall(data[:30])
            with house.client() as http:
                assert http.get("/health").status_code == 200
            line.sendall(data[30:])
            assert status_of(one_answer(line)) == 429
