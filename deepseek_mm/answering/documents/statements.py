"""Who said what in a document: lines of a transcript ("Anna: ..."), sentences of minutes ("Anna was against it, ...").

A statement has its speaker, how it was said ("against", "suggest", "say", ...), its words, and what was spoken of
there: the heading and the sentences before it. "He said" goes on with whoever was named just before; the sentences of a
mail are its sender's.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from deepseek_mm.answering.documents.question_words import HAN, document_words, stances_in
from deepseek_mm.answering.documents.sections import SectionSentence, read_label, read_sentences
from index import Region

CAPITAL = r"[A-Z\u00c4\u00d6\u00dc][\w'\u2019-]*"
NAME = rf"(?:(?:Mr|Mrs|Ms|Dr|Prof|Herr|Frau|Sir)\.? )?{CAPITAL}(?: (?:(?:de|van|von|der|la) )?{CAPITAL}){{0,2}}"
GROUP = r"(?:The|the|Our|our) (?:[a-z]+ )?[a-z]+"
SPEAKER = re.compile(
    rf"(?<![\w-])(?P<who>{NAME}(?:(?:, {NAME})* and {NAME})?|{GROUP}|Nobody|No one)(?:, [^,]{{2,40}},)? (?=[a-z])"
)
REASON = re.compile(  # how a sentence begins that tells why
    r"(?:He|She|They|Because|The reason|His|Her|\u4ed6|\u5979|\u7406\u7531|\u56e0\u4e3a|\u539f\u56e0)"
)
HE = re.compile(r"^(?:He|She|Er|Sie)\s")
NEAR_VERB = 4  # words between a name and its verb
LINES = 2  # with a label that is a name, before it is taken for one
NAME_WORDS, NAME_SIGNS = 3, 4
CONTEXT = 3  # sentences before that tell what is spoken of


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """What somebody said."""

    speaker: str  # as it is written; of a mail its sender
    stances: frozenset[str]
    text: str  # the sentence
    region: Region
    about: str  # heading and sentences before
    more: tuple[str, ...] = ()  # what the same speaker says next, or what gives a reason
    sender: bool = False  # it is only known whose mail it stands in


@dataclass(kw_only=True, slots=True)
class ReadingState:
    """What was read of a document so far."""

    names: frozenset[str] = frozenset()  # labels that are names of speakers
    speaker: str = ""  # of the paragraph, by its label
    paragraph: int = -1
    named: str = ""  # the person that was named last
    before: list[str] = field(default_factory=list)
    section: str = ""


def read_statements(regions: Sequence[Region]) -> list[Statement]:
    """Those of one document, in order."""
    sentences = [each for each in read_sentences(regions) if each.kind != "heading" or not is_empty(each)]
    state, found = ReadingState(names=find_labels(sentences)), list[Statement]()
    for n, sentence in enumerate(sentences):
        if sentence.section != state.section:
            state.section, state.before = sentence.section, []
        if sentence.kind == "heading":
            state.speaker = ""
            continue
        after = sentences[n + 1] if n + 1 < len(sentences) else None
        found += [with_more(each, after, state) for each in read_sentence(sentence, state)]
        state.before = [*state.before[1 - CONTEXT :], sentence.text]
    return found


def is_empty(sentence: SectionSentence) -> bool:
    """Whether nothing is written there."""
    return not re.search(r"\w", sentence.text)


def find_labels(sentences: Sequence[SectionSentence]) -> frozenset[str]:
    """Labels that are people: those that come again, or speak of themselves; where several do, all others as well."""
    labels = [told for each in sentences if (told := read_label(each.text)) and is_name(told[0])]
    own = document_words().people["i_speak"]
    often = {label for label, _ in labels if sum(label == other for other, _ in labels) >= LINES}
    speaking = often | {label for label, value in labels if own.search(value) or stances_in(value)}
    return frozenset({label for label, _ in labels} if len(speaking) >= LINES else speaking)


def is_name(label: str) -> bool:
    """Whether a label could be somebody's name."""
    words = document_words()
    if HAN.search(label):
        return is_chinese_name(re.sub(r"[(\uff08].*", "", label))
    parts = label.split()
    if len(parts) > NAME_WORDS or not all(part[:1].isupper() for part in parts):
        return False
    return not any(part.lower().strip(".,") in words.not_names for part in parts)


def is_chinese_name(text: str) -> bool:
    """Two to four signs that begin with a surname, or end in a title."""
    words = document_words()
    if text in words.not_people:
        return False
    titled = any(text.endswith(title) and len(text) > len(title) for title in words.titles)
    return (2 <= len(text) <= NAME_SIGNS and text[0] in words.surnames) or (titled and len(text) <= NAME_SIGNS + 2)


