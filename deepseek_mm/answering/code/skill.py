"""The skill that answers what is asked about code, and says which questions are about it."""

import re
from collections.abc import Sequence

from deepseek_mm.answering.code.coder import Coder, tell_missing
from deepseek_mm.answering.code.source_files import CODE
from deepseek_mm.retrieval.evidence import QuestionContext, act_of
from deepseek_mm.stage_clock import in_stage
from deepseek_mm.types import Draft
from index import Filter
from index.store import RegionStore

SURELY_CODE = 1.0
HELPING = ("help", "manage", "unsupported")  # kinds of acts that may be meant of the code that is read
OURS = re.compile(
    r"\b(?:library|collections?|deepseek(?:-mm)?|this (?:page|app|tab)|repositor(?:y|ies))\b", re.IGNORECASE
)
NEAR = 0.6  # probability of a statement of the code, from which a question in its tab is about it and no wish for help
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
        """How surely code is meant; 0 where something else is at hand, or it is talk.

        In the tab of code it is asked whether the code knows better than the help. Where the library holds code alone,
        all that is no talk is about it.
        """
        act, by_rules = act_of(case), case.request is not None and case.request.by == "rules"
        if by_rules or act.kind == "chat":
            return 0.0
        if case.question.about == "code":
            asks_help = act.kind in HELPING and not OURS.search(act.text)
            return SURELY_CODE if asks_help and self._knows_better(act.text) else 0.0
        if case.question.about != "photos" or case.source or case.pictures or case.among:
            return 0.0
        if self.store.has_regions(CODE) and not self.store.has_sources(OTHERS):
            return SURELY_CODE
        return self.coder.recognise(act.text)

    def _knows_better(self, text: str) -> bool:
        return bool(self.coder.recognise(text)) or self.coder.measure_nearness(text) >= NEAR
