"""Messages of a request become a question with what went before, or the messages of a language model.

Such a request brings its whole talk along every time, so nothing is looked up: what it tells is what went before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from deepseek_mm.api.openai.errors import UnsupportedRequest
from deepseek_mm.api.openai.schemas import ChatMessage, TextPart
from deepseek_mm.api.request_pictures import PictureDecoder
from deepseek_mm.types import Exchange, Message, Picture, Question, Role

SPOKEN: dict[str, Role] = {"developer": "system", "system": "system", "assistant": "assistant", "user": "user"}
RULES = ("system", "developer")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatTurn:
    """What one side said in a row, and what the other answered."""

    text: str = ""
    urls: tuple[str, ...] = ()
    answer: str = ""


def question_of(messages: Sequence[ChatMessage], pictures: PictureDecoder) -> Question:
    """The last message as a question, and what went before it. Of earlier pictures only those are opened that it may
    mean: the last ones, if it brings none itself. Refused if the last message is nobody's question.
    """
    *before, asked = read_turns(messages)
    shown = None if asked.urls else next((heard for heard in reversed(before) if heard.urls), None)
    told = [
        Exchange(
            question=heard.text,
            answer=heard.answer,
            pictures=tuple(open_pictures(heard.urls, pictures)) if heard is shown else (),
        )
        for heard in before
    ]
    return Question.of(asked.text, open_pictures(asked.urls, pictures), told=tuple(told))


def read_turns(messages: Sequence[ChatMessage]) -> list[ChatTurn]:
    """Questions with their answers, the last one without; what somebody says in a row is one text."""
    if messages[-1].role != "user":
        raise UnsupportedRequest(
            f"the last message is from {messages[-1].role!r}. Let it be the user's: it is the question",
            param="messages",
        )
    heard: list[ChatTurn] = []
    for role, run in groupby((each for each in messages if each.role not in RULES), key=lambda each: each.role):
        said = list(run)
        text = "\n".join(filter(None, map(text_of, said)))
        if role == "user":
            heard.append(ChatTurn(text=text, urls=tuple(url for each in said for url in urls_of(each))))
        else:
            heard.append(replace(heard.pop() if heard else ChatTurn(), answer=text))
    return heard


def messages_for(messages: Sequence[ChatMessage], pictures: PictureDecoder, *, sees: bool) -> list[Message]:
    """For a language model by itself. Refused where one brings pictures and it sees none."""
    if not sees and any(urls_of(each) for each in messages):
        raise UnsupportedRequest(
            "this language model sees no pictures. Leave them out, or ask the model deepseek-mm about them",
            param="messages",
        )
    return [
        Message(
            role=SPOKEN.get(each.role, "user"),
            text=text_of(each),
            images=tuple(pictures.open(url) for url in urls_of(each)),
        )
        for each in messages
    ]


def open_pictures(urls: Sequence[str], pictures: PictureDecoder) -> list[Picture]:
    """The pictures, with names that tell several apart."""
    names = ["picture"] if len(urls) == 1 else [f"picture-{n}" for n in range(1, len(urls) + 1)]
    return [Picture(image=pictures.open(url), name=name) for name, url in zip(names, urls, strict=True)]


def text_of(message: ChatMessage) -> str:
    """Its words."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    return "\n".join(part.text for part in message.content if isinstance(part, TextPart))


def urls_of(message: ChatMessage) -> list[str]:
    """Where its pictures are. Refused for pictures of anybody but the user."""
    if message.content is None or isinstance(message.content, str):
        return []
    urls = [part.image_url.url for part in message.content if not isinstance(part, TextPart)]
    if urls and message.role != "user":
        raise UnsupportedRequest(
            f"a message from {message.role!r} brings a picture. Put it into the user's", param="messages"
        )
    return urls
