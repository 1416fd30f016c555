"""Small files are read with limits and refused with what is wrong; files are written whole or not at all."""

import os

import pytest

from deepseek_mm.errors import LibraryError
from deepseek_mm.storage.files import (
    MOST_DEPTH,
    atomic_write,
    parse_json,
    read_json,
    read_lines,
    read_small,
    read_toml,
    sync_file,
)


def test_what_is_nested_as_deeply_as_allowed_is_read_and_one_level_more_is_not():
    assert parse_json("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    with pytest.raises(ValueError, match="nested more than 64 levels"):
        parse_json("[" * (MOST_DEPTH + 2) + "]" * (MOST_DEPTH + 2))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 2_000 + "]" * 2_000])
def test_brackets_without_end_are_told_in_a_sentence(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match="nested more than"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 50_000,
        "a = " + "{b = " * 20_000,
        "a" + ".a" * 5_000 + " = 1",
        "a" + ".a" * 100 + " = 1",
        "[a" + ".a" * 90_000 + "]",
        "\n".join(f"[a{number}{'.b' * 150}]" for number in range(9)),
    ],
)
def test_settings_that_are_nested_or_dotted_without_end_are_told_in_a_sentence(tmp_path, text):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ValueError, match="nested more than"):
        read_toml(tmp_path / "a.toml")


def test_an_ellipsis_is_no_nesting(tmp_path):
    (tmp_path / "a.toml").write_text(f"# {'.' * 3_000}\r\nname = '{'.' * 500}'\r\n")
    assert read_toml(tmp_path / "a.toml") == {"name": "." * 500}


def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "loop", "/dev/zero"):
        with pytest.raises(OSError, match="plain|directory|symbolic"):
            read_small(path)


def test_a_file_beyond_the_limit_is_refused_before_it_fills_the_memory(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ValueError, match="larger than the 64,000,000 bytes"):
        read_small(tmp_path / "large")


def test_lines_are_read_whatever_letters_they_hold_and_what_cannot_be_read_names_the_file(tmp_path):
    (tmp_path / "rules.txt").write_bytes(b"\xef\xbb\xbfa\n\xff\n")
    assert read_lines(tmp_path / "rules.txt") == ["a", "\ufffd"]
    assert read_lines(tmp_path / "absent.txt") == []
    with pytest.raises(LibraryError, match=f"cannot read {tmp_path}: .*mv {tmp_path}"):
        read_lines(tmp_path)


def test_a_file_is_written_with_its_folders_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "a" / "b" / "name.png"
    atomic_write(path, b"old")
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert [each.name for each in path.parent.iterdir()] == ["name.png"]


def test_a_place_that_cannot_be_written_is_an_error_with_a_next_step(tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(LibraryError, match="Make some room, or allow writing there"):
        atomic_write(tmp_path / "a" / "name.png", b"new")


def test_what_need_not_be_held_at_once_is_whole_and_held_when_it_is_asked_for(tmp_path, monkeypatch):
    held = []
    monkeypatch.setattr("deepseek_mm.storage.files.os.fsync", held.append)
    atomic_write(tmp_path / "a.png", b"new", at_once=False)
    assert (held, (tmp_path / "a.png").read_bytes()) == ([], b"new")
    sync_file(tmp_path / "a.png")
    assert len(held) == 1
    with pytest.raises(LibraryError, match="cannot write .*gone"):
        sync_file(tmp_path / "gone.png")
