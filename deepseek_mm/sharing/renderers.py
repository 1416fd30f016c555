"""A conversation as one HTML file without scripts, or as Markdown.

CommonMark lets any sign of punctuation be escaped by a backslash. Escaped is what can begin something anywhere in a
line (emphasis, links, code, HTML, entities, tables), and what can at the start of one (headings, lists, rules). A
colon, a dot and an @ are escaped where readers make links of bare addresses.

Every text goes through the template's escaping; what stands in an attribute is a number of ours, a picture of ours in
base64, or an escaped description. The policy in the head forbids whatever an error there could let in.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deepseek_mm.history import Conversation, Corrected, Turn
from deepseek_mm.language.own_sentences import translate_name
from deepseek_mm.sharing.files import Copy, Language, PhotoCopies
from deepseek_mm.types import Citation
from index import Box, Region, Source
from index.region import UPLOADS, as_clock


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """One language."""

    lang: str  # as HTML names it
    question: str
    answer: str
    evidence: str
    picture: str  # one that came with a question
    score: str
    whole: str  # a region that is a whole picture
    box: str
    pages: dict[str, str]  # by what a page is called
    lines: str
    at_time: str
    written: str  # before what was read there
    machine_made: str  # beside a machine's sentence about a picture
    corrected: str  # before the user's own word for a box
    gone: str
    states: dict[str, str]  # of an answer that is not done
    phrased: str
    exported: str


ENGLISH = Wording(
    lang="en",
    question="Question {number}",
    answer="Answer",
    evidence="Evidence",
    picture="Picture: {name}",
    score="score {score}",
    whole="whole picture",
    box="box {box}",
    pages={"page": "page {page}", "slide": "slide {page}", "sheet": "sheet {page}", "chapter": "chapter {page}"},
    lines="lines {first} to {last}",
    at_time="at {time}",
    written="Text read there",
    machine_made="said by a machine",
    corrected="box drawn by the user",
    gone="The picture was not there when this was exported.",
    states={
        "running": "It was still being answered.",
        "stopped": "The answer was stopped.",
        "failed": "The answer failed.",
    },
    phrased="phrased by {model}",
    exported="Exported by DeepSeek-MM {version} at {when}",
)
CHINESE = Wording(
    lang="zh-Hans",
    question="\u95ee\u9898 {number}",
    answer="\u56de\u7b54",
    evidence="\u4f9d\u636e",
    picture="\u56fe\u7247\uff1a{name}",
    score="\u5f97\u5206 {score}",
    whole="\u6574\u5e45\u56fe\u7247",
    box="\u65b9\u6846 {box}",
    pages={
        "page": "\u7b2c {page} \u9875",
        "slide": "\u7b2c {page} \u5f20\u5e7b\u706f\u7247",
        "sheet": "\u7b2c {page} \u5f20\u5de5\u4f5c\u8868",
        "chapter": "\u7b2c {page} \u7ae0",
    },
    lines="\u7b2c {first} \u81f3 {last} \u884c",
    at_time="{time} \u5904",
    written="\u8bfb\u5230\u7684\u6587\u5b57",
    machine_made="\u673a\u5668\u63cf\u8ff0",
    corrected="\u7528\u6237\u6240\u753b\u7684\u65b9\u6846",
    gone="\u5bfc\u51fa\u65f6\u56fe\u7247\u5df2\u4e0d\u5728\u539f\u5904\u3002",
    states={
        "running": "\u5f53\u65f6\u4ecd\u5728\u56de\u7b54\u3002",
        "stopped": "\u56de\u7b54\u88ab\u505c\u6b62\u3002",
        "failed": "\u56de\u7b54\u5931\u8d25\u3002",
    },
    phrased="\u7531 {model} \u64b0\u5199",
    exported="\u7531 DeepSeek-MM {version} \u4e8e {when} \u5bfc\u51fa",
)
WORDINGS: dict[Language, Wording] = {"en": ENGLISH, "zh": CHINESE}


def place(region: Region, wording: Wording) -> str:
    """Where in a document: "page 3", "slide 4", "lines 5 to 9", whose mail, or nothing."""
    symbol, (first, last) = region.symbol, region.lines
    page = wording.pages[region.page_name].format(page=region.page) if region.page else ""
    page = wording.at_time.format(time=as_clock(region.at_ms)) if region.at_ms else page
    if symbol is not None and symbol.kind in ("chapter", "sheet", "mail", "attachment"):
        named = symbol.name if symbol.kind == "attachment" else ""
        return ", ".join(filter(None, (symbol.signature, named, page if named else "")))
    return page or (wording.lines.format(first=first, last=last) if first else "")


def name_label(region: Region, wording: Wording) -> str:
    """What it shows, in this language where its name is known."""
    return translate_name(region.label, wording.lang[:2])


ANYWHERE = re.compile(r"([\\`*_{}\[\]<>|~&$#^])")
ADDRESS = re.compile(r"(?<=\w)([:@])(?=\S)|(?<=www)(\.)", re.IGNORECASE)
OPENING = re.compile(r"^([-+=:!]|\d{1,9}(?=[.)]))")
CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def to_markdown(conversation: Conversation, turns: Iterable[Turn], *, wording: Wording) -> str:
    """The whole conversation; photos are named, not shown."""
    parts = [f"# {line(conversation.title)}", f"*{when(conversation.started_at)}*"]
    for number, turn in enumerate(turns, 1):
        parts += each_turn(turn, number, wording)
    return "\n\n".join(parts) + "\n"


def each_turn(turn: Turn, number: int, wording: Wording) -> Iterator[str]:
    """Its blocks, without the empty lines between them."""
    yield f"## {wording.question.format(number=number)}"
    yield f"*{when(turn.asked_at)}*"
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
        cited = sorted(turn.answer.citations, key=lambda citation: citation.number)
        yield "\n".join(citation_line(citation, wording) for citation in cited)


def citation_line(citation: Citation, wording: Wording) -> str:
    """One line of the evidence. The number is written out: a list that Markdown counts would count it anew."""
    region = citation.region
    what = line(name_label(region, wording)) or (wording.whole if region.kind == "whole" else "")
    where = wording.box.format(box=", ".join(map(str, region.box_px))) if any(region.box_px) else ""
    made = wording.machine_made if region.machine_made else ""
    score = wording.score.format(score=f"{citation.score:.2f}")
    told = (what, made, place(region, wording), score, where)
    return f"- \\[{citation.number}\\] **{line(region.source.name)}**: {'; '.join(part for part in told if part)}"


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


NUM_INKS = 8  # colours of boxes in page.css
NUMBER = re.compile(r"\[(\d{1,4})\]")
TEXT_LETTERS = 4_000  # of a passage that is shown


@dataclass(frozen=True, kw_only=True, slots=True)
class HtmlBox:
    """A box over a photo, in percent of its sides."""

    number: int
    ink: int
    style: str
    drawn: bool = False  # by the user


@dataclass(frozen=True, kw_only=True, slots=True)
class HtmlImage:
    """A small copy of a photo, ready for an img."""

    src: str
    width_px: int
    height_px: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HtmlCaption:
    """What stands under a photo of one of its regions."""

    number: int
    ink: int
    name: str
    told: str  # label, place, score
    text: str  # what was read there


@dataclass(frozen=True, kw_only=True, slots=True)
class HtmlEvidence:
    """A photo with all its regions, or a text without a photo."""

    name: str
    shown: HtmlImage | None
    lost: bool  # it should have a picture, and has none
    frames: tuple[HtmlBox, ...]
    notes: tuple[HtmlCaption, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class HtmlText:
    """A piece of an answer; with a number it points at the evidence."""

    text: str
    number: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class HtmlTurn:
    """A question and its answer as they are shown."""

    number: int
    turn: Turn
    asked: tuple[tuple[str, HtmlImage | None], ...]  # the pictures that came with it
    said: tuple[HtmlText, ...]
    exhibits: tuple[HtmlEvidence, ...]


def to_html(
    conversation: Conversation, turns: Iterable[Turn], *, album: PhotoCopies, wording: Wording, footer: str
) -> str:
    """The whole file."""
    exchanges = [exchange(turn, number, album, wording) for number, turn in enumerate(turns, 1)]
    return (
        open_templates()
        .get_template("page.html")
        .render(conversation=conversation, exchanges=exchanges, words=wording, footer=footer)
    )


def open_templates() -> Environment:
    """The templates of this folder; every text in them is escaped."""
    folder = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder.filters["when"] = when
    return folder


def exchange(turn: Turn, number: int, album: PhotoCopies, wording: Wording) -> HtmlTurn:
    """All that is shown of a turn."""
    brought = [(turn.image_name, turn.image_path), *turn.more]
    return HtmlTurn(
        number=number,
        turn=turn,
        asked=tuple(
            (name, shown_copy(album.copy(Source(path=path, collection=UPLOADS))))
            for name, path in brought
            if path or name
        ),
        said=tuple(pieces(turn.answer.text, {citation.number for citation in turn.answer.citations})),
        exhibits=tuple(exhibits(turn, album, wording)),
    )


def exhibits(turn: Turn, album: PhotoCopies, wording: Wording) -> list[HtmlEvidence]:
    """One for each photo, page or passage, in the order in which the answer mentions them first."""
    together: dict[object, list[Citation]] = {}
    for citation in turn.answer.citations:
        region = citation.region
        together.setdefault((region.source.path, region.view, region.lines), []).append(citation)
    return [exhibit(cited, turn.boxes, album, wording) for cited in together.values()]


def exhibit(
    cited: Sequence[Citation], drawn: Sequence[Corrected], album: PhotoCopies, wording: Wording
) -> HtmlEvidence:
    """Regions of one photo; or a passage."""
    region = cited[0].region
    copy = album.of_region(region)
    corrected = {each.number: each for each in drawn}  # the newest of each number
    frames = [frame(each.number, each.region.box_px, copy) for each in cited if copy]
    frames += [
        frame(c.number, corrected[c.number].box_px, copy, drawn=True) for c in cited if copy and c.number in corrected
    ]
    return HtmlEvidence(
        name=region.source.name,
        shown=shown_copy(copy),
        lost=copy is None and region.is_drawn,
        frames=tuple(frames),
        notes=tuple(note(each, corrected.get(each.number), wording) for each in cited),
    )


def note(citation: Citation, drawn: Corrected | None, wording: Wording) -> HtmlCaption:
    """Number, name, and what is known of the region."""
    region = citation.region
    what = name_label(region, wording) or (wording.whole if region.kind == "whole" else "")
    told = [what, wording.machine_made if region.machine_made else "", place(region, wording)]
    told.append(wording.score.format(score=f"{citation.score:.2f}"))
    if drawn is not None:
        told.append(f"{wording.corrected}: {drawn.label}" if drawn.label else wording.corrected)
    return HtmlCaption(
        number=citation.number,
        ink=ink(citation.number),
        name=region.source.name,
        told=", ".join(part for part in told if part),
        text=region.text[:TEXT_LETTERS],
    )


def frame(number: int, box_px: Box, copy: Copy, *, drawn: bool = False) -> HtmlBox:
    """The box as shares of the photo's sides, cut where it would leave the photo."""
    width, height = copy.of_px
    left, right = (min(max(edge / width, 0.0), 1.0) for edge in (box_px[0], box_px[2]))
    top, bottom = (min(max(edge / height, 0.0), 1.0) for edge in (box_px[1], box_px[3]))
    sides = {"left": left, "top": top, "width": max(right - left, 0.0), "height": max(bottom - top, 0.0)}
    style = ";".join(f"{side}:{share:.2%}" for side, share in sides.items())
    return HtmlBox(number=number, ink=ink(number), style=style, drawn=drawn)


def ink(number: int) -> int:
    """Which colour of page.css a number has."""
    return (number - 1) % NUM_INKS


def shown_copy(copy: Copy | None) -> HtmlImage | None:
    """The copy as an address that holds it."""
    if copy is None:
        return None
    src = f"data:image/jpeg;base64,{b64encode(copy.jpeg).decode()}"
    return HtmlImage(src=src, width_px=copy.width_px, height_px=copy.height_px)


def pieces(text: str, known: set[int]) -> list[HtmlText]:
    """The answer cut at its bracketed numbers; a number of no evidence stays text."""
    found, start = [], 0
    for match in NUMBER.finditer(text):
        if int(match[1]) in known:
            found += [HtmlText(text=text[start : match.start()]), HtmlText(text=match[0], number=int(match[1]))]
            start = match.end()
    return [*found, HtmlText(text=text[start:])]


def when(moment: datetime) -> str:
    """The minute, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
