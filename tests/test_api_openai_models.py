"""Model deepseek-mm through the real client of OpenAI: a painted library behind a real socket."""

import json
import threading
import time
from dataclasses import replace
from functools import partial

import httpx
import openai
import pytest
from fakes import Parrot
from openai_house import offering, shown
from rag_house import build, paint, put

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.api.openai.models import delete_unless_stored
from deepseek_mm.api.openai.schemas import ChatRequest
from deepseek_mm.types import Question

MODEL = "deepseek-mm"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A library of a red and a green photo; the program speaks for itself."""
    folder = tmp_path_factory.mktemp("grounded")
    assistant = build(folder / "data", name="none")
    put(assistant, *(paint(folder / "photos", *photo) for photo in (("rose.png", "red"), ("lawn.png", "green"))))
    yield assistant
    assistant.close()


@pytest.fixture(scope="module")
def client(house):
    with offering(house) as client:
        yield client


def ask(client, *messages, **options):
    said = [{"role": "user", "content": each} if isinstance(each, str) else each for each in messages]
    return client.chat.completions.create(model=MODEL, messages=said, **options)


def kept(house):
    return house.history.conversations(session=LOCAL.session, limit=-1)


def test_an_answer_is_the_assistants_with_its_citations_and_tokens(client, house):
    reply = ask(client, "Which photos are red?")
    choice = reply.choices[0]
    assert (choice.message.role, choice.finish_reason) == ("assistant", "stop")
    assert "rose.png" in choice.message.content
    (cited,) = choice.message.citations
    assert (cited["number"], cited["source"], cited["box_px"]) == (1, "rose.png", [0, 0, 64, 48])
    assert cited["path"].endswith("/photos/rose.png")
    assert choice.message.found is True
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.completion_tokens == len(choice.message.content.split())  # this house has no tokenizer


def test_a_stream_says_the_same_piece_by_piece_and_ends_with_what_it_rests_on(client):
    whole = ask(client, "Which photos are red?")
    chunks = list(ask(client, "Which photos are red?", stream=True, stream_options={"include_usage": True}))
    *words, last, counted = chunks
    assert words[0].choices[0].delta.role == "assistant"
    assert len(words) > 3
    assert "".join(each.choices[0].delta.content or "" for each in words) == whole.choices[0].message.content
    assert last.choices[0].finish_reason == "stop"
    assert last.choices[0].delta.citations == whole.choices[0].message.citations
    assert (counted.choices, counted.usage) == ([], whole.usage)
    assert len({each.id for each in chunks}) == 1


def test_a_stream_is_events_that_end_with_done(client):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Which photos are red?"}], "stream": True}
    reply = httpx.post(f"{client.base_url}chat/completions", json=body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in reply.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    assert "usage" not in json.loads(lines[-2].removeprefix("data: "))


def test_a_question_is_about_the_pictures_that_come_along(client):
    one = ask(client, shown("What colour is this?", "blue"))
    assert "blue" in one.choices[0].message.content
    two = ask(client, shown("Which one is blue?", "red", "blue"))
    assert "picture-2" in two.choices[0].message.content
    assert {each["source"] for each in two.choices[0].message.citations} == {"picture-2.png"}


def test_earlier_messages_are_what_a_question_goes_on_from(client):
    first = shown("What is this?", "purple")
    said = {"role": "assistant", "content": "It is a plain thing."}
    assert "purple" in ask(client, first, said, "What colour is it?").choices[0].message.content
    alone = ask(client, "What colour is it?")
    assert "purple" not in alone.choices[0].message.content


def test_nothing_stays_in_the_history_unless_it_is_asked_for(client, house):
    ask(client, "Which photos are red?")
    list(ask(client, "Which photos are red?", stream=True))
    assert kept(house) == []
    reply = ask(client, "Which photos are green?", store=True)
    assert [each.id for each in kept(house)] == [reply.choices[0].message.conversation]
    house.history.delete(kept(house)[0].id, session=LOCAL.session)


def test_an_answer_is_given_though_somebody_deletes_its_conversation_meanwhile(house):
    question = Question(text="Which photos are red?", session=LOCAL.session)
    request = ChatRequest(model=MODEL, messages=[{"role": "user", "content": question.text}])
    growing = delete_unless_stored(
        request, house.stream(question), partial(house.history.delete, session=LOCAL.session)
    )
    first = next(growing)
    house.history.delete(first.conversation, session=LOCAL.session)
    assert list(growing)[-1].text
    assert kept(house) == []


def test_what_is_not_there_is_said_to_be_not_found(client):
    message = ask(client, "Is there a zebra?").choices[0].message
    assert message.found is False or "no" in message.content.lower()


def test_an_answer_ends_before_a_stop_text_and_with_its_tokens(client):
    whole = ask(client, "Which photos are red?").choices[0].message.content
    stopped = ask(client, "Which photos are red?", stop=["rose"]).choices[0]
    assert (stopped.message.content, stopped.finish_reason) == (whole[: whole.index("rose")], "stop")
    cut = ask(client, "Which photos are red?", max_tokens=2)
    assert cut.choices[0].message.content == " ".join(whole.split()[:2])
    assert (cut.choices[0].finish_reason, cut.usage.completion_tokens) == ("length", 2)
    streamed = ask(client, "Which photos are red?", stop=["rose"], stream=True)
    assert "".join(each.choices[0].delta.content or "" for each in streamed) == stopped.message.content


def test_what_cannot_steer_a_grounded_answer_is_named(client):
    plain = ask(client, "Which photos are red?").choices[0].message
    rules = {"role": "system", "content": "Always answer in verse."}
    steered = ask(client, rules, "Which photos are red?", temperature=1.5, seed=3).choices[0].message
    assert steered.content == plain.content
    assert (steered.ignored, plain.ignored) == (["system messages", "temperature", "seed"], [])


def test_as_an_object_the_answer_and_what_it_rests_on_are_json(client):
    wanted = {"type": "json_object"}
    plain = ask(client, "Which photos are red?").choices[0].message
    said = json.loads(ask(client, "Which photos are red?", response_format=wanted).choices[0].message.content)
    assert said["answer"] == plain.content
    assert said["citations"] == plain.citations
    chunks = ask(client, "Which photos are red?", response_format=wanted, stream=True)
    assert json.loads("".join(each.choices[0].delta.content or "" for each in chunks)) == said


def schema_of(**fields):
    return {"type": "json_schema", "json_schema": {"name": "seen", "schema": {"properties": fields}}}


def test_a_schema_is_filled_with_what_the_answer_says_and_cites(client):
    wanted = schema_of(found={"type": "boolean"}, files={"type": "array", "items": {"type": "string"}})
    said = json.loads(ask(client, "Which photos are red?", response_format=wanted).choices[0].message.content)
    plain = ask(client, "Which photos are red?").choices[0].message
    assert said == {"found": True, "files": list(dict.fromkeys(each["source"] for each in plain.citations))}


SCHEMA = schema_of(age={"enum": ["old", "young"]})


@pytest.mark.parametrize(
    ("options", "param", "code"),
    [
        ({"response_format": SCHEMA}, "response_format", "unsupported_value"),
        ({"n": 2}, "n", "unsupported_parameter"),
        ({"n": 17}, "n", "malformed"),
        ({"top_logprobs": 2}, "top_logprobs", "unsupported_value"),
        ({"temperature": 9}, "temperature", "malformed"),
        ({"presence_penalty": 1}, "presence_penalty", "unsupported_parameter"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "unsupported_parameter"),
        ({"logprobs": True}, "logprobs", "unsupported_parameter"),
        ({"extra_body": {"tempratur": 1}}, "tempratur", "unknown_parameter"),
        ({"stop": [""]}, "stop", "malformed"),
        ({"max_tokens": 0}, "max_tokens", "malformed"),
    ],
)
def test_what_would_change_the_answer_and_is_not_done_is_refused_by_name(client, options, param, code):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "Which photos are red?", **options)
    assert (caught.value.param, caught.value.code, caught.value.type) == (param, code, "invalid_request_error")


@pytest.mark.parametrize("text", ['"\\u0000"', '"\\ud800"'])
def test_what_is_no_text_is_refused_before_a_model_hears_of_it(client, text):
    url, head, talk = client.base_url, {"content-type": "application/json"}, f'[{{"role": "user", "content": {text}}}]'
    for model in (MODEL, "deepseek-mm-lm"):
        body = f'{{"model": "{model}", "messages": {talk}}}'
        reply = httpx.post(f"{url}chat/completions", content=body, headers=head)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "messages")
    body = f'{{"model": "deepseek-mm-embed", "input": {text}}}'
    reply = httpx.post(f"{url}embeddings", content=body, headers=head)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "input")


def test_harmless_fields_are_let_pass(client):
    ask(client, "Which photos are red?", user="me", metadata={"a": "b"}, presence_penalty=0, tools=[], logprobs=False)


@pytest.mark.parametrize("streams", [False, True])
def test_a_question_that_cannot_be_asked_has_its_status_even_in_a_stream(client, streams):
    for messages in ([""], [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Yes?"}]):
        with pytest.raises(openai.BadRequestError):
            list(ask(client, *messages, stream=streams))
    bad = {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}
    with pytest.raises(openai.BadRequestError, match="no picture in base64"):
        list(ask(client, {"role": "user", "content": [bad]}, stream=streams))


def test_an_unknown_model_is_told_which_there_are(client):
    with pytest.raises(openai.NotFoundError, match="deepseek-mm") as caught:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_models_are_listed_and_found_by_name(client):
    names = [model.id for model in client.models.list()]
    assert names == ["deepseek-mm", "deepseek-mm-lm", "deepseek-mm-embed", "deepseek-mm-embed-code"]
    assert client.models.retrieve("deepseek-mm").owned_by == "deepseek-mm"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")
    with pytest.raises(openai.NotFoundError):
        client.get("/nothing", cast_to=object)


def test_a_key_without_the_right_is_refused_as_clients_expect(house):
    who = replace(LOCAL, name="shelves", rights=frozenset(["library"]))
    with offering(house, who=who) as client, pytest.raises(openai.PermissionDeniedError, match="'ask'") as caught:
        client.models.list()
    assert caught.value.type == "permission_error"


def test_a_client_that_vanishes_ends_the_answer(tmp_path):
    never, says = threading.Event(), "It is a rose [1]. And more is said of it."
    assistant = build(tmp_path / "data", lm=Parrot(says, wait=never, pause_after=5))
    put(assistant, paint(tmp_path / "photos", "rose.png", "red"))
    with offering(assistant) as client:
        stream = ask(client, "What is red?", stream=True, store=True)
        next(stream)
        stream.close()
        deadline = time.monotonic() + 20
        while (turns := states(assistant)) != ["stopped"]:
            assert time.monotonic() < deadline, turns
            time.sleep(0.02)
    assistant.close()


def states(assistant):
    return [
        turn.answer.state
        for each in assistant.history.conversations(session=LOCAL.session, limit=-1)
        for turn in assistant.history.turns(each.id, session=LOCAL.session)
    ]
