import pytest
import torch
from moe_help import Memory, awake, small

from deepseek_mm.lm.moe import ROUND, MoE, Routing, balance_loss, choose_experts, compute_load, z_loss
from deepseek_mm.lm.shape import EXPERTS, MoEShape

D = 32
EIGHT = MoEShape(layers=(0,), experts=EXPERTS, gate_width=16, gate_heads=2, gate_window=4)


@pytest.fixture
def moe():
    torch.manual_seed(0)
    return awake(MoE(D, EIGHT))


def text(batch: int = 2, tokens: int = 13) -> torch.Tensor:
    return torch.randn(batch, tokens, D, generator=torch.Generator().manual_seed(1))


def dense(moe: MoE, x_BTD: torch.Tensor, routing: Routing) -> torch.Tensor:
    """Every expert answers every token; those not visited weigh nothing."""
    weights_BTE = torch.zeros_like(routing.logits_BTE).scatter(-1, routing.experts_BTk, routing.weights_BTk)
    return sum(weights_BTE[..., number, None] * expert(x_BTD) for number, expert in enumerate(moe.experts))


def routed(experts: list[list[int]], *, num_experts: int = 8, sure: float = 0.0) -> Routing:
    """A routing of one text: `sure` is the logit of the experts visited, the others have 0."""
    experts_BTk = torch.tensor([experts])
    logits_BTE = torch.zeros(1, len(experts), num_experts).scatter(-1, experts_BTk, sure)
    return Routing(logits_BTE, experts_BTk, torch.full(experts_BTk.shape, 1 / len(experts[0])))


@pytest.mark.parametrize(("batch", "tokens"), [(2, 13), (1, 1), (3, 1), (1, 2), (1, 200), (2, 150)])
def test_the_output_is_the_weighted_sum_over_all_experts(moe, batch, tokens):
    x_BTD = text(batch, tokens)
    y_BTD, routing = moe(x_BTD, Memory())
    torch.testing.assert_close(y_BTD, dense(moe, x_BTD, routing))
    assert y_BTD.abs().max() > 0.01


