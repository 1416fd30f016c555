"""Which skill answers which kind of act; several questions are looked up together.

A skill takes cases and gives a Draft for each: claims with citations, how sure it is, what it could not do. Where a
question over the library may be answered by photos or by what is written, the other one is asked when the first has
nothing to say.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from deepseek_mm.answering.claims import nothing
from deepseek_mm.answering.confidence import read_confidence, with_confidence
from deepseek_mm.answering.photo_pipeline import PhotoPipeline
from deepseek_mm.answering.skills.code import Coder, no_code
from deepseek_mm.language.parser import PhotoQuestion
from deepseek_mm.language.photo_questions import ABOUT_PHOTOS
from deepseek_mm.retrieval.evidence import QuestionContext, act_of, quote_passages, with_draft
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.types import ActKind, Draft
from index.store import RegionStore

REFUSED = 0.6  # probability that a refusal is right, where nobody knows better
QUOTED = 0.6  # the same of a passage that is quoted


class Skill(Protocol):
    """Answers acts of some kinds."""

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[Draft]:
        """One for each case, in order."""


class PhotosSkill:
    """What photos show."""

    def __init__(self, photos: PhotoPipeline) -> None:
        self.photos = photos

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[Draft]:
        """From boxes, labels, witnesses and text that is read in them."""
        return [draft_of(case) for case in self.photos.look_up_many(cases)]


def draft_of(case: QuestionContext) -> Draft:
    """What the photos' pipeline found out."""
    chance = min((claim.certainty for claim in case.claims), default=REFUSED)
    return Draft(
        claims=case.claims,
        evidence=case.evidence,
        text="" if case.claims else nothing(case.program),
        chance=chance,
        grounds="seen" if case.claims else "none",
        refused=not case.claims,
        verdict=case.verdict,
        worked=case.worked,
    )


class DocumentSkill:
    """What is written, in documents and in photos."""

    def __init__(self, retriever: Retriever) -> None:
        self.retriever = retriever

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[Draft]:
        """Passages that answer, quoted."""
        asked = [replace(case, program=reading(case)) for case in cases]
        found = self.retriever.retrieve_many(asked, k=self.retriever.config.rag.num_regions)
        drafts = []
        for case, entries in zip(asked, found, strict=True):
            claims = quote_passages(entries, named=False, question=case.program.text)
            said = "" if claims else nothing_written(case)
            drafts.append(
                Draft(
                    claims=tuple(replace(claim, certainty=QUOTED) for claim in claims),
                    evidence=tuple(entries),
                    text=said,
                    chance=QUOTED if claims else REFUSED,
                    grounds="read" if claims else "none",
                    refused=not claims,
                )
            )
        return drafts


def reading(case: QuestionContext) -> PhotoQuestion:
    """The question as one for passages."""
    return replace(case.program, kind="read", things=(), library=case.source is None)


def nothing_written(case: QuestionContext) -> str:
    """What to say where no passage answers."""
    about = case.act.subject if case.act else ""
    return f"I found nothing about {about or 'that'} in your documents. Ask in other words, or add the document."


class CodeSkill:
    """What the code of the library says."""

    def __init__(self, coder: Coder, store: RegionStore) -> None:
        self.coder, self.store = coder, store

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[Draft]:
        """From the index of definitions and calls."""
        return [self._answer(case) for case in cases]

    def _answer(self, case: QuestionContext) -> Draft:
        done = self.coder.look_up(case)
        return Draft(
            claims=done.claims,
            evidence=done.evidence,
            text="" if done.claims else no_code(self.store, case.question),
            chance=min((claim.certainty for claim in done.claims), default=REFUSED),
            grounds="named" if done.claims else "none",
            refused=not done.claims,
            knows=done.knows,
        )


class SkillRegistry:
    """One skill for each kind of act."""

    def __init__(self, skills: Mapping[ActKind, Skill], *, empty: Callable[[], str]) -> None:
        """`empty` says what there is to say of a library without files; an empty string of any other."""
        self.skills, self.empty = dict(skills), empty

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[QuestionContext]:
        """Each case with what its skill has to say; cases of one skill are answered together."""
        drafts = self._ask([act_of(case).kind for case in cases], cases)
        second = {n: other for n, case in enumerate(cases) if (other := other_kind(case)) and drafts[n].refused}
        if second:
            again = self._ask(list(second.values()), [cases[n] for n in second])
            drafts |= {n: draft for n, draft in zip(second, again.values(), strict=True) if not draft.refused}
        return [self._finish(case, drafts[n]) for n, case in enumerate(cases)]

    def _ask(self, kinds: Sequence[ActKind], cases: Sequence[QuestionContext]) -> dict[int, Draft]:
        by_skill: dict[int, list[int]] = {}
        for n, kind in enumerate(kinds):
            by_skill.setdefault(id(self.skills[kind]), []).append(n)
        drafts: dict[int, Draft] = {}
        for rows in by_skill.values():
            drafts |= zip(rows, self.skills[kinds[rows[0]]].answer_many([cases[n] for n in rows]), strict=True)
        return dict(sorted(drafts.items()))

    def _finish(self, case: QuestionContext, draft: Draft) -> QuestionContext:
        """With its confidence; of a library that holds nothing that is said instead of what was not found."""
        done = with_draft(case, draft)
        if not is_by_rules(case):
            done = with_confidence(done, draft, read_confidence())
        seeks = case.program.library and act_of(case).scope != "conversation"
        empty = self.empty() if draft.refused and seeks and not draft.claims else ""
        return replace(done, said=empty) if empty else done


def is_by_rules(case: QuestionContext) -> bool:
    """Whether patterns alone read the turn."""
    return case.request is not None and case.request.by == "rules"


def other_kind(case: QuestionContext) -> ActKind | None:
    """Who else may know, where the first has nothing to say."""
    act = act_of(case)
    if not case.program.library or is_by_rules(case):
        return None
    if act.kind in ("look", "read", "locate", "describe"):
        return "document"
    return "read" if act.kind == "document" else None


def photo_skills(photos: Skill) -> dict[ActKind, Skill]:
    """The kinds that photos answer."""
    return dict.fromkeys(ABOUT_PHOTOS, photos)
