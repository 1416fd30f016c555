"""The loop: a larger model asks for tools, is told what came of them, and asks again, until it says that it is done.

Tools go the way of OpenAI's API where the model's server speaks it; otherwise the model is told in words how to ask for
one, and its text is read. Steps, tokens and time are limited, and a stop ends it within a moment.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

from deepseek_mm.answering.code_edits.records import EditStep
from deepseek_mm.answering.code_edits.tools import MOST_KEPT, NAMES, TOOLS, ToolBox, read_arguments
from deepseek_mm.config import EditsConfig
from deepseek_mm.errors import BadQuestion, ServerError
from deepseek_mm.lm.generator import Generator, ToolCaller, ToolReply
from deepseek_mm.storage.files import parse_json
from deepseek_mm.types import Message

CHARS_PER_TOKEN = 3.5  # where a server does not count
MOST_CALLS = 8  # of one reply
MOST_TEXT = 4_000  # characters of what it says at the end
MOST_ARGUMENTS = 400_000  # characters of one call
WRITTEN = re.compile(
    r"<tool_call>\s*(\{.*?\})\s*</tool_call>|^[ \t]*```[\w-]*[ \t]*\n(\{.*?\})\s*^[ \t]*```", re.DOTALL | re.MULTILINE
)
IN_WORDS = """
You call a tool by writing nothing but one object of JSON between <tool_call> and </tool_call>, such as
<tool_call>{"name": "grep", "arguments": {"pattern": "def main"}}</tool_call>
The tools, as JSON: """


class Deadline(Event):
    """Set when another event is, and from a moment on."""

    def __init__(self, stop: Event, seconds: float) -> None:
        super().__init__()
        self._stop, self._end_s = stop, time.monotonic() + seconds

    def is_set(self) -> bool:
        """Whether somebody has stopped it, or its time is over."""
        return self._stop.is_set() or time.monotonic() > self._end_s


class ToolTalk:
    """One conversation with a model that may call tools."""

    def __init__(self, lm: Generator, task: str, limits: EditsConfig) -> None:
        self._lm, self._limits = lm, limits
        self._in_words = not isinstance(lm, ToolCaller)
        self._task, self._turns = task, list[dict[str, Any]]()
        self.tokens = 0  # that were read and written, estimated where nobody counts

    def ask(self, stop: Event) -> ToolReply:
        """The next reply, with calls that stand in its text too. ServerError; BadQuestion: it has become too long."""
        reply = self._ask_in_words(stop) if self._in_words else self._ask(stop)
        told = sum(len(str(each["content"] or "")) for each in self._turns) + len(self._task)
        self.tokens += sum(reply.usage) if reply.usage else int((told + len(reply.text)) / CHARS_PER_TOKEN)
        if not reply.calls and (found := read_calls(reply.text)):
            reply = ToolReply(text=WRITTEN.sub("", reply.text).strip(), calls=found)
        calls = [clean_call(each) for each in reply.calls[:MOST_CALLS]]
        self._turns.append({"role": "assistant", "content": reply.text, "tool_calls": calls})
        return reply

    def answer(self, call: Mapping[str, Any], said: str) -> None:
        """Tell what came of a call."""
        self._turns.append({"role": "tool", "tool_call_id": call["id"], "content": said})

    def _ask(self, stop: Event) -> ToolReply:
        """By OpenAI's tools; in words from now on where the server knows none."""
        assert isinstance(self._lm, ToolCaller), "what calls tools"
        system = {"role": "system", "content": read_system_prompt()}
        turns = [system, {"role": "user", "content": self._task}, *map(without_empty, self._turns)]
        options = {"tools": list(TOOLS), "tool_choice": "auto", "max_tokens": self._limits.max_tokens, "temperature": 0}
        try:
            return self._lm.call_tools(turns, options, stop=stop)
        except ServerError as error:
            if self._turns or "tool" not in str(error).lower() or " answered " not in str(error):
                raise
        self._in_words = True
        return self._ask_in_words(stop)

    def _ask_in_words(self, stop: Event) -> ToolReply:
        tools = json.dumps([each["function"] for each in TOOLS])
        turns = [Message(role="system", text=f"{read_system_prompt()}{IN_WORDS}{tools}")]
        turns += [Message(role="user", text=self._task)]
        for each in self._turns:
            if each["role"] == "tool":
                turns.append(Message(role="user", text=f"What the tool says:\n{each['content']}"))
            else:
                calls = [f"<tool_call>{write_call(call)}</tool_call>" for call in each["tool_calls"]]
                turns.append(Message(role="assistant", text="\n".join(filter(None, [each["content"], *calls]))))
        pieces = self._lm.stream(join_turns(turns), max_tokens=self._limits.max_tokens, stop=stop)
        return ToolReply(text="".join(pieces))


