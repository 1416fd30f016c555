"""Checkpoints of each architecture from a hub to a model: by our download, and by the hub's own package."""

import json
import os
import subprocess
import sys

import pytest
from hub_help import FAST, environ_of, use_cache
from hub_server import hub_server
from tiny_checkpoints import MAKERS, make_checkpoint

from deepseek_mm.config import Config, EncoderConfig, LMConfig
from deepseek_mm.embeddings import open_space
from deepseek_mm.errors import NothingThere
from deepseek_mm.factory import NamedModels, saved_models
from deepseek_mm.hub import WANTED, Revisions, in_cache
from deepseek_mm.lm import open_generator
from deepseek_mm.models.model_cache import fetch_model

FETCH = """
import json, sys
from huggingface_hub import snapshot_download
names, patterns = json.loads(sys.argv[1]), json.loads(sys.argv[2])
print(json.dumps({name: snapshot_download(name, allow_patterns=patterns) for name in names}))
"""
WEIGHTS = (*WANTED, "*.gguf")
SPACES = ("tiny/clip", "tiny/siglip", "tiny/siglip2")
LANGUAGE = ("tiny/llama", "tiny/qwen2", "tiny/qwen3")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A hub with all of them, and what each consists of."""
    with hub_server() as hub:
        folder = tmp_path_factory.mktemp("checkpoints")
        files = {name: make_checkpoint(name, folder / name) for name in MAKERS}
        for name, each in files.items():
            hub.put(name, each)
        yield hub, files


@pytest.fixture
def hub(served, tmp_path, monkeypatch):
    use_cache(monkeypatch, tmp_path / "hub")
    hub, _ = served
    hub.forget()
    return hub


def test_each_checkpoint_is_small_and_holds_data_alone(served):
    _, files = served
    assert {name: sum(map(len, each.values())) > 2_000_000 for name, each in files.items()} == dict.fromkeys(
        MAKERS, False
    )
    assert [path for each in files.values() for path in each if path.endswith((".py", ".bin"))] == []


def test_the_hubs_own_package_downloads_from_this_hub_and_what_it_brings_is_whole(hub, served, tmp_path):
    environ = os.environ | environ_of(hub, tmp_path) | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "0"}
    words = [sys.executable, "-c", FETCH, json.dumps(list(MAKERS)), json.dumps(WEIGHTS)]
    ran = subprocess.run(words, env=environ, check=True, capture_output=True, text=True)
    assert {name: str(in_cache(name, WEIGHTS)) for name in MAKERS} == json.loads(ran.stdout)
    asked = len(hub.asked)
    assert fetch_model("tiny/clip", FAST, environ, print) == in_cache("tiny/clip")
    assert len(hub.asked) == asked


@pytest.mark.parametrize("name", SPACES)
def test_a_vector_space_opens_from_what_was_downloaded(hub, tmp_path, name):
    with pytest.raises(NothingThere, match=f"models download {name}"):
        open_space(EncoderConfig(name=name))
    assert not hub.asked  # opening asks nobody
    fetch_model(name, FAST, environ_of(hub, tmp_path), print)
    assert open_space(EncoderConfig(name=name)).embed_texts(["a red kite"]).shape[0] == 1


@pytest.mark.parametrize("name", LANGUAGE)
def test_a_language_model_opens_from_what_was_downloaded(hub, tmp_path, name):
    with pytest.raises(NothingThere, match=f"models download {name}"):
        open_generator(LMConfig(name=name), cache=tmp_path)
    fetch_model(name, FAST, environ_of(hub, tmp_path), print)
    assert open_generator(LMConfig(name=name), cache=tmp_path).name == name


def test_a_model_that_sees_opens_from_what_was_downloaded(hub, tmp_path):
    fetch_model("tiny/smolvlm", FAST, environ_of(hub, tmp_path), print)
    assert open_generator(LMConfig(vlm="tiny/smolvlm"), cache=tmp_path).sees


@pytest.fixture
def named(hub, tmp_path, monkeypatch):
    """Finds models by name, as a start does where these settings were saved earlier."""
    for variable, value in environ_of(hub, tmp_path).items():
        monkeypatch.setenv(variable, value)

    def find(name: str, *saved: str, lm: LMConfig | None = None) -> str:
        config = Config(data=tmp_path / "library", lm=lm or LMConfig(name=name), hub=FAST)
        revisions = Revisions(config.data)
        return NamedModels(revisions=revisions, hub=FAST, saved=saved_models(config, saved), say=print).find(name)

    return find


def test_a_start_asks_for_a_model_that_a_flag_names_and_for_none_that_is_saved(hub, named):
    assert named("tiny/llama", "lm.name") == "tiny/llama"
    assert not hub.asked
    assert named("tiny/llama") == "tiny/llama"
    assert in_cache("tiny/llama") is not None
    asked = len(hub.asked)
    assert named("tiny/llama") == "tiny/llama"
    assert named("deepseek-mm") == "deepseek-mm"
    assert len(hub.asked) == asked
