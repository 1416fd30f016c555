"""The key of a language model server is sent to the address that it was set for, and to no other."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from chat_server import chat_server

from deepseek_mm.config import LMConfig
from deepseek_mm.errors import ConfigError, ServerError
from deepseek_mm.lm.backends.served_model import models_at
from deepseek_mm.lm.backends.server_model import is_key_for, open_remote, shown_origin
from deepseek_mm.settings import trace_settings
from deepseek_mm.types import Message

ASK = (Message(role="user", text="What flies?"),)
OFFICIAL = "https://api.openai.com/v1"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")


@contextmanager
def recorder(*, moved_to=""):
    """A server that notes what it is asked with, and answers everything with one model, or with another address."""
    heard: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format, *args):
            """Nothing on stderr."""

        def do_GET(self):
            heard.append({name.lower(): value for name, value in self.headers.items()})
            body = b'{"data": [{"id": "kite-7b"}]}'
            self.send_response(307 if moved_to else 200)
            if moved_to:
                self.send_header("location", moved_to)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", heard
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_only_the_settings_name_is_asked_without_the_key():
    with recorder() as (url, heard):
        assert models_at(LMConfig(url=url)) == ["kite-7b"]
        assert models_at(LMConfig(url=url, api_key_for="http://127.0.0.1:9")) == ["kite-7b"]
    assert [asked.get("authorization") for asked in heard] == [None, None]


def test_an_answer_is_asked_for_without_the_key_as_well():
    with chat_server() as server:
        generator = open_remote(LMConfig(name="kite-7b", url=server.url))
        assert "".join(generator.stream(ASK, max_tokens=9, stop=threading.Event()))
    assert "authorization" not in server.headers[0]


def test_the_address_that_the_key_is_for_gets_it():
    with recorder() as (url, heard):
        models_at(LMConfig(url=url, api_key_for=f"{OFFICIAL} {url}"))
    assert heard[0]["authorization"] == "Bearer sesame"


def test_a_server_that_sends_elsewhere_is_not_followed():
    with recorder() as (elsewhere, stolen):
        with recorder(moved_to=f"{elsewhere}/models") as (url, heard):
            with pytest.raises(ServerError, match="307"):
                models_at(LMConfig(url=url, api_key_for=url))
            generator = open_remote(LMConfig(name="kite-7b", url=url, api_key_for=url))
            with pytest.raises(ServerError, match="307"):
                list(generator.stream(ASK, max_tokens=9, stop=threading.Event()))
        assert [asked["authorization"] for asked in heard] == ["Bearer sesame"] * 2
        assert stolen == []


def test_a_server_that_wants_a_key_which_is_for_another_says_which_setting_names_it():
    with chat_server(key="sesame") as server:
        with pytest.raises(ServerError, match=r"was not sent: it was set for https://api\.openai\.com") as no:
            models_at(LMConfig(url=server.url))
        assert f"--set lm.api_key_for={server.url.removesuffix('/v1')}" in str(no.value)
        assert "sesame" not in str(no.value)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        (OFFICIAL, True),
        ("https://API.OpenAI.com:443/other", True),
        ("http://api.openai.com/v1", False),
        ("https://api.openai.com:8443/v1", False),
        ("https://api.openai.com.evil.test/v1", False),
        ("https://api.openai.com@evil.test/v1", False),
        ("https://evil.test/api.openai.com", False),
        ("https://evil.test#@api.openai.com/", False),
    ],
)
def test_openais_key_is_for_openais_address_alone(url, sent):
    address = httpx.URL(url)
    assert is_key_for(address, LMConfig()) is sent
    assert not is_key_for(address, LMConfig(api_key_env="MY_KEY"))  # nobody said what that one is for
    assert "@" not in shown_origin(address)


def settings(tmp_path: Path, text="", *, flags=(), environ=()):
    (tmp_path / "config.toml").write_text(text)
    return trace_settings({"data": str(tmp_path), **dict(flags)}, environ=dict(environ), cwd=tmp_path).config.lm


def test_whoever_starts_the_program_says_whom_the_key_is_for(tmp_path):
    in_file = '[lm]\nurl = "http://10.0.0.1/v1"\n'
    assert settings(tmp_path, in_file).api_key_for == ""
    by_flag = settings(tmp_path, in_file, flags={"lm.url": "http://me:hush@10.0.0.2:8000/v1"})
    assert by_flag.api_key_for == "http://10.0.0.2:8000"
    by_variable = settings(tmp_path, in_file, environ={"DEEPSEEK_MM_LM__URL": "http://[::1]:8000/v1"})
    assert by_variable.api_key_for == "http://[::1]:8000"
    more = settings(tmp_path, f'{in_file}api_key_for = "{OFFICIAL}"\n', flags={"lm.url": "http://10.0.0.2/v1"})
    assert more.api_key_for == f"{OFFICIAL} http://10.0.0.2"
    assert settings(tmp_path, flags={"lm.url": "colour"}).api_key_for == ""
    several = settings(tmp_path, flags={"lm.url": "http://me:hush@10.0.0.2:8000/v1, https://box/v1#kite http://box"})
    assert several.api_key_for == "http://10.0.0.2:8000 https://box http://box"


@pytest.mark.parametrize(
    "address", ["colour", "file:///etc", "http://", "http://[::", "http://me:hush@10.0.0.1", "http://a:b"]
)
def test_what_the_key_is_for_must_be_an_address(address):
    with pytest.raises(ConfigError, match="such as https://api.openai.com"):
        LMConfig(api_key_for=address)
