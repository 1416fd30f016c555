"""The log: one JSON object a line, with the request's number, and neither content nor keys."""

import json
import logging
import stat

import pytest
from door_help import House

from deepseek_mm.api.logs import CURRENT, JsonLines, configure_logging
from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.errors import LibraryError


def lines(file) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.fixture
def written(tmp_path):
    with configure_logging(Config(data=tmp_path, serve=ServeConfig(keys="always"))) as file:
        yield file


def test_each_request_is_one_line_with_who_what_and_how_it_ended(house, written):
    answer = house.client(house.asker).get("/tasks/secret-number?q=where+is+my+cat")
    (line,) = lines(written)
    assert {name: line[name] for name in ("who", "method", "route", "status", "bytes", "request", "logger")} == {
        "who": "asker",
        "method": "GET",
        "route": "/tasks/{number}",
        "status": 200,
        "bytes": len(answer.content),
        "request": answer.headers["x-request-id"],
        "logger": "deepseek_mm.access",
    }
    assert 0 <= line["seconds"] < 60
    assert line["time"].endswith("+00:00")


def test_what_is_refused_is_in_the_log_too(house, written):
    house.client().get("/me")
    house.client().post("/login", data={"key": "dsmm_wrong"})
    house.client(base_url="http://evil.example").get("/me")
    assert [(line["route"], line["status"], line["who"]) for line in lines(written)] == [
        ("-", 401, "-"),
        ("/login", 401, "-"),
        ("-", 421, "-"),
    ]


@pytest.mark.parametrize("sent", ["abc-1", "A.b_9", "x" * 64])
def test_a_short_and_plain_number_of_the_caller_is_kept(house, sent):
    assert house.client(house.all).get("/me", headers={"X-Request-ID": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", '"}{', "\xe4", "a\tb"])
def test_any_other_number_of_the_caller_is_replaced(house, sent):
    answer = house.client(house.all).get("/me", headers={"X-Request-ID": sent.encode("latin-1")})
    assert len(answer.headers["x-request-id"]) == 16


def test_no_question_reaches_the_log_not_even_when_something_breaks(house, written):
    answer = house.client(house.all).get("/broken?q=my+secret+cat")
    assert answer.status_code == 500
    text = written.read_text()
    assert "secret" not in text
    assert "RuntimeError at " in text
    broke = next(line for line in lines(written) if line["level"] == "error")
    assert broke["request"] == answer.headers["x-request-id"]
    assert "door_help.py:" in broke["exception"]


def test_with_the_setting_the_log_holds_content(tmp_path):
    serve = ServeConfig(log_content=True)
    house = House(tmp_path, serve)
    with configure_logging(Config(data=tmp_path, serve=serve)) as file:
        house.client().get("/broken?q=my+secret+cat")
    assert "cannot think about my secret cat" in file.read_text()
    assert any(line.get("target") == "/broken?q=my+secret+cat" for line in lines(file))


def test_a_key_is_struck_out_wherever_it_came_from(house, written):
    log = logging.getLogger("deepseek_mm.anything")
    log.warning("headers: Authorization: Bearer %s, and %s", house.all, house.asker)
    log.warning("Cookie: deepseek_mm_login=abc-123; language=en, Authorization: bearer sk-other")
    text = written.read_text()
    for secret in (house.all, house.asker, "abc-123", "sk-other"):
        assert secret not in text
    assert "language=en" in text


def test_requests_that_pass_each_other_keep_their_numbers(house, written):
    with_one, with_two = ({"X-Request-ID": number} for number in ("one", "two"))
    house.client(house.all).get("/me", headers=with_one)
    house.client(house.all).get("/me", headers=with_two)
    assert [line["request"] for line in lines(written)] == ["one", "two"]
    assert CURRENT.get() == ""


def test_a_line_cannot_be_forged_by_what_is_written(written):
    logging.getLogger("deepseek_mm").warning('a\n{"level": "error"}\u2028b')
    (line,) = lines(written)
    assert line["message"] == 'a\n{"level": "error"}\u2028b'
    assert written.read_text().isascii()


def test_only_the_owner_may_read_the_log(written):
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(written.parent.stat().st_mode) == 0o700


def test_after_the_block_nothing_is_written_any_more(tmp_path):
    before = list(logging.getLogger("deepseek_mm").handlers)
    with configure_logging(Config(data=tmp_path)) as file:
        pass
    logging.getLogger("deepseek_mm").error("too late")
    assert file.read_text() == ""
    assert logging.getLogger("deepseek_mm").handlers == before


def test_a_log_that_cannot_be_written_is_said_with_its_reason(tmp_path):
    (tmp_path / "log").write_text("a file")
    with pytest.raises(LibraryError, match="cannot write the log"), configure_logging(Config(data=tmp_path)):
        pass


def test_a_cause_is_told_before_what_it_caused():
    try:
        try:
            raise KeyError("private")
        except KeyError as error:
            raise ValueError("private too") from error
    except ValueError as error:
        record = logging.LogRecord("a", logging.ERROR, __file__, 1, "broke", (), (type(error), error, None))
    line = json.loads(JsonLines().format(record))
    assert line["exception"].startswith("KeyError at test_api_logs.py:")
    assert "ValueError" in line["exception"]
    assert "private" not in line["exception"]


def test_the_log_begins_a_new_file_and_forgets_the_oldest_as_the_settings_say(tmp_path):
    serve = ServeConfig(log_bytes=10_000, log_files=2)
    with configure_logging(Config(data=tmp_path, serve=serve)) as file:
        for number in range(400):
            logging.getLogger("deepseek_mm.anything").warning("line %d of many of about this length", number)
    files = sorted(file.parent.glob(f"{file.name}*"))
    assert len(files) == 3
    assert all(each.stat().st_size <= 10_000 for each in files)
