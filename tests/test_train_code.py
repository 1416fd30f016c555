"""The code head learns pairs that the text head does not know, on a toy tower."""

import json

import pytest
import torch
from test_train_aligner import WORDS, ToyModel

from deepseek_mm.errors import NothingThere
from deepseek_mm.train.code import MOST_PAIRS, mean_reciprocal_rank, read_pairs, split_pairs, train_code_head

REVERSED = [(f"a {word}", f"one {other}") for word, other in zip(WORDS, reversed(WORDS), strict=True)]


@pytest.fixture
def model() -> ToyModel:
    return ToyModel().eval()


def test_the_head_learns_which_code_does_what_a_description_says(model):
    before = mean_reciprocal_rank(model, REVERSED, head=model.text_head)
    train_code_head(model, REVERSED, epochs=150)
    assert before < 0.5
    assert mean_reciprocal_rank(model, REVERSED, head=model.code_head) > 0.9


def test_the_text_side_does_not_move_while_code_is_learnt(model):
    before = {name: value.clone() for name, value in model.text_head.state_dict().items()}
    train_code_head(model, REVERSED, epochs=3)
    for name, value in model.text_head.state_dict().items():
        assert torch.equal(value, before[name])


def test_pairs_are_read_from_both_shapes_of_rows(tmp_path):
    (tmp_path / "mbpp.jsonl").write_text(json.dumps({"text": "add two numbers", "code": "a + b"}))
    (tmp_path / "tldr.jsonl").write_text(json.dumps({"command": "ls", "examples": [["list", "ls"], ["all", "ls -a"]]}))
    pairs = read_pairs([tmp_path / "mbpp.jsonl", tmp_path / "tldr.jsonl"])
    assert pairs == [("add two numbers", "a + b"), ("list", "ls"), ("all", "ls -a")]


def test_too_many_pairs_are_thinned_out_evenly(tmp_path):
    rows = [json.dumps({"text": str(n), "code": "x"}) for n in range(3 * MOST_PAIRS)]
    (tmp_path / "many.jsonl").write_text("\n".join(rows))
    pairs = read_pairs([tmp_path / "many.jsonl"])
    assert len(pairs) == MOST_PAIRS
    assert [pairs[1][0], pairs[2][0]] == ["3", "6"]


def test_no_pair_is_in_both_halves_of_the_split():
    train, test = split_pairs([(str(n), "x") for n in range(100)])
    assert (len(train), len(test), set(train) & set(test)) == (90, 10, set())


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(NothingThere, match="Give JSONL files of descriptions with code"):
        read_pairs([tmp_path / "none.jsonl"])
