"""What is too large is refused: by what it announces, and by what comes."""

import pytest
from door_help import House

from deepseek_mm.config import ServeConfig

MOST = 1_000


@pytest.fixture
def client(tmp_path):
    return House(tmp_path, ServeConfig(max_body_bytes=MOST)).client()


def pieces(count: int, size: int):
    """A body that does not say how long it is."""
    for _ in range(count):
        yield b"x" * size


def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(client):
    assert client.post("/size", content=b"x" * MOST).json() == MOST
    answer = client.post("/size", content=b"x" * (MOST + 1))
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:deepseek-mm:problem:too-large")
    assert "serve.max_body_bytes" in answer.json()["detail"]


def test_a_body_in_pieces_is_counted_while_it_comes(client):
    assert client.post("/size", content=pieces(10, 100)).json() == MOST
    answer = client.post("/size", content=pieces(11, 100))
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:deepseek-mm:problem:too-large")


def test_a_length_that_is_a_lie_does_not_let_more_in(client):
    answer = client.post("/size", content=pieces(50, 100), headers={"Content-Length": "5"})
    assert answer.status_code == 413
    answer = client.post("/size", content=pieces(50, 100), headers={"Content-Length": "-5"})
    assert answer.status_code == 413


@pytest.mark.parametrize("length", ["99999999999999", "1001"])
def test_what_announces_too_much_is_refused_before_a_byte_is_read(tmp_path, length):
    read = []

    def body():
        read.append(1)
        yield b"x"

    client = House(tmp_path, ServeConfig(max_body_bytes=MOST)).client()
    assert client.post("/me", content=body(), headers={"Content-Length": length}).status_code == 413


def test_a_route_that_reads_no_body_still_answers(client):
    assert client.post("/me", content=pieces(20, 100)).status_code == 200
