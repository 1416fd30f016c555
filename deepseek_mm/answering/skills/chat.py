"""Small talk, who is speaking, where data goes, doubts about the last answer, and what was said in this conversation.

What the program says of itself comes from its settings. What it says of the conversation is what stands there, with
the evidence that it had.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from deepseek_mm.answering.intents import Intent
from deepseek_mm.answering.skills.help import open_tab
from deepseek_mm.answering.talk_case import (
    LEFT_TO_MODEL,
    TalkCase,
    evidence_of,
    quote_question,
    sentences_again,
    sentences_of,
    sources_of,
    state,
)
from deepseek_mm.answering.topics import place_in
from deepseek_mm.history import Turn
from deepseek_mm.language.wording import count_noun_in, join_in, say
from deepseek_mm.language.words import content, quote_title
from deepseek_mm.types import Claim, Draft

Reply = Callable[[Intent, TalkCase], Draft]
SURE, FAIRLY = 0.8, 0.5  # confidence of an answer from which it is called sure, and fairly sure
SHORT_WORDS = 20  # of one sentence that is short enough to be said as it is
KINDS = ("photo", "document", "code")  # of files, in the order in which they are named
CLAUSE = re.compile(r"(.{30,})[;:](?:\s|$)")  # of a sentence that is cut
MAX_FILES = 6  # that one sentence names
MAX_NAME = 60  # characters of a file's name in a sentence
CERTAIN = 0.97  # that what the settings or the conversation say is so
POLITE_CHANCE = 0.5  # that a polite sentence is right where nothing was understood


def answer_chat(intent: Intent | None, case: TalkCase) -> Draft:
    """What fits the intent; where there is none a larger model talks, or a polite sentence says what can be asked."""
    if intent is None and case.facts.larger:
        return Draft(chance=POLITE_CHANCE, grounds=LEFT_TO_MODEL)
    if intent is None:
        return Draft(text=say("chat.default", case.locale), chance=POLITE_CHANCE, grounds="said")
    return REPLIES.get(intent.name, reply_politely)(intent, case)


def reply_politely(intent: Intent, case: TalkCase) -> Draft:
    """One sentence that depends on nothing."""
    return tell(say(f"chat.{intent.name}", case.locale), intent)


def tell(text: str, intent: Intent) -> Draft:
    """A sentence about no file."""
    return Draft(text=text, chance=intent.chance, grounds="said")


def greet(intent: Intent, case: TalkCase) -> Draft:
    """A greeting with what can be asked here."""
    if case.facts.is_empty:
        text, offers = say("chat.greeting_empty", case.locale), (open_tab("library", case.locale),)
        return Draft(text=text, chance=intent.chance, grounds="said", offers=offers)
    return tell(say("chat.greeting", case.locale, held=describe_kinds(case.facts.kinds, case.locale)), intent)


def describe_kinds(kinds: Mapping[str, int], locale: str) -> str:
    """How many files of each kind there are: "70 photos and 3 documents"; empty where there is none."""
    return join_in([count_noun_in(f"count.{kind}", kinds[kind], locale) for kind in KINDS if kinds.get(kind)], locale)


def introduce(intent: Intent, case: TalkCase) -> Draft:
    """Name, version and language model, as they are."""
    text = say(f"chat.{intent.name}", case.locale, version=case.facts.version, model=describe_model(case))
    return tell(text.strip(), intent)


def describe_model(case: TalkCase) -> str:
    """A sentence about the language model."""
    facts = case.facts
    if not facts.language_model:
        return say("chat.model_none", case.locale)
    if facts.server:
        return say("chat.model_server", case.locale, name=facts.language_model, server=facts.server)
    return say("chat.model_larger" if facts.larger else "chat.model_own", case.locale, name=facts.language_model)


def tell_privacy(intent: Intent, case: TalkCase) -> Draft:
    """What leaves this machine: nothing, unless a server is set."""
    facts = case.facts
    where = "local" if not facts.server else "pictures" if facts.server_sees else "server"
    return tell(say(f"chat.privacy_{where}", case.locale, folder=facts.folder, server=facts.server), intent)


def tell_internet(intent: Intent, case: TalkCase) -> Draft:
    """Whether a network is needed."""
    server = case.facts.server
    return tell(say("chat.internet_server" if server else "chat.internet_local", case.locale, server=server), intent)


def say_how_sure(intent: Intent, case: TalkCase) -> Draft:
    """The last answer again, how sure it was, and its evidence."""
    if not case.conversation:
        return nothing_said(case)
    answer, locale = case.conversation[-1].answer, case.locale
    sure = answer.confidence
    if sure is None:
        lead = say("chat.sure_unknown", locale)
    else:
        band = "high" if sure >= SURE else "middle" if sure >= FAIRLY else "low"
        lead = say(f"chat.sure_{band}", locale, percent=round(100 * sure))
    return repeat_with(lead, case.conversation[-1], case, intent)


def tell_grounds(intent: Intent, case: TalkCase) -> Draft:
    """Which files the last answer rests on."""
    if not case.conversation:
        return nothing_said(case)
    names = [quote_title(source.name, MAX_NAME) for source in sources_of(case.conversation[-1:])]
    files = join_in(names[:MAX_FILES], case.locale)
    lead = say("chat.rests_on", case.locale, files=files) if names else say("chat.rests_on_nothing", case.locale)
    return repeat_with(lead, case.conversation[-1], case, intent)


def tell_more(intent: Intent, case: TalkCase) -> Draft:
    """The last answer whole, and that there is no more to it than its evidence."""
    if not case.conversation:
        return nothing_said(case)
    return repeat_with(say("chat.more", case.locale), whole_turn(case.conversation, 0), case, intent, last=True)


def repeat_with(lead: str, turn: Turn, case: TalkCase, intent: Intent, *, last: bool = False) -> Draft:
    """A sentence, and after it (or with `last` before it) what a turn's answer said, with its evidence."""
    said = sentences_again(turn, case.locale) or [state(say("chat.no_answer", case.locale), case.locale)]
    own = state(lead, case.locale, CERTAIN)
    claims = (*said, own) if last else (own, *said)
    return Draft(claims=claims, evidence=evidence_of(turn.answer), chance=intent.chance, grounds="said")


