"""What a conversation spoke of, turn by turn, and which of it words point back at: "the other one", "the photo before".

A topic is the files of one turn: those that its answer cites, or the pictures that came with it. The newest is in
focus. The newest that has several is the row that places count in ("the second one", "which of those").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepseek_mm.history import Turn
from deepseek_mm.language.parser import picked_in
from deepseek_mm.language.words import content
from deepseek_mm.types import Act, Citation
from index import Source
from index.region import UPLOADS

THING = r"(?:photos?|pictures?|images?|pics?|shots?|screenshots?|ones?)"
FIRST = r"\b(?:first|1st|beginning|start|initial|erste\w*|anfangs?)\b|第一|最初|最开始|一开始|首先"
NTH = (  # words that point at a place in a row, counted from 1
    (1, re.compile(FIRST)),
    (2, re.compile(r"\b(?:second|2nd|zweite\w*)\b|第二")),
    (3, re.compile(r"\b(?:third|3rd|dritte\w*)\b|第三")),
    (4, re.compile(r"\b(?:fourth|4th|vierte\w*)\b|第四")),
    (5, re.compile(r"\b(?:fifth|5th|f\u00fcnfte\w*)\b|第五")),
)
LAST = re.compile(r"\b(?:last|letzte\w*)\b|最后")
SIDES = (  # of a row, as it is shown
    (
        1,
        re.compile(
            rf"\b{THING} on the left\b|\bleft(?:most)? {THING}\b|左边的?(?:那|这)?[张个]|\blinke[sn]? (?:bild|foto)"
        ),
    ),
    (
        0,
        re.compile(
            rf"\b{THING} on the right\b|\bright(?:most)? {THING}\b|右边的?(?:那|这)?[张个]|\brechte[sn]? (?:bild|foto)"
        ),
    ),
)
BROUGHT = re.compile(  # a picture that somebody gave
    rf"\b{THING}\s+(?:that\s+|which\s+)?(?:i|we)(?:['\u2019]ve| have)?\s+(?:just\s+)?"
    r"(?:show|upload|sen[dt]|g[ai]ve|add|post|attach|paste)\w*"
    r"|\bmy (?:own )?upload\w*|\buploaded (?:photo|picture|image|one)\b"
    r"|我(?:刚才|刚刚|之前|最先|一开始)?(?:发|上传|给你看|传)(?:给你)?(?:过)?的"
    r"|\b(?:bild|foto)\b[^.?!]{0,12}\bich\b[^.?!]*\b(?:gezeigt|geschickt|hochgeladen|gegeben)\b"
)
BEFORE = re.compile(
    rf"\b{THING}\s+(?:from\s+|just\s+)?before\b|\b(?:previous|earlier|preceding)\s+{THING}\b|\bbefore that one\b"
    r"|[上前]一[张个]|(?:之前|前面|刚才)的?那[张个]"
    r"|\b(?:vorige|vorherige)[snr]?\s+(?:foto|bild)\b|\b(?:foto|bild) davor\b"
)
OTHER = re.compile(
    r"\b(?:the|that) other(?: ones?| photos?| pictures?)?\b|另外?(?:一|那)[张个]|\bd(?:as|ie|er) andere\w*\b"
)
EACH = re.compile(
    r"\b(?:those|these|all|both|each|n?either|the (?:two|three|four|ones))\b|\bof (?:them|the)\b"
    r"|\bbetween them\b|\bwhich ones?\b"
    r"|哪一?[张个只]|那些|这些|它们|他们|其中|两[张个]|\b(?:diese|alle|beide)n?\b|\bvon (?:ihnen|denen)\b"
)
SAID = re.compile(
    r"\b(?:ask|say|said|tell|told|question|answer|talk|call|forget|summar|frag|sag|gesagt)\w*|问|说|答|忘|总结",
    re.IGNORECASE,
)
POINTS = re.compile(
    r"\b(?:its?|she|hers?|he|his|him|they|them|their|n?either|both|those|these)\b|[它她他]|其中|\b(?:ihr|ihm|sein)\w{0,2}\b"
)
THEM = re.compile(r"\b(?:they|them|their|sie)\b")
OF_THAT = re.compile(r"的?[那这]?[张个只]?(?:照片|图片)?$")  # behind a name
RETURNS = re.compile(
    r"\b(?:go(?:ing)?|come|get|turn)?\s*back to\b|\breturn to\b|\bagain\b|\bnochmal\b"
    r"|回到|\bzur\u00fcck (?:zu|zum|zur)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """The files of a turn, or of a part of one."""

    sources: tuple[Source, ...]
    brought: bool = False  # pictures that came with the turn
    subject: str = ""  # what was asked about them
    words: frozenset[str] = frozenset()  # what they may be called by: what was looked for, what they show

    @property
    def is_given(self) -> bool:
        """Whether somebody gave them, rather than that they are of the library."""
        return any(source.collection == UPLOADS for source in self.sources)


def topics_of(turns: Sequence[Turn]) -> tuple[Topic, ...]:
    """Of turns, oldest first; a turn that speaks of no file has none."""
    topics: tuple[Topic, ...] = ()
    for turn in turns:
        for topic in topics_of_turn(turn):
            topics = add_topic(topics, topic)
    return topics


def add_topic(topics: tuple[Topic, ...], topic: Topic | None) -> tuple[Topic, ...]:
    """With one more; where nothing was named, what was asked about the same files before still counts."""
    if topic is None:
        return topics
    return (*topics, replace(topic, subject=topic.subject or subject_of_sources(topics, topic.sources)))


def subject_of_sources(topics: Sequence[Topic], sources: Sequence[Source]) -> str:
    """What was asked about any of these files last; of none the last thing that was asked about."""
    paths = {source.path for source in sources}
    about = [topic for topic in topics if not paths or paths & {source.path for source in topic.sources}]
    return about[-1].subject if about else ""


def topics_of_turn(turn: Turn) -> list[Topic]:
    """The pictures that came with it, and what its answer cites, if that is not the same."""
    acts = turn.answer.request.acts if turn.answer.request else ()
    cited = topic_of(acts, turn.answer.citations)
    paths = [turn.image_path, *(path for _, path in turn.more)] if turn.image_path else []
    if not paths:
        return [cited] if cited else []
    given = tuple(Source(path=path, collection=UPLOADS) for path in paths)
    words = (cited.words if cited else frozenset()) | {word for act in acts for word in words_of(act)}
    brought = Topic(sources=given, brought=True, words=words, subject=named_last(acts))
    elsewhere = cited is not None and not {source.path for source in cited.sources} <= set(paths)
    return [brought, cited] if cited and elsewhere else [brought]


def topic_of(acts: Sequence[Act], cited: Sequence[Citation]) -> Topic | None:
    """What an answer cites, each file once; beside photos documents only describe them.

    A search that found nothing is a topic without files: "it" is not what was found before. None of anything else.
    """
    files = list({citation.region.source.path: citation.region.source for citation in cited}.values())
    photos = [source for source in files if source.kind == "photo"]
    sought = any(act.kind == "find" and act.subject for act in acts)
    if not files:
        return Topic(sources=(), subject=named_last(acts)) if sought else None
    given = any(source.collection == UPLOADS for source in files)
    named = {word for act in acts if given or act.scope == "library" for word in words_of(act)}
    seen = {word for c in cited for label in c.region.labels for word in content(label.name)}
    words = frozenset(named | seen if len(photos) == 1 else named)
    return Topic(sources=tuple(photos or files), words=words, subject=named_last(acts))


def named_last(acts: Sequence[Act]) -> str:
    """The subject of the last act that names one."""
    return next((act.subject for act in reversed(acts) if act.subject), "")


def words_of(act: Act) -> list[str]:
    """What it is about, word for word; a part in a script without spaces as a whole, without "of that one"."""
    return content(act.subject) if act.subject.isascii() else [OF_THAT.sub("", act.subject)]


def find_topic(act: Act, topics: Sequence[Topic]) -> tuple[Source, ...]:
    """The files that an act means by what was said of them before, whatever is in focus; none where it says nothing."""
    words = f"{act.reference} {act.text}".lower()
    if not topics:
        return ()
    focus, by_name = topics[-1], names_it(act) or not POINTS.search(words)
    if BROUGHT.search(words):
        given = [source for topic in topics if topic.brought for source in topic.sources]
        number = place_in(words)
        meant = tuple(given[number - 1 : number] if number else given[-1:])
        return (*focus.sources[:1], *meant) if act.kind == "compare" and not focus.is_given else meant
    if BEFORE.search(words):
        return sources_before(topics)
    if RETURNS.search(words) or (by_name and act.scope in ("picture", "pictures", "found")):
        said = set(words_of(act) if act.subject else words_of(replace(act, subject=RETURNS.sub("", plain(act)))))
        again = next((topic for topic in reversed(topics) if said & topic.words), None)
        if again and is_apart(again, focus) and not said & focus.words:
            return again.sources
    return ()


def plain(act: Act) -> str:
    """The words of an act without signs around them."""
    return act.text.lower().strip(" .?!,\u3002\uff1f\uff01\uff0c")


def names_it(act: Act) -> bool:
    """Whether the word that points means what was named just before it: "and the cap? what colour is it?"."""
    if not act.subject or not act.reference:
        return False
    before, _, after = act.text.partition(act.subject)
    is_set_off = re.match(r"\s*[,;:.?!\u2013-]", after) is not None
    return is_set_off and act.reference in after and act.reference not in before


def choose_sources(act: Act, topics: Sequence[Topic]) -> tuple[Source, ...]:
    """Those of the topic in focus, or of the row before it, that words point at: by place, as the other one, or all."""
    if not topics:
        return ()
    words, focus = f"{act.reference} {act.text}".lower(), topics[-1].sources
    row = next((topic.sources for topic in reversed(topics) if len(topic.sources) > 1), focus)
    row = focus if len(focus) > 1 else row
    if OTHER.search(words):
        paths = {source.path for source in focus}
        inside = paths < {source.path for source in row}
        others = tuple(source for source in row if source.path not in paths)
        return others if inside else sources_before(topics)
    if places := places_in(act, len(row)):
        return tuple(row[place - 1] for place in places if place <= len(row))
    if EACH.search(words):
        return row if len(row) > 1 else join_topics(topics)
    if act.kind == "compare" and len(focus) < 2:
        return join_topics(topics)
    alone = act.reference and act.kind != "compare" and not THEM.search(words)
    return focus[:1] if alone and act.kind != "manage" else focus


def sources_before(topics: Sequence[Topic]) -> tuple[Source, ...]:
    """What was spoken of before the topic in focus."""
    paths = {source.path for source in topics[-1].sources} if topics else set()
    others = (tuple(s for s in topic.sources if s.path not in paths) for topic in reversed(topics))
    return next((sources for sources in others if sources), ())


def join_topics(topics: Sequence[Topic]) -> tuple[Source, ...]:
    """The first files of the two newest topics that are apart: "compare the two"."""
    return (*sources_before(topics)[:1], *topics[-1].sources[:1])


def looks_again(text: str) -> bool:
    """Whether words taken for talk mean something that was shown before: "what was in the first photo I sent?"."""
    plain = text.lower()
    again = RETURNS.search(plain) or BEFORE.search(plain) or BROUGHT.search(plain)
    return again is not None and not SAID.search(plain)


def is_apart(topic: Topic, other: Topic) -> bool:
    """Whether two topics have no file in common."""
    return not {source.path for source in topic.sources} & {source.path for source in other.sources}


def places_in(act: Act, count: int) -> list[int]:
    """Places in a row of so many, from 1: "the second one", "the first", "the one on the left"."""
    picked, _ = picked_in(act.text, count)
    if picked or count < 2:
        return sorted(set(picked))
    words = (act.reference or act.text).lower()
    side = next((place or count for place, pattern in SIDES if pattern.search(act.text.lower())), 0)
    place = side or place_in(words) or (count if LAST.search(words) else 0)
    return [place] if place else []


def place_in(text: str) -> int:
    """The place in a row that these words point at, from 1; 0 where they point at none."""
    plain = text.lower()
    return next((number for number, pattern in NTH if pattern.search(plain)), 0)
