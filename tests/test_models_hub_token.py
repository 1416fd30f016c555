"""The token of a hub lies where only its owner reads it, goes to that hub alone, and stands in no message."""

import json
import logging
import stat

import pytest
from hub_help import NAME, download, environ_of, model_files, use_cache
from hub_server import TOKEN, hub_server

from deepseek_mm.errors import BadQuestion, Forbidden, LibraryError
from deepseek_mm.models.hub_token import PUBLIC_HUB, hub_address, keep_token, read_token, token_file

MIRROR = "https://mirror.example"


@pytest.fixture
def environ(tmp_path):
    return {"HOME": str(tmp_path)}


def test_a_token_that_is_kept_comes_back_and_nobody_else_may_read_it(environ, tmp_path):
    file = keep_token(f" {TOKEN}\n", environ)
    assert file == tmp_path / ".config" / "deepseek-mm" / "hub-token.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_token(environ, PUBLIC_HUB) == TOKEN
    keep_token("", environ)
    assert read_token(environ, PUBLIC_HUB) == ""


def test_the_variable_wins_over_the_file(environ):
    keep_token(TOKEN, environ)
    assert read_token(environ | {"HF_TOKEN": "hf_other"}, PUBLIC_HUB) == "hf_other"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_read_is_refused_with_the_command_that_closes_it(environ, mode):
    file = keep_token(TOKEN, environ)
    file.chmod(mode)
    with pytest.raises(LibraryError, match=f"chmod 600 {file}") as refused:
        read_token(environ, PUBLIC_HUB)
    assert TOKEN not in str(refused.value)


def test_a_token_goes_only_to_the_hub_that_it_was_given_for(environ):
    keep_token(TOKEN, environ)
    assert read_token(environ, MIRROR) == ""
    keep_token("hf_of_the_mirror", environ | {"HF_ENDPOINT": MIRROR + "/"})
    assert read_token(environ, MIRROR) == "hf_of_the_mirror"
    assert read_token(environ, PUBLIC_HUB) == TOKEN


def test_no_token_travels_in_the_clear_over_a_network(environ):
    assert read_token(environ | {"HF_TOKEN": TOKEN}, "http://mirror.example") == ""
    assert read_token(environ | {"HF_TOKEN": TOKEN}, "http://127.0.0.1:9") == TOKEN


@pytest.mark.parametrize("token", ["two words", "a\nb", "x" * 501, "t\u00f6ken", "a\x00b"])
def test_what_is_no_token_is_not_kept_and_not_repeated(environ, token):
    with pytest.raises(BadQuestion, match="no token of a hub") as refused:
        keep_token(token, environ)
    assert token not in str(refused.value)
    assert not token_file(environ).exists()


@pytest.mark.parametrize("text", ["", "[]", '"hf_secret"', "hf_secret"])
def test_a_damaged_file_is_told_without_what_it_holds(environ, text):
    file = keep_token(TOKEN, environ)
    file.write_text(text)
    with pytest.raises(LibraryError, match="cannot read the hub's token in .*models token") as refused:
        read_token(environ, PUBLIC_HUB)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("address", ["ftp://a", "nonsense", "http://", "https://me:word@host"])
def test_a_mirror_that_is_no_address_is_refused_without_repeating_it(address):
    with pytest.raises(BadQuestion, match="HF_ENDPOINT names no hub") as refused:
        hub_address({"HF_ENDPOINT": address})
    assert "word" not in str(refused.value)


def test_a_token_and_signed_addresses_stand_in_no_log_no_error_and_no_file_of_the_cache(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    cache = use_cache(monkeypatch, tmp_path / "hub")
    with hub_server() as hub:
        environ = environ_of(hub, tmp_path, HF_TOKEN=TOKEN)
        hub.put(NAME, model_files(), private=True)
        download(environ)
        hub.put(NAME, model_files(seed=2), gated=True)
        with pytest.raises(Forbidden) as refused:
            download(environ, newest=True)
    files = "".join(path.read_text(errors="ignore") for path in cache.rglob("*.json"))
    for secret in (TOKEN, "signature=secret"):
        assert secret not in caplog.text + str(refused.value) + files


def test_the_file_is_json_with_an_address_beside_each_token(environ):
    assert json.loads(keep_token(TOKEN, environ).read_text()) == {PUBLIC_HUB: TOKEN}
