"""Recovery training of four bits: floats begin behind their codes, codes follow, and the whole decoder comes nearer."""

import argparse

import pytest
import torch
from lm_help import decoder, experts, shard
from tiny_lm import save_tiny, tiny_llama
from transformers import LlamaConfig, LlamaForCausalLM

from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_decoder
from deepseek_mm.lm.shape import tiny
from deepseek_mm.runtime.quantization.fp4 import Fp4, quantise, restore, unpack
from deepseek_mm.runtime.quantization.lm_files import (
    CODES,
    FP4,
    HEAD,
    known_by,
    linears,
    others,
    read_lm,
    tensors_of_fp4,
)
from deepseek_mm.runtime.quantization.weight_files import QuantizedFileInfo, write_quantized
from deepseek_mm.training.corpus.items import DOMAINS
from deepseek_mm.training.corpus.token_shards import PackedRows, mix_rows, pack_documents, shard_file, write_shard
from deepseek_mm.training.language_model import fp4
from deepseek_mm.training.language_model.fp4 import (
    EVIDENCE,
    Fp4Config,
    Fp4Recovery,
    choose_batch,
    compute_block_sizes,
    hash_scales,
    make_latent,
    read_matrices,
    restore_weights,
    round_to_fp4,
    update_codes,
)
from deepseek_mm.training.loop import Optimiser, RunFolder, StepsConfig

SHAPE = tiny(moe=experts())
ROWS = mix_rows([pack_documents(shard(name, [16] * 8, seed=n), 32, domain=n) for n, name in enumerate(DOMAINS)], 0)
CONFIG = Fp4Config(evidence=2, others=2, some=0.5)


def recovery(config: Fp4Config = CONFIG) -> tuple[Fp4Recovery, dict[str, Fp4]]:
    truth = decoder(SHAPE).requires_grad_(False)
    held = tensors_of_fp4(truth, {name: quantise(linear.weight) for name, linear in linears(truth)})
    return Fp4Recovery(truth, restore_weights(decoder(SHAPE), held), read_matrices(held), config), read_matrices(held)


@pytest.fixture
def matrix() -> Fp4:
    torch.manual_seed(0)
    return quantise(torch.randn(24, 64))


def test_a_float_begins_behind_its_code_and_as_near_to_the_whole_weight_as_that_allows(matrix):
    other_FD = torch.randn(24, 64)  # another weight altogether: most codes would not be its own
    float_FD = make_latent(other_FD, matrix)
    assert torch.equal(restore(update_codes(float_FD, matrix)), restore(matrix))
    assert (float_FD - other_FD).square().sum() < (restore(matrix) - other_FD).square().sum()


def test_a_whole_weight_that_has_this_code_anyway_is_where_its_float_begins(matrix):
    near_FD = restore(matrix) + 0.1 * compute_block_sizes(matrix).expand(-1, -1, 16).flatten(1) * torch.rand(
        24, 64
    ).sub(0.5)
    inside = unpack(matrix.codes_FD) & 7 < 7  # above the largest nothing is gained
    torch.testing.assert_close(make_latent(near_FD, matrix)[inside], near_FD[inside])


def test_what_floats_are_rounded_to_is_what_their_codes_mean(matrix):
    float_FD = 1.5 * torch.randn(24, 64)
    torch.testing.assert_close(
        round_to_fp4(float_FD, compute_block_sizes(matrix)), restore(update_codes(float_FD, matrix))
    )


def test_a_float_that_moves_to_the_next_number_takes_its_code_along_and_no_scale(matrix):
    moved = update_codes(restore(matrix) * 2, matrix)
    small = unpack(matrix.codes_FD) & 7 == 1  # 0.5 becomes 1
    assert torch.equal((unpack(moved.codes_FD) & 7)[small], torch.full((int(small.sum()),), 2, dtype=torch.uint8))
    assert hash_scales({"a": moved}) == hash_scales({"a": matrix})


def test_every_matrix_is_trained_and_no_norm_and_the_student_is_the_file():
    trainer, matrices = recovery()
    assert trainer.trained.keys() == matrices.keys()
    trainer.follow()
    for name, linear in linears(trainer.student):
        torch.testing.assert_close(linear.weight, restore(matrices[name]))
    own = others(trainer.teacher)
    assert all(torch.equal(value, own[name]) for name, value in others(trainer.student).items())


