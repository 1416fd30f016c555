"""Changes of low rank: none at first, the same when merged."""

import torch
from lm_help import decoder

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.weights import merge_changes
from deepseek_mm.training.language_model.reach import add_lora

IDS = torch.arange(40).view(1, -1)


def run(model):
    with torch.no_grad():
        return model(model.embed(IDS), FullTextAttention(model.shape, torch.ones_like(IDS)))[0]


def test_an_adapted_model_says_what_it_said_before_it_learns():
    model = decoder()
    before = run(model)
    trained = add_lora(model, names=("qkv", "down"), rank=2)
    assert len(trained) == 4 * 2 * 2
    assert torch.equal(run(model), before)


def test_only_the_factors_can_be_trained_afterwards():
    model = decoder().requires_grad_(False)
    trained = add_lora(model, names=("out",), rank=3)
    assert {name for name, p in model.named_parameters() if p.requires_grad} == set(trained)
    assert trained["layers.0.out.thin"].shape == (3, 64)


def test_merged_weights_say_what_the_adapted_model_says():
    model, plain = decoder(), decoder()
    weights = plain.state_dict()
    trained = add_lora(model, names=("qkv", "up"), rank=2)
    with torch.no_grad():
        for parameter in trained.values():
            parameter.normal_(std=0.1)
    plain.load_state_dict(merge_changes(weights, trained))
    torch.testing.assert_close(run(plain), run(model), atol=1e-4, rtol=1e-4)
    assert (run(plain) - run(decoder())).abs().max() > 0.01
