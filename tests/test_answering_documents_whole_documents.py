"""What is asked of whole documents is answered before others are asked, and everything else is left to them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from document_house import LETTER, MINUTES, OFFERS, fill_documents, spoken

from deepseek_mm.answering.documents.document_search import DOCUMENTS
from deepseek_mm.answering.documents.whole_documents import WholeDocuments
from deepseek_mm.answering.references import join_named
from deepseek_mm.answering.skills.registry import SkillRegistry
from deepseek_mm.language.parser import parse
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Act, Draft, Evidence, Question, Request
from index import Source


class Unasked:
    """Says that it was asked."""

    def answer_many(self, cases):
        return [Draft(text="asked") for _ in cases]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with fill_documents(tmp_path_factory.mktemp("whole"), OFFERS, MINUTES, LETTER) as store:
        every = store.regions_of([source.id for source in store.sources(DOCUMENTS, limit=99)]).values()
        found = [Evidence(number=1, region=regions[0], score=0.5) for regions in every]
        yield WholeDocuments(SimpleNamespace(store=store, find_passages=lambda text: found))


def case_of(text, kind="document", **more):
    act = Act(kind=kind, text=text, scope="documents")
    return QuestionContext(
        question=Question(text=text), program=parse(text), act=act, request=Request(acts=(act,)), **more
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("which offer is cheaper", "offer-keller.pdf is cheaper"),
        ("who was against the fence", "Chloe"),
        ("what is on page 2 of the letter", "Excess"),
    ],
)
def test_comparisons_speakers_and_pages_are_answered_whatever_they_were_taken_for(whole, text, told):
    registry = SkillRegistry({"compare": Unasked(), "document": Unasked()}, empty=lambda: "", whole=whole)
    (done,) = registry.answer_many([case_of(text, "compare")])
    assert told in " ".join(claim.text for claim in done.claims)
    assert done.act.kind == "document"
    assert done.refused is False


def test_other_questions_and_pictures_at_hand_are_left_to_the_skills(whole):
    registry = SkillRegistry({"document": Unasked(), "sum": Unasked()}, empty=lambda: "", whole=whole)
    asked = [case_of("when must the invoice be sent"), case_of("which offer is cheaper", "sum")]
    pictured = replace(asked[1], pictures=(Source(path="/a.jpg"),))
    assert [case.said for case in registry.answer_many([asked[0], pictured])] == ["asked", "asked"]
    assert whole.answer(replace(asked[1], act=Act(kind="manage", text="which offer is cheaper"))) is None


def test_a_named_kind_of_document_is_asked_first(whole):
    assert "minutes-garden.md" in spoken(whole.answer(case_of("what did anna say in the minutes about the budget")))


def test_a_bare_why_belongs_to_the_question_before_it():
    who, why = Act(kind="document", text="who was against it"), Act(kind="document", text="and why?")
    assert [act.text for act in join_named((who, why))] == ["who was against it, and why?"]
    assert len(join_named((replace(who, kind="look"), why))) == 2


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sum up the contract in 5 bullet points", "summarise"),
        ("what does the letter say", "summarise"),
        ("what is in the insurance letter about", "summarise"),
        ("会议纪要讲了什么", "summarise"),
        ("what does the letter say about the carpet", "sum"),
        ("sum up the expenses", "sum"),
        ("what is on page 2 of the letter", "sum"),
    ],
)
def test_words_for_a_summary_of_a_document_mean_one(whole, text, kind):
    case = case_of(text, "sum")
    assert whole.as_summary(case).act.kind == kind
    assert whole.as_summary(replace(case, pictures=(Source(path="/a.jpg"),))).act.kind == "sum"
