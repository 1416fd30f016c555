"""A model of a hub is here when every file of it is: by what was fetched, by what the hub lists, or by the index."""

import json
from pathlib import Path

import pytest
from hub_help import NAME, use_cache

from deepseek_mm.hub import HubFile, explain_absence, in_cache
from deepseek_mm.hub.cache import cache_root, list_file, read_files, receipt_file, repository_folder, write_files

COMMIT = "a" * 40
FILES = ("config.json", "model.safetensors")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of this test's own."""
    return use_cache(monkeypatch, tmp_path / "hub")


def put(*names: str, commit: str = COMMIT) -> Path:
    """A snapshot with these files, as the newest one, by a program that writes no lists."""
    repository = repository_folder(NAME)
    folder = repository / "snapshots" / commit
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("x")
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit)
    return folder


def told(*names: str, size: int = 1) -> dict[str, HubFile]:
    return {name: HubFile(path=name, size_bytes=size, sha1="0" * 40) for name in names}


def test_a_model_that_was_never_fetched_is_not_here():
    assert in_cache(NAME) is None
    assert explain_absence(NAME) == (
        f"{NAME} was not downloaded. Where there is a network: python -m deepseek_mm models download {NAME}"
    )


def test_a_model_with_its_weights_is_here_by_name_and_by_commit():
    folder = put(*FILES)
    assert in_cache(NAME) == in_cache(f"{NAME}@{COMMIT}") == folder
    assert in_cache(f"{NAME}@{'b' * 40}") is None


@pytest.mark.parametrize("names", [("config.json",), ("model.safetensors",), ()])
def test_settings_without_weights_or_weights_without_settings_are_no_model(names):
    put(*names)
    assert in_cache(NAME) is None


def test_a_single_file_with_everything_in_it_is_a_model():
    folder = put("model.gguf")
    assert in_cache(NAME, ("*.gguf",)) == folder


def test_weights_in_parts_are_here_once_every_part_is():
    folder = put("config.json", "one.safetensors")
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert in_cache(NAME) is None
    assert "lacks 1 files, such as two.safetensors" in explain_absence(NAME)
    (folder / "two.safetensors").write_text("x")
    assert in_cache(NAME) == folder


def test_what_the_hub_lists_has_to_be_here_as_far_as_it_is_wanted():
    folder = put(*FILES)
    write_files(list_file(repository_folder(NAME), COMMIT), told(*FILES, "tokenizer.json", "evil.py"))
    assert in_cache(NAME) is None
    assert in_cache(NAME, FILES) == folder
    (folder / "tokenizer.json").write_text("x")
    assert in_cache(NAME) == folder


def test_what_was_fetched_has_to_be_here_in_its_size_and_nothing_else():
    folder = put(*FILES)
    write_files(list_file(repository_folder(NAME), COMMIT), told(*FILES, "tokenizer.json"))
    write_files(receipt_file(repository_folder(NAME), COMMIT), told(*FILES))
    assert in_cache(NAME) == folder
    (folder / "model.safetensors").write_text("too long")
    assert in_cache(NAME) is None


def test_a_link_to_a_file_that_is_gone_is_no_file(tmp_path):
    folder = put("config.json")
    (folder / "model.safetensors").symlink_to(tmp_path / "gone")
    assert in_cache(NAME) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 9, "files": {}}', '{"format_version": 1}', "\0"])
def test_a_list_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / "list.json").write_text(text)
    assert read_files(tmp_path / "list.json") is None


def test_a_list_reads_back_as_it_was_written(tmp_path):
    files = told("a/b.json") | {"c.gguf": HubFile(path="c.gguf", size_bytes=9, sha1="1" * 40, sha256="2" * 64)}
    write_files(tmp_path / "list.json", files)
    assert read_files(tmp_path / "list.json") == files


def test_the_cache_is_that_of_the_hubs_own_package(cache):
    assert cache_root() == cache