def test_many_visits_are_computed_in_sizes_that_come_again(moe):
    sizes = []
    for expert in moe.experts:
        expert.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    _, routing = moe(text(1, 300), Memory())
    counts = (compute_load(routing, 8) * 600).round().int().tolist()
    assert sizes == [-(-count // ROUND) * ROUND for count in counts if count]
    sizes.clear()
    moe(text(1, 20), Memory())
    assert sum(sizes) == 40


def test_a_mixture_that_visits_every_expert_is_the_softmax_over_all():
    torch.manual_seed(0)
    moe, x_BTD = awake(MoE(D, small(top_k=3))), text()
    y_BTD, routing = moe(x_BTD, Memory())
    shares = routing.logits_BTE.softmax(-1)
    expected = sum(shares[..., number, None] * expert(x_BTD) for number, expert in enumerate(moe.experts))
    torch.testing.assert_close(y_BTD, expected)


def test_the_two_best_are_visited_and_weighted_by_the_softmax_over_the_two():
    routing = choose_experts(torch.tensor([[[0.0, 2.0, -1.0, 1.0]]]), 2)
    assert routing.experts_BTk.tolist() == [[[1, 3]]]
    e = torch.e
    torch.testing.assert_close(routing.weights_BTk, torch.tensor([[[e / (e + 1), 1 / (e + 1)]]]))


def test_new_experts_change_nothing_at_all():
    y_BTD, _ = MoE(D, EIGHT)(text(), Memory())
    assert torch.equal(y_BTD, torch.zeros_like(y_BTD))


def test_routes_and_output_token_by_token_are_those_of_the_whole_text(moe):
    x_BTD, memory = text(), Memory()
    whole, routing = moe(x_BTD, Memory())
    pieces = [moe(piece, memory) for piece in x_BTD.split(1, 1)]
    torch.testing.assert_close(torch.cat([y for y, _ in pieces], 1), whole)
    assert torch.equal(torch.cat([r.experts_BTk for _, r in pieces], 1), routing.experts_BTk)


def test_a_later_token_changes_no_earlier_route(moe):
    x_BTD = text()
    before, routes_before = moe(x_BTD, Memory())
    x_BTD[:, -1] = torch.randn(D)
    after, routes_after = moe(x_BTD, Memory())
    assert torch.equal(routes_after.experts_BTk[:, :-1], routes_before.experts_BTk[:, :-1])
    torch.testing.assert_close(after[:, :-1], before[:, :-1])
    assert not torch.allclose(after[:, -1], before[:, -1])


@pytest.mark.parametrize("tokens", [1, 2])
def test_only_experts_that_were_visited_learn(moe, tokens):
    y_BTD, routing = moe(text(1, tokens), Memory())
    y_BTD.square().sum().backward()
    visited = set(routing.experts_BTk.flatten().tolist())
    assert {number for number, expert in enumerate(moe.experts) if expert.up.weight.grad is not None} == visited
    assert 2 <= len(visited) < 8


def test_the_output_teaches_the_gate_as_well(moe):
    moe(text(), Memory())[0].square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in moe.gate.parameters())


def test_balanced_load_costs_one_and_a_single_favourite_costs_the_number_of_experts():
    assert balance_loss(routed([[n] for n in range(8)]), 8).item() == pytest.approx(1)
    assert balance_loss(routed([[3]] * 8, sure=50.0), 8).item() == pytest.approx(8)


def test_with_two_visits_a_token_balance_costs_one_and_two_favourites_cost_four():
    pairs = [[n, (n + 1) % 8] for n in range(8)]
    assert balance_loss(routed(pairs, sure=3.0), 8).item() == pytest.approx(1)
    assert balance_loss(routed([[3, 5]] * 8, sure=50.0), 8).item() == pytest.approx(4)


def test_the_balance_loss_is_the_sum_that_the_paper_writes():
    logits = torch.log(torch.tensor([[[0.5, 0.3, 0.2], [0.6, 0.1, 0.3], [0.2, 0.7, 0.1], [0.4, 0.4, 0.2]]]))
    routing = Routing(logits, torch.tensor([[[0], [0], [1], [0]]]), torch.ones(1, 4, 1))
    by_hand = 3 * (0.75 * (0.5 + 0.6 + 0.2 + 0.4) / 4 + 0.25 * (0.3 + 0.1 + 0.7 + 0.4) / 4)
    assert balance_loss(routing, 3).item() == pytest.approx(by_hand)


def test_the_balance_loss_reaches_the_gate_and_following_it_balances_the_load(moe):
    x_BTD = text(4, 64)
    start = compute_load(moe(x_BTD, Memory())[1], 8)
    optimizer = torch.optim.Adam(moe.gate.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        balance_loss(moe(x_BTD, Memory())[1], 8).backward()
        assert moe.gate.enter.weight.grad.abs().max() > 0
        optimizer.step()
    end = compute_load(moe(x_BTD, Memory())[1], 8)
    assert end.max() < 0.75 * start.max()
    assert all(expert.up.weight.grad is None for expert in moe.experts)


def test_the_z_loss_is_the_mean_square_of_the_logsumexp_and_shrinks_logits():
    logits = torch.tensor([[[0.0, 0.0], [3.0, 3.0]]], requires_grad=True)
    cost = z_loss(Routing(logits, torch.zeros(1, 2, 1, dtype=torch.int64), torch.ones(1, 2, 1)))
    ln2 = torch.tensor(2.0).log().item()
    assert cost.item() == pytest.approx((ln2**2 + (3 + ln2) ** 2) / 2)
    cost.backward()
    assert (logits.grad > 0).all()


def test_padding_counts_in_no_loss_and_in_no_load():
    kept, padded = routed([[0, 1], [2, 3]], sure=2.0), routed([[0, 1], [2, 3], [7, 6]], sure=2.0)
    mask_BT = torch.tensor([[True, True, False]])
    for measure in (balance_loss, compute_load):
        assert torch.equal(measure(padded, 8, mask_BT), measure(kept, 8))
        assert not torch.equal(measure(padded, 8), measure(kept, 8))
    longer = Routing(
        torch.cat((kept.logits_BTE, torch.full((1, 1, 8), 9.0)), 1), padded.experts_BTk, torch.ones(1, 3, 2)
    )
    assert z_loss(longer, mask_BT) == z_loss(kept)
    assert z_loss(longer) > z_loss(kept)


def test_the_load_is_the_share_of_visits():
    assert compute_load(routed([[0, 1], [0, 2]]), 8).tolist() == [0.5, 0.25, 0.25, 0, 0, 0, 0, 0]


def test_in_bfloat16_the_output_stays_near_and_the_losses_are_float32(moe):
    x_BTD = text()
    exact, routing = moe(x_BTD, Memory())
    rough, rough_routing = moe.to(torch.bfloat16)(x_BTD.to(torch.bfloat16), Memory())
    same = (routing.experts_BTk == rough_routing.experts_BTk).all(-1)
    assert same.float().mean() > 0.7
    assert (rough.float() - exact)[same].norm() < 0.05 * exact[same].norm()
    assert rough.dtype == torch.bfloat16
    assert balance_loss(rough_routing, 8).dtype == z_loss(rough_routing).dtype == torch.float32
