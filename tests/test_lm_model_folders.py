import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_lm import write_gguf

from deepseek_mm.errors import NothingThere
from deepseek_mm.hub import in_cache
from deepseek_mm.lm import model_folders
from deepseek_mm.lm.generator import silence
from deepseek_mm.lm.model_folders import find_folder, fingerprint, first_line, is_whole

ROOT = Path(__file__).parent.parent


def test_a_folder_is_its_own_place_and_nothing_is_said(tmp_path):
    heard = []
    assert find_folder(str(tmp_path), cache=tmp_path, progress=heard.append) == tmp_path
    assert heard == []


def test_a_folder_may_be_named_from_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    assert find_folder("~/models", cache=tmp_path, progress=silence) == tmp_path / "models"


@pytest.mark.parametrize("name", ["smollm2", "deepseek-mm"])  # ours is the base with changes of its own
def test_a_packaged_name_leads_to_what_was_made_of_the_package(tmp_path, monkeypatch, name):
    gguf = write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr(model_folders, "packaged_gguf", lambda: gguf)
    folder = find_folder(name, cache=tmp_path / "cache", progress=silence)
    assert folder.is_relative_to(tmp_path / "cache")
    assert is_whole(folder)


@pytest.mark.parametrize("name", ["nobody/nothing", "./not/here/at/all", "two words", ""])
def test_a_name_that_is_nowhere_says_where_it_was_looked_for(tmp_path, name):
    with pytest.raises(NothingThere, match=r"no language model .*: it is no folder here, and .*Name a folder"):
        find_folder(name, cache=tmp_path, progress=silence)


def test_what_was_fetched_before_is_found_in_the_cache_and_nothing_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--some--eyes" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (snapshot / "model.safetensors").write_bytes(b"1")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123")
    assert in_cache("some/eyes") == snapshot
    assert [in_cache(name) for name in ("some/other", "../../etc", "/etc", "two words")] == [None] * 4


def test_a_fingerprint_is_the_digest_of_the_digests_in_order_of_names(tmp_path):
    (tmp_path / "b.safetensors").write_bytes(b"two")
    (tmp_path / "a.safetensors").write_bytes(b"one")
    (tmp_path / "config.json").write_text("{}")
    digests = hashlib.sha256(b"one").digest() + hashlib.sha256(b"two").digest()
    assert fingerprint(tmp_path) == hashlib.sha256(digests).hexdigest()


def test_of_a_foreign_error_the_first_line_is_told_or_its_name():
    assert first_line(ValueError("\n short\nand a long story")) == "short"
    assert first_line(KeyError()) == "KeyError"


def test_finding_a_model_loads_none():
    code = "import sys, deepseek_mm.lm.model_folders; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
