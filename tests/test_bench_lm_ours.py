"""Our decoder as a peer: it says what it would say in the product, and forgets between rounds what it must not know."""

import pytest
import torch
from lm_bench_help import save_deep

from deepseek_mm.bench import lm_ours
from deepseek_mm.bench.lm_open import find_model, open_decoder, open_fast, read_ours
from deepseek_mm.bench.lm_ours import Ours
from deepseek_mm.bench.peer import made_up
from deepseek_mm.config import OUR_LM
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.kv_cache.paged_attention import PagedPass
from deepseek_mm.lm.model_folders import fingerprint
from deepseek_mm.lm.weights import build, write_changes
from deepseek_mm.runtime.fast_decoder import torch_alone
from deepseek_mm.runtime.quantization import count_bits


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_deep(tmp_path_factory.mktemp("ours") / "model")


@pytest.fixture
def decoder(model):
    return open_decoder(model)


@pytest.fixture
def passes(monkeypatch):
    """Every pass: for each text where it began, and how many tokens were read."""
    seen = []

    class Noted(PagedPass):
        def __init__(self, memory, texts, count=1, **more):
            seen.append(([text.length for text in texts], count))
            super().__init__(memory, texts, count, **more)

    monkeypatch.setattr("deepseek_mm.lm.engine.model_runner.Paged", Noted)
    return seen


def ours(decoder):
    return Ours(decoder, torch_alone, threads=1, chunk=32, says="a tiny model")


def test_the_product_decodes_by_loops_and_reads_by_torch(model, passes):
    peer = Ours(*open_fast(model), threads=1, chunk=32, says="a tiny model")
    assert peer.decode_speed(context=40, new_tokens=3) > 0
    assert {count for _, count in passes} == {8, 32}  # chunks of the prompt, and nothing else


def test_every_round_decodes_as_many_tokens_behind_the_same_context(decoder, passes):
    assert ours(decoder).decode_speed(context=40, new_tokens=3) > 0
    steps = [([40], 1), ([41], 1), ([42], 1)]
    assert passes == [([0], 32), ([32], 8), *steps, ([32], 8), *steps, ([32], 8), *steps]


def test_texts_at_once_are_decoded_in_one_pass_and_differ(decoder, passes):
    assert ours(decoder).together(3, context=20, new_tokens=2) > 0
    rounds = [*[([0], 20)] * 3, ([20] * 3, 1), ([21] * 3, 1)]
    assert passes == 3 * rounds


def test_the_first_token_is_timed_from_nothing_known(decoder, passes):
    assert ours(decoder).first_token_s(50) > 0
    assert [start for (start,), _ in passes] == 4 * [0, 32]


def test_it_goes_on_with_the_likeliest_tokens(model, monkeypatch):
    shape, weights = read_ours(model)
    decoder, said = build(shape, weights, dtype=torch.float32).eval(), []
    monkeypatch.setattr(lm_ours, "fastest_s", lambda work, before: (before(), work(), 1.0)[2])
    run = lm_ours.PagedRunner.decode
    monkeypatch.setattr(lm_ours.PagedRunner, "decode", lambda runner, rows: (said.extend(rows), run(runner, rows))[1])
    ours(decoder).decode_speed(context=30, new_tokens=4)
    ids = [1, *made_up(30, 300)[1:]]
    for _ in range(4):
        whole = FullTextAttention(decoder.shape, torch.ones(1, len(ids), dtype=torch.int64))
        with torch.inference_mode():
            hidden, _ = decoder(decoder.embed(torch.tensor([ids])), whole)
            ids.append(int(decoder.logits(hidden[0, -1]).argmax()))
    assert [token for _, token in said] == ids[30:]


def test_the_settings_say_weights_threads_and_chunks(decoder):
    assert ours(decoder).settings == "ours: a tiny model, 1 threads, chunks of 32, keys in bfloat16"


def test_the_decoder_has_the_product_s_shape_and_packed_layers(model, decoder):
    assert decoder.shape.moe.layers == (5,)
    assert {reach.kind for reach in decoder.shape.reaches} == {"window", "full", "top"}
    assert set(count_bits(decoder)) <= {4, 8, 16, 32}
    assert open_decoder(model, full=True).shape.reaches == ()


def test_what_training_changed_is_part_of_the_packaged_model_alone(model, tmp_path, monkeypatch):
    shape, weights = read_ours(model)
    changed = {name: weight + 1 for name, weight in weights.items() if name.endswith("ffn_norm.weight")}
    file = tmp_path / "lm.safetensors"
    write_changes(file, changed, base=fingerprint(model.folder), shape=shape)
    monkeypatch.setattr("deepseek_mm.bench.lm_open.find_folder", lambda name, **_: model.folder)
    trained = find_model(OUR_LM, tmp_path, print, changes=file)
    torch.testing.assert_close(read_ours(trained)[1]["layers.2.ffn_norm.weight"].float(), torch.full((64,), 2.0))
    assert find_model("other", tmp_path, print, changes=file).changes is None
    assert (trained.says, model.says) == ("model, trained", "model, experts not trained")
