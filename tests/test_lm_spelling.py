import random

import pytest
from tiny_lm import MARKS, tiny_tokenizer
from tokenizers import Tokenizer, decoders, models
from tokenizers.decoders import DecodeStream
from transformers import PreTrainedTokenizerFast

from deepseek_mm.lm.tokenizer import BROKEN, IncrementalDetokenizer

TEXTS = ["a black dog [1].", "Grüße, 日本 🎉!", "👩‍👩‍👧 e\u0301", "  two  spaces\n\nand lines", "\ufffd"]


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_join_to_the_text_and_none_is_broken(text):
    tokenizer = tiny_tokenizer()
    spelling = IncrementalDetokenizer(tokenizer)
    pieces = [spelling.add(token) for token in tokenizer(text)["input_ids"]]
    assert "".join(pieces) == text.rstrip(BROKEN)
    assert not any(piece.endswith(BROKEN) for piece in pieces)


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_at_all_are_spelled_as_the_tokenizers_own_stream_does(seed):
    tokenizer, dice = tiny_tokenizer(), random.Random(seed)
    tokens = [dice.randrange(300) for _ in range(100)]
    ours, theirs = IncrementalDetokenizer(tokenizer), DecodeStream(skip_special_tokens=True)
    for token in tokens:
        assert ours.add(token) == (theirs.step(tokenizer.backend_tokenizer, token) or "")


def test_a_tokenizer_that_drops_the_first_space_still_gets_its_spaces():
    words = {"<unk>": 0, "\u2581a": 1, "\u2581dog": 2, "s": 3}
    backend = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    backend.decoder = decoders.Metaspace()
    spelling = IncrementalDetokenizer(PreTrainedTokenizerFast(tokenizer_object=backend))
    assert [spelling.add(token) for token in (1, 2, 3, 1, 2)] == ["a", " dog", "s", " a", " dog"]


def test_special_marks_are_not_spelled():
    tokenizer = tiny_tokenizer()
    spelling = IncrementalDetokenizer(tokenizer)
    tokens = tokenizer(f"dog{MARKS[1]}s")["input_ids"]
    assert "".join(spelling.add(token) for token in tokens) == "dogs"
