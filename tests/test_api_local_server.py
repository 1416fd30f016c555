"""The file that names a library's server: for its owner alone, and only as long as that server listens."""

import json
import os
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from deepseek_mm.api.local_server import FILE, announce_server, find_server
from deepseek_mm.config import Config, ServeConfig


@pytest.fixture
def sock():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def config(tmp_path):
    (tmp_path / "library").mkdir()
    return Config(data=tmp_path / "library")


def change(file: Path, **values: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_server_is_found_while_it_listens_and_its_file_is_for_its_owner_alone(config, sock):
    assert find_server(config.data, config) is None
    with announce_server(config.data, sock, config) as token:
        found = find_server(config.data, config)
        assert (found.host, found.port, found.token) == (*sock.getsockname(), token)
        assert stat.S_IMODE((config.data / FILE).stat().st_mode) == 0o600
        assert len(token) >= 32
        other = replace(config, rag=replace(config.rag, reranker="owner/ranker"))
        assert find_server(config.data, other) is None
        assert find_server(config.data) == found  # for those who care for no setting
    assert not (config.data / FILE).exists()
    assert find_server(config.data, config) is None


def test_every_start_draws_another_token(config, sock):
    tokens = set()
    for _ in range(3):
        with announce_server(config.data, sock, config) as token:
            tokens.add(token)
    assert len(tokens) == 3


def test_a_file_of_a_server_that_is_gone_is_ignored_even_if_another_process_has_its_number(config, sock):
    with announce_server(config.data, sock, config):
        kept = (config.data / FILE).read_bytes()
    file = config.data / FILE
    file.touch(0o600)
    file.write_bytes(kept)
    assert find_server(config.data, config) is not None, "this test's own socket still listens"
    sock.close()
    assert find_server(config.data, config) is None, "the process lives, its socket does not"
    change(file, pid=2**22 + 7)
    assert find_server(config.data, config) is None


def test_a_library_that_was_copied_with_the_file_finds_no_server(config, sock, tmp_path):
    with announce_server(config.data, sock, config):
        other = tmp_path / "copy"
        other.mkdir()
        (other / FILE).touch(0o600)
        (other / FILE).write_bytes((config.data / FILE).read_bytes())
        assert find_server(other, config) is None


def test_other_settings_than_the_servers_find_none_and_where_it_is_served_does_not_matter(config, sock):
    with announce_server(config.data, sock, config):
        assert find_server(config.data, replace(config, serve=ServeConfig(port=1234))) is not None
        assert find_server(config.data, replace(config, rag=replace(config.rag, num_regions=7))) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_or_write_is_ignored(config, sock, mode):
    with announce_server(config.data, sock, config):
        (config.data / FILE).chmod(mode)
        assert find_server(config.data, config) is None


def test_a_link_is_no_file_of_a_server(config, sock, tmp_path):
    with announce_server(config.data, sock, config):
        moved = (config.data / FILE).rename(tmp_path / "elsewhere.json")
        (config.data / FILE).symlink_to(moved)
        assert find_server(config.data, config) is None


def test_a_file_of_another_user_is_ignored(config, sock, monkeypatch):
    with announce_server(config.data, sock, config):
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        assert find_server(config.data, config) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": "127.0.0.1"}', '{"folder": 3}', "[" * 100_000])
def test_a_damaged_file_is_ignored(config, text):
    (config.data / FILE).touch(0o600)
    (config.data / FILE).write_text(text)
    assert find_server(config.data, config) is None


def test_an_address_outside_of_this_machine_is_never_called(config, sock):
    with announce_server(config.data, sock, config):
        change(config.data / FILE, host="192.0.2.1")
        assert find_server(config.data, config) is None


def test_a_server_for_the_network_is_reached_over_loopback_and_one_elsewhere_is_not_announced(config):
    with socket.create_server(("0.0.0.0", 0)) as everywhere, announce_server(config.data, everywhere, config):
        assert find_server(config.data, config).host == "127.0.0.1"


def test_a_folder_that_cannot_be_written_keeps_nobody_from_serving(config, sock):
    (config.data / FILE).mkdir()
    with announce_server(config.data, sock, config) as token:
        assert token == ""
    assert (config.data / FILE).is_dir()


def test_a_later_servers_file_is_not_taken_away(config, sock):
    with announce_server(config.data, sock, config):
        (config.data / FILE).write_text('{"token": "of the later one"}')
    assert (config.data / FILE).exists()
