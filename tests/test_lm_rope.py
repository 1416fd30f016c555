"""Turning queries and keys: distances are all that counts, and a stretched turn reaches further."""

import math

import torch

from deepseek_mm.lm.attention_backend import rotate, rotation_at, stretch_base


def turned(x: torch.Tensor, place: int, *, base: float = 10_000.0) -> torch.Tensor:
    turn = rotation_at(torch.tensor([[place]]), head_width=len(x), base=base, dtype=torch.float64)
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
    longer = stretch_base(base, scale, width)
    slowest = (width - 2) / width
    assert math.isclose(longer**-slowest * scale, base**-slowest, rel_tol=1e-9)
    assert stretch_base(base, 1.0, width) == base


def test_texts_side_by_side_can_be_turned_by_bases_of_their_own():
    scales = torch.tensor([1.0, 2.0])[:, None, None, None]
    places, x = torch.tensor([[5], [5]]), torch.randn(2, 1, 1, 8, generator=torch.Generator().manual_seed(0))
    base = stretch_base(10_000.0, scales, 8)
    both = rotate(x, rotation_at(places, head_width=8, base=base, dtype=torch.float32))
    for row, scale in enumerate((1.0, 2.0)):
        alone = rotation_at(places[:1], head_width=8, base=stretch_base(10_000.0, scale, 8), dtype=torch.float32)
        torch.testing.assert_close(both[row], rotate(x[row : row + 1], alone)[0])
