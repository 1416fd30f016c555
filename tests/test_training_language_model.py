"""From a packaged model and a corpus to the file that is shipped, stage by stage; a stopped run goes on."""

import argparse
from dataclasses import replace

import pytest
import torch
from lm_help import decoder as random_decoder
from lm_help import shard
from tiny_lm import save_tiny, tiny_llama
from transformers import LlamaConfig, LlamaForCausalLM

from deepseek_mm.errors import ConfigError, NothingThere
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_own
from deepseek_mm.lm.shape import OURS, tiny, to_product_shape
from deepseek_mm.lm.weights import build, merge_changes, write_changes
from deepseek_mm.training import language_model as stages
from deepseek_mm.training.corpus.items import DOMAINS
from deepseek_mm.training.corpus.token_shards import shard_file, write_shard
from deepseek_mm.training.language_model import (
    BaseModel,
    describe_layers,
    open_run,
    open_shipped,
    read_held_rows,
    read_long_texts,
)
from deepseek_mm.training.language_model.trainers import DenseAdapter, add_lora, make_dense
from deepseek_mm.training.loop import RunFolder, read_learned

FEW = ["--steps", "4", "--every", "2", "--length", "64", "--rows", "2", "--limit", "4"]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A folder with a base of six layers and a corpus of random tokens."""
    folder = tmp_path_factory.mktemp("lm")
    torch.manual_seed(0)
    config = tiny_llama().config.to_dict() | {"vocab_size": 512, "num_hidden_layers": 6, "hidden_size": 64}
    save_tiny(folder / "base", LlamaForCausalLM(LlamaConfig(**config | {"head_dim": 16})))
    for n, name in enumerate(DOMAINS):
        for split in ("train", "long_train"):
            write_shard(shard_file(folder / "corpus", name, split), list(shard(name, [40] * 8, seed=n)), key="k")
    return folder


def train(house, stage: str, out: str, *more: str) -> int:
    parser = argparse.ArgumentParser()
    stages.add_arguments(parser)
    words = ["--stage", stage, "--corpus", str(house / "corpus"), "--base", str(house / "base")]
    return stages.run(parser.parse_args([*words, "--out", str(house / out), *FEW, *more]))


def test_the_stages_lead_from_the_base_to_a_file_that_the_product_opens(house):
    for stage in ("reach", "experts", "dense", "pack"):
        assert train(house, stage, "runs", "--weights", str(house / "lm.safetensors")) == 0
    logs = {stage: RunFolder(house / "runs" / stage, {}).read_log() for stage in ("reach", "experts", "dense")}
    assert {stage: len(lines) for stage, lines in logs.items()} == {"reach": 4, "experts": 4, "dense": 4}
    assert {"words", "hidden"} <= logs["reach"][0].keys()
    assert {"loss", "balance", "hint", "load"} <= logs["experts"][0].keys()
    assert (house / "runs" / "reach" / "loss.png").is_file()
    trained = ModelCheckpoint(folder=house / "base", name="own", changes=house / "lm.safetensors")
    own = open_own(trained, dtype=torch.float32)
    assert len(own.fingerprint) == 64


@pytest.mark.parametrize("stage", ["reach", "dense"])
def test_a_run_that_was_stopped_ends_where_an_undisturbed_one_does(house, monkeypatch, stage):
    if stage == "dense":
        train(house, "reach", "whole")
    train(house, stage, "whole")
    with monkeypatch.context() as patch:
        step = stages.gather_step
        patch.setattr(
            stages,
            "gather_step",
            lambda n, *rest: step(n, *rest) if n < 3 else (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            train(house, stage, "stopped", "--reach", str(house / "whole" / "reach"))
    train(house, stage, "stopped", "--reach", str(house / "whole" / "reach"))
    whole, stopped = (read_learned(house / name / stage) for name in ("whole", "stopped"))
    assert whole.keys() == stopped.keys()
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)
    assert RunFolder(house / "whole" / stage, {}).read_log() == RunFolder(house / "stopped" / stage, {}).read_log()


def test_other_settings_than_a_run_was_begun_with_are_refused(house):
    train(house, "reach", "begun")
    with pytest.raises(ConfigError, match="rank"):
        train(house, "reach", "begun", "--rank", "3")


def test_experts_need_the_stage_before_them(house):
    with pytest.raises(NothingThere, match="Run that stage of the training first"):
        train(house, "experts", "nothing")


def test_every_row_is_met_once_an_epoch_in_an_order_of_its_own():
    first = [n for batch in range(5) for n in stages.draw_in_turn(batch, 10, 2, "0")]
    second = [n for batch in range(5, 10) for n in stages.draw_in_turn(batch, 10, 2, "0")]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_an_even_step_has_rows_of_every_domain_and_none_twice():
    domains_N = torch.arange(160) % len(DOMAINS)
    stage = stages.LmStageConfig(rows=2, even=True)
    batches = [stages.choose_rows(batch, domains_N, stage, seed=0) for batch in range(10)]
    for numbers in batches:
        counts = domains_N[numbers].bincount(minlength=len(DOMAINS)).tolist()
        assert counts == [6 if name == "evidence" else 2 for name in DOMAINS]
    met = [n for numbers in batches for n in numbers if DOMAINS[n % len(DOMAINS)] != "evidence"]
    assert len(met) == len(set(met)) == 140


def test_a_run_can_begin_with_what_another_one_learned(house):
    train(house, "reach", "first")
    train(house, "reach", "next", "--begin", str(house / "first" / "reach"), "--rate", "0")
    first, after = (read_learned(house / name / "reach") for name in ("first", "next"))
    assert all(torch.equal(after[name], first[name]) for name in first)
    assert any(value.any() for name, value in first.items() if name.endswith(".tall"))


def test_a_run_can_begin_with_the_shipped_file_which_may_have_no_experts_yet(house):
    train(house, "reach", "lone")
    file = house / "reach.safetensors"
    train(house, "pack", "lone", "--weights", str(file))
    train(house, "reach", "on", "--begin", str(file), "--rate", "0")
    shipped, after = (read_learned(house / name / "reach") for name in ("lone", "on"))
    assert shipped.keys() == after.keys()
    for name, value in shipped.items():
        torch.testing.assert_close(after[name], value, atol=float(value.abs().max()) / 250, rtol=0)
    own = open_own(ModelCheckpoint(folder=house / "base", name="own", changes=file), dtype=torch.float32)
    assert own.name == "own"


def test_experts_are_put_on_a_run_or_on_the_shipped_file(house):
    train(house, "reach", "below")
    file = house / "below.safetensors"
    train(house, "pack", "below", "--weights", str(file))
    for out, reach in (("run", house / "below" / "reach"), ("file", file)):
        train(house, "experts", out, "--reach", str(reach), "--rate", "0")
    run, shipped = (RunFolder(house / out / "experts", {}).read_log()[0]["loss"] for out in ("run", "file"))
    assert shipped == pytest.approx(run, rel=0.02)


def test_of_evidence_there_are_three_times_as_many_rows(house):
    rows = stages.read_training_rows(house / "corpus", stages.LmStageConfig(length=40, limit=2), seed=0)
    counts = rows.domains_N.bincount(minlength=len(DOMAINS)).tolist()
    assert counts == [6 if name == "evidence" else 2 for name in DOMAINS]


SHAPE = repr(OURS)


@pytest.fixture(scope="module")
def base() -> BaseModel:
    """Six layers, of which the last has experts in our table."""
    shape = replace(tiny(), num_layers=6)
    return BaseModel(shape=shape, weights=dict(random_decoder(shape).state_dict()))


def save(folder, trained, **settings) -> None:
    RunFolder(folder, {"full": False, "shape": SHAPE, **settings}).save(1, {"trained": trained})


def changes(base: BaseModel) -> dict[str, torch.Tensor]:
    """Changes of rank 2 in the first layer's attention that are not nothing."""
    made = add_lora(build(base.shape, base.weights, dtype=torch.float32), names=("qkv",), rank=2)
    return {name: torch.randn(p.shape) for name, p in made.items() if name.startswith("layers.0")}


