"""Questions about who said what: "who was against the fence, and why", "what did Anna say about the budget".

People are told by name, with the sentence that they said it in and, where that gives no reason, the next one. Where no
statement fits the topic nothing is told here: the question is one over documents like any other.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from deepseek_mm.answering.documents.document_search import DocumentFinder, DocumentMatch
from deepseek_mm.answering.documents.evidence import CitedRegions
from deepseek_mm.answering.documents.question_words import (
    HAN,
    asks,
    document_words,
    is_wide,
    share_said,
    stances_in,
    topic_words,
    without,
)
from deepseek_mm.answering.documents.statements import Statement, read_statements
from deepseek_mm.language.own_sentences import translate_own
from deepseek_mm.language.wording import say
from deepseek_mm.language.words import quotable
from deepseek_mm.retrieval.evidence import place
from deepseek_mm.types import Draft
from index import Source

MOST_TOLD, MOST_QUOTED = 4, 300  # people or sentences, and letters of one quotation
NEAR = 0.7  # of the best one's worth, that another one is told from
IN_CONTEXT = 0.6  # worth of a word that was spoken of just before
SENDER = 0.5  # the same of what a mail says without naming its speaker
LEAST, LEAST_WIDE = 0.5, 0.3  # worth from which a statement is about the topic; the second of pairs of Chinese signs
SPELT = 0.8  # likeness from which two names are the same, misspelt
LONG_NAME = 5  # letters of a name that may be misspelt
SURE = 0.8
TITLE = re.compile(r"\b(?P<title>Mr|Mrs|Ms|Dr|Prof|Herr|Frau)\.? ", re.IGNORECASE)
NOBODY = re.compile(r"^(?:Nobody|No one|\u6ca1\u6709\u4eba|\u65e0\u4eba)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeakerQuestion:
    """What is asked of people."""

    stances: frozenset[str]
    topic: frozenset[str]
    anybody: bool = True  # it asks who, and not what somebody said
    named: frozenset[str] = frozenset()  # speakers that it names, as documents write them


def answer_speakers(
    text: str, finder: DocumentFinder, sources: Sequence[Source], named: Sequence[Source], language: str
) -> Draft | None:
    """Who said it or what they said, in these documents; None where the words ask nothing of the kind, or no statement
    fits. `named` are those that the question speaks of: where they say it, others are left out.
    """
    if not is_about_speakers(text):
        return None
    documents = [DocumentMatch(source=source, regions=finder.read(source)) for source in sources]
    alike = [each for each in documents if is_wide(" ".join(r.text for r in each.regions)[:1_000]) == is_wide(text)]
    paths = {source.path for source in named}
    for some in ([each for each in documents if each.source.path in paths], alike, documents):
        statements = [statement for each in some for statement in read_statements(each.regions)]
        if chosen := choose_statements(read_question(text, statements), statements):
            return tell_statements(chosen, language)
    return None


def is_about_speakers(text: str) -> bool:
    """Whether people may be asked about: who said so, what somebody said, or why."""
    return asks("speaking", text) and not asks("picture", text) and bool(stances_in(with_verbs(text)))


def with_verbs(text: str) -> str:
    """ "objections" as "objected": what is done."""
    nouns = document_words().nouns
    return re.sub(r"\b\w+\b", lambda found: nouns.get(found[0].lower(), found[0]), text)


def read_question(text: str, statements: Sequence[Statement]) -> SpeakerQuestion:
    """Its speakers, as far as they are known, how they spoke, and the topic that is left."""
    plain = with_verbs(text)
    speakers = {each.speaker for each in statements} if not asks("who", text) else set[str]()
    named = frozenset(speaker for speaker in speakers if is_named(speaker, plain))
    words = document_words()
    rest = plain
    for speaker in named:
        rest = re.sub("|".join(map(re.escape, parts_of(speaker))), " ", rest, flags=re.IGNORECASE)
    if not HAN.search(plain):
        rest = " ".join(
            word for word in rest.split() if not any(is_spelt(word, part) for s in named for part in parts_of(s))
        )
    rest = without(rest, *words.stances.values(), *words.asks.values(), *words.kinds.values())
    stances = frozenset(stances_in(plain))
    return SpeakerQuestion(
        stances=stances - {"say"} or stances, topic=topic_words(rest), anybody=asks("who", text), named=named
    )


def parts_of(speaker: str) -> list[str]:
    """The words of a name that it may be called by."""
    if HAN.search(speaker):
        return [speaker]
    return [part for part in re.findall(r"[\w'\u2019-]+", speaker) if part[0].isupper() and len(part.rstrip(".")) > 2]


def is_named(speaker: str, text: str) -> bool:
    """Whether a question names somebody, perhaps misspelt."""
    if NOBODY.match(speaker):
        return False
    if HAN.search(speaker):
        return speaker in text
    parts = [part for part in parts_of(speaker) if part not in ("The", "Our")]
    titled = TITLE.match(speaker)
    title = re.search(rf"{TITLE.pattern}(?={re.escape(parts[-1])})", text, re.IGNORECASE) if parts else None
    if titled and title and titled["title"].lower() != title["title"].lower():
        return False
    words = re.findall(r"[^\W\d_]+", text.removesuffix("'s"))
    return any(is_spelt(word, part) for word in words for part in parts)


def is_spelt(word: str, name: str) -> bool:
    """Whether a word is a name in some spelling."""
    one, other = word.lower().removesuffix("'s"), name.lower()
    if one == other:
        return True
    close = min(len(one), len(other)) >= LONG_NAME and one[0] == other[0]
    return close and SequenceMatcher(None, one, other).ratio() >= SPELT


def choose_statements(question: SpeakerQuestion, statements: Sequence[Statement]) -> list[Statement]:
    """Those that fit, in their order: the best ones, and all that are hardly worse. Of somebody who is named what was
    said otherwise is told where nothing was said so.
    """
    told = [each for each in statements if not each.text.endswith(("?", "\uff1f"))]
    fitting = [each for each in told if is_so_said(each, question)]
    if question.named:
        told = [each for each in told if each.speaker in question.named]
        fitting = [each for each in fitting if each.speaker in question.named] or told
    elif not question.anybody or (question.stances == {"say"} and not question.topic):
        return []
    worths = [weigh(each, question) for each in fitting]
    best = max(worths, default=0.0)
    if question.topic and best < (LEAST_WIDE if any(map(HAN.search, question.topic)) else LEAST):
        return []
    chosen = [each for each, worth in zip(fitting, worths, strict=True) if worth >= NEAR * best]
    somebody = [each for each in chosen if not NOBODY.match(each.speaker)] if not question.topic else chosen
    return drop_repeated(somebody or chosen)[:MOST_TOLD]


def is_so_said(statement: Statement, question: SpeakerQuestion) -> bool:
    """Whether somebody spoke as it is asked; who only asked has said nothing."""
    asked = question.stances == {"say"} and not question.named and "ask" in statement.stances
    return bool(question.stances & statement.stances) and not asked


def weigh(statement: Statement, question: SpeakerQuestion) -> float:
    """How much of the topic it says itself, and how much was spoken of before it."""
    words = statement.text.removeprefix(statement.speaker)
    own, around = share_said(question.topic, words), share_said(question.topic, statement.about)
    plainly = question.anybody and question.stances == {"say"}  # who said it must have said it
    total = own + (0.0 if plainly else IN_CONTEXT) * max(0.0, around - own)
    return (total if question.topic else 1.0) * (SENDER if statement.sender else 1.0)


def drop_repeated(statements: Sequence[Statement]) -> list[Statement]:
    """Each sentence once, also where it is what somebody says next."""
    told, kept = set[str](), list[Statement]()
    for each in statements:
        if each.text not in told:
            kept.append(each)
            told |= {each.text, *each.more}
    return kept


def tell_statements(statements: Sequence[Statement], language: str) -> Draft:
    """Each person with the quotation; several by one person under the name once."""
    cited, last = CitedRegions(), ""
    for each in statements:
        quoted = quotable(join_said(each), MOST_QUOTED)
        said = translate_own(f'{place(each.region, named=False)} says: "{quoted}"', language)
        lead = "" if each.speaker == last else f"{each.speaker}{say('count.colon', language)}"
        cited.add(f"{lead}{said}", each.region, SURE)
        last = each.speaker
    return cited.draft(SURE)


def join_said(statement: Statement) -> str:
    """The sentence, and the next one where it gives no reason itself."""
    stops = document_words().people["reason"].search(statement.text.partition(":")[2] or statement.text)
    return statement.text if stops or not statement.more else " ".join([statement.text, *statement.more])
