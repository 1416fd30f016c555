"""Sentences of documents that answer: told apart from headings and rows, chosen by what is asked for."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from deepseek_mm.answering.skills.document import DocumentSkill, split_passage
from deepseek_mm.embeddings.passage_reader import AnswerSpan, Reading
from deepseek_mm.language.parser import parse
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.retrieval.named_documents import NamedDocuments, find_named_documents
from deepseek_mm.retrieval.photo_finder import PhotoMatch
from deepseek_mm.types import Act, Answer, Citation, Draft, Evidence, Question
from index import Region, Source

LEASE = """# Notice
Either side may give notice in writing, three months before the end of
a month. The deposit is 3,540 euros. Keys are given back on the last day.

## Costs
| item | euros |
| rent | 1,180 |
| heating | 145 |
"""
SOUP = "# Lentil soup\n- 200 g red lentils\n- 1 onion\n\nSimmer for 20 minutes. Serve with bread."


def passage(text: str, name: str, number: int = 1) -> Evidence:
    source = Source(id=number, path=f"/docs/{name}", kind="document")
    region = Region(id=number, source=source, kind="text", box_px=(0, 0, 0, 0), text=text)
    return Evidence(number=number, region=region, score=0.5)


PASSAGES = [passage(LEASE, "lease.md"), passage(SOUP, "soup.md", 2)]


class FakeRetriever:
    """Finds the same passages for every question, or those of some documents."""

    def __init__(self, passages: list[Evidence]) -> None:
        self.passages = passages

    def find_passages(self, text: str, *, sources: Sequence[int]) -> list[Evidence]:
        return [entry for entry in self.passages if not sources or entry.region.source.id in sources]

    def find_named_documents(self, text: str, passages: Sequence[Evidence]) -> NamedDocuments:
        return find_named_documents(text, {entry.region.source: entry.region.text for entry in passages})


class FakeReader:
    """Marks some words where a passage has them, with a probability for each passage."""

    def __init__(self, said: dict[str, float]) -> None:
        self.said = said  # words -> probability

    def read_many(self, question: str, passages: Sequence[str]) -> list[Reading]:
        return [self.read(text) for text in passages]

    def read(self, text: str) -> Reading:
        words = next((words for words in self.said if words in text), "")
        span = AnswerSpan(text.find(words), text.find(words) + len(words), 1.0)
        return Reading(self.said[words], (span,)) if words else Reading(0.01, ())


def read(text: str, said: dict[str, float], passages: list[Evidence] = PASSAGES, **more: Any) -> Draft:
    """What the skill says with a reader that marks these words."""
    store: Any = SimpleNamespace(counts=lambda where: SimpleNamespace(regions=1), regions_of=lambda ids: {})
    retriever: Any = FakeRetriever(passages)
    retriever.store = store
    turns, reader = more.pop("turns", ()), FakeReader(said)
    act = Act(kind="document", text=text, scope="documents", **more)
    case = QuestionContext(question=Question(text=text), program=parse(text), act=act, turns=turns)
    return DocumentSkill(retriever, None, reader=reader).answer_many([case])[0]  # type: ignore[arg-type]


def ask(text: str, *, turns: tuple[Any, ...] = (), **more: Any) -> Draft:
    retriever: Any = FakeRetriever(PASSAGES)
    act = Act(kind="document", text=text, scope="documents", **more)
    case = QuestionContext(question=Question(text=text), program=parse(text), act=act, turns=turns)
    return DocumentSkill(retriever, None).answer_many([case])[0]


def test_sentences_run_over_lines_and_rows_stand_under_their_heading() -> None:
    texts = {sentence.text: sentence.section for sentence in split_passage(PASSAGES[0])}
    assert "Either side may give notice in writing, three months before the end of a month." in texts
    assert texts["| rent | 1,180 |"] == "| item | euros |"
    assert not any(text.startswith("#") for text in texts)


def test_the_sentence_that_answers_is_quoted_with_its_file() -> None:
    draft = ask("how much is the deposit?", subject="the deposit", attribute="price", form="number")
    assert draft.claims[0].text.startswith('lease.md says: "The deposit is 3,540 euros.')
    assert draft.evidence[0].region.source.name == "lease.md"
    assert draft.claims[0].numbers == (1,)


def test_items_of_lists_answer_by_themselves() -> None:
    assert "200 g red lentils" in ask("how many lentils for the soup?", subject="lentils").claims[0].text


def test_a_row_that_describes_a_picture_is_no_fact_of_its_own() -> None:
    table = passage("| file | what |\n| cat.jpg | a cat |\n\nThe cat eats twice a day.", "list.md")
    assert [sentence.text for sentence in split_passage(table)] == ["The cat eats twice a day."]


def test_what_is_not_written_is_said_not_to_be() -> None:
    draft = ask("who is the head teacher of the school?", subject="the head teacher", attribute="person")
    assert draft.refused
    assert "the head teacher" in draft.text


def test_a_question_that_points_back_stays_with_the_document_before() -> None:
    cited = Citation(number=1, region=PASSAGES[1].region, score=0.5)
    turns = (SimpleNamespace(answer=Answer(text="", citations=(cited,))),)
    draft = ask("how long must it simmer in minutes", turns=turns, reference="it", attribute="number")
    assert "20 minutes" in draft.claims[0].text


def test_what_was_hardly_taken_for_a_question_about_documents_may_be_seen_in_a_photo() -> None:
    tower = Source(id=3, path="/photos/tower.jpg", width_px=9, height_px=9)
    whole = Region(source=tower, kind="whole", box_px=(0, 0, 9, 9))

    def told(chance: float, relevance: float) -> Draft:
        match = PhotoMatch(tower, relevance, regions=(whole,))
        finder: Any = SimpleNamespace(find_photos=lambda act, k: [match], find_meant=lambda act, *, among: [])
        retriever: Any = FakeRetriever([])
        act = Act(kind="document", text="which building leans", scope="documents", chance=chance)
        case = QuestionContext(question=Question(text=act.text), program=parse(act.text), act=act)
        return DocumentSkill(retriever, None, finder).answer_many([case])[0]

    assert told(0.35, 0.6).claims[0].text.startswith("tower.jpg")
    assert told(0.35, 0.2).refused
    assert told(0.9, 0.6).refused


def test_a_document_that_is_named_answers_before_another_one_that_says_more_surely() -> None:
    said = {"three months": 0.6, "20 minutes": 0.9}
    assert read("how long does it take", said, subject="it").evidence[0].region.source.name == "soup.md"
    assert read("how long is the notice of the lease", said).evidence[0].region.source.name == "lease.md"


def test_what_is_asked_of_one_document_alone_is_not_told_from_another() -> None:
    draft = read("how long must it simmer according to my lease?", {"20 minutes": 0.9})
    assert all(entry.region.source.name == "lease.md" for entry in draft.evidence)


def test_a_question_without_a_subject_is_answered_by_the_document_before() -> None:
    cited = Citation(number=1, region=PASSAGES[0].region, score=0.5)
    turns = (SimpleNamespace(answer=Answer(text="", citations=(cited,)), question="how much is it"),)
    said = {"three months": 0.6, "20 minutes": 0.9}
    assert read("how long before", said, turns=turns).evidence[0].region.source.name == "lease.md"
    assert read("how long before", said).evidence[0].region.source.name == "soup.md"


def test_a_sentence_that_the_reader_did_not_choose_is_told_as_the_nearest() -> None:
    draft = read("how much is the deposit for keys", {"The deposit": 0.3}, subject="deposit", attribute="price")
    assert draft.claims[0].text.startswith("Not stated plainly. What comes nearest: lease.md says:")
    assert len(draft.claims) == 1
    assert not draft.refused


def test_what_the_reader_is_not_sure_of_is_told_as_perhaps() -> None:
    told = read("how much is the deposit for keys", {"3,540 euros": 0.6}, subject="deposit", attribute="price")
    assert told.claims[0].text.startswith("Perhaps 3,540 euros: lease.md says:")
    whether = read("is the deposit 3,540 euros", {"3,540 euros": 0.6}, subject="deposit", form="yes_no")
    assert whether.claims[0].text.startswith("Perhaps this: lease.md says:")