def nothing_said(case: TalkCase) -> Draft:
    """There is no earlier turn."""
    return Draft(text=say("chat.nothing_said", case.locale), chance=CERTAIN, grounds="said")


def tell_question(intent: Intent, case: TalkCase) -> Draft:
    """A question that was asked before: the first, another one by its number, or the last."""
    turns, locale = case.conversation, case.locale
    if not turns:
        return nothing_said(case)
    number = place_in(case.act.text)
    if number > len(turns):
        text = say("chat.asked_fewer", locale, n=len(turns), question=quote_question(turns[-1].question))
        return tell(text, intent)
    key = {0: "chat.asked_last", 1: "chat.asked_first"}.get(number, "chat.asked_nth")
    question = quote_question(turns[number - 1].question)
    values = {"number": number} if number > 1 else {}
    return tell(say(key, locale, question=question, **values), intent)


def repeat_answer(intent: Intent, case: TalkCase) -> Draft:
    """An answer that was given before, with its evidence."""
    turn = turn_meant(case)
    if turn is None:
        return nothing_said(case)
    said = sentences_again(turn, case.locale) or [state(say("chat.no_answer", case.locale), case.locale)]
    return Draft(claims=tuple(said), evidence=evidence_of(turn.answer), chance=intent.chance, grounds="said")


def shorten_answer(intent: Intent, case: TalkCase) -> Draft:
    """An answer that was given before in one sentence: its first, or the files that its sentences name."""
    turn = turn_meant(case)
    said = sentences_of(turn.answer) if turn else []
    if turn is None or not said or turn.is_foreign:
        return repeat_answer(intent, case)
    evidence, cited = evidence_of(turn.answer), [claim for claim in said if claim.numbers]
    short = name_files(cited, turn, case.locale) if len(cited) > 1 else cut(said[0])
    return Draft(claims=(short,), evidence=evidence, chance=intent.chance, grounds="said")


def name_files(claims: list[Claim], turn: Turn, locale: str) -> Claim:
    """The files that several sentences rest on, as one; the first sentence where it is one file."""
    names = {c.number: quote_title(c.region.source.name, MAX_NAME) for c in turn.answer.citations}
    numbers = dict.fromkeys(number for claim in claims for number in claim.numbers)
    first = {names[number]: number for number in reversed(numbers)}  # the first number of each file
    if len(first) < 2:
        return cut(claims[0])
    kept = tuple(sorted(first.values(), key=list(numbers).index))[:MAX_FILES]
    return Claim(join_in([names[number] for number in kept], locale), kept, claims[0].certainty)


def cut(claim: Claim) -> Claim:
    """A sentence of at most so many words, cut behind one that ends a clause, if there is any."""
    words = claim.text.split()
    if len(words) <= SHORT_WORDS:
        return claim
    kept = " ".join(words[:SHORT_WORDS])
    whole = CLAUSE.match(kept)
    return Claim(whole[1] if whole else f"{kept} ...", claim.numbers, claim.certainty)


def turn_meant(case: TalkCase) -> Turn | None:
    """The turn that the words point at, by its place or by what it was about; else the last one."""
    turns = case.conversation
    if not turns:
        return None
    named = set(content(case.act.subject))
    about = [turn for turn in turns if named & set(content(f"{turn.question} {turn.answer.text}"))]
    number = place_in(case.act.text)
    return about[-1] if about else whole_turn(turns, number if number <= len(turns) else 0)


def whole_turn(turns: Sequence[Turn], number: int) -> Turn:
    """The turn of this number, the last for 0; of one that only shortened an answer the one that it shortened."""
    turn = turns[number - 1]
    short = turn.answer.text.rstrip(" .")
    longer = (each for each in turns if short and each.answer.text.startswith(short))
    return next(longer, turn) if not number else turn


REPLIES: Mapping[str, Reply] = {
    **{"greeting": greet, "identity": introduce, "other_model": introduce},
    **{"privacy": tell_privacy, "internet": tell_internet, "doubt": say_how_sure, "why": tell_grounds},
    **{"asked": tell_question, "repeat": repeat_answer, "shorter": shorten_answer, "longer": tell_more},
}
