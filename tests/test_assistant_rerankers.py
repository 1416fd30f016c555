"""A model that orders what was found changes which passage answers and which code is told first, while others ask."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from code_house import put_code
from index_help import open_store
from rag_house import build
from test_answering_skills_document import FakeReader
from tiny_rankers import gold_digger, save_ranker

from deepseek_mm.config import Notice
from deepseek_mm.language.parser import PhotoQuestion
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.retrieval.reranker import open_reranker
from deepseek_mm.types import Act, Answer, Question, Request
from index import Region, Source

ASKED = "how much is the deposit?"
PASSAGES = {
    "lease.txt": "The deposit is 3,540 euros, and the deposit is paid in advance.",
    "hoard.txt": "A deposit of gold: gold coins, gold bars, gold rings. It is 90 gold coins.",
    "garden.txt": "The garden opens at nine.",
}
READER = FakeReader({"3,540 euros": 0.9, "90 gold coins": 0.9})


@pytest.fixture
def house(tmp_path):
    with build(tmp_path) as house:
        for n, (name, text) in enumerate(PASSAGES.items()):
            source = Source(path=f"/docs/{name}", kind="document", format="txt", digest=name)
            vectors = np.eye(32, dtype=np.float32)[n : n + 1]
            house.store.add(source, [Region(source=source, kind="text", box_px=(0, 0, 0, 0), text=text)], vectors)
        house.passage_reader = READER  # as sure of one passage as of the other
        yield house


@pytest.fixture
def score(tmp_path):
    folder = save_ranker(tmp_path / "ranker", gold_digger())
    return open_reranker(folder, name="tiny/gold", dtype=torch.float32).score


def ask(house, text: str = ASKED, subject: str = "the deposit") -> Answer:
    act = Act(kind="document", text=text, subject=subject, scope="documents", chance=0.9)
    return house.ask(Question(text=text, request=Request(acts=(act,))))


def files_of(answer: Answer) -> list[str]:
    return [citation.region.source.name for citation in answer.citations]


def test_the_passage_that_the_model_prefers_answers_though_the_packaged_order_has_it_second(house, score):
    house.use_reranker("rag.reranker", "", None)
    before = ask(house)
    assert files_of(before) == ["lease.txt"]
    assert "3,540 euros" in before.text
    house.use_reranker("rag.reranker", "tiny/gold", score)
    after = ask(house)
    assert files_of(after) == ["hoard.txt"]
    assert "90 gold coins" in after.text
    assert house.config.rag.reranker == "tiny/gold"
    house.use_reranker("rag.reranker", "", None)
    assert files_of(ask(house)) == ["lease.txt"]


def test_what_no_passage_says_is_said_not_to_be_there_whatever_the_order(house, score):
    house.passage_reader = FakeReader({})
    house.use_reranker("rag.reranker", "tiny/gold", score)
    answer = ask(house, "who is the head teacher?", "the head teacher")
    assert not answer.found
    assert not answer.citations


def test_the_worths_of_found_passages_are_the_same_numbers_in_the_same_places(house, score):
    before = house.retriever.find_passages(ASKED)
    house.use_reranker("rag.reranker", "tiny/gold", score)
    after = house.retriever.find_passages(ASKED)
    assert [entry.region.source.name for entry in before][:2] == ["lease.txt", "hoard.txt"]
    assert [entry.region.source.name for entry in after][0] == "hoard.txt"
    assert [entry.score for entry in after] == [entry.score for entry in before]
    assert [entry.number for entry in after] == [1, 2, 3]


@pytest.mark.parametrize(("kind", "library"), [("read", True), ("other", False)])
def test_passages_beside_photos_and_those_of_one_document_are_ordered_too(house, score, kind, library):
    text = "deposit in advance gold"
    program = PhotoQuestion(kind=kind, text=text, library=library)
    source = Source(path="/docs/both.txt", kind="document", format="txt", digest="both")
    regions = [Region(source=source, kind="text", box_px=(0, 0, 0, 0), text=told) for told in (text, f"gold {text}")]
    stored = house.store.add(source, regions, np.eye(32, dtype=np.float32)[3:5])
    case = QuestionContext(question=Question(text=text), program=program, source=None if library else stored)
    before, after = [], []
    for found, ranker in ((before, None), (after, score)):
        house.use_reranker("rag.reranker", "tiny/gold" if ranker else "", ranker)
        found += house.retriever.retrieve_many([case], k=6)[0]
    assert [entry.region.text for entry in before] == [text, f"gold {text}"]
    assert [entry.region.text for entry in after] == [f"gold {text}", text]
    assert [entry.score for entry in after] == [entry.score for entry in before]


def test_code_that_comes_near_is_told_in_the_order_of_the_model(house):
    gates = [f'def {name}_gate():\n    """A heavy gate moves slowly."""\n' for name in ("lift", "shut")]
    put_code(house.store, Path("/repo"), dict(zip(("a.py", "b.py"), gates, strict=True)))
    question = Question(text="how slowly does a heavy gate move", about="code")
    house.use_reranker("rag.code_reranker", "", None)
    before = [citation.region.symbol.name for citation in house.ask(question).citations]
    *_, last = before

    def prefer_last(question: str, texts: Sequence[str]) -> list[float]:
        return [float(f"def {last}" in text) for text in texts]

    house.use_reranker("rag.code_reranker", "tiny/code", prefer_last)
    after = [citation.region.symbol.name for citation in house.ask(question).citations]
    assert len(before) > 1
    assert after == [last, *before[:-1]]


def test_other_settings_that_hold_at_once_leave_the_models_that_order_where_they_are(house, score):
    house.use_reranker("rag.reranker", "tiny/gold", score)
    rag = replace(house.config.rag, num_regions=9, reranker="other/model")
    house.reconfigure(replace(house.config, rag=rag))
    assert (house.config.rag.num_regions, house.config.rag.reranker) == (9, "tiny/gold")
    assert house.retriever.rerankers.passages == score


def test_a_notice_goes_with_the_model_that_could_not_be_opened(house, score):
    told = "what is saved as {} cannot be opened, so the default is used until a start can"
    names = ("rag.reranker", "rag.code_reranker", "lm.name")
    house.add_notices(*(Notice(short=told.format(name), text="", settings=(name,)) for name in names))
    house.use_reranker("rag.reranker", "tiny/gold", score)
    assert [notice.settings for notice in house.notices] == [("rag.code_reranker",), ("lm.name",)]


def test_another_vector_space_is_searched_with_the_same_models_that_order(house, score, tmp_path):
    house.use_reranker("rag.reranker", "tiny/gold", score)
    other = open_store(tmp_path / "other", dim=house.eyes.space.dim)
    house.use_space("other/space", house.eyes, other)
    assert house.retriever.store is other
    assert house.retriever.rerankers.passages == score
