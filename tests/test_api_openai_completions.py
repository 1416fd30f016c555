"""/v1/completions through the client of OpenAI: texts by a tiny real model, gaps by one on paper."""

import math

import openai
import pytest
import torch
from fakes import Parrot
from openai_house import offering
from rag_house import build
from test_lm_infilling import AFTER, BEFORE, Scripted
from tiny_lm import save_tiny, tiny_llama

from deepseek_mm.api.openai.models import BARE, GROUNDED
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_own

TEXT = "two cups are on"


class Filler(Scripted):
    """The same as a model of the house."""

    fingerprint, sees = "f" * 64, False


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = save_tiny(tmp_path_factory.mktemp("lm") / "tiny", tiny_llama(256, seed=1))
    lm = open_own(ModelCheckpoint(folder=folder, name="tiny"), dtype=torch.float32)
    assistant = build(tmp_path_factory.mktemp("complete") / "data", lm=lm)
    with offering(assistant) as client:
        yield client
    assistant.close()


@pytest.fixture(scope="module")
def filler(tmp_path_factory):
    lines = ("\n    b = r\n", *["\n    a = pi * r\n", "\n    c = 1\n"] * 5)
    assistant = build(tmp_path_factory.mktemp("fill") / "data", lm=Filler(*lines[:10], pi=3.0))
    with offering(assistant) as client:
        yield client
    assistant.close()


def go_on(client, prompt=TEXT, **options):
    return client.completions.create(model=BARE, prompt=prompt, **options)


def test_a_text_is_gone_on_with_and_counted(client):
    reply = go_on(client, max_tokens=9)
    choice = reply.choices[0]
    assert (reply.object, choice.index, choice.finish_reason, choice.logprobs) == ("text_completion", 0, "length", None)
    assert reply.id.startswith("cmpl-")
    assert len(choice.text) > 3
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert go_on(client, max_tokens=9, seed=3).choices[0].text == choice.text


def test_sixteen_tokens_are_written_where_no_number_is_named(client):
    assert go_on(client).choices[0].text == go_on(client, max_tokens=16).choices[0].text


def test_a_stream_says_what_the_whole_text_says(client):
    options = {"max_tokens": 12, "temperature": 1, "seed": 4}
    whole = go_on(client, **options)
    *pieces, last, counted = go_on(client, stream=True, stream_options={"include_usage": True}, **options)
    assert "".join(each.choices[0].text for each in pieces) == whole.choices[0].text
    assert len(pieces) > 3
    assert {each.choices[0].finish_reason for each in pieces} == {None}
    assert (last.choices[0].finish_reason, counted.usage) == ("length", whole.usage)


def test_a_stop_text_ends_it_and_an_echo_begins_it(client):
    whole = go_on(client, max_tokens=12).choices[0].text
    stop = whole[4:6]
    cut = go_on(client, max_tokens=12, stop=[stop]).choices[0]
    assert (cut.text, cut.finish_reason) == (whole[: whole.index(stop)], "stop")
    assert go_on(client, max_tokens=12, echo=True).choices[0].text == TEXT + whole
    streamed = go_on(client, max_tokens=12, echo=True, stream=True)
    assert "".join(each.choices[0].text for each in streamed) == TEXT + whole


def test_several_prompts_and_several_choices_come_in_order(client):
    options = {"max_tokens": 6, "temperature": 1, "seed": 7}
    many = go_on(client, [TEXT, "a black dog"], n=2, **options).choices
    assert [choice.index for choice in many] == [0, 1, 2, 3]
    assert many[0].text == go_on(client, **options).choices[0].text != many[1].text
    assert many[2].text == go_on(client, "a black dog", **options).choices[0].text
    streamed = [each.choices[0] for each in go_on(client, [TEXT, "a black dog"], n=2, stream=True, **options)]
    assert [choice.text for choice in streamed] == [choice.text for choice in many]


def test_the_tokens_of_a_text_come_with_their_probabilities_and_the_likeliest_in_their_places(client):
    choice = go_on(client, max_tokens=6, logprobs=2, echo=True).choices[0]
    told = choice.logprobs
    assert TEXT + "".join(told.tokens) == choice.text
    assert told.text_offset == [len(TEXT + "".join(told.tokens[:n])) for n in range(6)]
    for token, logprob, likeliest in zip(told.tokens, told.token_logprobs, told.top_logprobs, strict=True):
        assert likeliest[token] == pytest.approx(logprob) == pytest.approx(max(likeliest.values()))
        assert len(likeliest) <= 2
        assert sum(map(math.exp, likeliest.values())) <= 1.0001


def test_a_gap_is_filled_by_the_line_that_what_follows_asks_for(filler):
    reply = go_on(filler, BEFORE, suffix=AFTER, max_tokens=40)
    assert [choice.text for choice in reply.choices] == ["    a = pi * r"]
    assert reply.choices[0].finish_reason == "stop"
    streamed = list(go_on(filler, BEFORE, suffix=AFTER, max_tokens=40, stream=True))
    assert "".join(each.choices[0].text for each in streamed) == "    a = pi * r"


def test_other_lines_for_a_gap_come_after_the_best_and_a_stop_text_cuts_them(filler):
    lines = [choice.text for choice in go_on(filler, BEFORE, suffix=AFTER, n=3).choices]
    assert (lines[0], len(set(lines))) == ("    a = pi * r", 3)
    assert go_on(filler, BEFORE, suffix=AFTER, stop=" * ").choices[0].text == "    a = pi"


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": 0, "suffix": "b"}, "logprobs"),
        ({"best_of": 4}, "best_of"),
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": ["a"] * 5, "n": 4}, "n"),
        ({"n": 17}, "n"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"extra_body": {"colour": 1}}, "colour"),
    ],
)
def test_what_is_not_offered_is_refused_by_its_name(client, options, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(**({"model": BARE, "prompt": TEXT} | options))
    assert caught.value.param == param


def test_what_is_too_long_is_refused_in_a_stream_as_well(client):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="tokens"):
            go_on(client, TEXT * 90, stream=stream)


def test_models_that_go_on_with_no_text_say_where_to_go(client, tmp_path):
    with pytest.raises(openai.NotFoundError, match=BARE):
        client.completions.create(model=GROUNDED, prompt=TEXT)
    assistant = build(tmp_path / "data", lm=Parrot("one"))
    with offering(assistant) as other, pytest.raises(openai.BadRequestError, match="/v1/chat/completions"):
        go_on(other)
    assistant.close()
