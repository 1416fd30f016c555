"""Answers scored: by hand for one question, then over many with models that are perfect, silent or wrong."""

import pytest
from fakes import Parrot
from paper import rows

from deepseek_mm.config import Config, LMConfig
from deepseek_mm.evaluation.answers import AnswerReport, evaluate_answers, make_questions, mean, weigh_answer
from deepseek_mm.evaluation.evidence_questions import EvidenceQuestion
from deepseek_mm.language.parser import PhotoQuestion, ThingPhrase
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Claim, Evidence, Question
from index import Label, Region, Source

SIZES = {"answerable": 8, "unanswerable": 6, "counting": 4, "which": 4}
FREE = Config(lm=LMConfig(phrasing="free"))


DOG = (Claim("Yes, there is a dog in this photo", (2,), 0.9),)


def one_question(kind="answerable", claims=DOG):
    """A photo with a dog and a ball, and whether there is a dog."""
    source = Source(path="/p/a.jpg", width_px=100, height_px=100)
    whole = Region(source=source, kind="whole", box_px=(0, 0, 100, 100), labels=(Label(name="ball", score=0.9),))
    part = Region(source=source, box_px=(0, 0, 20, 20), labels=(Label(name="dog", score=0.9),), colours=("black",))
    evidence = tuple(Evidence(number=n, region=region, score=0.3) for n, region in ((1, whole), (2, part)))
    program = PhotoQuestion(kind="exist", text="Is there a dog?", things=(ThingPhrase("dog", "dog"),))
    case = QuestionContext(question=Question(text="Is there a dog?"), program=program, evidence=evidence, claims=claims)
    return EvidenceQuestion(kind=kind, case=case, truth=claims, keys=("a.jpg",))


def test_citations_are_compared_with_the_entries_that_a_right_answer_rests_on():
    said = weigh_answer("Yes, there is a dog [2]. There is a ball [1].", one_question(), Config())
    assert (said.precision, said.recall) == (0.5, 1.0)
    assert said.kept == (True, True)
    assert said.is_right
    assert not said.is_refusal


def test_an_answer_that_cites_nothing_or_the_wrong_entry_is_not_right():
    for text in ("Yes, there is a dog in it somewhere, I am told.", "Yes, there is a dog in this photo [1]."):
        said = weigh_answer(text, one_question(), Config())
        assert (said.precision, said.recall, said.is_right) == (0.0, 0.0, False)


def test_a_sentence_that_the_evidence_does_not_carry_is_not_grounded():
    said = weigh_answer("Yes, there is a dog [2]. It chases a red cat [1].", one_question(), Config())
    assert said.kept == (True, False)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I looked, but found no dog in [1] or [2].", True),
        ("There is a dog [2]. There is no cat [1].", False),
        ("No [1].", True),
        ("No, the dog is black [2].", False),
        ("", False),
    ],
)
def test_a_refusal_denies_in_its_first_sentence(text, refused):
    assert weigh_answer(text, one_question(), Config()).is_refusal is refused


def test_shares_are_in_percent_and_refusals_are_counted_apart():
    asked, absent = one_question(), one_question("unanswerable", (Claim("I see no cat in this photo", (1,), 0.9),))
    said = (
        weigh_answer("Yes, there is a dog in this photo [2].", asked, Config()),
        weigh_answer("I see no dog [1].", asked, Config()),
        weigh_answer("I see no cat in this photo [1].", absent, Config()),
        weigh_answer("There is a cat [1].", absent, Config()),
    )
    scores = AnswerReport(way="read", model="m", said=said).scores()
    assert scores["citation_precision"] == 50.0
    assert scores["citation_recall"] == 50.0
    assert scores["right_refusals"] == 50.0
    assert scores["false_refusals"] == 50.0
    assert scores["grounded"] == 50.0
    assert scores["right"] == 50.0


class Knows:
    """A model that has read the truth of every question."""

    name, fingerprint, sees = "knows", "knows-1", False

    def __init__(self, asked):
        self.known = {one.case.question.text: " ".join(claim.sentence for claim in one.truth) for one in asked}

    def stream(self, messages, *, max_tokens, stop):
        line = messages[-1].text.split("Question: ")[1].split("\n")[0]
        yield self.known[line]


@pytest.fixture(scope="module")
def asked():
    return make_questions(rows(), FREE, sizes=SIZES)


def test_the_questions_are_as_many_as_wished_for_and_always_the_same(asked):
    assert {kind: sum(one.kind == kind for one in asked) for kind in SIZES} == SIZES
    assert asked == make_questions(rows(), FREE, sizes=SIZES)


def test_a_model_that_knows_is_perfect_in_every_way(asked):
    distinct = list({one.case.question.text: one for one in asked}.values())
    for report in evaluate_answers(Knows(distinct), distinct, FREE).values():
        scores = report.scores()
        assert {name: scores[name] for name in ("citation_precision", "citation_recall", "grounded", "right")} == (
            dict.fromkeys(("citation_precision", "citation_recall", "grounded", "right"), 100.0)
        )
        assert scores["false_refusals"] == 0.0
        assert scores["right_refusals"] == 100.0


def test_a_parrot_fails_alone_and_the_whole_path_mends_it_in_its_own_words(asked):
    lm = Parrot("A purple elephant sings [99].")
    read, answered = evaluate_answers(lm, asked, FREE, ways=("read", "answer")).values()
    assert read.scores()["grounded"] == 0.0
    assert read.scores()["citation_recall"] == 0.0
    assert answered.scores()["citation_recall"] == 100.0
    assert answered.scores()["own_words"] == 0.0


def test_only_questions_with_a_draft_are_asked_with_one(asked):
    (report,) = evaluate_answers(Parrot("x"), asked, FREE, ways=("draft",)).values()
    assert len(report.said) == sum(bool(one.case.claims) for one in asked) < len(asked)


def test_the_report_is_a_table_with_a_line_a_kind_and_one_json_line(asked):
    lines: list[str] = []
    (report,) = evaluate_answers(Parrot("x [1]."), asked * 3, FREE, ways=("read",), progress=lines.append).values()
    assert [line.split()[0] for line in report.table().splitlines()[2:]] == [*SIZES, "all"]
    assert report.figures()["n"] == 3 * len(asked)
    assert lines == ["read: 50 of 66 questions"]


def test_the_mean_of_nothing_is_nothing():
    assert mean([]) == 0.0
