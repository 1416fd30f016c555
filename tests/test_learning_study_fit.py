"""Fitting: right answers become likelier, wrong ones less, and what is replayed or held stays."""

import pytest
import torch
from torch import nn

from deepseek_mm.errors import ConfigError
from deepseek_mm.learning.memory import ReaderRows, join_rows
from deepseek_mm.learning.study import Anchor, FitConfig, Opinions, fisher_of, fit, surprise_at, weights_of

QUICK = FitConfig(steps=80, rate=0.05)


def blobs(answers: list[int], seed: int = 0) -> ReaderRows:
    """Twenty examples of each answer, around a corner of their own."""
    torch.manual_seed(seed)
    right_N = torch.tensor(answers).repeat_interleave(20)
    return ReaderRows.of(torch.eye(4)[right_N] * 3 + 0.3 * torch.randn(len(right_N), 4) + 1.0, right_N)


def share_right(net: nn.Module, rows: ReaderRows) -> float:
    return float((net(rows.x_NW).argmax(-1) == rows.right_N).float().mean())


def learned_first() -> nn.Linear:
    torch.manual_seed(0)
    net = nn.Linear(4, 4)
    fit(net, blobs([0, 1]), QUICK)
    return net


def test_it_learns_and_alone_it_forgets_what_was_before():
    net = learned_first()
    assert share_right(net, blobs([0, 1])) == 1.0
    fit(net, blobs([2, 3]), FitConfig(steps=400, rate=0.05))
    assert share_right(net, blobs([2, 3])) == 1.0
    assert share_right(net, blobs([0, 1])) < 0.7


def test_what_is_replayed_is_not_forgotten():
    net = learned_first()
    fit(net, blobs([2, 3]), FitConfig(steps=400, rate=0.05), old=blobs([0, 1], seed=1))
    assert share_right(net, blobs([2, 3])) == share_right(net, blobs([0, 1])) == 1.0


def test_an_anchor_keeps_weights_near_and_more_where_they_matter():
    free, held = learned_first(), learned_first()
    anchor = Anchor(weights_of(held), fisher_of(held, blobs([0, 1]).x_NW))
    before = weights_of(held)["weight"]
    fit(free, blobs([2, 3]), QUICK)
    fit(held, blobs([2, 3]), FitConfig(steps=80, rate=0.05, hold=1_000), anchor=anchor)
    moved = [(net.weight.detach() - before).square().mul(anchor.stiff["weight"]).sum() for net in (free, held)]
    assert moved[1] < 0.2 * moved[0]


def test_opinions_that_shall_stay_stay_whether_they_are_right_or_not():
    net, asked = learned_first(), blobs([0, 1], seed=1).x_NW
    chance_NV = net(asked).detach().softmax(-1)[:, [1, 0, 2, 3]]  # nothing but wrong
    fit(net, blobs([2, 3]), FitConfig(steps=300, rate=0.05, again=3.0), opinions=Opinions(asked, chance_NV))
    assert torch.equal(net(asked).argmax(-1), chance_NV.argmax(-1))
    assert share_right(net, blobs([2, 3])) == 1.0


def test_a_wrong_answer_becomes_less_likely_and_no_other_is_named():
    net, x_1W = nn.Linear(4, 4), torch.ones(1, 4)
    said = int(net(x_1W).argmax())
    row = ReaderRows(x_NW=x_1W, right_N=torch.tensor([said]), wrong_N=torch.tensor([True]), weight_N=torch.ones(1))
    fit(net, row, QUICK)
    assert float(net(x_1W).softmax(-1)[0, said].detach()) < 0.05


def test_the_loss_is_the_weighted_mean_of_what_was_told():
    rows = ReaderRows(
        x_NW=torch.zeros(2, 1), right_N=torch.tensor([0, 0]), wrong_N=torch.tensor([False, True]),
        weight_N=torch.tensor([1.0, 3.0]),
    )  # fmt: skip
    scores_NV = torch.log(torch.tensor([[0.5, 0.5], [0.2, 0.8]]))
    expected = (1.0 * 0.6931 + 3.0 * 0.2231) / 4  # -log 0.5 and -log (1 - 0.2)
    assert float(surprise_at(scores_NV, rows)) == pytest.approx(expected, abs=1e-3)


def test_the_same_seed_gives_the_same_weights():
    one, other = learned_first(), learned_first()
    many = join_rows([blobs([2, 3], seed=n) for n in range(4)])
    for net in (one, other):
        fit(net, many, QUICK, old=blobs([0, 1]))
    assert torch.equal(one.weight, other.weight)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=r"fit\.rate=2"):
        FitConfig(rate=2)
