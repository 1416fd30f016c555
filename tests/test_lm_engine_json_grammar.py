"""Answers that random scores lead through a schema are checked by reading them; single masks by hand."""

import json
from typing import Literal

import pytest
import torch
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from tiny_lm import tiny_tokenizer

from deepseek_mm.errors import ConfigError, ModelFailed
from deepseek_mm.lm.engine.sampling import JsonGrammars

VOCAB, END = 320, 2  # the model's vocabulary is padded: the tokenizer has 300


class Box(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label: str = Field(max_length=8)
    left: int = Field(ge=0, le=99)


class Seen(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["photo", "page"]
    boxes: list[Box] = Field(max_length=2)
    sure: bool


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def grammars(tokenizer):
    return JsonGrammars(tokenizer.backend_tokenizer, vocab_size=VOCAB, ends=[END])


def allowed(grammar):
    return (grammar.mask(torch.zeros(VOCAB)) == 0).nonzero().flatten().tolist()


def wander(grammar, *, seed, most=400):
    """The tokens of an answer that obeys nothing but the grammar."""
    random, tokens = torch.Generator().manual_seed(seed), []
    while not grammar.done and len(tokens) < most:
        logits_V = grammar.mask(torch.randn(VOCAB, generator=random))
        token = int(logits_V.argmax())
        if token == END:
            break
        grammar.take(token)
        tokens.append(token)
    return tokens


@pytest.mark.parametrize("seed", range(25))
def test_an_answer_of_random_scores_fits_the_schema(grammars, tokenizer, seed):
    tokens = wander(grammars.start(Seen.model_json_schema()), seed=seed)
    seen = Seen.model_validate_json(tokenizer.decode(tokens))
    assert seen.kind in ("photo", "page")


def test_the_json_is_written_as_python_writes_it(grammars, tokenizer):
    texts = [tokenizer.decode(wander(grammars.start(Seen.model_json_schema()), seed=seed)) for seed in range(10)]
    assert texts == [json.dumps(json.loads(text), ensure_ascii=False) for text in texts if "\\" not in text]


def test_only_tokens_that_lead_on_are_allowed(grammars, tokenizer):
    grammar = grammars.start({"enum": ["dog", "dig"]})
    words = []
    for letter in '"dig"':
        words.append({tokenizer.decode([token]) for token in allowed(grammar)})
        grammar.take(tokenizer.convert_tokens_to_ids(letter))
    assert words[:2] == [{'"'}, {"d", "do", "dog"} & set(tokenizer.get_vocab())]
    assert {"i", "o"} <= words[2]
    assert words[3:] == [{"g"}, {'"'}]
    assert grammar.done


def test_a_number_may_go_on_or_end_where_it_is_whole(grammars, tokenizer):
    grammar = grammars.start({"type": "integer", "minimum": 1, "maximum": 42})
    assert END not in allowed(grammar)
    grammar.take(tokenizer.convert_tokens_to_ids("4"))
    assert {tokenizer.decode([token]) for token in allowed(grammar) if token != END} == {"0", "1", "2"}
    assert END in allowed(grammar)
    assert not grammar.done


def test_padding_of_the_vocabulary_is_never_allowed(grammars):
    assert max(allowed(grammars.start({"type": "string"}))) < 300


def test_scores_of_allowed_tokens_stay_as_they_were(grammars):
    logits_V = torch.randn(VOCAB)
    masked_V = grammars.start({"type": "string"}).mask(logits_V)
    kept = masked_V > -torch.inf
    assert 0 < kept.sum() < VOCAB
    assert torch.equal(masked_V[kept], logits_V[kept])


def test_two_answers_with_one_schema_do_not_disturb_each_other(grammars, tokenizer):
    schema = TypeAdapter(list[bool]).json_schema()
    first, second = grammars.start(schema), grammars.start(schema)
    before = allowed(second)
    first.take(tokenizer.convert_tokens_to_ids("["))
    assert allowed(second) == before != allowed(first)


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "what"}, "what"),
        ({"$ref": "#/nowhere"}, "/nowhere"),
        ({"type": "string", "pattern": "("}, "unclosed group"),
        ({"not": {"type": "string"}}, "not"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "minimum"),
        ({"enum": [{1, 2}]}, "set"),
        ([], "object"),
    ],
)
def test_a_schema_that_cannot_be_kept_is_refused_and_says_what_it_was(grammars, schema, named):
    with pytest.raises(ConfigError, match=rf"sampling.schema cannot be used: .*{named}.*\. Take that out"):
        grammars.start(schema)


def test_a_token_that_was_forbidden_ends_in_an_error_not_in_broken_json(grammars, capfd):
    grammar = grammars.start({"type": "boolean"})
    with pytest.raises(ModelFailed, match="cannot follow its schema"):
        grammar.take(5)
    assert capfd.readouterr() == ("", "")