class EditAgent:
    """Lets a model change the copy of files; what it says at the end, and why it ended early, stand here then."""

    def __init__(self, lm: Generator, tools: ToolBox, limits: EditsConfig) -> None:
        self._lm, self._tools, self._limits = lm, tools, limits
        self.text = ""  # of the last reply
        self.message = ""  # why it ended before it said that it was done

    def run(self, task: str, stop: Event) -> Iterator[EditStep]:
        """Every step when it is done. ServerError, BadQuestion: the model cannot go on."""
        limits, deadline = self._limits, Deadline(stop, self._limits.seconds)
        talk, steps = ToolTalk(self._lm, task, limits), 0
        while not deadline.is_set():
            reply = talk.ask(deadline)
            self.text = reply.text.strip()[:MOST_TEXT]
            if deadline.is_set() or not reply.calls:
                break
            if self.text:
                yield EditStep(tool="says", about="", said=self.text[:MOST_KEPT])
            for call in reply.calls[:MOST_CALLS]:
                if steps >= limits.steps or deadline.is_set():
                    break
                steps += 1
                step = self._use(call, deadline)
                talk.answer(call, step.said)
                yield shorten(step)
            if steps >= limits.steps:
                self.message = f"the model has used up its {limits.steps} steps (edits.steps)"
                return
            if talk.tokens > limits.tokens:
                self.message = f"the model has used up its {limits.tokens:,} tokens (edits.tokens)"
                return
        if deadline.is_set() and not stop.is_set():
            self.message = f"the model has used up its {limits.seconds:g} seconds (edits.seconds)"

    def _use(self, call: Mapping[str, Any], stop: Event) -> EditStep:
        function = call["function"]
        arguments = str(function["arguments"])
        if len(arguments) > MOST_ARGUMENTS:
            said = f"refused: the arguments have {len(arguments):,} characters, and {MOST_ARGUMENTS:,} are taken"
            return EditStep(tool="unknown", about=ascii(function["name"])[:60], said=said, refused=True)
        return self._tools.use(str(function["name"]), arguments, stop)


@cache
def read_system_prompt() -> str:
    """The rules, for the whole conversation."""
    return Path(__file__).with_name("system_prompt.txt").read_text(encoding="utf-8")


def shorten(step: EditStep) -> EditStep:
    """A step as a trace keeps it."""
    said = step.said if len(step.said) <= MOST_KEPT else f"{step.said[:MOST_KEPT]} ..."
    return EditStep(tool=step.tool, about=step.about, said=said, refused=step.refused)


def read_calls(text: str) -> tuple[Mapping[str, Any], ...]:
    """The calls that stand in a text, as models write them whose server knows no tools."""
    calls = list[Mapping[str, Any]]()
    for found in WRITTEN.finditer(text):
        try:
            told = parse_json(found[1] or found[2])
        except ValueError:
            continue
        arguments = told.get("arguments", told.get("parameters"))
        if told.get("name") in NAMES and isinstance(arguments, dict):
            function = {"name": told["name"], "arguments": json.dumps(arguments)}
            calls.append({"id": f"call_{len(calls)}", "type": "function", "function": function})
    return tuple(calls)


def clean_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """The call as it is sent back: servers stumble over arguments that are no JSON."""
    function = call["function"]
    try:
        read_arguments(function["arguments"])
        return dict(call)
    except BadQuestion:
        return {**call, "function": {**function, "arguments": "{}"}}


def write_call(call: Mapping[str, Any]) -> str:
    """A call as `read_calls` reads it."""
    function = call["function"]
    return f'{{"name": {json.dumps(function["name"])}, "arguments": {function["arguments"]}}}'


def without_empty(turn: Mapping[str, Any]) -> dict[str, Any]:
    """A turn as OpenAI's API takes it: no empty list of calls."""
    return {name: value for name, value in turn.items() if name != "tool_calls" or value}


def join_turns(turns: list[Message]) -> list[Message]:
    """Neighbours of one role as one: many templates want them to alternate."""
    joined = turns[:1]
    for turn in turns[1:]:
        if turn.role == joined[-1].role:
            joined[-1] = Message(role=turn.role, text=f"{joined[-1].text}\n\n{turn.text}")
        else:
            joined.append(turn)
    return joined
