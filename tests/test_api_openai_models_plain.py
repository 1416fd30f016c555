"""The language model by itself through the client of OpenAI and through langchain's: a tiny real one in our engine."""

import json
import threading
import time

import openai
import pytest
import torch
from fakes import Parrot
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from openai_house import offering, shown
from pydantic import BaseModel
from rag_house import build
from tiny_lm import save_tiny, tiny_llama

from deepseek_mm.api.openai.models import BARE
from deepseek_mm.errors import ServerError
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_own

CONTEXT = 256  # tokens that the tiny model reads
KINDS = ["a cup", "a dog"]
SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": KINDS}, "sure": {"type": "boolean"}},
    "required": ["kind", "sure"],
    "additionalProperties": False,
}


class Seen(BaseModel):
    """The same as a class."""

    sure: bool


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder = save_tiny(tmp_path_factory.mktemp("lm") / "tiny", tiny_llama(CONTEXT, seed=1))
    return open_own(ModelCheckpoint(folder=folder, name="tiny"), dtype=torch.float32)


@pytest.fixture(scope="module")
def client(lm, tmp_path_factory):
    assistant = build(tmp_path_factory.mktemp("bare") / "data", lm=lm)
    with offering(assistant) as client:
        yield client
    assistant.close()


def ask(client, text="two cups?", **options):
    return client.chat.completions.create(model=BARE, messages=[{"role": "user", "content": text}], **options)


def words_of(client, **options):
    return ask(client, **options).choices[0].message.content


def test_the_likeliest_words_come_without_a_temperature_and_are_counted(client, lm):
    reply = ask(client, max_tokens=12)
    assert reply.choices[0].message.content == words_of(client, max_tokens=12, seed=5)
    assert (reply.usage.completion_tokens, reply.choices[0].finish_reason) == (12, "length")
    heard = lm._prompt([])  # the template's own tokens
    assert reply.usage.prompt_tokens > len(heard.ids) + lm.count("two cups?") - 1


def test_a_seed_gives_the_same_answer_and_another_seed_another(client):
    first = words_of(client, temperature=1.5, seed=1, max_tokens=12)
    assert words_of(client, temperature=1.5, seed=1, max_tokens=12) == first
    assert words_of(client, temperature=1.5, seed=2, max_tokens=12) != first
    assert words_of(client, temperature=1.5, top_p=0, seed=2, max_tokens=12) == words_of(client, max_tokens=12)


def test_a_stream_says_what_the_whole_answer_says(client):
    whole = ask(client, max_tokens=12, temperature=1, seed=4)
    *words, last, counted = ask(
        client, max_tokens=12, temperature=1, seed=4, stream=True, stream_options={"include_usage": True}
    )
    assert "".join(each.choices[0].delta.content or "" for each in words) == whole.choices[0].message.content
    assert (last.choices[0].finish_reason, counted.usage) == ("length", whole.usage)


def test_several_answers_are_drawn_each_from_a_seed_of_its_own(client):
    options = {"temperature": 1.5, "max_tokens": 8}
    many = ask(client, n=3, seed=4, **options)
    said = [choice.message.content for choice in many.choices]
    assert said == [words_of(client, seed=seed, **options) for seed in (4, 5, 6)]
    assert [choice.index for choice in many.choices] == [0, 1, 2]
    assert many.usage.completion_tokens <= 24
    streamed = {0: "", 1: "", 2: ""}
    for chunk in ask(client, n=3, seed=4, stream=True, **options):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert list(streamed.values()) == said


def test_each_token_is_told_with_its_probability_and_the_likeliest_in_its_place(client):
    reply = ask(client, max_tokens=5, logprobs=True, top_logprobs=3, temperature=1.5, seed=2).choices[0]
    told = reply.logprobs.content
    assert "".join(each.token for each in told) == reply.message.content
    assert [len(each.top_logprobs) for each in told] == [3] * 5
    assert all(bytes(each.bytes).decode() == each.token for each in told if each.bytes)
    assert all(each.logprob <= each.top_logprobs[0].logprob + 1e-6 < 0 for each in told)
    assert ask(client, max_tokens=5).choices[0].logprobs is None