def extras(base: BaseModel, *, dense: bool) -> dict[str, torch.Tensor]:
    """What a stage of experts, or of the dense adapter, would have trained."""
    decoder = build(to_product_shape(base.shape), base.weights, dtype=torch.float32)
    decoder = make_dense(decoder) if dense else decoder
    return {name: torch.randn(p.shape) / 8 for name, p in decoder.named_parameters() if ".moe." in name}


def says(decoder) -> torch.Tensor:
    ids = torch.arange(40)[None]
    with torch.no_grad():
        return decoder.logits(decoder(decoder.embed(ids), FullTextAttention(decoder.shape, torch.ones_like(ids)))[0])


def test_the_base_sees_everything_and_is_as_packaged(base):
    decoder = base.decoder(scale=2.0)
    assert (decoder.shape.reaches, decoder.shape.rope_scale, decoder.shape.moe) == ((), 2.0, None)
    assert torch.equal(decoder.embedding.weight, base.weights["embedding.weight"].bfloat16())
    assert base.decoder(progressive=True).shape.reaches == to_product_shape(base.shape).reaches


@pytest.mark.parametrize("with_experts", [False, True])
def test_the_shipped_file_is_opened_with_the_experts_that_it_has(base, tmp_path, with_experts):
    learned = changes(base) | (extras(base, dense=False) if with_experts else {})
    file = tmp_path / "lm.safetensors"
    write_changes(file, learned, base="known", shape=to_product_shape(base.shape))
    decoder = open_shipped(replace(base, known_by="known"), file)
    assert (decoder.shape.moe is not None) == with_experts
    assert decoder.shape.reaches == to_product_shape(base.shape).reaches
    assert not torch.equal(says(decoder), says(base.decoder(progressive=True)))


