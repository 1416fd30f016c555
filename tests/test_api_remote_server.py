"""Addresses of other machines' servers, and the file with the keys for them."""

import stat
from dataclasses import replace

import pytest

from deepseek_mm.accounts.host_keys import check_key, keyring_file, read_keyring
from deepseek_mm.api.remote_server import find_key, forget_key, keep_key, parse_address
from deepseek_mm.errors import BadQuestion, LibraryError, NothingThere

KEY = "dsmm_" + "k" * 43


@pytest.fixture
def environ(tmp_path):
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)}


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://photos.example", "https://photos.example"),
        ("HTTPS://Photos.Example:443/", "https://photos.example"),
        ("http://10.0.0.7:7860", "http://10.0.0.7:7860"),
        (" https://[fd00::7]:8443 ", "https://[fd00::7]:8443"),
    ],
)
def test_an_address_is_known_however_it_is_typed(typed, url):
    assert parse_address(typed).url == url


@pytest.mark.parametrize(
    "typed",
    [
        "photos.example",
        "ftp://photos.example",
        "https://",
        "https://photos.example/ask",
        "https://photos.example?key=x",
        "https://photos.example:99999",
        f"https://me:{KEY}@photos.example",
        "",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_a_secret_in_it(typed):
    with pytest.raises(BadQuestion, match="Write it without a name, key or path") as error:
        parse_address(typed)
    assert KEY not in str(error.value)


def test_keys_are_kept_for_their_address_alone_and_for_nobody_else_to_read(environ):
    home, work = parse_address("https://photos.example"), parse_address("http://photos.example:7860")
    file = keep_key(home, f"{KEY}\n", environ)
    keep_key(work, KEY[::-1], environ)
    assert file == keyring_file(environ)
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert (find_key(home, environ), find_key(work, environ)) == (KEY, KEY[::-1])
    assert find_key(parse_address("https://photos.example:7860"), environ) == ""
    forget_key(home, environ)
    assert read_keyring(environ) == {work.url: KEY[::-1]}
    with pytest.raises(NothingThere, match="hosts list"):
        forget_key(home, environ)


def test_the_variable_beats_the_file(environ):
    server = parse_address("https://photos.example")
    keep_key(server, KEY, environ)
    assert find_key(server, environ | {"DEEPSEEK_MM_KEY": "dsmm_other"}) == "dsmm_other"


def test_a_file_that_others_may_read_is_refused_and_the_next_step_named(environ):
    file = keep_key(parse_address("https://photos.example"), KEY, environ)
    file.chmod(0o640)
    with pytest.raises(LibraryError, match=f"chmod 600 {file}"):
        read_keyring(environ)


@pytest.mark.parametrize("text", ["not toml", '["https://x"]\nno = 1\n', 'key = "x"\n', '["https://x"]\nkey = "a b"\n'])
def test_a_damaged_file_is_named_and_what_it_holds_is_not(environ, text):
    file = keep_key(parse_address("https://photos.example"), KEY, environ)
    file.write_text(f"{text}# {KEY}")
    with pytest.raises(LibraryError, match="it is damaged. Move it away") as error:
        read_keyring(environ)
    assert KEY not in str(error.value)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "x" * 501, "\u732b"])
def test_what_can_be_no_key_is_refused_unsaid(key):
    with pytest.raises(BadQuestion, match="this is no key") as error:
        check_key(key)
    assert not key or key not in str(error.value)


def test_an_address_with_its_key_shows_no_key():
    assert KEY not in repr(replace(parse_address("https://photos.example"), token=KEY))
