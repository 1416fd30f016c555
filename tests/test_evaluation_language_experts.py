"""How evenly experts work, and how much a domain tells of them: numbers worked out by hand."""

import math

import pytest
import torch
from lm_help import experts
from PIL import Image

from deepseek_mm.evaluation.language import (
    ExpertVisits,
    count_visits,
    draw_visits,
    max_over_mean,
    mutual_information_bits,
)
from deepseek_mm.lm.moe import Routing


def visits(*counts: list[list[int]]) -> ExpertVisits:
    names = tuple("abcd")[: len(counts[0][0])]
    layers = tuple(range(len(counts)))
    return ExpertVisits(layers=layers, domains=("code", "shell"), experts=names, count_LDE=torch.tensor(counts))


def test_a_domain_with_an_expert_of_its_own_tells_all_of_it():
    assert mutual_information_bits(torch.eye(8)) == pytest.approx(3.0)
    assert mutual_information_bits(torch.tensor([[5, 0], [0, 5]])) == pytest.approx(1.0)


def test_a_domain_that_goes_where_all_go_tells_nothing():
    assert mutual_information_bits(torch.tensor([[1, 3], [2, 6]])) == pytest.approx(0.0, abs=1e-12)


def test_mutual_information_of_a_table_of_thirds_is_as_worked_out_by_hand():
    by_hand = 2 / 3 * math.log2(4 / 3) + 1 / 3 * math.log2(2 / 3)  # 0.0817
    assert mutual_information_bits(torch.tensor([[2, 1], [1, 2]])) == pytest.approx(by_hand)


def test_domains_weigh_the_same_however_long_their_texts_are():
    assert visits([[2, 1], [1000, 2000]]).bits == pytest.approx(visits([[2, 1], [1, 2]]).bits)


def test_load_is_one_in_balance_and_the_number_of_experts_for_a_single_favourite():
    assert max_over_mean(torch.tensor([3, 3, 3, 3])) == 1.0
    assert max_over_mean(torch.tensor([0, 8, 0, 0])) == 4.0
    assert visits([[1, 2, 0, 1], [1, 2, 0, 1]]).loads == (2.0,)


def test_visits_are_counted_by_domain_and_padding_goes_nowhere():
    chosen = torch.tensor([[[0, 1], [0, 2], [5, 5]], [[3, 1], [7, 7], [7, 7]]])
    present = torch.tensor([[True, True, False], [True, False, False]])
    routing = Routing(torch.zeros(2, 3, 8), chosen, torch.zeros(2, 3, 2))
    found = count_visits([routing] * 2, experts(), torch.tensor([1, 0]), present, ("code", "shell"))
    assert found.count_LDE[0].tolist() == [[0, 1, 0, 1, 0, 0, 0, 0], [2, 1, 1, 0, 0, 0, 0, 0]]
    assert (found + found).count_LDE[1].sum() == 12
    assert found.layers == (2, 3)


def test_figures_name_the_worst_load_and_the_share_of_each_expert():
    figures = visits([[1, 3], [3, 1]], [[4, 0], [2, 2]]).figures()
    assert figures["worst_load"] == pytest.approx(1.5)
    assert figures["load_max_over_mean"] == {"0": 1.0, "1": 1.5}
    assert figures["share"]["code"] == {"a": pytest.approx((0.25 + 1) / 2), "b": pytest.approx(0.375)}
    assert figures["mean_bits"] == pytest.approx(sum(visits([[1, 3], [3, 1]], [[4, 0], [2, 2]]).bits) / 2)


def test_the_picture_of_domains_and_experts_has_a_panel_for_each_layer(tmp_path):
    one = Image.open(draw_visits(visits([[1, 3], [3, 1]]), tmp_path / "docs" / "one.png"))
    five = Image.open(draw_visits(visits(*[[[1, 3], [3, 1]]] * 5), tmp_path / "five.png"))
    assert five.width > one.width
    assert five.height > 1.5 * one.height
