"""Who answers an act: by its kind, and where code is asked about "this program" is the one that is read."""

import pytest

from deepseek_mm.answering.skills.registry import SkillRegistry
from deepseek_mm.language.parser import PhotoQuestion
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Act, Draft, Question, Request


class Named:
    """Says its own name."""

    def __init__(self, name):
        self.name = name

    def answer_many(self, cases):
        return [Draft(text=self.name) for _ in cases]


REGISTRY = SkillRegistry({"help": Named("help"), "code": Named("code")}, empty=lambda: "")


def ask(text, kind, about):
    act = Act(kind=kind, text=text, scope="conversation")
    case = QuestionContext(
        question=Question(text=text, about=about),
        program=PhotoQuestion(kind="other", text=text, library=True),
        act=act,
        request=Request(acts=(act,)),
    )
    (done,) = REGISTRY.answer_many([case])
    return done.said


@pytest.mark.parametrize("text", ["what does this program do", "wozu ist dieses Programm da?", "这个程序是做什么的?"])
def test_this_program_is_the_one_that_is_read_where_code_is_asked_about(text):
    assert ask(text, "help", "code") == "code"
    assert ask(text, "help", "photos") == "help"


def test_help_stays_help_where_code_is_asked_about():
    assert ask("how do I add a repository?", "help", "code") == "help"


@pytest.mark.parametrize(("chance", "answered"), [(0.14, "document"), (0.9, "look")])
def test_the_rest_of_a_question_over_documents_is_theirs_where_it_was_hardly_understood(chance, answered):
    acts = (Act(kind="document", text="does she speak Japanese"), Act(kind="look", text="how well", chance=chance))
    case = QuestionContext(
        question=Question(text="does she speak Japanese, how well"),
        program=PhotoQuestion(kind="other", text="how well", library=True),
        act=acts[1],
        request=Request(acts=acts),
    )
    registry = SkillRegistry({"look": Named("look"), "document": Named("document")}, empty=lambda: "")
    assert registry.answer_many([case])[0].said == answered


class Refusing(Named):
    """Finds nothing, and says so."""

    def answer_many(self, cases):
        return [Draft(text=self.name, refused=True) for _ in cases]


@pytest.mark.parametrize(("chance", "answered"), [(0.3, "find"), (0.9, "document")])
def test_what_no_document_says_is_looked_for_in_photos_where_documents_were_hardly_meant(chance, answered):
    act = Act(kind="find", text="有蔬菜吗？", subject="蔬菜", scope="documents", chance=chance)
    case = QuestionContext(
        question=Question(text=act.text),
        program=PhotoQuestion(kind="other", text=act.text, library=True),
        act=act,
        request=Request(acts=(act,)),
    )
    registry = SkillRegistry({"find": Named("find"), "document": Refusing("document")}, empty=lambda: "")
    assert registry.answer_many([case])[0].said == answered
