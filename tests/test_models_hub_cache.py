"""What is installed is seen by the folders of the hub's cache, as the hub's own package makes them."""

from pathlib import Path

import pytest
from test_models_catalogue import read

from deepseek_mm.models.hub_cache import cache_folder, find_snapshot

COMMIT = "a" * 40


@pytest.fixture
def card(tmp_path):
    return read(tmp_path, ('"model.safetensors"', '"model*.safetensors"'))[0]


def put(cache: Path, *names: str, commit: str = COMMIT) -> Path:
    """A snapshot with these files, as the newest one."""
    repository = cache / "models--owner--model"
    folder = repository / "snapshots" / commit
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("x")
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit)
    return folder


def test_a_model_that_was_never_fetched_is_not_there(card, tmp_path):
    assert find_snapshot(card, tmp_path / "hub") is None


def test_a_model_with_its_weights_is_there(card, tmp_path):
    folder = put(tmp_path / "hub", "config.json", "model.safetensors")
    assert find_snapshot(card, tmp_path / "hub") == folder
    assert find_snapshot(card, tmp_path / "hub", COMMIT) == folder


def test_settings_without_weights_are_no_model(card, tmp_path):
    put(tmp_path / "hub", "config.json")
    assert find_snapshot(card, tmp_path / "hub") is None


def test_weights_in_parts_are_there_once_every_part_is(card, tmp_path):
    folder = put(tmp_path / "hub", "model-00001-of-00002.safetensors", "model.safetensors.index.json")
    assert find_snapshot(card, tmp_path / "hub") is None
    (folder / "model-00002-of-00002.safetensors").write_text("x")
    assert find_snapshot(card, tmp_path / "hub") == folder


def test_a_revision_that_the_library_keeps_is_looked_for_and_no_other(card, tmp_path):
    put(tmp_path / "hub", "model.safetensors")
    assert find_snapshot(card, tmp_path / "hub", "b" * 40) is None


def test_a_link_to_a_file_that_is_gone_is_no_file(card, tmp_path):
    folder = put(tmp_path / "hub", "config.json")
    (folder / "model.safetensors").symlink_to(tmp_path / "gone")
    assert find_snapshot(card, tmp_path / "hub") is None


def test_the_cache_lies_where_the_hubs_package_puts_it(tmp_path):
    assert cache_folder({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}) == Path("/a")
    assert cache_folder({"HF_HOME": "/b"}) == Path("/b/hub")
    assert cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/huggingface/hub")
    assert cache_folder({}) == Path.home() / ".cache" / "huggingface" / "hub"


def test_the_hubs_own_package_agrees_on_where_its_cache_lies(monkeypatch):
    from huggingface_hub.constants import default_cache_path

    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert str(cache_folder({})) == default_cache_path or default_cache_path.endswith("/hub")
