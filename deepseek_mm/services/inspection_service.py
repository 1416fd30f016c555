"""What happened inside an answer: which experts worked on its words, how far layers saw, where the reader looked.

Nothing of this is computed while an answer is given. What the model wrote and what the reader was asked are kept with
the turn; whoever wants to look inside has both run once more, and is told how far that agrees with what was noted then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event
from typing import Literal

from deepseek_mm.accounts.permissions import Caller, requires_by_default
from deepseek_mm.answering.composer import OWN_WORDS
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.history import Turn
from deepseek_mm.language.words import content
from deepseek_mm.lm.expert_trace import ExpertTrace, LayerReach
from deepseek_mm.lm.generator import InspectableGenerator
from deepseek_mm.services.history_service import HistoryService
from deepseek_mm.types import Answer, ReaderLook, Utterance
from deepseek_mm.vision.small_nets import AttentionMap
from deepseek_mm.vision.vqa_net import VqaQuestion
from index import Source

Wording = Literal[
    "model",  # words of the model are shown
    "program",  # all words are the program's own, whatever the model tried
    "changed",  # another model wrote them than the one that answers now
    "plain",  # a model without experts
    "opaque",  # a model that does not show what happens inside
    "unkept",  # what the model was told is not known any more, or never was
]
FINGERPRINT = 8  # digits of each model's that a turn keeps


@dataclass(frozen=True, kw_only=True, slots=True)
class InspectedText:
    """What the model wrote after one prompt."""

    text: str
    shown: bool  # some of it stands in the answer
    shares: Mapping[str, float]  # of each expert in all visits, as they were noted when it was written
    trace: ExpertTrace | None = None  # run once more; None where that cannot be


@dataclass(frozen=True, kw_only=True, slots=True)
class InspectedLook:
    """Where the reader looked for the answer."""

    question: str  # as the reader was asked
    source: Source
    map: AttentionMap
    by_layer: bool = True  # False: only the map of all layers is known, which was kept
    agreement: float | None = None  # how much of the kept map this one covers; None where none was kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """What happened inside one answer."""

    turn: int
    question: str
    wording: Wording
    model: str  # that phrased it; empty where no word of a model is shown
    texts: tuple[InspectedText, ...] = ()
    reaches: tuple[LayerReach, ...] = ()  # of the model's layers, at the end of its last text
    look: InspectedLook | None = None  # None: the reader was not asked, or its look cannot be repeated


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class InspectionService:
    """Looks inside answers for callers, each into their own."""

    assistant: Assistant
    history: HistoryService

    def inspect(self, caller: Caller, conversation: int, turn: int, *, stop: Event | None = None) -> Inspection:
        """What happened inside an answer. NothingThere if it is not the caller's; takes about as long as answering."""
        asked = self.history.find_turn(caller, conversation, turn)
        space, _, lm = asked.fingerprint.partition("+")
        same = lm == self.assistant.lm.fingerprint[:FINGERPRINT]
        texts = [self._run_again(said, asked.answer, stop or Event(), same=same) for said in asked.answer.utterances]
        traces = [text.trace for text in texts if text.trace]
        return Inspection(
            turn=turn,
            question=asked.question,
            wording=self._judge(asked.answer, same=same, run=bool(traces)),
            model=asked.answer.model,
            texts=tuple(texts),
            reaches=traces[-1].reaches if traces else self._list_reaches(asked.answer, same=same),
            look=self._look_again(asked, space),
        )

    def _run_again(self, said: Utterance, answer: Answer, stop: Event, *, same: bool) -> InspectedText:
        """By the model that wrote it, if that one is here."""
        lm = self.assistant.lm
        again = lm.inspect(said, stop=stop) if same and isinstance(lm, InspectableGenerator) else None
        return InspectedText(text=said.text, shown=is_shown(said, answer), shares=said.trace.shares(), trace=again)

    def _judge(self, answer: Answer, *, same: bool, run: bool) -> Wording:
        if not answer.model:
            return "program"
        if run:
            return "model"
        if not same:
            return "changed"
        if not isinstance(self.assistant.lm, InspectableGenerator):
            return "opaque"
        return "unkept" if any(reach.has_experts for reach in self.assistant.lm.list_reaches(1)) else "plain"

    def _list_reaches(self, answer: Answer, *, same: bool) -> tuple[LayerReach, ...]:
        """Of a model whose words cannot be run again, as far as its shape says."""
        lm = self.assistant.lm
        return lm.list_reaches(1) if answer.model and same and isinstance(lm, InspectableGenerator) else ()

    def _look_again(self, asked: Turn, space: str) -> InspectedLook | None:
        """By the reader of the same space, if the photo is still there; else the map that was kept."""
        looked = asked.answer.looked
        if looked is None:
            return None
        source, reader = source_of(asked.answer, looked), self.assistant.eyes.reader
        if reader is not None and space == self.assistant.retriever.space.fingerprint[:FINGERPRINT]:
            try:
                picture = self.assistant.analyses.get(source)
                found = reader.look_by_layer(VqaQuestion(looked.question, looked.things), picture)
            except (BadFile, NothingThere):  # the photo is gone: what was kept is left
                return kept_look(looked, source)
            agreement = found.count_shared(looked.heat) if looked.heat else None
            return InspectedLook(question=looked.question, source=source, map=found, agreement=agreement)
        return kept_look(looked, source)


def is_shown(said: Utterance, answer: Answer) -> bool:
    """Whether what a model wrote stands in the answer; its words may have been joined with a file's name."""
    told = [check.claim for check in answer.checks if check.kept and check.reason != OWN_WORDS]
    words, whole = set(content(said.text)), [answer.text] if answer.model else []
    return any(2 * len(words & (claim := set(content(each)))) >= min(len(words), len(claim)) for each in told or whole)


def source_of(answer: Answer, looked: ReaderLook) -> Source:
    """The photo that was looked at, as the answer cites it."""
    cited = (citation.region.source for citation in answer.citations)
    return next((source for source in cited if source.path == looked.path), Source(path=looked.path))


def kept_look(looked: ReaderLook, source: Source) -> InspectedLook | None:
    """The one map that was kept."""
    if not looked.heat:
        return None
    return InspectedLook(question=looked.question, source=source, map=AttentionMap.of(looked.heat), by_layer=False)
