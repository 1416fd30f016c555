"""Maps of looks: their mean, how bright cells are drawn, and how far two of them agree."""

import numpy as np
import pytest

from deepseek_mm.vision.small_nets import AttentionMap

TWO = AttentionMap(layers_LGG=np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.5], [0.5, 0.0]]], np.float32))


def test_the_map_of_all_layers_is_their_mean_and_sums_to_one():
    assert TWO.all_GG.tolist() == [[0.5, 0.25], [0.25, 0.0]]
    assert TWO.all_GG.sum() == 1


def test_the_cell_most_looked_at_is_as_bright_as_can_be_and_others_in_proportion():
    assert TWO.shine().tolist() == [[1.0, 0.5], [0.5, 0.0]]
    assert TWO.shine(1).tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_a_single_cell_where_a_layer_rests_darkens_no_other():
    map_GG = np.full((3, 3), 0.05, np.float32)
    map_GG[2, 0] = 0.6
    assert AttentionMap(layers_LGG=map_GG[None]).shine().min() == 1


def test_a_map_covers_itself_half_of_a_moved_one_and_nothing_of_another_grid():
    kept = AttentionMap.of(((0.5, 0.5), (0.0, 0.0)))
    assert kept.count_shared(((0.5, 0.5), (0.0, 0.0))) == 1
    assert kept.count_shared(((0.0, 0.5), (0.5, 0.0))) == pytest.approx(0.5)
    assert kept.count_shared(((1.0,),)) == 0
