"""MiniLM of ours beside transformers', with the same weights and the same texts."""

import pytest
import torch

from deepseek_mm.embeddings.towers import MiniLM, Pieces, load_text_tower, text_tower_folder

TEXTS = ["a dog", "Two men in red shirts sit on a bench, reading.", "", "caf\u00e9 \u4f60\u597d unbelievable " * 9]


@pytest.fixture(scope="module")
def theirs():
    return load_text_tower(text_tower_folder())


@pytest.fixture(scope="module")
def pieces():
    return Pieces(text_tower_folder() / "tokenizer.json")


@pytest.mark.parametrize("most", [128, 20, 5])
def test_texts_are_cut_into_the_same_pieces_padded_and_cut_short_alike(theirs, pieces, most):
    told = {"padding": True, "truncation": True, "max_length": most, "return_tensors": "pt"}
    right, got = (tokenizer(TEXTS, **told) for tokenizer in (theirs.tokenizer, pieces))
    for name in ("input_ids", "attention_mask"):
        assert torch.equal(right[name], got[name])
    assert pieces(TEXTS)["input_ids"] == theirs.tokenizer(TEXTS)["input_ids"]


def test_the_states_after_every_layer_are_those_of_transformers(theirs, pieces):
    mine = MiniLM(6).eval()
    mine.load_state_dict(theirs.model.state_dict())
    tokens = pieces(TEXTS, max_length=32, return_tensors="pt")
    with torch.inference_mode():
        right = theirs.model(**tokens, output_hidden_states=True).hidden_states
        got = mine(**tokens).hidden_states
    there = tokens["attention_mask"].bool()
    assert len(right) == len(got) == 7
    assert max((a[there] - b[there]).abs().max() for a, b in zip(right, got, strict=True)) < 1e-4