def test_an_answer_fits_the_schema_that_was_asked_for(client):
    wanted = {"type": "json_schema", "json_schema": {"name": "seen", "schema": SCHEMA, "strict": True}}
    reply = ask(client, response_format=wanted, temperature=1, seed=1).choices[0]
    said = json.loads(reply.message.content)
    assert (said["kind"] in KINDS, type(said["sure"]), reply.finish_reason) == (True, bool, "stop")
    parsed = client.chat.completions.parse(
        model=BARE, messages=[{"role": "user", "content": "sure?"}], response_format=Seen
    )
    assert type(parsed.choices[0].message.parsed) is Seen


def test_any_object_begins_as_one_and_a_schema_that_is_none_is_refused(client):
    assert words_of(client, response_format={"type": "json_object"}, max_tokens=9).startswith("{")
    bad = {"type": "json_schema", "json_schema": {"name": "bad", "schema": {"type": "colour"}}}
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, response_format=bad)
    assert caught.value.param == "response_format"


def test_what_is_too_long_is_refused_and_what_is_left_of_the_room_is_used(client):
    with pytest.raises(openai.BadRequestError, match="tokens"):
        ask(client, "two cups " * 200)
    with pytest.raises(openai.BadRequestError, match="tokens"):
        ask(client, max_tokens=CONTEXT)
    reply = ask(client)
    assert reply.usage.total_tokens <= CONTEXT


def test_pictures_are_refused_by_a_model_that_sees_none(client):
    with pytest.raises(openai.BadRequestError, match="sees no pictures"):
        client.chat.completions.create(model=BARE, messages=[shown("What is this?", "red")])


def test_a_client_that_vanishes_frees_the_engine(client, lm):
    stream = ask(client, max_tokens=200, stream=True, temperature=1, seed=3)
    next(stream)
    stream.close()
    deadline = time.monotonic() + 20
    while lm._engine._requests:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_model_that_only_says_its_likeliest_answer_refuses_chance_and_schemas(tmp_path):
    assistant = build(tmp_path / "data", lm=Parrot("one two END three"))
    with offering(assistant) as client:
        reply = ask(client, stop="END", seed=3)
        assert (reply.choices[0].message.content, reply.usage) == ("one two ", None)
        for name, value in (
            ("temperature", 1),
            ("response_format", {"type": "json_object"}),
            ("n", 2),
            ("logprobs", True),
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                ask(client, **{name: value})
            assert caught.value.param == name
    assistant.close()


class Falling(Parrot):
    """Says something, and falls."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def stream(self, messages, *, max_tokens, stop):
        yield "well"
        raise self.error


@pytest.mark.parametrize("error", [ServerError("the server is gone. Start it"), RuntimeError("secret")])
def test_an_error_in_the_midst_of_a_stream_is_an_event_that_the_client_raises(tmp_path, error):
    assistant = build(tmp_path / "data", lm=Falling(error))
    with offering(assistant) as client:
        stream = ask(client, stream=True)
        assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "well"]
        with pytest.raises(openai.APIError) as caught:
            list(stream)
        assert ("Start it" in caught.value.message, "secret" in caught.value.message) == ("Start" in str(error), False)
        with pytest.raises(openai.InternalServerError):
            ask(client)
    assistant.close()


def test_langchain_talks_streams_and_fills_its_classes(client):
    chat = ChatOpenAI(model=BARE, base_url=str(client.base_url), api_key="none", max_tokens=40, max_retries=0)
    talk = [SystemMessage("be brief"), HumanMessage("two cups?")]
    whole = chat.invoke(talk)
    assert "".join(piece.content for piece in chat.stream(talk)) == whole.content
    assert whole.usage_metadata["output_tokens"] <= 40
    assert type(chat.with_structured_output(Seen).invoke("sure?")) is Seen


def test_answers_to_several_clients_at_once_are_those_of_each_alone(client):
    texts = ["two cups?", "green grass?", "a black dog?"]
    alone = [ask(client, text, max_tokens=10).choices[0].message.content for text in texts]
    found = {}
    threads = [
        threading.Thread(
            target=lambda t=text: found.update({t: ask(client, t, max_tokens=10).choices[0].message.content})
        )
        for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [found[text] for text in texts] == alone
