"""Chat, help, manage and unsupported: which of them is meant is decided together, since people mix them.

The kind that the request was understood as counts, and the nearest example says what is meant. So "what is your name"
is answered by who the program is, also where it was taken for a question about its use.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.answering.skills.case import TalkCase
from deepseek_mm.answering.skills.chat import answer_chat
from deepseek_mm.answering.skills.help import answer_help, help_examples
from deepseek_mm.answering.skills.intents import Intent, IntentIndex, SentenceEncoder, read_intents
from deepseek_mm.answering.skills.manage import Find, Manager
from deepseek_mm.answering.skills.summarise import Summarizer
from deepseek_mm.answering.skills.unsupported import answer_unsupported
from deepseek_mm.types import Draft
from index.store import RegionStore

TALK = ("chat", "help", "manage", "unsupported")  # kinds of requests that are told apart by examples


@dataclass(frozen=True, kw_only=True, slots=True)
class TalkSkills:
    """Answers what needs no photo: kinds "chat", "help", "manage", "unsupported" and "summarise"."""

    intents: IntentIndex
    manager: Manager
    summarizer: Summarizer

    def answer(self, case: TalkCase) -> Draft:
        """By the kind of the act, and for those that are told apart by examples by the nearest one."""
        if case.act.kind == "summarise":
            return self.summarizer.answer(case)
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


def open_talk_skills(encode: SentenceEncoder, store: RegionStore, find: Find, folder: Path | None) -> TalkSkills:
    """The skills over a library; vectors of examples are kept in `folder`, such as the user's cache."""
    examples = {**read_intents(), **help_examples()}
    return TalkSkills(
        intents=IntentIndex(encode, examples, folder),
        manager=Manager(store=store, find=find),
        summarizer=Summarizer(store=store, encode=encode, find=find),
    )