def test_what_reach_learned_is_merged_into_the_base(base, tmp_path):
    learned = changes(base)
    save(tmp_path, learned)
    decoder = open_run(tmp_path, base)
    assert (decoder.shape.reaches, decoder.shape.moe) == (to_product_shape(base.shape).reaches, None)
    expected = merge_changes(base.weights, learned)["layers.0.qkv.weight"].bfloat16()
    assert torch.equal(decoder.layers[0].qkv.weight, expected)
    assert not torch.equal(expected, base.weights["layers.0.qkv.weight"].bfloat16())


def test_experts_stand_on_the_reach_that_lies_beside_them_or_on_the_one_named(base, tmp_path):
    learned, own = changes(base), extras(base, dense=False)
    save(tmp_path / "reach", learned)
    save(tmp_path / "far" / "experts", own)
    save(tmp_path / "experts", own)
    beside, named = (
        open_run(tmp_path / "experts", base),
        open_run(tmp_path / "far" / "experts", base, reach=tmp_path / "reach"),
    )
    expected = build(
        to_product_shape(base.shape), {**merge_changes(base.weights, learned), **own}, dtype=torch.bfloat16
    )
    assert torch.equal(says(beside), says(expected))
    assert torch.equal(says(named), says(expected))


def test_a_run_with_full_attention_stands_on_the_base_alone(base, tmp_path):
    own = extras(base, dense=False)
    save(tmp_path / "experts-full", own, full=True)
    decoder = open_run(tmp_path / "experts-full", base)
    assert decoder.shape.reaches == ()
    assert torch.equal(decoder.layers[0].qkv.weight, base.weights["layers.0.qkv.weight"].bfloat16())


def test_a_dense_adapter_takes_the_experts_place_with_what_it_learned(base, tmp_path):
    own = extras(base, dense=True)
    save(tmp_path / "dense", own, full=True)
    decoder = open_run(tmp_path / "dense", base)
    number = decoder.shape.moe.layers[0]
    assert isinstance(decoder.layers[number].moe, DenseAdapter)
    name = f"layers.{number}.moe.expert.down.weight"
    assert torch.equal(decoder.state_dict()[name], own[name].bfloat16())


def test_a_run_that_is_not_there_or_lacks_the_one_it_stands_on_is_named(base, tmp_path):
    with pytest.raises(NothingThere, match="no checkpoint in"):
        open_run(tmp_path / "reach", base)
    save(tmp_path / "experts", extras(base, dense=False))
    with pytest.raises(NothingThere, match="reach"):
        open_run(tmp_path / "experts", base)


def test_a_run_for_another_table_of_layers_is_refused(base, tmp_path):
    save(tmp_path, {}, shape="another")
    deep = BaseModel(shape=OURS, weights={})
    with pytest.raises(ConfigError, match="another table of layers"):
        open_run(tmp_path, deep)


def test_a_run_with_full_attention_fits_every_table_of_what_layers_see(monkeypatch):
    before = describe_layers(full=True)
    monkeypatch.setattr("deepseek_mm.training.language_model.OURS", replace(OURS, reaches=OURS.reaches[::-1]))
    assert describe_layers(full=True) == before
    assert describe_layers(full=False) != SHAPE


def corpus(folder, lengths: list[int]):
    for name in DOMAINS:
        for split in ("held", "long_held"):
            write_shard(shard_file(folder, name, split), list(shard(name, lengths)), key="x")
    return folder


def test_held_rows_are_of_all_domains_and_no_more_than_asked_for(tmp_path):
    rows = read_held_rows(corpus(tmp_path, [16] * 6), rows=2, length=32)
    assert rows.domains_N.bincount().tolist() == [2] * 8
    assert rows.ids_NT.shape == (16, 32)


def test_long_texts_are_whole_documents_cut_to_length_or_joined_ones(tmp_path):
    folder = corpus(tmp_path, [10, 30, 25])
    source = shard("english", [10, 30, 25])
    assert read_long_texts(folder, texts=5, length=20)["text"] == [d.ids_T[:20].tolist() for d in list(source)[1:]]
    assert read_long_texts(folder, texts=5, length=32)["text"] == source.ids_N[:64].reshape(2, 32).tolist()
    assert read_long_texts(folder, texts=1, length=66) == {"text": [], "code": []}