def read_sentence(sentence: SectionSentence, state: ReadingState) -> Iterator[Statement]:
    """What is said in a sentence: by the label before it, by those that it names, or by the sender of a mail."""
    label = read_label(sentence.text)
    if sentence.paragraph != state.paragraph or label:
        state.speaker = ""
    state.paragraph = sentence.paragraph
    if label and label[0] in state.names:
        state.speaker = label[0]
    if state.speaker:
        words = label[1] if label and label[0] == state.speaker else sentence.text
        state.named = state.speaker
        yield make_statement(state.speaker, words, sentence, state)
        return
    named = list(find_speakers(sentence.text, state.named))
    for speaker, words in named:
        yield make_statement(speaker, words, sentence, state)
    people = [speaker for speaker, _ in named] or names_in(sentence.text)
    state.named = people[-1] if people else state.named
    symbol = sentence.region.symbol
    if not named and symbol is not None and symbol.kind == "mail" and not label:
        sender = re.sub(r",? \d{1,2} \w+ \d{4}$", "", symbol.signature)
        yield replace(make_statement(sender, sentence.text, sentence, state), sender=True)


def make_statement(speaker: str, words: str, sentence: SectionSentence, state: ReadingState) -> Statement:
    """With what was spoken of before."""
    return Statement(
        speaker=speaker,
        stances=frozenset(read_stances(words)) | {"say"},
        text=sentence.text,
        region=sentence.region,
        about=" ".join([sentence.section, *state.before]),
    )


def read_stances(words: str) -> Iterator[str]:
    """How it is said; who does not agree is against it, and who does not object is for it."""
    denied, opposite = document_words().people["negated"], {"against": "support", "support": "against"}
    for name, pattern in document_words().stances.items():
        for found in pattern.finditer(words):
            yield opposite.get(name, name) if denied.search(words[: found.start()]) else name


def find_speakers(text: str, before: str) -> Iterator[tuple[str, str]]:
    """Those whom a sentence lets speak, each with the words from the verb on."""
    if HAN.search(text):
        yield from find_chinese_speakers(text, before)
        return
    names = [*SPEAKER.finditer(text), *HE.finditer(text)]
    for n, match in enumerate(sorted(names, key=lambda each: each.start())):
        who = match.groupdict().get("who") or before
        if not who or who.split()[0].lower() in document_words().not_names - {"the", "our"} or (who == before == ""):
            continue
        if who.split()[0].lower() in ("the", "our") and who.split()[-1] not in document_words().bodies:
            continue
        later = [each.start() for each in names if each.start() > match.start()]
        words = text[match.end() : min(later, default=len(text))]
        if stances_in(" ".join(words.split()[:NEAR_VERB])):
            yield who, text[match.end() :] if n + 1 == len(names) else words


@cache
def match_chinese_speakers() -> re.Pattern[str]:
    """A name, a title or a group, and the verb behind it."""
    words = document_words()
    verbs = "|".join(pattern.pattern for pattern in words.stances.values())
    groups = "|".join(map(re.escape, words.groups))
    titles = "|".join(map(re.escape, words.titles))
    return re.compile(
        rf"(?:^|(?<=[\uff0c\uff1b\u3002\uff1a\s]))(?:\u4e3b\u6301\u4eba|\u4f46|\u800c)?"
        rf"(?P<who>(?:[{words.surnames}][\u4e00-\u9fff]{{1,2}}?|[\u4e00-\u9fff]{{1,2}})(?:{titles})|[{words.surnames}][\u4e00-\u9fff]{{1,2}}?"
        rf"(?:[\u548c\u3001\u4e0e][{words.surnames}][\u4e00-\u9fff]{{1,2}}?)?|{groups}|[\u4ed6\u5979])"
        rf"(?:\u4e5f|\u5219|\u90fd|\u660e\u786e|\u5f3a\u70c8|\u575a\u51b3|\u5bf9[^\uff0c\u3002]{{1,14}}?|\u4e0d|\u6ca1\u6709?|\u518d\u6b21|\u9996\u5148)?(?P<verb>{verbs})"
    )


def find_chinese_speakers(text: str, before: str) -> Iterator[tuple[str, str]]:
    """The same of Chinese: a name, a title or a group just before the verb."""
    words = document_words()
    for match in match_chinese_speakers().finditer(text):
        who = before if match["who"] in "\u4ed6\u5979" else match["who"]
        if who and who not in words.not_people:
            yield who, text[match.end("who") :]


def names_in(text: str) -> list[str]:
    """People that a sentence names with a title: "I talked to Mr Novak"."""
    return re.findall(r"(?:Mr|Mrs|Ms|Dr|Prof|Herr|Frau)\.? [A-Z][\w'-]+", text)


def with_more(statement: Statement, after: SectionSentence | None, state: ReadingState) -> Statement:
    """With the next sentence, where the speaker goes on, or it begins with the reason."""
    if after is None or after.kind == "heading" or after.region.source.path != statement.region.source.path:
        return statement
    goes_on = state.speaker and after.paragraph == state.paragraph and not read_label(after.text)
    return replace(statement, more=(after.text,)) if goes_on or REASON.match(after.text) else statement
