"""The access token of a loopback server: who shows it is the person at this machine, who does not stays outside."""

import hmac
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from door_help import HERE, behind
from fake_app import paper
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import app
from deepseek_mm.accounts.guesses import FREE_TRIES
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.api import credentials, server
from deepseek_mm.api.app import build_api
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.credentials import AccessToken, choose_token
from deepseek_mm.api.login import COOKIE
from deepseek_mm.api.logs import configure_logging
from deepseek_mm.api.server import run_api
from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.settings import trace_settings
from deepseek_mm.settings_file import SettingsFile

TOKEN = "a-token-of_our.own~0123456789abcdef"
BROWSER = {"Accept": "text/html,*/*;q=0.8"}
ROOT = Path(__file__).parent.parent


class House:
    """The small app of door_help behind a door with a token."""

    def __init__(self, data: Path, **config: object) -> None:
        self.config = Config(data=data, serve=ServeConfig(**config))
        self.keys = Keys(data)
        self.key = self.keys.add("asker", ("ask",))
        self.door = guard_app(behind(), self.config, self.keys, tokens=(TOKEN, ""))

    def client(self, shown: str = "") -> TestClient:
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        return TestClient(self.door, base_url=HERE, headers=headers, follow_redirects=False)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_without_the_token_an_account_of_this_machine_gets_nothing(house):
    for shown in ("", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper()):
        answer = house.client(shown).get("/me")
        assert answer.status_code == 401
        assert "Bearer TOKEN" in answer.json()["detail"]
        assert TOKEN not in answer.text
    assert house.client().get("/en/", headers=BROWSER).headers["location"] == "/login?next=/en/"
    assert house.client().get("/health/live").status_code == 200


def test_a_program_with_the_token_is_the_local_person_with_all_rights(house):
    said = house.client(TOKEN).get("/me").json()
    assert (said["name"], said["session"]) == ("local", "api:local")
    assert "run" in said["rights"]
    assert house.client(house.key).get("/me").json()["name"] == "asker"


