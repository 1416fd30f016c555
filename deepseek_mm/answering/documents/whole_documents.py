"""Questions whose answer is more than one span of a passage: comparisons, who said what, what stands on a page.

They are known by their words and by the documents that are there; whatever does not fit is left to the other skills.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepseek_mm.answering.documents.amounts import answer_limit, answer_sum
from deepseek_mm.answering.documents.comparison import compare_documents
from deepseek_mm.answering.documents.document_search import DOCUMENTS, DocumentFinder
from deepseek_mm.answering.documents.pages import answer_page
from deepseek_mm.answering.documents.question_words import (
    asks,
    document_words,
    kinds_in,
    topic_words,
    without,
)
from deepseek_mm.answering.documents.speakers import answer_speakers, is_about_speakers
from deepseek_mm.answering.talk_case import sources_of
from deepseek_mm.retrieval.evidence import QuestionContext, act_of
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.types import Act, ActKind, Draft
from index import Source

KNOWN = 0.8  # probability that words for a summary and a document mean just that
MOST_READ = 6  # documents in which people are looked for
NEVER: tuple[ActKind, ...] = ("manage", "code", "summarise")


@dataclass(frozen=True, slots=True)
class WholeDocuments:
    """Answers them out of a library."""

    retriever: Retriever

    def answer(self, case: QuestionContext) -> Draft | None:
        """None where it is no such question, a picture is at hand, or no document fits."""
        act = act_of(case)
        if is_about_else(case) or act.kind in NEVER:
            return None
        finder = DocumentFinder(store=self.retriever.store)
        if not finder.store.has_sources(DOCUMENTS):
            return None
        language, before = case.request.language if case.request else "en", sources_of(case.turns)
        return (
            answer_limit(act.text, finder, language)
            or answer_sum(act.text, finder, language)
            or answer_page(act.text, finder, before, language)
            or compare_documents(act.text, finder, before, language)
            or self._answer_speakers(act.text, finder, before, language)
        )

    def _answer_speakers(
        self, text: str, finder: DocumentFinder, before: Sequence[Source], language: str
    ) -> Draft | None:
        """In the documents whose passages come nearest, those that are named, and those that were spoken of."""
        if not is_about_speakers(text):
            return None
        near = [entry.region.source for entry in self.retriever.find_passages(text)]
        named = [each.source for each in finder.find_named(text) if each.kind and kinds_in(text)]
        spoken = [source for source in before if source.kind == "document"]
        every = [source for source in (*named, *spoken, *near) if source.kind == "document"]
        sources = list({source.id: source for source in every}.values())[:MOST_READ]
        return answer_speakers(text, finder, sources, named, language)

    def as_summary(self, case: QuestionContext) -> QuestionContext:
        """The case as the request for a summary of a document, where it is one, whatever it was taken for: "sum up the
        contract in 5 points", "what does the letter say".
        """
        act, words = act_of(case), document_words()
        if is_about_else(case) or act.kind in NEVER or asks("picture", act.text) or asks("page", act.text):
            return case
        topic = topic_words(without(act.text, *words.kinds.values(), *words.asks.values()))
        if not kinds_in(act.text) or not (
            asks("summary", act.text) or (asks("whole", act.text) and self._names(act, topic))
        ):
            return case
        return replace(case, act=replace(act, kind="summarise", scope="documents", chance=max(act.chance, KNOWN)))

    def _names(self, act: Act, topic: frozenset[str]) -> bool:
        """Whether all that a question is about is what a document is called."""
        found = DocumentFinder(store=self.retriever.store).find_named(act.text) if topic else []
        return not topic or any(each.called >= topic for each in found)


def is_about_else(case: QuestionContext) -> bool:
    """Whether a picture or code is asked about, and no document."""
    return bool(case.pictures or case.analyses or case.example or case.question.about == "code")
