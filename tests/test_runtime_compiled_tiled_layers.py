"""Models whose weights lie in the loops' tiles alone say what the same weights say unpacked."""

import pytest
import torch
from tiny_lm import save_tiny
from tiny_qwen import tiny_model

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.backends.own_model import ModelCheckpoint
from deepseek_mm.lm.engine.model_runner import PagedRunner, TokenPrompt, read_prompt
from deepseek_mm.lm.kv_cache.paged_attention import open_memory
from deepseek_mm.lm.weights import build, read_folder
from deepseek_mm.runtime.compiled.compiled_decoder import find_obstacle
from deepseek_mm.runtime.compiled.tiled_layers import TiledEmbedding, TiledLinear, open_tiled, pack_by_pieces
from deepseek_mm.runtime.compiled.tiles import EIGHT, FOUR
from deepseek_mm.runtime.fast_decoder import make_tiled


def random_matrix(*, levels: int, outputs=100, inputs=96):
    """Numbers that so many levels hold exactly, for each 32 inputs of an output; both ends are there."""
    draw = torch.Generator().manual_seed(levels)
    x = torch.randint(levels, (outputs, inputs // 32, 32), generator=draw)
    x[..., 0], x[..., 1] = 0, levels - 1
    return (x * 0.25 - 1.0).flatten(1)


@pytest.mark.parametrize(("levels", "bits"), [(16, FOUR), (250, EIGHT)])
def test_a_matrix_is_kept_in_as_few_bits_as_lose_nothing_and_comes_back(levels, bits, monkeypatch):
    monkeypatch.setattr("deepseek_mm.runtime.compiled.tiled_layers.PIECE", 48)
    weight = random_matrix(levels=levels)
    layer = TiledLinear(pack_by_pieces(weight, least_bits=FOUR), len(weight))
    assert layer.packed.bits == bits
    unpacked = torch.cat(list(layer._pieces()))
    step = 0 if bits == FOUR else float(weight.abs().max()) / 127
    torch.testing.assert_close(unpacked.float(), weight, rtol=0.004, atol=step / 2 + 0.004)
    x = torch.randn(40, 96, generator=torch.Generator().manual_seed(0))
    many, few = layer(x), torch.cat([layer(part) for part in x.split(7)])
    truth = x @ unpacked.float().T
    assert (many - truth).norm() / truth.norm() < 0.01
    assert (few - truth).norm() / truth.norm() < 0.02  # inputs as bytes, where the processor multiplies those


def test_words_are_looked_up_in_the_tiles_of_their_head():
    weight = random_matrix(levels=250)
    packed = pack_by_pieces(weight, least_bits=EIGHT)
    words, head = TiledEmbedding(packed), TiledLinear(packed, 100)
    ids = torch.tensor([[0, 15, 16], [37, 98, 99]])
    expected = torch.cat(list(head._pieces()))[ids]
    assert torch.equal(words(ids), expected)
    torch.testing.assert_close(torch.from_numpy(words.rows(ids[1].tolist())), expected[1].float(), rtol=0.01, atol=0)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
def test_a_model_in_tiles_says_what_torch_says_with_the_unpacked_ones(tmp_path, kind):
    sizes = {"head_dim": 32} if kind == "qwen3" else {"num_attention_heads": 4, "hidden_size": 64}
    model = tiny_model(kind, **sizes, tie_word_embeddings=kind != "qwen2")
    folder = save_tiny(tmp_path, model)
    decoder, known_by = open_tiled(ModelCheckpoint(folder=folder, name="tiny"))
    assert find_obstacle(decoder) == ""
    assert len(known_by) == 64
    shape, weights = read_folder(folder)
    found = {name: layer for name, layer in decoder.named_modules() if isinstance(layer, TiledLinear)}
    in_bytes = {f"{name}.weight": torch.cat(list(layer._pieces())) for name, layer in found.items()}
    if shape.tied:
        in_bytes["embedding.weight"] = in_bytes.pop("head.weight")
    assert all((in_bytes[name] - weights[name]).abs().max() < 0.02 for name in in_bytes)
    exact = build(shape, weights | in_bytes, dtype=torch.float32).eval()
    ids = torch.randint(300, (1, 60), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        hidden, _ = exact(exact.embed(ids), FullTextAttention(exact.shape, torch.ones_like(ids)))
        truth = exact.logits(hidden[0])
    memory = open_memory(decoder.shape, tokens=300, sequences=2, chunk=64, like=decoder.embedding.weight)
    runner = PagedRunner(decoder, memory, steps=make_tiled(decoder)(memory))
    runner.start(0, TokenPrompt(ids=tuple(ids[0, :50].tolist())), most=200)
    said = [read_prompt(runner, 0, 50)]
    said += [runner.decode([(0, int(ids[0, place]))])[0] for place in range(50, 58)]
    ahead = runner.read_ahead(0, ids[0, 58:].tolist())
    for scores_V, expected_V in zip([*said, *ahead], truth[49:], strict=True):
        assert (scores_V.float() - expected_V).norm() / expected_V.norm() < 0.1  # keys in bfloat16, inputs in bytes
