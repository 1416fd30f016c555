"""A conversation as Markdown in which nothing of the data is Markdown: what people typed reads as they typed it.

CommonMark lets any sign of punctuation be escaped by a backslash. Escaped is what can begin something anywhere in a
line (emphasis, links, code, HTML, entities, tables), and what can at the start of one (headings, lists, rules). A
colon, a dot and an @ are escaped where readers make links of bare addresses.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from deepseek_mm.history import Conversation, Turn
from deepseek_mm.records import Citation
from deepseek_mm.sharing.export_text import Wording, place

ANYWHERE = re.compile(r"([\\`*_{}\[\]<>|~&$#^])")
ADDRESS = re.compile(r"(?<=\w)([:@])(?=\S)|(?<=www)(\.)", re.IGNORECASE)
OPENING = re.compile(r"^([-+=:!]|\d{1,9}(?=[.)]))")
CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def to_markdown(conversation: Conversation, turns: Iterable[Turn], *, wording: Wording) -> str:
    """The whole conversation; photos are named, not shown."""
    parts = [f"# {line(conversation.title)}", stamp(conversation.started_at)]
    for number, turn in enumerate(turns, 1):
        parts += each_turn(turn, number, wording)
    return "\n\n".join(parts) + "\n"


def each_turn(turn: Turn, number: int, wording: Wording) -> Iterator[str]:
    """Its blocks, without the empty lines between them."""
    yield f"## {wording.question.format(number=number)}"
    yield stamp(turn.asked_at)
    if turn.question:
        yield "\n".join(f"> {each}".rstrip() for each in lines(turn.question))
    names = [name for name in (turn.image_name, *(name for name, _ in turn.more)) if name]
    if names:
        yield "\n".join(f"- {wording.picture.format(name=line(name))}" for name in names)
    yield f"### {wording.answer}"
    if turn.answer.text:
        yield "\n".join(lines(turn.answer.text))
    if turn.answer.state != "done":
        yield f"*{wording.states[turn.answer.state]}*"
    if turn.answer.citations:
        yield f"### {wording.evidence}"
        yield "\n".join(citation_line(citation, wording) for citation in in_order(turn.answer.citations))


def citation_line(citation: Citation, wording: Wording) -> str:
    """One line of the evidence. The number is written out: a list that Markdown counts would count it anew."""
    region = citation.region
    what = line(region.label) or (wording.whole if region.kind == "whole" else "")
    where = wording.box.format(box=", ".join(map(str, region.box_px))) if any(region.box_px) else ""
    told = (what, place(region.page, region.lines, wording), wording.score.format(score=f"{citation.score:.2f}"), where)
    return f"- \\[{citation.number}\\] **{line(region.source.name)}**: {'; '.join(part for part in told if part)}"


def in_order(citations: Sequence[Citation]) -> list[Citation]:
    """By number."""
    return sorted(citations, key=lambda citation: citation.number)


def stamp(when: datetime) -> str:
    """The minute, in UTC."""
    return f"*{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC*"


def lines(text: str) -> list[str]:
    """Every line of the text escaped; a backslash at the end keeps the break."""
    escaped = [line(each) for each in text.splitlines()]
    following = [*escaped[1:], ""]
    return [f"{each}\\" if each and after else each for each, after in zip(escaped, following, strict=True)]


def line(text: str) -> str:
    """The text on one line, with nothing in it that Markdown would act on."""
    plain = " ".join(CONTROL.sub(" ", text).split())
    escaped = ADDRESS.sub(lambda found: f"\\{found[0]}", ANYWHERE.sub(r"\\\1", plain))
    return OPENING.sub(escape_start, escaped)


def escape_start(found: re.Match[str]) -> str:
    """The start of a line that would begin a list or a rule."""
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"
