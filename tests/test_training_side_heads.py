"""The side heads on the toy of test_training_alignment, and the directions they leave to the main heads."""

import torch
from test_training_alignment import ToyModel, data  # noqa: F401  a fixture

from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.training.side_heads import SideConfig, embed_photos, find_strongest, pool_texts, train_side

CONFIG = SideConfig(epochs=60, batch=8, average=0.5)


def test_the_strongest_directions_are_those_that_carry_the_vectors():
    torch.manual_seed(0)
    flat = torch.randn(50, 3) @ torch.eye(3, 8)  # only three of eight dimensions are used
    kept = find_strongest(flat, keep=3)
    assert kept.shape == (8, 3)
    torch.testing.assert_close(flat @ kept @ kept.T, flat, atol=1e-4, rtol=1e-4)


def test_side_heads_learn_the_pairs_while_everything_else_rests(data):  # noqa: F811
    model, losses = ToyModel(), []
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train_side(model, data, CONFIG, told=lambda step, loss: losses.append(loss))
    assert len(losses) == 60
    assert sum(losses[-10:]) < 0.3 * sum(losses[:10])
    moved = {name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"side", "narrow"}


def test_each_photo_is_nearest_to_its_own_words_after_training(data):  # noqa: F811
    model = ToyModel()
    train_side(model, data, CONFIG, told=lambda step, loss: None)
    middle = data.middle(range(8), [0] * 8)
    with torch.no_grad(), autocast_bf16():
        images = model.side.image(model.side_map_of(middle, model.packaged_upper(middle)))
        texts = model.side.text(pool_texts(model, [row.captions[0] for row in data.rows]))
    assert (images.float() @ texts.float().T).argmax(dim=1).tolist() == list(range(8))


def test_what_frozen_towers_make_comes_in_the_order_of_the_data(data):  # noqa: F811
    model = ToyModel().eval()
    together = embed_photos(model, data)
    with torch.no_grad(), autocast_bf16():
        alone = model.image_head(model.map_of(data.middle([5], [0]))).float()
    torch.testing.assert_close(together[5:6], alone, atol=1e-2, rtol=1e-2)
    texts = pool_texts(model, ["one hen and an ant", "a dog", "a bee"])
    torch.testing.assert_close(texts[1:2], pool_texts(model, ["a dog"]), atol=1e-2, rtol=1e-2)
