"""What tests of few bits share."""

from torch import Tensor


def off(ours: Tensor, truth: Tensor) -> float:
    """How far ours is from the truth: the size of the difference over that of the truth."""
    return float((ours.float() - truth.float()).norm() / truth.float().norm())
