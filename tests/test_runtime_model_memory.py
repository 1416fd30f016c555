"""A language model that does not fit is refused before it is loaded, and one that fits is held in the fitting way."""

import json
import re
import threading
from pathlib import Path

import pytest
import torch
from gguf_help import write_model
from tiny_lm import save_tiny, tiny_gpt2
from tiny_qwen import tiny_model

from deepseek_mm.config import LMConfig
from deepseek_mm.errors import BadCheckpoint, NotEnoughMemory
from deepseek_mm.lm.backends.own_model import OwnModel
from deepseek_mm.runtime import fast_decoder, model_memory
from deepseek_mm.runtime.fast_decoder import open_fast
from deepseek_mm.runtime.hardware import read_free_memory
from deepseek_mm.runtime.model_memory import ModelMemory, fit_memory, memory_needed
from deepseek_mm.types import Message

ASK = (Message(role="user", text="a black dog?"),)
GB, MB = 10**9, 10**6
QWEN3_17B = {  # as its makers describe it: 1.72 billion weights, 112 KiB of keys and values a token
    "model_type": "qwen3", "vocab_size": 151_936, "hidden_size": 2_048, "intermediate_size": 6_144, "head_dim": 128,
    "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "tie_word_embeddings": True,
    "max_position_embeddings": 40_960, "rms_norm_eps": 1e-6, "rope_theta": 1_000_000,
}  # fmt: skip


@pytest.fixture
def big(tmp_path):
    """The settings of a model of billions; of its weights nothing is here."""
    (tmp_path / "Qwen3-1.7B").mkdir()
    (tmp_path / "Qwen3-1.7B" / "config.json").write_text(json.dumps(QWEN3_17B))
    return tmp_path / "Qwen3-1.7B"


def test_what_a_model_needs_is_worked_out_from_its_sizes(big, tmp_path):
    need = memory_needed(big, cache=tmp_path)
    layer = 2_048 * (16 + 2 * 8 + 16) * 128 + 3 * 2_048 * 6_144
    assert need.weights == 28 * layer + 151_936 * 2_048 == 1_720_451_072
    assert need.token_bytes == 2 * 28 * 8 * 128 * 2
    assert list(need.weight_bytes) == ["fast", "tiles"]
    assert need.weight_bytes["tiles"] == int(1.05 * need.weights)


@pytest.mark.parametrize(
    ("free_gb", "way"), [(64.0, "fast"), (24.0, "fast"), (16.0, "tiles"), (4.0, "tiles"), (2.5, "tiles")]
)
def test_speed_takes_at_most_a_third_of_the_memory_and_keys_half_of_the_rest_up_to_two_gigabytes(
    big, tmp_path, free_gb, way
):
    need = memory_needed(big, cache=tmp_path)
    fit = fit_memory(need, int(free_gb * GB))
    assert fit.way == way
    assert 2_048 <= fit.tokens <= 2 * 40_960
    assert fit.tokens * need.token_bytes <= 2 * GB
    assert need.weight_bytes[way] + fit.tokens * need.token_bytes <= free_gb * GB


def test_what_does_not_fit_is_refused_with_what_it_needs_what_is_free_and_what_would_fit(big, tmp_path):
    need = memory_needed(big, cache=tmp_path, title="Qwen3-1.7B")
    with pytest.raises(NotEnoughMemory) as refused:
        fit_memory(need, int(1.5 * GB))
    said = str(refused.value)
    assert "Qwen3-1.7B needs 2.4 GB of memory, and 1.5 GB are free. Close other programs, or choose one of at" in said
    fitting = int(re.search(r"at most (\d+) million weights", said)[1])
    smaller = ModelMemory(title="s", weights=fitting * MB, weight_bytes={"tiles": int(1.05 * fitting * MB)})
    assert fit_memory(smaller, int(1.5 * GB)).way == "tiles"


