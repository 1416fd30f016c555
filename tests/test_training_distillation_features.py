"""What teacher and student compute of photos is cached, and a stopped call is resumed."""

import numpy as np
import pytest
import torch
from PIL import Image

from deepseek_mm.embeddings.heads import ImageHead
from deepseek_mm.training.distillation import features
from deepseek_mm.training.distillation.features import cache_features, compute_attention_shares, take
from deepseek_mm.training.feature_maps import cache_array, to_bf16_bits


def test_what_was_computed_once_is_read_back(tmp_path):
    made = []

    def make():
        made.append(1)
        return np.ones((2, 3), np.float32)

    assert cache_array(tmp_path / "x.npy", 2, make).tolist() == cache_array(tmp_path / "x.npy", 2, make).tolist()
    assert len(made) == 1


SHAPES = {"map": (2, 3), "vectors": (4,)}


class Eyes:
    """Counts the pictures that it looks at, and sees how bright each is."""

    def __init__(self, tired_after=100):
        self.seen, self.tired_after = 0, tired_after

    def __call__(self, squares):
        if self.seen >= self.tired_after:
            raise KeyboardInterrupt
        self.seen += len(squares)
        bright = torch.tensor([float(square.mean()) for square in squares])
        ones = {name: torch.ones(len(squares), *shape) for name, shape in SHAPES.items()}
        return {name: (bright.view(-1, *[1] * (one.ndim - 1)) * one).bfloat16() for name, one in ones.items()}


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "SHAPES", SHAPES)
    monkeypatch.setattr(features, "BATCH", 2)
    for n in range(40):
        Image.new("RGB", (8, 8), (n, n, n)).save(tmp_path / f"{n:02}.png")
    return sorted(tmp_path.glob("*.png"))


def test_every_photo_is_kept_in_its_row_and_a_second_call_looks_at_nothing(paths, tmp_path):
    first, second = Eyes(), Eyes()
    kept = cache_features(first, paths, tmp_path / "looks")
    again = cache_features(second, paths, tmp_path / "looks")
    assert (first.seen, second.seen, len(again["map"])) == (40, 0, 40)
    assert take(kept, "map", [7, 31]).float().amax(dim=(1, 2)).tolist() == [7, 31]
    assert np.array_equal(again["vectors"], kept["vectors"])


def test_a_call_that_was_stopped_is_gone_on_with_where_it_was_last_kept(paths, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        cache_features(Eyes(tired_after=36), paths, tmp_path / "looks")
    rest = Eyes()
    kept = cache_features(rest, paths, tmp_path / "looks")
    assert rest.seen == 8
    assert take(kept, "vectors", slice(None)).float()[:, 0].tolist() == list(range(40))


def test_how_much_a_head_looks_at_each_cell_is_a_share_for_each_of_its_groups():
    torch.manual_seed(0)
    share_BHP = compute_attention_shares(ImageHead(6, 4, hidden=8), torch.randn(2, 5, 6))
    assert share_BHP.shape == (2, 8, 5)
    assert torch.allclose(share_BHP.sum(-1), torch.ones(2, 8))
    assert to_bf16_bits(share_BHP.bfloat16()).dtype == np.int16
