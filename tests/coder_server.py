"""A scripted OpenAI-compatible server that calls tools: what a coder model would answer, in the order of a list."""

import json
from contextlib import contextmanager, suppress

from chat_server import ChatHandler, ChatServer, serving


class CoderServer(ChatServer):
    """Each reply is a text, or a list of calls (name, arguments); the last one is given for ever.

    `knows_tools` False: it refuses tools, as Ollama does for models without them, and streams what it would call.
    """

    def __init__(self, *replies, knows_tools=True, fault=""):
        super().__init__(models=("coder-7b",), handler=CoderHandler, fault=fault)
        self.replies, self.knows_tools = replies, knows_tools

    def told(self) -> list[str]:
        """What the model was told in the last request, turn by turn."""
        return [str(each.get("content")) for each in self.asked[-1]["messages"]]


class CoderHandler(ChatHandler):
    server: CoderServer

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if body.get("tools") and not self.server.knows_tools:
            self.reply(400, {"error": {"message": "coder-7b does not support tools"}})
            return
        self.server.asked.append({"path": self.path, **body})
        if self.server.fault == "hang":
            self.server.release.wait(20)
        replies = self.server.replies
        said = replies[min(len(self.server.asked), len(replies)) - 1]
        if self.server.knows_tools:
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked may have left
                self.reply(200, {"choices": [{"message": message_of(said), "finish_reason": "stop"}]})
        else:
            self.server.words = [said if isinstance(said, str) else in_words(said)]
            self.stream()


def message_of(said) -> dict:
    if isinstance(said, str):
        return {"role": "assistant", "content": said}
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": arguments_of(asked)}}
        for n, (name, asked) in enumerate(said)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def arguments_of(asked) -> str:
    return asked if isinstance(asked, str) else json.dumps(asked)


def in_words(calls) -> str:
    told = (f'{{"name": "{name}", "arguments": {arguments_of(asked)}}}' for name, asked in calls)
    return "\n".join(f"<tool_call>\n{each}\n</tool_call>" for each in told)


@contextmanager
def coder_server(*replies, **options):
    with serving(CoderServer(*replies, **options)) as server:
        yield server
