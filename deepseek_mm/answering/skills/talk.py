"""Chat, help, manage and unsupported: which of them is meant is decided together, since people mix them.

The kind that the request was understood as counts, and the nearest example says what is meant. So "what is your name"
is answered by who the program is, also where it was taken for a question about its use.
"""

from collections.abc import Callable
from dataclasses import dataclass

from deepseek_mm.answering.intents import Intent, IntentIndex, SentenceEncoder, read_intents, read_known
from deepseek_mm.answering.skills.chat import answer_chat
from deepseek_mm.answering.skills.help import answer_help, help_examples
from deepseek_mm.answering.skills.manage import Find, Manager
from deepseek_mm.answering.skills.summarise import Summarizer
from deepseek_mm.answering.talk_case import LEFT_TO_MODEL, TalkCase
from deepseek_mm.language.wording import say
from deepseek_mm.language.words import join_sentences
from deepseek_mm.types import Draft
from index.store import RegionStore

OWN = ("chat", "help")  # kinds that are about the program and the conversation
UNCLEAR = 0.4  # probability that a request was understood, below which an example that is very near says what is meant
SURELY = 0.46  # likeness from which it is one of these
OF_LARGER_MODELS = frozenset(["write", "joke", "knowledge", "translate", "maths", "advice", "program"])
INSTEAD = {  # topic -> key of what can be done instead
    **{"weather": "instead_weather", "time": "instead_time", "translate": "instead_read", "send": "instead_export"},
    **{"draw": "instead_find", "internet": "instead_find"},
}
REFUSAL_CHANCE, GUESS_CHANCE = 0.95, 0.8  # that refusing is right, where the topic was recognised and where not


@dataclass(frozen=True, kw_only=True, slots=True)
class TalkSkills:
    """Answers what needs no photo: kinds "chat", "help", "manage", "unsupported" and "summarise"."""

    intents: IntentIndex
    manager: Manager
    summarizer: Summarizer

    def recognise(self, text: str, *, hardly: bool = False) -> Intent | None:
        """What is surely about this program or the conversation, whatever it was taken for; None of anything else.

        Of 200 questions about photos none is so near, and of 18 about the program 16. What nobody can do is left out:
        questions about weather or time may be about a photo. Where it was `hardly` understood it may be a change, too.
        """
        intent = self.intents.find(text)
        kinds = (*OWN, "manage") if hardly else OWN
        return intent if intent and intent.kind in kinds and intent.likeness >= SURELY else None

    def answer(self, case: TalkCase) -> Draft:
        """By the kind of the act, and for those that are told apart by examples by the nearest one."""
        if case.act.kind == "summarise":
            meant = self.recognise(case.act.text) if case.act.chance < UNCLEAR else None  # "shorter"
            return self.answer_as(meant, case) if meant else self.summarizer.answer(case)
        return self.answer_as(self.intents.find(case.act.text, prefer=case.act.kind), case)

    def answer_as(self, intent: Intent | None, case: TalkCase) -> Draft:
        """As this is meant; without an intent by the kind of the act."""
        answers: dict[str, Callable[[Intent | None, TalkCase], Draft]] = {
            "chat": answer_chat,
            "help": answer_help,
            "manage": self.manager.answer,
            "unsupported": answer_unsupported,
        }
        return answers[intent.kind if intent else case.act.kind](intent, case)


def all_examples() -> dict[tuple[str, str], list[str]]:
    """Of every kind that is told apart by examples."""
    return {**read_intents(), **help_examples()}


def open_talk_skills(encode: SentenceEncoder, store: RegionStore, find: Find) -> TalkSkills:
    """The skills over a library."""
    return TalkSkills(
        intents=IntentIndex(encode, all_examples(), read_known()),
        manager=Manager(store=store, find=find),
        summarizer=Summarizer(store=store, encode=encode, find=find),
    )


def answer_unsupported(intent: Intent | None, case: TalkCase) -> Draft:
    """What nothing here can do is refused in one sentence, and one says what can be done instead; what a larger
    language model can do is left to it, where one is set. No file is pointed at.
    """
    topic = intent.name if intent else "other"
    if case.facts.larger and (intent is None or topic in OF_LARGER_MODELS):
        return Draft(chance=GUESS_CHANCE, grounds=LEFT_TO_MODEL)
    instead = INSTEAD.get(topic, "instead")
    text = join_sentences(say(f"unsupported.{part}", case.locale) for part in (topic, instead))
    chance = REFUSAL_CHANCE if intent else GUESS_CHANCE
    return Draft(text=text, chance=chance, refused=True)
