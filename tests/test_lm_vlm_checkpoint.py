"""A folder becomes a model that sees; what is none, or not whole, is told with a next step."""

import importlib.util
import json
import os
import threading

import pytest
import torch
from fakes import picture
from safetensors.torch import load_file, save_file
from tiny_lm import save_tiny
from tiny_vlm import deepseek, qwen, save_vlm, smol, tiny_vlm

from deepseek_mm.errors import BadCheckpoint, MissingPackage, NothingThere
from deepseek_mm.lm.backends import vision_language_model
from deepseek_mm.lm.backends.vision_language_model import VisionLanguageModel, open_vlm
from deepseek_mm.lm.model_folders import fingerprint
from deepseek_mm.types import Message


@pytest.fixture
def folder(tmp_path):
    return save_vlm(tmp_path / "tiny")


def answer(generator) -> str:
    ask = (Message(role="user", text="a dog?", images=(picture("red", patch="blue"),)),)
    return "".join(generator.stream(ask, max_tokens=20, stop=threading.Event()))


def rewrite(path, **changes) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("make", [smol, qwen, deepseek])
def test_a_folder_speaks_as_the_model_that_was_saved_into_it(tmp_path, monkeypatch, make):
    monkeypatch.setattr(vision_language_model, "best_dtype", lambda: torch.float32)
    heard: list[str] = []
    generator = open_vlm(str(save_vlm(tmp_path / "my-model", make)), progress=heard.append)
    direct = VisionLanguageModel(*tiny_vlm(make), name="direct", fingerprint="0")
    assert answer(generator) == answer(direct) != ""
    assert (generator.name, generator.sees) == ("my-model", True)
    assert heard == ["loading the language model my-model, which sees"]


def test_a_folder_may_be_named_from_home_or_from_here(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(folder)
    assert [open_vlm(name).name for name in ("~/tiny", ".", f"{folder}/")] == ["tiny"] * 3


def test_weights_are_known_by_their_fingerprint(folder, tmp_path):
    other = save_vlm(tmp_path / "other", seed=1)
    assert open_vlm(str(folder)).fingerprint == fingerprint(folder) != fingerprint(other)


def test_loading_shows_no_bars_of_others(folder, capfd):
    capfd.readouterr()
    open_vlm(str(folder))
    assert "%" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("nobody/nothing", "hf download nobody/nothing --local-dir FOLDER, then here: --vlm FOLDER"),
        ("/no/such/folder", "Name a folder that is there, or a hub's model such as HuggingFaceTB/SmolVLM"),
        ("two words", "Name a folder that is there"),
    ],
)
def test_a_name_that_is_nowhere_says_what_to_do(name, step):
    with pytest.raises(NothingThere, match=f"no language model '{name}': it is no folder here, .*{step}"):
        open_vlm(name)


def test_a_language_model_without_eyes_is_sent_to_the_other_flag(tmp_path):
    with pytest.raises(BadCheckpoint, match=r"of kind 'llama', which looks at no pictures.* --model, .*SmolVLM"):
        open_vlm(str(save_tiny(tmp_path / "blind")))


def test_code_that_lies_beside_the_weights_is_never_run(folder, tmp_path):
    own = {"AutoConfig": "odd.Odd", "AutoModelForImageTextToText": "odd.OddModel", "AutoProcessor": "odd.OddProcessor"}
    (folder / "odd.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    rewrite(folder / "config.json", model_type="odd", auto_map=own)
    with pytest.raises(BadCheckpoint, match=r"'odd', which transformers [\d.]+ does not know; code .* is never run"):
        open_vlm(str(folder))
    rewrite(folder / "config.json", model_type="idefics3")
    rewrite(folder / "processor_config.json", auto_map=own)
    assert open_vlm(str(folder)).sees  # by the code that transformers itself has for this kind
    assert not (tmp_path / "ran").exists()


def test_pickles_are_never_read(folder):
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(BadCheckpoint, match=r"cannot read the language model .*safetensors"):
        open_vlm(str(folder))


def test_missing_weights_are_not_made_up(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.connector.modality_projection.proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadCheckpoint, match=r"1 tensors such as model\.connector.* are missing.*pictures and text"):
        open_vlm(str(folder))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "processor_config.json"])
def test_a_file_that_is_cut_short_is_a_bad_checkpoint(folder, name):
    os.truncate(folder / name, (folder / name).stat().st_size // 2)
    with pytest.raises(
        BadCheckpoint, match=f"cannot read the (language model|processor) in {folder}: .*fetch it again"
    ):
        open_vlm(str(folder))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "processor_config.json"])
def test_a_file_that_is_not_there_is_told(folder, name):
    (folder / name).unlink()
    with pytest.raises(BadCheckpoint, match="cannot read the .*fetch it again"):
        open_vlm(str(folder))


def test_a_tokenizer_alone_is_no_processor(folder):
    (folder / "processor_config.json").unlink()
    kind = {"model_type": "vision-encoder-decoder", "encoder": {"model_type": "vit"}, "decoder": {"model_type": "gpt2"}}
    (folder / "config.json").write_text(json.dumps(kind))
    rewrite(folder / "tokenizer_config.json", processor_class=None)
    with pytest.raises(BadCheckpoint, match=r"cannot read the processor in .*it has no image processor"):
        open_vlm(str(folder))


def test_a_setting_of_another_type_is_a_bad_checkpoint(folder):
    rewrite(folder / "config.json", scale_factor="many")
    with pytest.raises(BadCheckpoint, match=r"cannot read .*scale_factor"):
        open_vlm(str(folder))


@pytest.mark.skipif(importlib.util.find_spec("sentencepiece") is not None, reason="sentencepiece is installed")
def test_a_tokenizer_that_wants_a_package_names_it_and_how_to_install_it(folder):
    rewrite(folder / "tokenizer_config.json", tokenizer_class="SiglipTokenizer")
    (folder / "tokenizer.json").rename(folder / "spiece.model")
    with pytest.raises(MissingPackage, match=r"sentencepiece.*pip install 'deepseek-mm\[vlm\]'"):
        open_vlm(str(folder))
