"""Our decoder and its rivals take turns."""

import pytest
import torch
from lm_bench_help import FEW, save_deep, setting_of
from quantization_help import count_bits

from deepseek_mm.benchmarks import lm_peers
from deepseek_mm.benchmarks.lm_models import find_model, open_decoder, open_fast, read_ours
from deepseek_mm.benchmarks.lm_peers import (
    LLAMA,
    OURS,
    ROWS,
    TRANSFORMERS,
    Ours,
    compare_batching,
    compare_peers,
    list_tasks,
    make_tokens,
    take_turns,
)
from deepseek_mm.config import OUR_LM
from deepseek_mm.errors import MissingPackage
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.kv_cache.paged_attention import PagedPass
from deepseek_mm.lm.model_folders import fingerprint
from deepseek_mm.lm.weights import build, write_changes
from deepseek_mm.runtime.fast_decoder import torch_alone


class Paper:
    """Answers with the next of its speeds, and notes what it was asked."""

    def __init__(self, name, log, *, speeds=(10.0,), seconds=(2.0,)):
        self.settings, self._name, self._log = f"{name} on paper", name, log
        self._speeds, self._seconds = list(speeds), list(seconds)

    def decode_speed(self, context, new_tokens):
        self._log.append((self._name, context, new_tokens))
        return self._next(self._speeds)

    def first_token_s(self, prompt_tokens):
        self._log.append((self._name, prompt_tokens))
        return self._next(self._seconds)

    def together(self, requests, context, new_tokens):
        self._log.append((self._name, requests, context, new_tokens))
        return self._next(self._speeds)

    @staticmethod
    def _next(values):
        return values.pop(0) if len(values) > 1 else values[0]


def absent():
    raise MissingPackage("llama-cpp-python", needed_for="the bench against llama.cpp", extra="bench")


@pytest.fixture
def log():
    return []


def test_a_row_is_the_median_of_the_rounds_own_ratios(tmp_path, log):
    ours = Paper("we", log, speeds=(30.0, 50.0), seconds=(1.0, 3.0))
    slow = Paper("transformers", log, speeds=(10.0,))
    llama = Paper("llama", log, speeds=(20.0, 100.0), seconds=(2.0, 4.0))
    result = compare_peers(setting_of(tmp_path), ours, {TRANSFORMERS: lambda: slow, LLAMA: lambda: llama})
    numbers = result.numbers
    assert numbers["decode_vs_transformers"] == pytest.approx((3 + 5) / 2)
    assert numbers["decode_vs_llamacpp"] == pytest.approx((1.5 + 0.5) / 2)
    assert numbers["decode_8k_vs_llamacpp"] == pytest.approx(0.5)
    assert numbers["ttft_vs_llamacpp"] == pytest.approx((0.5 + 0.75) / 2)
    assert (numbers["decode_ours"], numbers["decode_llamacpp"], numbers["ttft_ours"]) == (40, 60, 2)


def test_everybody_takes_turns_in_every_round(log):
    task = list_tasks(FEW, full=False)["decode"]
    take_turns(task, {OURS: Paper("we", log), LLAMA: Paper("llama", log)})
    assert log == [("we", 40, 3), ("llama", 40, 3)] * 2


def test_a_long_context_has_one_round_unless_everything_is_measured():
    assert [list_tasks(FEW, full=full)["decode_8k"].rounds for full in (False, True)] == [1, 2]


def test_only_those_are_asked_whose_row_it_is(tmp_path, log):
    rivals = {name: lambda name=name: Paper(name, log) for name in (TRANSFORMERS, LLAMA)}
    compare_peers(setting_of(tmp_path), Paper("we", log), rivals)
    assert [asked for asked in log if asked[0] == TRANSFORMERS] == [(TRANSFORMERS, 40, 3)] * 2
    assert log[-2:] == [("we", 50), (LLAMA, 50)]


def test_a_rival_that_is_not_there_costs_its_rows_and_nothing_else(tmp_path, log):
    rivals = {TRANSFORMERS: lambda: Paper("transformers", log), LLAMA: absent}
    result = compare_peers(setting_of(tmp_path), Paper("we", log, speeds=(25.0,)), rivals)
    assert result.numbers["decode_vs_transformers"] == 2.5
    for key in ("decode_vs_llamacpp", "decode_8k_vs_llamacpp", "ttft_vs_llamacpp"):
        assert key not in result.numbers
        assert result.words[key].startswith("not measured: the bench against llama.cpp needs the package")
    assert [line.bar for line in result.lines if line.value.startswith("not measured")] == [
        row.bar for row in ROWS if row.rival == LLAMA
    ]
    assert (result.numbers["decode_8k_ours"], result.numbers["ttft_ours"]) == (25, 2)


def test_the_settings_of_everybody_are_in_the_output(tmp_path, log):
    result = compare_peers(
        setting_of(tmp_path), Paper("we", log), {TRANSFORMERS: absent, LLAMA: lambda: Paper("llama", log)}
    )
    assert "settings_transformers" not in result.words
    assert (result.words["settings_ours"], result.words["settings_llamacpp"]) == ("we on paper", "llama on paper")


def test_several_requests_are_compared_with_one_alone_in_the_same_round(tmp_path, log):
    result = compare_batching(setting_of(tmp_path), Paper("we", log, speeds=(10.0, 40.0, 20.0, 40.0)))
    assert log == [("we", 1, 40, 3), ("we", 3, 40, 3)] * 2
    assert result.numbers == {"batch8_speedup": 3.0, "batch8_tokens_s": 40.0, "batch1_tokens_s": 15.0}


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

    monkeypatch.setattr("deepseek_mm.lm.engine.model_runner.PagedPass", Noted)
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
    monkeypatch.setattr(lm_peers, "fastest_s", lambda work, before: (before(), work(), 1.0)[2])
    run = lm_peers.PagedRunner.decode
    monkeypatch.setattr(lm_peers.PagedRunner, "decode", lambda runner, rows: (said.extend(rows), run(runner, rows))[1])
    ours(decoder).decode_speed(context=30, new_tokens=4)
    ids = [1, *make_tokens(30, 300)[1:]]
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
    monkeypatch.setattr("deepseek_mm.benchmarks.lm_models.find_folder", lambda name, **_: model.folder)
    trained = find_model(OUR_LM, tmp_path, print, changes=file)
    torch.testing.assert_close(read_ours(trained)[1]["layers.2.ffn_norm.weight"].float(), torch.full((64,), 2.0))
    assert find_model("other", tmp_path, print, changes=file).changes is None
    assert (trained.says, model.says) == ("model, trained", "model, experts not trained")
