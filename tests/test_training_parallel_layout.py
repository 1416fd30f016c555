"""Who stands where, how weights are cut, and what recomputation costs: no processes."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from deepseek_mm.errors import ConfigError
from deepseek_mm.training.parallel import SavedTensorCounter, measure_cost
from deepseek_mm.training.parallel.layout import ALONE, Layout
from deepseek_mm.training.parallel.recipe import (
    MicrobatchConfig,
    ModelConfig,
    compute_loss,
    draw_rows,
    make_first_weights,
    open_whole,
    read_text,
)
from deepseek_mm.training.parallel.shards import (
    ShardCut,
    compute_word_losses,
    cut_part,
    join_parts,
    list_cuts,
    recompute,
)

SHAPE = ModelConfig().shape()
EIGHT = Layout(data=2, pipeline=2, tensor=2)


def test_every_rank_has_a_place_of_its_own_and_tensor_ranks_are_neighbours():
    places = [EIGHT.place(rank) for rank in range(8)]
    assert [EIGHT.rank(*place) for place in places] == list(range(8))
    assert places[:3] == [(0, 0, 0), (0, 0, 1), (0, 1, 0)]
    assert EIGHT.describe_rank(5) == "rank 5 (data 1, pipeline 0, tensor 1)"


def test_stages_share_all_layers_in_order_and_the_first_have_one_more():
    shape = replace(SHAPE, num_layers=7)
    assert [list(Layout(pipeline=3).layers(shape, n)) for n in range(3)] == [[0, 1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        (Layout(pipeline=5), "pipeline=5 stages, and the model has 4 layers"),
        (Layout(tensor=4), "cannot share num_kv_heads=2 evenly"),
        (Layout(tensor=3), "num_heads=4, num_kv_heads=2, ffn_width=160, vocab_size=256"),
    ],
)
def test_a_layout_that_does_not_fit_the_model_is_refused_with_the_numbers(layout, said):
    with pytest.raises(ConfigError, match=said):
        layout.check(SHAPE)


def test_a_rank_gets_the_rows_of_its_heads_from_each_of_the_stacked_matrices():
    stacked = torch.arange(8)[:, None]  # two heads of two rows, then a key head and a value head of two rows each
    cut = ShardCut(0, (4, 2, 2))
    assert cut_part(stacked, cut, 0, 2).flatten().tolist() == [0, 1, 4, 6]
    assert cut_part(stacked, cut, 1, 2).flatten().tolist() == [2, 3, 5, 7]


@pytest.mark.parametrize("size", [1, 2])
def test_the_parts_of_all_ranks_are_the_whole_parameter_again(size):
    cuts = list_cuts(SHAPE)
    decoder = open_whole(SHAPE, make_first_weights(0))
    assert cuts.keys() >= {"layers.0.moe.experts.3.down.weight", "embedding.weight", "layers.3.qkv.weight"}
    for name, full in decoder.named_parameters():
        parts = [cut_part(full, cuts.get(name), place, size) for place in range(size)]
        assert torch.equal(join_parts(parts, cuts.get(name)), full)
        assert (parts[0].numel() < full.numel()) == (name in cuts and size > 1)


def test_the_loss_of_shared_words_is_cross_entropy_and_so_are_its_gradients():
    logits, ids = torch.randn(5, 11, requires_grad=True), torch.tensor([0, 10, 3, 3, 7])
    ours, theirs = compute_word_losses(logits, ids, ALONE), F.cross_entropy(logits, ids, reduction="none")
    torch.testing.assert_close(ours, theirs)
    (own,), (true,) = (torch.autograd.grad(each.sum(), logits, retain_graph=True) for each in (ours, theirs))
    torch.testing.assert_close(own, true)


def test_rows_depend_on_step_and_number_alone_and_first_weights_on_the_name():
    text, batch = read_text(), MicrobatchConfig(length=8, rows=1)
    a, b, c = (draw_rows(text, batch, step=step, number=n, seed=0) for step, n in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    draw_ = make_first_weights(0)
    assert torch.equal(draw_("x.weight", torch.Size((2, 2))), make_first_weights(0)("x.weight", torch.Size((2, 2))))
    assert not torch.equal(draw_("x.weight", torch.Size((2, 2))), draw_("y.weight", torch.Size((2, 2))))


def test_a_layer_that_is_worked_out_twice_keeps_its_input_and_has_the_same_gradients():
    shape, ids = replace(SHAPE, moe=None), torch.arange(33)[None] % 256
    plain, twice = (open_whole(shape, make_first_weights(0)) for _ in range(2))
    recompute(twice, range(4))
    with SavedTensorCounter(plain) as much:
        loss = compute_loss(plain, ids)
    with SavedTensorCounter(twice) as little:
        again = compute_loss(twice, ids)
    assert little.bytes < much.bytes / 3
    loss.backward()
    again.backward()
    for one, other in zip(plain.parameters(), twice.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


def test_what_recomputation_costs_is_measured():
    shape = ModelConfig(num_layers=2).shape()
    none, both = (measure_cost(shape, layers, tokens=32, times=1) for layers in (0, 2))
    assert both["kept_mb"] < none["kept_mb"]
    assert none["seconds"] > 0
