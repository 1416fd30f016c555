"""A language model of fewer layers and fewer words, on the tiny decoder."""

import json
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers, trainers

from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.model_folders import read_shape
from deepseek_mm.lm.shape import tiny
from deepseek_mm.training.corpus.token_shards import PackedRows
from deepseek_mm.training.distillation.language_lessons import (
    SpeechConfig,
    SpeechLessons,
    list_layer_ends,
    make_student_decoder,
    make_student_shape,
    pick_layers,
    shorten_tokenizer,
    write_short_tokenizer,
)

BASE = tiny()
WHOLE = SpeechConfig(depth=4, vocabulary=512, rows=2, length=8)
TEXT = "the dog runs on the grass and the dogs run in the water " * 3


@pytest.fixture(scope="module")
def teacher():
    torch.manual_seed(0)
    return Decoder(BASE).eval()


@pytest.fixture(scope="module")
def told():
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
    return json.loads(backend.to_str())


def rows(count=4, length=8):
    torch.manual_seed(1)
    ids_NT, segments_NT = torch.randint(0, 512, (count, length)), torch.ones(count, length, dtype=torch.int64)
    segments_NT[:, -2:] = 0  # nothing stands there
    return PackedRows(
        ids_NT=ids_NT, segments_NT=segments_NT, learn_NT=segments_NT > 0, domains_N=torch.zeros(count).long()
    )


def test_a_tokenizer_that_stops_merging_early_reads_every_text_in_more_of_the_same_tokens(told):
    long, short = Backend.from_str(json.dumps(told)), Backend.from_str(json.dumps(shorten_tokenizer(told, 262)))
    before, after = long.encode(TEXT).ids, short.encode(TEXT).ids
    assert len(after) > len(before)
    assert max(after) < 262 <= max(before)
    assert short.decode(after) == TEXT
    assert all(short.id_to_token(n) == long.id_to_token(n) for n in set(after))


def test_the_students_folder_has_its_tokenizer_and_its_shape(told, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    (base / "tokenizer.json").write_text(json.dumps(told))
    shape = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 300, "hidden_size": 64,
        "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 160,
        "rms_norm_eps": 1e-5, "rope_theta": 10_000.0, "max_position_embeddings": 2048, "tie_word_embeddings": True,
        "hidden_act": "silu",
    }  # fmt: skip
    (base / "config.json").write_text(json.dumps(shape))
    out = write_short_tokenizer(base, tmp_path / "out", replace(WHOLE, depth=2, vocabulary=512, reads=128))
    read = read_shape(out)
    assert (read.num_layers, read.vocab_size, read.context) == (2, 512, 128)
    assert read == make_student_shape(replace(read, num_layers=4), replace(WHOLE, depth=2, vocabulary=512, reads=128))


def test_layers_are_taken_from_the_first_to_the_last_and_compared_at_even_steps():
    assert pick_layers(6, 30) == [0, 6, 12, 17, 23, 29]
    assert list_layer_ends(6, 30) == [5, 10, 15, 20, 25, 30]
    assert pick_layers(4, 4) == [0, 1, 2, 3]


def test_a_student_with_all_of_its_teachers_layers_and_words_has_nothing_to_learn(teacher):
    student = make_student_decoder(BASE, teacher.state_dict(), WHOLE)
    parts = SpeechLessons(teacher, student, rows(), WHOLE).loss(0)
    assert parts["words"].item() < 1e-3
    assert parts["thoughts"].item() < 1e-3


def test_a_student_with_half_of_them_learns_to_say_what_its_teacher_says(teacher):
    config = replace(WHOLE, depth=2, rows=4)
    student = make_student_decoder(BASE, teacher.state_dict(), config)
    taught = SpeechLessons(teacher, student, rows(), config)
    assert student.layers[1].qkv.weight.equal(teacher.layers[3].qkv.weight)
    optimiser, losses = torch.optim.AdamW(student.parameters(), 3e-3), []
    for step in range(12):
        parts = taught.loss(step)
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
        losses.append(parts["words"].detach().item())
    assert losses[-1] < 0.7 * losses[0]


def test_places_without_a_document_are_not_compared(teacher):
    config = replace(WHOLE, depth=2, rows=4)
    taught = SpeechLessons(teacher, make_student_decoder(BASE, teacher.state_dict(), config), rows(), config)
    other = rows()
    other.ids_NT[:, -2:] = 7
    assert taught.compare_rows(rows())["words"].item() == pytest.approx(
        taught.compare_rows(other)["words"].item(), rel=1e-4
    )
