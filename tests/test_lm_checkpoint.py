import json
import os
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_lm import save_tiny, tiny_gpt2, tiny_llama, tiny_tokenizer

from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.lm.backends import transformers_model
from deepseek_mm.lm.backends.transformers_model import LocalModel, open_local, read_checkpoint
from deepseek_mm.lm.model_folders import fingerprint
from deepseek_mm.types import Message

ASK = (Message(role="user", text="a black dog?"),)


def answer(generator):
    return "".join(generator.stream(ASK, max_tokens=20, stop=threading.Event()))


def open_folder(folder):
    return open_local(folder, name=folder.name)


def test_a_folder_that_transformers_runs_speaks_as_the_model_that_was_saved_into_it(tmp_path, monkeypatch):
    monkeypatch.setattr(transformers_model, "best_dtype", lambda: torch.float32)
    generator = open_folder(save_tiny(tmp_path / "my-model", tiny_gpt2()))  # a Llama runs in our own decoder
    direct = LocalModel(tiny_gpt2(), tiny_tokenizer(), name="direct", fingerprint="0")
    assert answer(generator) == answer(direct) != ""
    assert generator.name == "my-model"


def test_weights_are_known_by_their_fingerprint(tmp_path):
    one, same = save_tiny(tmp_path / "one"), save_tiny(tmp_path / "same")
    other = save_tiny(tmp_path / "other", tiny_llama(seed=1))
    assert open_folder(one).fingerprint == fingerprint(same) != fingerprint(other)
    assert len(fingerprint(one)) == 64


def test_loading_says_what_it_does(tmp_path):
    heard = []
    open_local(save_tiny(tmp_path / "m"), name="m", progress=heard.append)
    assert heard == ["loading the language model m"]


def test_loading_shows_no_bars_of_others(tmp_path, capfd):
    folder = save_tiny(tmp_path / "m")
    capfd.readouterr()
    open_folder(folder)
    assert capfd.readouterr().err == ""


def test_pickles_are_never_read(tmp_path):
    folder = save_tiny(tmp_path / "m")
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(BadCheckpoint, match=r"cannot read the language model .*safetensors"):
        open_folder(folder)


def test_code_that_lies_beside_the_weights_is_never_run(tmp_path):
    folder = save_tiny(tmp_path / "m")
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"model_type": "odd", "auto_map": {"AutoConfig": "odd.Odd", "AutoModelForCausalLM": "odd.OddModel"}}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "odd.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(BadCheckpoint, match="cannot read the language model"):
        open_folder(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_file_that_is_cut_short_is_named_as_a_bad_checkpoint(tmp_path, name):
    folder = save_tiny(tmp_path / "m")
    os.truncate(folder / name, (folder / name).stat().st_size // 2)
    with pytest.raises(BadCheckpoint, match=f"cannot read the language model in {folder}"):
        open_folder(folder)


def test_missing_weights_are_not_made_up(tmp_path):
    folder = save_tiny(tmp_path / "m")
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"], tensors["model.layers.0.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadCheckpoint, match=r"2 tensors such as model.layers.0.mlp.up_proj.weight are missing"):
        open_folder(folder)


def test_an_empty_folder_says_what_a_folder_needs(tmp_path):
    with pytest.raises(BadCheckpoint, match="A folder needs config.json, a tokenizer and"):
        open_folder(tmp_path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_come_in_the_number_format_that_was_asked_for(tmp_path, dtype):
    model, _ = read_checkpoint(save_tiny(tmp_path / "m"), dtype=dtype)
    assert {weight.dtype for weight in model.parameters()} == {dtype}
