"""A query has two vectors where there is code: one for code, one for all else."""

import numpy as np
import pytest
from fakes import ColourSpace

from deepseek_mm.config import IndexConfig
from deepseek_mm.retrieval.query_vectors import QueryVectors, embed_queries, nearest
from index import Filter, Region, Source
from index.store import RegionStore


class Two(ColourSpace):
    """Asks for code with the vector turned round."""

    opened = 0

    def embed_code_questions(self, texts):
        self.opened += 1
        return self.embed_texts(texts)[:, ::-1]


@pytest.fixture
def space() -> Two:
    return Two()


@pytest.fixture
def store(tmp_path, space):
    with RegionStore(
        tmp_path, space_name=space.name, fingerprint=space.fingerprint, dim=space.dim, config=IndexConfig()
    ) as store:
        yield store


def put(store: RegionStore, kind: str, vector_D: np.ndarray) -> int:
    source = Source(path=f"/{kind}", kind="document", digest=kind)
    region = Region(source=source, kind=kind, box_px=(0, 0, 0, 0), text=kind)
    source = store.add(source, [region], vector_D[None])
    return store.regions_of([source.id])[source.id][0].id


def test_code_is_found_by_its_own_vector_and_the_rest_by_the_other(store, space):
    red = space.embed_texts(["red"])
    put(store, "text", red[0])
    put(store, "code", red[0, ::-1])
    queries = embed_queries(["red"], red, space=space, store=store)
    (hits,) = nearest(store, queries, k=9, where=Filter())
    assert {hit.region.kind: round(hit.score, 4) for hit in hits} == {"text": 1.0, "code": 1.0}
    (only,) = nearest(store, queries, k=9, where=Filter(kinds=("text",)))
    assert [hit.region.kind for hit in only] == ["text"]
    (code,) = nearest(store, queries, k=9, where=Filter(kinds=("code",)))
    assert [(hit.region.kind, round(hit.score, 4)) for hit in code] == [("code", 1.0)]


def test_the_best_of_both_come_first_and_no_more_than_were_wanted(store, space):
    red = space.embed_texts(["red"])
    put(store, "text", 0.5 * red[0] + 0.5 * space.embed_texts(["blue"])[0])
    put(store, "code", red[0, ::-1])
    (hits,) = nearest(store, embed_queries(["red"], red, space=space, store=store), k=1, where=Filter())
    assert [hit.region.kind for hit in hits] == ["code"]


def test_without_code_or_without_words_nothing_opens_the_code_tower(store, space):
    red = space.embed_texts(["red"])
    put(store, "text", red[0])
    assert embed_queries(["red"], red, space=space, store=store)[0].code_D is None
    put(store, "code", red[0])
    assert embed_queries([""], red, space=space, store=store)[0].code_D is None
    assert space.opened == 0
    assert embed_queries(["", "red"], np.concatenate([red, red]), space=space, store=store)[1].code_D is not None
    assert space.opened == 1


def test_scores_are_told_by_the_vector_of_each_kind():
    query = QueryVectors(shown_D=np.float32([1, 0]), code_D=np.float32([0, 1]))
    assert query.scores(["text", "code"], np.float32([[0.6, 0.8], [0.6, 0.8]])) == pytest.approx([0.6, 0.8])
    assert QueryVectors(shown_D=np.float32([1, 0])).of("code").tolist() == [1, 0]
    assert nearest(None, [], k=1, where=Filter()) == []
