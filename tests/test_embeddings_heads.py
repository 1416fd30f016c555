"""The heads: unit vectors of pictures, of their cells, and of texts."""

import pytest
import torch

from deepseek_mm.embeddings.heads import MAIN_SHARE, ImageHead, LayersHead, SideHead, TextHead, join


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


def test_a_picture_and_its_cells_in_one_go_are_those_of_a_pass_each(head):
    cells = torch.randn(3, 81, 16)
    vector_BD, cell_BPD = head.both(cells)
    torch.testing.assert_close(vector_BD, head(cells))
    torch.testing.assert_close(cell_BPD[:, 40], head(cells[:, 40:41]))


def test_the_order_of_the_cells_does_not_matter(head):
    cells = torch.randn(1, 81, 16)
    torch.testing.assert_close(head(cells[:, torch.randperm(81)]), head(cells))


def test_the_cosine_of_joined_vectors_is_the_weighted_mean_of_both_cosines():
    torch.manual_seed(0)
    unit = torch.nn.functional.normalize
    main, side = unit(torch.randn(2, 8), dim=-1), unit(torch.randn(2, 4), dim=-1)
    narrow = torch.eye(8)  # keeps everything
    joined = join(main, side, narrow)
    torch.testing.assert_close(joined.norm(dim=-1), torch.ones(2))
    expected = MAIN_SHARE * (main[0] @ main[1]) + (1 - MAIN_SHARE) * (side[0] @ side[1])
    torch.testing.assert_close(joined[0] @ joined[1], expected)


def test_a_narrowed_main_vector_has_its_full_weight_again():
    joined = join(torch.tensor([[0.6, 0.8]]), torch.tensor([[1.0]]), torch.tensor([[1.0], [0.0]]))
    torch.testing.assert_close(joined, torch.tensor([[MAIN_SHARE**0.5, (1 - MAIN_SHARE) ** 0.5]]))


def test_side_heads_see_every_layer_of_a_text_and_bring_pictures_to_the_same_width():
    torch.manual_seed(0)
    side = SideHead(channels=16, layers=3, dim=8).eval()
    head = LayersHead(3, 8, width=4).eval()
    assert side.image(torch.randn(2, 81, 16)).shape == (2, 8)
    pooled = torch.randn(2, 3, 4)
    before = head(pooled)
    torch.testing.assert_close(before.norm(dim=-1), torch.ones(2))
    for layer in range(3):
        changed = pooled.clone()
        changed[:, layer] = torch.randn(2, 4)
        assert not torch.allclose(head(changed), before, atol=1e-4)
