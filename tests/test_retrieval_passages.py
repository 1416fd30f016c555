"""Passages stand in the order in which they may answer: by meaning, by words, by the name of their file."""

from pathlib import Path

import numpy as np
import pytest

from deepseek_mm.config import IndexConfig
from deepseek_mm.retrieval.passages import order_readings, rank_passages, share_named
from deepseek_mm.retrieval.query_vectors import QueryVectors
from index import Filter, Region, Source
from index.store import RegionStore

TEXT = Filter(kinds=("text",))


@pytest.fixture
def store(tmp_path: Path):
    made = RegionStore(tmp_path, space_name="three", fingerprint="f" * 64, dim=3, config=IndexConfig())
    yield made
    made.close()


def put(store: RegionStore, name: str, text: str, vector: tuple[float, float, float]) -> None:
    source = Source(path=f"/docs/{name}", kind="document", digest=name)
    region = Region(source=source, kind="text", box_px=(0, 0, 0, 0), text=text)
    store.add(source, [region], np.array([vector], np.float32))


def rank(store: RegionStore, text: str) -> list[str]:
    meant = QueryVectors(shown_D=np.array([1.0, 0.0, 0.0], np.float32))
    return [entry.region.source.name for entry in rank_passages(store, text, meant, k=3, where=TEXT)]


def test_a_passage_with_the_rare_words_comes_before_a_nearer_one(store):
    put(store, "a.txt", "The garden is open.", (1.0, 0.0, 0.0))
    put(store, "b.txt", "The deposit is 3,540 euros.", (0.98, 0.2, 0.0))
    put(store, "c.txt", "Bring boots.", (0.0, 1.0, 0.0))
    assert rank(store, "how much is the deposit") == ["b.txt", "a.txt", "c.txt"]


def test_without_words_in_common_the_nearest_comes_first(store):
    put(store, "a.txt", "Bring boots.", (0.6, 0.8, 0.0))
    put(store, "b.txt", "The deposit is due.", (1.0, 0.0, 0.0))
    assert rank(store, "Kaution") == ["b.txt", "a.txt"]


def test_the_name_of_the_file_speaks_for_it(store):
    put(store, "invoice-8812.pdf", "Total 492.00", (0.9, 0.43, 0.0))
    put(store, "lease.pdf", "Total 1,385.00", (0.92, 0.39, 0.0))
    assert rank(store, "what does the invoice come to")[0] == "invoice-8812.pdf"


@pytest.mark.parametrize(("name", "share"), [("invoice-8812.pdf", 1.0), ("SchoolNewsletter.docx", 0.5), ("x.pdf", 0.0)])
def test_words_of_a_name_are_told_apart(name, share):
    region = Region(source=Source(path=f"/{name}"), kind="text", box_px=(0, 0, 0, 0))
    assert share_named(region, {"invoice", "school"}) == share


def test_what_the_reader_is_sure_of_comes_before_what_was_found_first():
    assert order_readings([0.9, 0.8, 0.7], [0.1, 0.95, 0.1]) == [1, 0, 2]


def test_a_passage_that_was_found_far_before_stays_first():
    assert order_readings([2.0, 0.5], [0.4, 0.6]) == [0, 1]