@pytest.mark.parametrize("kind", ["gguf", "folder", "transformers"])
def test_nothing_is_unpacked_or_loaded_of_a_model_that_is_refused(tmp_path, monkeypatch, kind):
    folder = save_tiny(tmp_path / "m", tiny_gpt2() if kind == "transformers" else tiny_model("qwen2"))
    name = write_model(tmp_path / "m.gguf", tiny_model("qwen2")) if kind == "gguf" else folder
    monkeypatch.setattr(model_memory, "read_free_memory", lambda: 1 * MB)
    monkeypatch.setattr(fast_decoder, "open_generator", lambda *a, **b: pytest.fail("it was opened"))
    with pytest.raises(NotEnoughMemory, match="the language model m needs 0.4 GB of memory, and 0.0 GB are free"):
        open_fast(LMConfig(name=str(name)), cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_model_of_another_architecture_needs_what_its_files_hold(tmp_path, monkeypatch):
    folder = save_tiny(tmp_path, tiny_gpt2())
    numbers = sum(weight.numel() for weight in tiny_gpt2().parameters())
    for flags, size in ((frozenset(), 4), (frozenset(["avx512_bf16"]), 2)):
        monkeypatch.setattr(model_memory, "read_cpu", lambda root, flags=flags: ("", flags, 2))
        assert memory_needed(folder, cache=tmp_path).weight_bytes == {"transformers": numbers * size}


def test_a_gguf_that_cannot_be_read_is_told_before_anything_is_made_of_it(tmp_path):
    (tmp_path / "no.gguf").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(BadCheckpoint, match=r"no.gguf: it is damaged"):
        open_fast(LMConfig(name=str(tmp_path / "no.gguf")), cache=tmp_path / "cache")


@pytest.mark.parametrize("free_gb", [100.0, 0.6])
@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_a_gguf_answers_the_same_in_whichever_way_its_weights_are_held(tmp_path, monkeypatch, kind, free_gb):
    asked = []
    monkeypatch.setattr(model_memory, "read_free_memory", lambda: int(free_gb * GB))
    monkeypatch.setattr(fast_decoder, "fit_memory", lambda need: asked.append(small(need)) or asked[-1])

    def small(need):
        """As if it were so large that 0.6 GB do not hold it in the fast way."""
        sizes = {"fast": 150 * MB, "tiles": 1}
        return fit_memory(ModelMemory(title="", weights=1, weight_bytes=sizes, token_bytes=64, longest=512))

    gguf = write_model(tmp_path / "m.gguf", tiny_model(kind, num_attention_heads=2))
    model = open_fast(LMConfig(name=str(gguf), max_tokens=8), cache=tmp_path / "cache")
    assert isinstance(model, OwnModel)
    assert asked[0].way == ("fast" if free_gb > 1 else "tiles")
    said = "".join(model.stream(ASK, max_tokens=8, stop=threading.Event()))
    plain = open_fast(LMConfig(name=str(gguf)), cache=tmp_path / "cache", plain=True)
    assert said[:1] == "".join(plain.stream(ASK, max_tokens=8, stop=threading.Event()))[:1]


def test_free_memory_is_bounded_by_a_containers_limit_less_what_it_uses(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable: 9000000 kB\n")
    assert read_free_memory(tmp_path) == 9_000_000 * 1024
    (tmp_path / "proc/self/cgroup").write_text("0::/box\n")
    group = tmp_path / "sys/fs/cgroup/box"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("4000000000\n")
    (group / "memory.current").write_text("1500000000\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 500000000\n")
    assert read_free_memory(tmp_path) == 3_000_000_000
    (group / "memory.max").write_text("max\n")
    assert read_free_memory(tmp_path) == 9_000_000 * 1024


def test_the_packaged_models_and_servers_are_not_weighed(monkeypatch):
    for config in (LMConfig(), LMConfig(name="smollm2"), LMConfig(name="none"), LMConfig(url="http://127.0.0.1:9/v1")):
        assert fast_decoder.find_named(config) is None
    assert fast_decoder.find_named(LMConfig(vlm="some/eyes")) is None
    assert fast_decoder.find_named(LMConfig(vlm=str(Path.cwd()))) == Path.cwd()
    assert torch.get_num_threads() > 0
