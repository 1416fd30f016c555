"""The heads: unit vectors, and boxes that attend to their own cells only."""

import pytest
import torch

from deepseek_mm.encoders.projection import ImageHead, TextHead


@pytest.fixture
def head() -> ImageHead:
    torch.manual_seed(0)
    return ImageHead(channels=16, dim=32).eval()


def test_vectors_have_length_one_and_the_width_of_the_space(head):
    vectors = head(torch.randn(3, 81, 16))
    assert vectors.shape == (3, 32)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(3))
    text = TextHead(width=8, dim=32).eval()(torch.randn(5, 8))
    torch.testing.assert_close(text.norm(dim=-1), torch.ones(5))


def test_a_cover_of_everything_is_no_cover(head):
    cells = torch.randn(2, 81, 16)
    torch.testing.assert_close(head(cells, torch.ones(2, 81)), head(cells))


def test_a_cover_of_one_cell_is_that_cell_on_its_own(head):
    cells, cover = torch.randn(1, 81, 16), torch.zeros(1, 81)
    cover[0, 40] = 1
    torch.testing.assert_close(head(cells, cover)[0], head.cells(cells)[0, 40], atol=1e-3, rtol=1e-3)


def test_what_lies_outside_the_cover_does_not_matter_and_what_lies_inside_does(head):
    cells, cover = torch.randn(1, 81, 16), torch.zeros(1, 81)
    cover[0, :9] = 1
    changed = cells.clone()
    changed[0, 50] = 5 * torch.randn(16)
    torch.testing.assert_close(head(changed, cover), head(cells, cover), atol=1e-3, rtol=1e-3)
    assert not torch.allclose(head(changed), head(cells), atol=1e-3)


def test_the_order_of_the_cells_does_not_matter(head):
    cells = torch.randn(1, 81, 16)
    torch.testing.assert_close(head(cells[:, torch.randperm(81)]), head(cells))
