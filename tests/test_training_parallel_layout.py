"""Who stands where, how weights are cut, and what a layout needs by formula: no processes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from deepseek_mm.errors import ConfigError
from deepseek_mm.training.parallel import SavedTensorCounter, draw_costs, measure_cost
from deepseek_mm.training.parallel.cost_model import (
    BATCH,
    H100,
    compute_need,
    count_flops,
    count_of_rank,
    count_on_wires,
    count_parameters,
    count_saved,
    count_traffic,
    count_visited,
    list_stage_names,
    make_giant_shape,
    write_tables,
)
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
from deepseek_mm.training.parallel.sharding import (
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


def test_ranks_of_a_layout_have_all_parameters_between_them():
    assert count_parameters(SHAPE) == sum(p.numel() for p in open_whole(SHAPE, make_first_weights(0)).parameters())
    two = Layout(pipeline=2)
    twin = SHAPE.vocab_size * SHAPE.width  # the last stage's head is a copy of the embedding
    assert sum(count_of_rank(SHAPE, two, stage) for stage in (0, 1)) == count_parameters(SHAPE) + twin
    assert set(list_stage_names(SHAPE, two, 0)).isdisjoint(list_stage_names(SHAPE, two, 1))
    cut = sum(
        p.numel() for name, p in open_whole(SHAPE, make_first_weights(0)).named_parameters() if name in list_cuts(SHAPE)
    )
    assert count_of_rank(SHAPE, Layout(tensor=2), 0) == count_parameters(SHAPE) - cut // 2


def test_a_token_visits_only_the_experts_that_were_chosen():
    plain = replace(SHAPE, moe=None)
    assert count_visited(plain) == count_parameters(plain)
    all_of_them = replace(SHAPE, moe=replace(SHAPE.moe, top_k=4))
    widths = sum(spec.width for spec in SHAPE.moe.experts)
    assert (
        count_visited(all_of_them) - count_visited(SHAPE) == 2 * 3 * SHAPE.width * widths // 2
    )  # two layers, half of the experts


def test_what_a_ring_sends_follows_from_what_was_handed_in():
    four = Layout(data=4)
    handed = {"data": 100 + 25}  # a sum of 100 that stays scattered, and a gathering of 25 from each
    assert count_on_wires(handed, four)["data"] == pytest.approx(75 + 75)
    assert count_on_wires({"tensor": 100}, Layout(tensor=2))["tensor"] == pytest.approx(100)


def test_stages_in_the_middle_send_both_ways_and_ends_one_way():
    layout, batch = Layout(pipeline=3), MicrobatchConfig(microbatches=4, rows=1, length=8)
    shape = replace(SHAPE, tied=False)
    sent = [count_traffic(shape, layout, batch, stage)["pipeline"] for stage in range(3)]
    one_way = 4 * (8 * 64 + 1) * 4
    assert sent == [one_way + 16, 2 * one_way + 16, one_way + 16]  # and what all tell each other


@pytest.mark.parametrize("moe", [False, True])
def test_what_a_layer_keeps_is_what_autograd_keeps(moe):
    tokens, ids = 128, torch.arange(129)[None] % 256

    def counted(layers):
        shape = ModelConfig(num_layers=layers).shape()
        shape = replace(shape, moe=replace(shape.moe, layers=tuple(range(layers))) if moe else None)
        decoder = open_whole(shape, make_first_weights(0))
        with SavedTensorCounter(decoder) as found:
            compute_loss(decoder, ids)
        return shape, found.bytes / 4 / tokens

    shape, one = counted(1)
    _, two = counted(2)
    mask = tokens if moe else 0
    assert two - one - mask == pytest.approx(count_saved(shape, 0), rel=0.08 if moe else 0.001)


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


def test_what_recomputation_costs_is_measured_and_drawn(tmp_path):
    shape = ModelConfig(num_layers=2).shape()
    none, both = (measure_cost(shape, tokens=32, layers=layers, times=1) for layers in (0, 2))
    assert both.kept_mb < none.kept_mb
    assert none.seconds > 0
    assert draw_costs([none, both], tmp_path / "memory.png", title="tiny").stat().st_size < 100_000


def test_the_giant_has_experts_of_12_point_8_billion_and_a_step_costs_six_flop_a_weight():
    shape = make_giant_shape()
    expert = 3 * shape.width * shape.moe.experts[0].width * 64
    assert expert == pytest.approx(12.8e9, rel=0.001)
    assert count_parameters(shape) > 8 * expert
    tokens = BATCH.microbatches * BATCH.length
    assert count_flops(shape, BATCH) / tokens == pytest.approx(6 * count_visited(shape), rel=0.1)


def test_memory_of_a_rank_falls_with_the_ranks_that_share_it():
    alone, shared = (
        compute_need(make_giant_shape(), layout, BATCH, H100)
        for layout in (Layout(), Layout(data=8, pipeline=8, tensor=8))
    )
    assert alone.weights_gb == pytest.approx(2 * count_parameters(make_giant_shape()) / 1e9)
    assert alone.optimiser_gb == pytest.approx(6 * alone.weights_gb)
    assert shared.optimiser_gb == pytest.approx(shared.weights_gb * 6 / 8)
    assert shared.kept_again_gb < shared.kept_gb / 10
    assert alone.wires_gb == {}
    assert shared.compute_s == pytest.approx(alone.compute_s / 512 * (1 + 7 / 128))


def test_the_page_of_arithmetic_in_the_docs_is_what_the_command_prints():
    told = (Path(__file__).parent.parent / "docs" / "parallel.md").read_text(encoding="utf-8")
    assert write_tables() in told
