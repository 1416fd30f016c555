"""From a packaged model and a corpus to the file that is shipped, stage by stage; a stopped run goes on."""

import argparse

import pytest
import torch
from lm_help import shard
from tiny_lm import save_tiny, tiny_llama
from transformers import LlamaConfig, LlamaForCausalLM

from deepseek_mm.errors import ConfigError, NothingThere
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_own
from deepseek_mm.training.corpus import DOMAINS
from deepseek_mm.training.corpus.token_shards import shard_file, write_shard
from deepseek_mm.training.language_model import stages
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
