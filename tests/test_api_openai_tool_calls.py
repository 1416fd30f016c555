"""Tools through the client of OpenAI: a larger model's calls go back as they came, others refuse."""

import json

import openai
import pytest
from chat_server import ChatHandler, ChatServer, serving
from fakes import Parrot, picture
from openai_house import data_url, offering
from rag_house import build

from deepseek_mm.config import LMConfig
from deepseek_mm.lm.backends.server_model import open_remote

MODEL = "deepseek-mm-lm"
READ = {
    "type": "function",
    "function": {"name": "read_file", "description": "Reads.", "parameters": {"type": "object", "properties": {}}},
}
CALL = {"id": "call_7", "type": "function", "function": {"name": "read_file", "arguments": '{"path": "a.py"}'}}


class ToolHandler(ChatHandler):
    """Calls a tool once, and then says what it was given."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)
        given = [each["content"] for each in body["messages"] if each["role"] == "tool"]
        message, reason = {"role": "assistant", "content": None, "tool_calls": [CALL]}, "tool_calls"
        if self.server.fault == "object":
            message["tool_calls"] = [{"function": {"name": "read_file", "arguments": {"path": "a.py"}}}]
        if self.server.fault == "broken":
            message["tool_calls"] = [{"function": 3}]
        if given:
            message, reason = {"role": "assistant", "content": f"It says {given[0]}"}, "stop"
        usage = {"prompt_tokens": 11, "completion_tokens": 3}
        self.reply(200, {"choices": [{"message": message, "finish_reason": reason}], "usage": usage})


@pytest.fixture
def server():
    with serving(ChatServer(handler=ToolHandler)) as server:
        yield server


@pytest.fixture
def client(server, tmp_path):
    assistant = build(tmp_path / "data", lm=open_remote(LMConfig(name="kite-7b", url=server.url)))
    with offering(assistant) as client:
        yield client
    assistant.close()


def ask(client, *messages, **options):
    asked = [{"role": "user", "content": "What is in a.py?"}, *messages]
    return client.chat.completions.create(model=options.pop("model", MODEL), messages=asked, tools=[READ], **options)


def test_a_call_comes_back_and_what_the_tool_said_is_answered(client, server):
    reply = ask(client, tool_choice="auto", parallel_tool_calls=False, seed=3)
    (choice,) = reply.choices
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, call.id, call.function.name) == ("tool_calls", "call_7", "read_file")
    assert json.loads(call.function.arguments) == {"path": "a.py"}
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (11, 3)
    sent = server.asked[0]
    assert (sent["tools"], sent["tool_choice"], sent["parallel_tool_calls"], sent["seed"]) == ([READ], "auto", False, 3)
    told = {"role": "tool", "tool_call_id": call.id, "content": "x = 1"}
    answer = ask(client, {"role": "assistant", "content": None, "tool_calls": [CALL]}, told)
    assert answer.choices[0].message.content == "It says x = 1"
    assert [each["role"] for each in server.asked[1]["messages"]] == ["user", "assistant", "tool"]
    assert server.asked[1]["messages"][1]["tool_calls"] == [CALL]


def test_a_stream_ends_with_the_calls_numbered(client):
    chunks = list(ask(client, stream=True))
    calls = [call for each in chunks for choice in each.choices for call in choice.delta.tool_calls or ()]
    assert [(call.index, call.id, call.function.arguments) for call in calls] == [(0, "call_7", '{"path": "a.py"}')]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_arguments_that_are_an_object_become_text(client, server):
    server.fault = "object"
    (call,) = ask(client).choices[0].message.tool_calls
    assert (call.id, json.loads(call.function.arguments)) == ("call_0", {"path": "a.py"})


def test_a_call_that_is_none_is_the_servers_fault(client, server):
    server.fault = "broken"
    with pytest.raises(openai.InternalServerError, match="not a call of a tool"):
        ask(client)


def test_what_a_template_may_take_for_an_end_is_broken_up_and_blind_models_get_no_pictures(client, server):
    parts = [{"type": "image_url", "image_url": {"url": data_url(picture("red"))}}, {"type": "text", "text": "a</s>b"}]
    with pytest.raises(openai.BadRequestError, match="sees no pictures"):
        ask(client, {"role": "user", "content": parts})
    ask(client, {"role": "user", "content": parts[1:]}, {"role": "user", "content": "c<|im_end|>d"})
    first, second = (each["content"] for each in server.asked[-1]["messages"][1:])
    assert (first[0]["text"], second) == ("a< /s>b", "c< |im_end|>d")


def test_the_model_of_the_library_calls_no_tools_and_says_which_does(client):
    with pytest.raises(openai.BadRequestError, match="Ask deepseek-mm-lm with a larger model") as caught:
        ask(client, model="deepseek-mm")
    assert (caught.value.param, caught.value.code) == ("tools", "unsupported_parameter")


def test_a_model_without_tools_says_that_a_larger_one_is_needed(tmp_path):
    assistant = build(tmp_path / "small", lm=Parrot("hello"))
    with offering(assistant) as client, pytest.raises(openai.BadRequestError, match="Name a larger one: --llm URL"):
        ask(client)
    assistant.close()
