"""The small model without programs: what it may see, what it may not depend on, and how numbers reach it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from deepseek_mm.errors import MissingWeights
from deepseek_mm.logic.programs import ANSWERS
from deepseek_mm.vision.drawings import (
    SceneWeightsHeader,
    read_paper,
    read_scene_weights,
    write_scene_weights,
)
from deepseek_mm.vision.scene_models import (
    NUM_VALUES,
    AnswererConfig,
    AnswerNet,
    FinderNet,
    SceneAnswerer,
    Solids,
    solids_tensor,
    words_tensor,
)

WORDS = ("ball", "is", "left", "red", "the", "what")
SMALL = AnswererConfig(width=32, layers=2, heads=4)


@pytest.fixture
def net():
    torch.manual_seed(3)
    return AnswerNet(len(WORDS) + 1, SMALL).eval()


def some(count, seed=0):
    draw = np.random.default_rng(seed)
    shapes = ((count,), (count, 3), (count, NUM_VALUES))
    return Solids(*(draw.random(shape, np.float32) for shape in shapes))


def test_the_order_of_the_solids_does_not_matter(net):
    solids = some(5)
    turned = Solids(*(part[::-1].copy() for part in (solids.chances_N, solids.places_N3, solids.traits_NV)))
    answerer = SceneAnswerer(net, WORDS)
    both = answerer.answer_many(["what is left", "what is left"], [solids, turned])
    assert both[0][0] == both[1][0]
    assert both[0][1] == pytest.approx(both[1][1], abs=1e-5)


def test_what_other_questions_bring_does_not_matter(net):
    answerer = SceneAnswerer(net, WORDS)
    alone = answerer.answer_many(["what is red"], [some(3)])[0]
    beside = answerer.answer_many(["what is red", "is the ball left the red ball is"], [some(3), some(9, seed=1)])[0]
    assert beside[0] == alone[0]
    assert beside[1] == pytest.approx(alone[1], abs=1e-5)


def test_where_solids_stand_to_each_other_matters_from_the_start(net):
    words_BW = words_tensor([["what", "is", "left"]], {word: n for n, word in enumerate(WORDS, 1)})
    solids_BNF, there_BN = solids_tensor([some(4)])
    moved = solids_BNF.clone()
    moved[0, 2, 0] += 0.3
    assert not torch.allclose(net(words_BW, solids_BNF, there_BN), net(words_BW, moved, there_BN), atol=1e-5)


def test_unknown_words_are_left_out_and_a_picture_without_solids_is_answered(net):
    assert words_tensor([["fly", "red"], []], {"red": 4}).tolist() == [[4], [0]]
    answer, chance = SceneAnswerer(net, WORDS).answer_many(["why"], [some(0)])[0]
    assert answer in ANSWERS
    assert 0 < chance <= 1
    assert SceneAnswerer(net, WORDS).answer_many([], []) == []
    assert SceneAnswerer(net, WORDS).knows("What is the RED ball?")
    assert not SceneAnswerer(net, WORDS).knows("is the dog red")


def test_weights_come_back_as_they_went(net, tmp_path):
    file, finder = tmp_path / "scenes.safetensors", FinderNet()
    told = SceneWeightsHeader(vocabulary=WORDS, config=SMALL, fingerprint="f" * 64)
    looks = np.linspace(-1, 1, 512, dtype=np.float32), -3.0
    write_scene_weights(file, finder.state_dict(), net.state_dict(), told=told, looks=looks)
    _, answerer = read_scene_weights(file)
    ((kept, chance),) = answerer.answer_many(["what is left"], [some(3)])
    ((before, right),) = SceneAnswerer(net, WORDS).answer_many(["what is left"], [some(3)])
    assert (kept, chance) == (before, pytest.approx(right, rel=0.05))  # as int8


def test_only_the_space_that_looked_tells_scenes_from_photos(net, tmp_path):
    file, direction_D = tmp_path / "scenes.safetensors", np.zeros(512, np.float32)
    direction_D[7] = 20.0
    told = SceneWeightsHeader(vocabulary=WORDS, config=SMALL, fingerprint="f" * 64)
    write_scene_weights(file, FinderNet().state_dict(), net.state_dict(), told=told, looks=(direction_D, -10.0))
    paper, vector_D = read_paper(SimpleNamespace(fingerprint="f" * 64), file), np.zeros(512, np.float32)
    assert not paper.is_scene(vector_D)
    vector_D[7] = 1.0
    assert paper.chance(vector_D) == pytest.approx(1 / (1 + np.exp(-10)))
    assert paper.is_scene(vector_D)
    with pytest.raises(MissingWeights):
        read_paper(SimpleNamespace(fingerprint="0" * 64), file)


def test_without_weights_the_error_says_how_to_train_them(tmp_path):
    with pytest.raises(MissingWeights, match="train scenes --stage pack"):
        read_scene_weights(tmp_path / "none.safetensors")
