"""Learning to see from a teacher: what each lesson compares, on made-up photos of a few numbers."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers, trainers
from torch import nn

from deepseek_mm.embeddings.edge import CELLS, EdgeSight
from deepseek_mm.embeddings.heads import SPACE_DIM
from deepseek_mm.embeddings.towers import GRID, MAP_CHANNELS
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.model_folders import read_shape
from deepseek_mm.lm.shape import tiny
from deepseek_mm.training.corpus.token_shards import PackedRows
from deepseek_mm.training.distillation.features import SHAPES, take
from deepseek_mm.training.distillation.lessons import (
    ReadingConfig,
    ReadingLessons,
    SightConfig,
    SightLessons,
    SpeechConfig,
    SpeechLessons,
    Student,
    list_layer_ends,
    make_student_decoder,
    make_student_features,
    make_student_reader,
    make_student_shape,
    make_teacher_features,
    measure_distances,
    mirror_features,
    pick_layers,
    shorten_tokenizer,
    strip_first_layer,
    write_short_tokenizer,
)
from deepseek_mm.training.feature_maps import to_bf16_bits
from deepseek_mm.training.question_albums import AlbumFeatures, AlbumQuestion, QuestionAlbum, QuestionSampler
from deepseek_mm.vision.vqa_net import MOST_WORDS, VECTORS, PictureBatch, QuestionBatch, ReaderConfig, ReaderNet

PHOTOS, CLASSES, NECK = 6, 5, 48
SMALL = SightConfig(photos=3, others=2)


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    return Student(nn.Linear(MAP_CHANNELS, CLASSES), neck=NECK)


def kept(seed):
    chance = torch.Generator().manual_seed(seed)
    shapes = {name: shape for name, shape in SHAPES.items() if name != "classes"} | {"classes": (CLASSES,)}
    arrays = {name: torch.randn(PHOTOS, *shape, generator=chance) for name, shape in shapes.items()}
    arrays["shares"] = arrays["shares"].softmax(-1)
    return {name: to_bf16_bits(x.bfloat16()) for name, x in arrays.items()}


@pytest.fixture(scope="module")
def lessons(student):
    texts = [nn.functional.normalize(torch.randn(2, 512), dim=-1).numpy() for _ in range(PHOTOS)]
    return SightLessons(student, kept(1), texts, [kept(2)], SMALL)


def test_a_student_that_sees_what_the_teacher_sees_is_at_no_distance_but_from_what_captions_tell():
    right = {
        "vectors": nn.functional.normalize(torch.randn(2, 82, 512), dim=-1),
        "read": torch.randn(2, 81, 256),
        "noticed": torch.randn(2, 81, 256),
        "classes": torch.randn(2, CLASSES),
        "shares": torch.full((2, 16, 81), 1 / 81),
    }
    seen = {"vectors": right["vectors"][:, 0], "cells": right["vectors"][:, 1:], "read": right["read"]}
    seen |= {"noticed": right["noticed"], "classes": right["classes"], "shares": right["shares"][:, :8].log()}
    far = measure_distances(seen, right, nn.functional.normalize(torch.randn(2, 512), dim=-1))
    for name in ("vectors", "cells", "read", "noticed", "ranks", "classes"):
        assert abs(far[name].item()) < 1e-5, name
    assert far["shares"].item() == pytest.approx(np.log(81), rel=1e-4)  # the entropy of looking everywhere
    assert far["told"].item() > 0.1


def test_a_mirrored_photo_has_its_cells_turned_from_left_to_right_and_its_vector_kept():
    right = {name: torch.randn(2, *SHAPES[name]) for name in ("map", "middle", "read", "noticed", "vectors", "shares")}
    before = {name: value.clone() for name, value in right.items()}
    mirror_features(right, torch.tensor([True, False]))
    grid = before["map"][0].view(GRID, GRID, -1)
    assert torch.equal(right["map"][0].view(GRID, GRID, -1), grid.flip(1))
    assert torch.equal(right["shares"][0].view(-1, GRID, GRID), before["shares"][0].view(-1, GRID, GRID).flip(2))
    assert torch.equal(right["vectors"][0, 0], before["vectors"][0, 0])
    assert torch.equal(right["vectors"][0, 1], before["vectors"][0, GRID])
    assert all(torch.equal(right[name][1], before[name][1]) for name in right)


def test_a_lesson_of_weight_nought_is_left_out_of_what_is_made_smaller(lessons):
    alone = replace(lessons, config=replace(SMALL, cells=0.0, read=0.0, noticed=0.0, shares=0.0, ranks=0.0,
                                            classes=0.0, told=0.0))  # fmt: skip
    parts = alone.loss(3)
    assert parts["loss"].item() == pytest.approx(4 * parts["vectors"].item(), rel=1e-4)


def test_a_step_draws_the_same_photos_whenever_it_is_made_and_reaches_every_part_of_the_student(lessons, student):
    student.train()
    student.zero_grad()
    first = lessons.loss(7)
    first["loss"].backward()
    assert first["loss"].item() == pytest.approx(lessons.loss(7)["loss"].item(), rel=1e-5)
    assert first["loss"].item() != pytest.approx(lessons.loss(8)["loss"].item(), rel=1e-5)
    dumb = [name for name, p in student.named_parameters() if p.grad is None or not p.grad.any()]
    assert dumb == []


SIZE = ReaderConfig(channels=10, width=16, heads=2, layers=1, feed=16, dropout=0.0)
READER_PHOTOS, QUESTIONS = 4, ("is there a dog?", "what is it?")
ASKED = (AlbumQuestion(QUESTIONS[0], "yes", "x"), AlbumQuestion(QUESTIONS[1], "dog", "x"))
ALBUM = QuestionAlbum("flickr8k", Path(), ("a", "b", "c", "d"), (ASKED,) * READER_PHOTOS)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return ReaderNet(20, SIZE).eval()  # more answers than it is wide


@pytest.fixture(scope="module")
def asked():
    torch.manual_seed(1)
    words_QTW, vectors_QAD = torch.randn(2, MOST_WORDS, 384), torch.randn(2, VECTORS, SPACE_DIM)
    return QuestionBatch(words_QTW, torch.ones(2, MOST_WORDS).bool(), nn.functional.normalize(vectors_QAD, dim=-1))


def bank(channels, seed):
    chance = torch.Generator().manual_seed(seed)
    cells = to_bf16_bits(torch.randn(READER_PHOTOS, CELLS, channels, generator=chance).bfloat16())
    vectors = nn.functional.normalize(torch.randn(READER_PHOTOS, 1 + CELLS, SPACE_DIM, generator=chance), dim=-1)
    return AlbumFeatures(ALBUM, (cells,), (to_bf16_bits(vectors.bfloat16()),))


def mixed(own, asked):
    rows = {question: n for n, question in enumerate(QUESTIONS)}
    return QuestionSampler([own], [range(READER_PHOTOS)], [(3, 2)], asked, rows, {"yes": 0, "no": 1, "dog": 19})


def test_a_reader_without_its_first_layer_answers_as_before_from_what_that_layer_made(net, asked):
    shown = bank(10, 1).select([0, 1], [0, 0])
    with torch.inference_mode():
        right = net(shown, torch.tensor([0, 1]), asked)
        made = PictureBatch(net.bring(shown.cells_BPC), shown.vectors_BD, shown.grid_BPD)
        got = strip_first_layer(deepcopy(net))(made, torch.tensor([0, 1]), asked)
    assert torch.allclose(right, got, atol=1e-5)


def test_a_student_whose_first_layer_makes_the_same_begins_as_good_as_its_teacher(net, asked):
    student = make_student_reader(net, net.bring.state_dict(), neck=10)
    shown = bank(10, 1).select([0], [0])
    with torch.inference_mode():
        assert torch.equal(student.eval()(shown, torch.tensor([0, 0]), asked), net(shown, torch.tensor([0, 0]), asked))
    wider = make_student_reader(net, nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 16)).state_dict(), neck=6)
    assert wider.config == replace(SIZE, channels=6)


def test_the_lessons_show_both_the_same_photos_and_a_student_like_its_teacher_has_no_scores_to_learn(net, asked):
    own = bank(10, 1)
    with torch.inference_mode():
        made = net.bring(torch.from_numpy(np.array(own.maps[0])).view(torch.bfloat16).float()).bfloat16()
    its = AlbumFeatures(ALBUM, (to_bf16_bits(made),), own.vectors)
    student, teacher = make_student_reader(net, net.bring.state_dict(), neck=10), strip_first_layer(net)
    taught = ReadingLessons(student, teacher, mixed(own, asked), [its], ReadingConfig())
    parts = taught.loss(0)
    assert parts["scores"].item() < 1e-3
    other = ReadingLessons(student, teacher, taught.own, [bank(16, 9)], ReadingConfig())
    assert other.loss(0)["scores"].item() > 10 * parts["scores"].item()


def test_what_is_left_out_by_a_weight_of_nought_is_not_in_the_loss(net, asked):
    own, config = bank(10, 1), ReadingConfig(right=0.0, looked=0.0, scores=0.25)
    taught = ReadingLessons(
        make_student_reader(net, net.bring.state_dict(), 10),
        strip_first_layer(net),
        mixed(own, asked),
        [bank(16, 2)],
        config,
    )
    parts = taught.loss(1)
    assert parts["loss"].item() == pytest.approx(0.25 * parts["scores"].item(), rel=1e-4)


def test_an_album_is_seen_by_each_through_what_was_kept_of_its_photos(tmp_path):
    torch.manual_seed(0)
    sight = EdgeSight(neck=48).eval()
    arrays = {"map": (CELLS, 1280), "middle": (CELLS, 112), "read": (CELLS, 16), "vectors": (1 + CELLS, SPACE_DIM)}
    looks = {name: to_bf16_bits(torch.randn(READER_PHOTOS, *shape).bfloat16()) for name, shape in arrays.items()}
    own = make_student_features(ALBUM, looks, sight, tmp_path)
    shown = own.select([2], [0])
    with torch.inference_mode():
        cells_BPN = sight.neck(*(take(looks, name, [2]).float() for name in ("map", "middle")))
        vector_BD, grid_BPD = sight.image_head.both(cells_BPN)
    for got, right in ((shown.cells_BPC, cells_BPN), (shown.vectors_BD, vector_BD), (shown.grid_BPD, grid_BPD)):
        assert (got.float() - right).abs().max() < 0.05
    assert make_teacher_features(ALBUM, looks).select([1], [0]).cells_BPC.shape == (1, CELLS, 16)


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
