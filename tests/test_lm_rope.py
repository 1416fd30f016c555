"""Turning queries and keys: distances are all that counts, and a stretched turn reaches further."""

import math

import torch

from deepseek_mm.lm.rope import rotate, stretched, turn_at


def turned(x: torch.Tensor, place: int, *, base: float = 10_000.0) -> torch.Tensor:
    turn = turn_at(torch.tensor([[place]]), head_width=len(x), base=base, dtype=torch.float64)
    return rotate(x.view(1, 1, 1, -1), turn).flatten()


def test_a_pair_turns_by_the_angle_of_its_place():
    x = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)  # the first half of pair 0
    right = torch.tensor([math.cos(3), 0.0, math.sin(3), 0.0], dtype=torch.float64)
    torch.testing.assert_close(turned(x, 3), right, atol=1e-6, rtol=0)


def test_the_second_pair_turns_more_slowly_by_the_base():
    x = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    angle = 3 * 10_000.0 ** -(2 / 4)
    right = torch.tensor([0.0, math.cos(angle), 0.0, math.sin(angle)], dtype=torch.float64)
    torch.testing.assert_close(turned(x, 3), right, atol=1e-6, rtol=0)


def test_only_the_distance_of_two_tokens_counts_and_it_does_count():
    torch.manual_seed(0)
    q, k = torch.randn(2, 16, dtype=torch.float64)
    near, moved, far = (turned(q, a) @ turned(k, b) for a, b in ((7, 2), (107, 102), (7, 1)))
    torch.testing.assert_close(near, moved, atol=1e-4, rtol=0)
    assert abs(near - far) > 1e-3


def test_stretched_turns_the_slowest_pair_as_far_over_so_many_more_tokens_and_the_fastest_as_before():
    base, width, scale = 10_000.0, 64, 2.0
    longer = stretched(base, scale, width)
    slowest = (width - 2) / width
    assert math.isclose(longer**-slowest * scale, base**-slowest, rel_tol=1e-9)
    assert stretched(base, 1.0, width) == base