def test_training_brings_what_the_student_says_nearer_to_what_the_whole_decoder_says():
    trainer, matrices = recovery()
    steps = Optimiser(trainer.trained, StepsConfig(steps=12, rate=3e-3, warm=0.1))
    lost = []
    for step in range(12):
        lost.append(trainer.backward(ROWS, torch.Generator().manual_seed(0)))
        steps.update(step)
    assert lost[-1]["answers"] < 0.8 * lost[0]["answers"]
    changed = [
        (unpack(update_codes(float_FD, matrices[name]).codes_FD) != unpack(matrices[name].codes_FD)).any()
        for name, float_FD in trainer.trained.items()
    ]
    assert torch.stack(changed).float().mean() > 0.5


def test_a_batch_has_its_rows_of_evidence_and_of_others_and_is_the_same_again():
    first, again, later = (choose_batch(step, ROWS, CONFIG, 0) for step in (0, 0, 1))
    assert (first.domains_N == EVIDENCE).tolist() == [True, True, False, False]
    assert torch.equal(first.ids_NT, again.ids_NT)
    assert not torch.equal(first.ids_NT, later.ids_NT)


def test_padding_and_questions_are_never_answers_that_are_compared():
    trainer, _ = recovery()
    silent = PackedRows(
        ids_NT=ROWS.ids_NT, segments_NT=torch.zeros_like(ROWS.segments_NT), domains_N=ROWS.domains_N,
        learn_NT=torch.zeros_like(ROWS.learn_NT),
    )  # fmt: skip
    trainer.follow()
    assert [float(lost) for lost in trainer.losses(silent, torch.Generator().manual_seed(0))] == [0.0, 0.0]


def test_a_files_matrices_come_back_by_the_names_of_their_layers():
    truth = decoder(SHAPE).requires_grad_(False)
    held = tensors_of_fp4(truth, {name: quantise(linear.weight) for name, linear in linears(truth)})
    found = read_matrices(held)
    assert found.keys() == {name for name, _ in linears(truth)}
    assert torch.equal(found[HEAD].codes_FD, held[HEAD + CODES])


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A base that comes along, a corpus of random tokens, and a file in four bits."""
    torch.manual_seed(0)
    config = tiny_llama().config.to_dict() | {"vocab_size": 512, "num_hidden_layers": 2, "hidden_size": 64}
    save_tiny(tmp_path / "base", LlamaForCausalLM(LlamaConfig(**config | {"head_dim": 16})))
    for n, name in enumerate(DOMAINS):
        write_shard(shard_file(tmp_path / "corpus", name, "train"), list(shard(name, [40] * 8, seed=n)), key="k")
    checkpoint = ModelCheckpoint(folder=tmp_path / "base", name="tiny")
    monkeypatch.setattr(fp4, "our_checkpoint", lambda: checkpoint)
    truth = open_decoder(checkpoint)[0].requires_grad_(False)
    held = tensors_of_fp4(truth, {name: quantise(linear.weight) for name, linear in linears(truth)})
    told = QuantizedFileInfo(scheme=FP4, base=known_by(checkpoint), full_bytes=1, calibrated="nothing", made="a test")
    write_quantized(tmp_path / "begin.safetensors", held, told)
    return tmp_path


def test_the_command_writes_a_file_like_the_one_it_began_with_and_trains_no_further_when_done(house):
    parser = argparse.ArgumentParser()
    fp4.add_arguments(parser)
    names = {"begin": "begin.safetensors", "file": "end.safetensors", "corpus": "corpus", "out": "run"}
    words = [word for name, path in names.items() for word in (f"--{name}", str(house / path))]
    args = parser.parse_args([*words, "--steps", "3", "--rate", "0.01"])
    assert fp4.run(args) == 0
    first, last = (read_lm(fp4.our_checkpoint(), house / names[name], scheme=FP4) for name in ("begin", "file"))
    assert {n for n, t in first.tensors.items() if not torch.equal(t.float(), last.tensors[n].float())} <= {
        name for name in first.tensors if name.endswith(CODES)
    }
    assert not torch.equal(first.tensors["layers.0.up" + CODES], last.tensors["layers.0.up" + CODES])
    assert "train fp4" in last.info.made
    assert fp4.run(args) == 0
    assert len(RunFolder(house / "run", {}).read_log()) == 3
