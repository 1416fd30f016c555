"""Looking at a server before it is chosen."""

import pytest
from chat_server import chat_server

from deepseek_mm.config import LMConfig
from deepseek_mm.errors import ServerError
from deepseek_mm.lm.backends.served_model import address_of, models_at


def test_a_server_names_the_models_that_it_offers(monkeypatch):
    monkeypatch.setenv("MY_KEY", "open sesame")
    with chat_server(models=("kite-7b", "sky-1b"), key="open sesame") as server:
        config = LMConfig(url=server.url, api_key_env="MY_KEY", api_key_for=server.url)
        assert models_at(config) == [
            "kite-7b",
            "sky-1b",
        ]


def test_a_server_that_wants_a_key_says_which_variable_to_set():
    with chat_server(key="open sesame") as server, pytest.raises(ServerError, match="variable NO_SUCH_KEY"):
        models_at(LMConfig(url=server.url, api_key_env="NO_SUCH_KEY"))


def test_nobody_there_is_a_sentence_with_a_next_step():
    with pytest.raises(ServerError, match="Start one there"):
        models_at(LMConfig(url="http://127.0.0.1:9/v1"))


def test_an_address_is_shown_without_the_password_in_it():
    assert address_of(LMConfig(url="http://me:secret@127.0.0.1:8000/v1/")) == "http://127.0.0.1:8000/v1"
    for url in ("file:///etc/passwd", "https://xn--api-.openai.com"):
        with pytest.raises(ServerError, match="no address"):
            address_of(LMConfig(url=url))