def test_opening_the_printed_address_logs_the_browser_in_and_leaves_no_token_in_it(house):
    browser = house.client()
    answer = browser.get(f"/?token={TOKEN}", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in answer.headers["set-cookie"]
    assert browser.get("/me").json()["name"] == "local"
    assert house.client().get("/me").status_code == 401


@pytest.mark.parametrize(
    ("opened", "led_to"),
    [
        ("/en/?view=grid&token={t}&n=1", "/en/?view=grid&n=1"),
        ("/en/?token={t}&token=other", "/en/"),
        ("//evil.example/?token={t}", "/"),
        ("/%0d%0aset-cookie:x=y?token={t}", "/%0D%0Aset-cookie%3Ax%3Dy"),
        ("/a%20b?token={t}&q=%2F%2Fx", "/a%20b?q=%2F%2Fx"),
    ],
)
def test_the_address_is_followed_without_its_token_and_only_on_this_server(house, opened, led_to):
    answer = house.client().get(f"{HERE}{opened.format(t=TOKEN)}")
    assert (answer.status_code, answer.headers["location"]) == (303, led_to)


def test_a_wrong_token_in_the_address_is_sent_to_the_login_without_it_and_slowed_down(house):
    browser = house.client()
    for n in range(FREE_TRIES):
        answer = browser.get(f"/en/?token=wrong{n}", headers=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/en/")
        assert "set-cookie" not in answer.headers
    assert browser.get("/?token=wrong").status_code == 429
    assert browser.get(f"/?token={TOKEN}").headers["location"] == "/"  # who has it is not shut out


def test_the_token_is_taken_by_the_login_form_too(house):
    browser = house.client()
    assert browser.post("/login", data={"key": TOKEN, "next": "/en/"}).headers["location"] == "/en/"
    assert browser.get("/me").json()["name"] == "local"
    assert "local" in browser.get("/login").text
    browser.post("/logout")
    assert browser.get("/me").status_code == 401


def test_through_a_proxy_neither_the_token_nor_its_login_counts(house):
    proxied = {"X-Forwarded-For": "203.0.113.9"}
    browser = house.client()
    browser.get(f"/?token={TOKEN}")
    assert browser.get("/me", headers=proxied).status_code == 401
    assert house.client(TOKEN).get("/me", headers=proxied).status_code == 401
    assert "set-cookie" not in house.client().get(f"/?token={TOKEN}", headers=proxied).headers
    assert house.client().post("/login", data={"key": TOKEN}, headers=proxied).status_code == 401
    assert house.client(house.key).get("/me", headers=proxied).status_code == 200


def test_a_page_of_others_cannot_log_a_browser_in_by_its_token(house):
    sent = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert house.client().get(f"/?token={TOKEN}", headers=sent).status_code == 403


def test_the_token_in_an_address_changes_nothing(house):
    for method in ("POST", "DELETE", "PUT"):
        assert house.client().request(method, f"/me?token={TOKEN}").status_code == 401


def test_a_websocket_needs_the_token_or_its_login(house):
    browser = house.client()
    browser.get(f"/?token={TOKEN}")
    cookie = {"cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    for headers in ({"authorization": f"Bearer {TOKEN}"}, cookie):
        with house.client().websocket_connect("ws://127.0.0.1:7860/live", headers=headers) as socket:
            assert socket.receive_text() == "local"
    for headers in ({}, {"authorization": "Bearer wrong"}):
        with (
            pytest.raises(WebSocketDisconnect),
            house.client().websocket_connect("ws://127.0.0.1:7860/live", headers=headers),
        ):
            pass


def test_the_token_never_reaches_the_log_not_even_with_content(tmp_path):
    house = House(tmp_path, log_content=True)
    with configure_logging(house.config) as path:
        house.client().get(f"/?token={TOKEN}")
        house.client().get(f"/en/?a=b&token={TOKEN}&c=d")
        house.client(TOKEN).get("/me")
        house.client().get("/?token=wrong-but-nearly-right", headers=BROWSER)
        logging.getLogger("deepseek_mm").warning("Authorization: Bearer %s", TOKEN)
        text = path.read_text()
    assert text.count('"request"') > 4
    assert TOKEN not in text
    assert "nearly-right" not in text
    assert "c=d" in text


def test_every_byte_of_a_token_is_compared(monkeypatch):
    compared = []

    def compare(one, other):
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    token = AccessToken(TOKEN)
    assert [token.fits(shown) for shown in (TOKEN, "", TOKEN[:-1], "x" * 10_000, "\ud800")] == [True, *[False] * 4]
    assert compared == [(32, 32)] * 5


def test_without_the_flag_and_the_variable_loopback_stays_free_of_keys(tmp_path):
    assert choose_token(None, {}, ServeConfig()) == ""
    assert choose_token(None, {"DEEPSEEK_MM_TOKEN": ""}, ServeConfig()) == ""
    client = TestClient(
        guard_app(behind(), Config(data=tmp_path), Keys(tmp_path)), base_url=HERE, follow_redirects=False
    )
    assert client.get("/me").json()["name"] == "local"
    assert client.get("/?token=anything").text == '"here"'


def test_a_token_is_drawn_from_256_bits_and_a_variable_may_hold_one():
    drawn = {choose_token("", {}, ServeConfig()) for _ in range(50)}
    assert len(drawn) == 50
    assert {len(token) for token in drawn} == {len(credentials.PREFIX) + 43}
    for asked in (None, ""):
        assert choose_token(asked, {"DEEPSEEK_MM_TOKEN": TOKEN}, ServeConfig()) == TOKEN


@pytest.mark.parametrize(
    ("asked", "given", "serve", "why"),
    [
        ("secret", "", {}, "can be read by every account.*DEEPSEEK_MM_TOKEN"),
        (None, "x" * 31, {}, "31 characters.*32 to 200.*secrets.token_urlsafe"),
        (None, "x" * 201, {}, "201 characters"),
        (None, "has a space" * 5, {}, "may hold only"),
        ("", "", {"host": "0.0.0.0"}, "callers need keys.*Leave out --token"),
        ("", "", {"keys": "always"}, "callers need keys"),
        (None, TOKEN, {"hosts": "photos.example"}, "callers need keys"),
    ],
)
def test_a_token_that_cannot_be_used_is_refused_with_the_next_step(asked, given, serve, why):
    with pytest.raises(ConfigError, match=why) as refusal:
        choose_token(asked, {"DEEPSEEK_MM_TOKEN": given}, ServeConfig(**serve))
    assert not given or given not in str(refusal.value)


def test_the_variable_is_no_setting_so_no_page_and_no_file_shows_it(tmp_path):
    environ = {"DEEPSEEK_MM_TOKEN": TOKEN}
    assert trace_settings({}, environ=environ, cwd=tmp_path).config == Config()
    assert TOKEN not in str(SettingsFile({}, environ=environ, cwd=tmp_path).read())


def begin(data: Path, *flags: str, **environ: str) -> subprocess.Popen[str]:
    """The page on paper as a process of its own."""
    command = [sys.executable, str(ROOT / "tests" / "fake_app.py"), "--port", "0", "--data", str(data), *flags]
    return subprocess.Popen(command, env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True)


def test_the_address_is_printed_with_the_token_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "build_server", lambda *_, **__: SimpleNamespace(run=lambda sockets: None))
    assistant = paper(Config(data=tmp_path, serve=ServeConfig(port=0)))
    said = []
    with socket.create_server(("127.0.0.1", 0)) as sock:
        for token in (TOKEN, ""):
            api = build_api(assistant, SettingsFile.of(assistant.config))
            run_api(api, sock, say=said.append, note="note", hush=lambda: None, tokens=(token, ""))
        port = sock.getsockname()[1]
    assert said == [f"ready: http://127.0.0.1:{port}/?token={TOKEN}  (note)", f"ready: http://127.0.0.1:{port}  (note)"]


@pytest.mark.campaign(times=1, only=True)
def test_the_printed_address_opens_the_page_and_without_it_nothing_does(tmp_path):
    process = begin(tmp_path / "library", "--token")
    try:
        line = next(line for line in process.stdout if line.startswith("ready: "))
        address = line.split()[1]
        base, _, token = address.partition("/?token=")
        with httpx.Client(trust_env=False, timeout=60) as http:
            assert http.get(f"{base}/en/gradio_api/info").status_code == 401
            opened = http.get(address, follow_redirects=True, headers=BROWSER)
            assert (opened.status_code, opened.url.query) == (200, b"")
            assert "DeepSeek-MM" in opened.text
            joined = http.get(f"{base}/en/gradio_api/info")
            assert joined.status_code == 200
        answer = httpx.get(f"{base}/health", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        assert answer.status_code == 200
        assert token not in (tmp_path / "library" / "log" / "server.log").read_text()
    finally:
        process.terminate()
        process.wait(60)
    assert token not in process.stdout.read()


def test_a_value_behind_the_flag_ends_with_a_sentence_that_does_not_repeat_it(tmp_path, capsys):
    assert app.main(["--data", str(tmp_path / "library"), "--port", "0", "--token", "my-secret-value"]) == 2
    said = capsys.readouterr().out
    assert "DEEPSEEK_MM_TOKEN" in said
    assert "my-secret-value" not in said
