"""The student's reader beside the teacher's, tiny, over made-up photos and questions."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from deepseek_mm.embeddings.edge import CELLS, EdgeSight
from deepseek_mm.embeddings.heads import SPACE_DIM
from deepseek_mm.training.distillation.features import DistillationFeatures
from deepseek_mm.training.distillation.reader_lessons import (
    ReadingConfig,
    ReadingLessons,
    make_reading_lessons,
    make_student_features,
    make_student_reader,
    make_teacher_features,
    strip_first_layer,
)
from deepseek_mm.training.feature_maps import FeatureMaps, to_bf16_bits
from deepseek_mm.training.question_albums import AlbumFeatures, QuestionAlbum, QuestionSampler
from deepseek_mm.training.question_generation import PhotoQuestion
from deepseek_mm.vision.vqa_net import MOST_WORDS, VECTORS, PictureBatch, QuestionBatch, ReaderConfig, ReaderNet

SIZE = ReaderConfig(channels=10, width=16, heads=2, layers=1, feed=16, dropout=0.0)
PHOTOS, QUESTIONS = 4, ("is there a dog?", "what is it?")
ASKED = (PhotoQuestion(QUESTIONS[0], "yes", "x"), PhotoQuestion(QUESTIONS[1], "dog", "x"))
ALBUM = QuestionAlbum("flickr8k", Path(), ("a", "b", "c", "d"), (ASKED,) * PHOTOS)


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
    cells = to_bf16_bits(torch.randn(PHOTOS, CELLS, channels, generator=chance).bfloat16())
    vectors = nn.functional.normalize(torch.randn(PHOTOS, 1 + CELLS, SPACE_DIM, generator=chance), dim=-1)
    return AlbumFeatures(ALBUM, FeatureMaps((cells,)), (to_bf16_bits(vectors.bfloat16()),))


def mixed(own, asked):
    rows = {question: n for n, question in enumerate(QUESTIONS)}
    return QuestionSampler([own], [range(PHOTOS)], [(3, 2)], asked, rows, {"yes": 0, "no": 1, "dog": 19})


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
        made = net.bring(torch.from_numpy(np.array(own.maps.views[0])).view(torch.bfloat16).float()).bfloat16()
    its = AlbumFeatures(ALBUM, FeatureMaps((to_bf16_bits(made),)), own.vectors)
    student, teacher = make_student_reader(net, net.bring.state_dict(), neck=10), strip_first_layer(net)
    taught = make_reading_lessons(student, teacher, mixed(own, asked), [its], ReadingConfig())
    parts = taught.loss(0)
    assert parts["scores"].item() < 1e-3
    other = ReadingLessons(student, teacher, taught.own, replace(taught.its, banks=[bank(16, 9)]), ReadingConfig())
    assert other.loss(0)["scores"].item() > 10 * parts["scores"].item()


def test_what_is_left_out_by_a_weight_of_nought_is_not_in_the_loss(net, asked):
    own, config = bank(10, 1), ReadingConfig(right=0.0, looked=0.0, scores=0.25)
    taught = make_reading_lessons(
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
    looks = DistillationFeatures(
        ({name: to_bf16_bits(torch.randn(PHOTOS, *shape).bfloat16()) for name, shape in arrays.items()},)
    )
    own = make_student_features(ALBUM, looks, sight, tmp_path)
    shown = own.select([2], [0])
    with torch.inference_mode():
        cells_BPN = sight.neck(*(looks.batch(name, [2], [0]).float() for name in ("map", "middle")))
        vector_BD, grid_BPD = sight.image_head.both(cells_BPN)
    for got, right in ((shown.cells_BPC, cells_BPN), (shown.vectors_BD, vector_BD), (shown.grid_BPD, grid_BPD)):
        assert (got.float() - right).abs().max() < 0.05
    assert make_teacher_features(ALBUM, looks).select([1], [0]).cells_BPC.shape == (1, CELLS, 16)
