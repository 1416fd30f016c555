"""The skill that answers what is asked about code, and says which questions are about it."""

from collections.abc import Sequence

from deepseek_mm.answering.code.coder import Coder, tell_missing
from deepseek_mm.answering.code.source_files import CODE
from deepseek_mm.retrieval.evidence import QuestionContext, act_of
from deepseek_mm.stage_clock import in_stage
from deepseek_mm.types import Draft
from index import Filter
from index.store import RegionStore

SURELY_CODE = 1.0
REFUSED = 0.6  # probability that a refusal is right, where nobody knows better
OTHERS = Filter(source_kinds=("photo", "document"))


class CodeSkill:
    """What the code of the library says."""

    def __init__(self, coder: Coder, store: RegionStore) -> None:
        self.coder, self.store = coder, store

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[Draft]:
        """From the index of definitions and calls."""
        return [self._answer(case) for case in cases]

    @in_stage("retrieved")
    def _answer(self, case: QuestionContext) -> Draft:
        done = self.coder.look_up(case)
        return Draft(
            claims=done.claims,
            evidence=done.evidence,
            text="" if done.claims else tell_missing(self.store, case.question),
            chance=min((claim.certainty for claim in done.claims), default=REFUSED),
            grounds="named" if done.claims else "none",
            refused=not done.claims,
            knows=done.knows,
        )

    def recognise(self, case: QuestionContext) -> float:
        """How surely code is meant, though the whole library was asked; 0 where something is at hand, or it is talk.

        Where the library holds code alone, all that is no talk is about it.
        """
        act, by_rules = act_of(case), case.request is not None and case.request.by == "rules"
        if case.question.about != "photos" or case.source or case.pictures or case.among or by_rules:
            return 0.0
        if act.kind != "chat" and self.store.counts(where=CODE).regions and not self.store.counts(where=OTHERS).sources:
            return SURELY_CODE
        return self.coder.recognise(act.text)
