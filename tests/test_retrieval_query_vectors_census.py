"""What a collection says about a thing, counted as one by one and looked for in one search."""

from types import SimpleNamespace

import numpy as np
import pytest

from deepseek_mm.language.words import ANYTHING, names_the_same
from deepseek_mm.retrieval import query_vectors
from deepseek_mm.retrieval.query_vectors import Census, Traces
from index import Filter

LABELS = {"dog": 5, "Guide Dogs": 2, "puppy": 1, "cat": 4, "tennis ball": 3, "cup": 7, "sofa": 1, "women": 6, "": 1}


@pytest.mark.parametrize(
    "thing", ["dog", "Dog", "puppy", "ball", "coffee cup", "couch", "person", "animal", "zebra", ANYTHING, ""]
)
def test_a_census_counts_every_label_that_names_the_thing(thing):
    one_by_one = sum(n for label, n in LABELS.items() if names_the_same(label, thing))
    assert Census(9, LABELS).count_named(thing) == one_by_one


def test_pictures_are_looked_for_where_the_filter_lets_any_through():
    looks, vectors = Traces(None), np.eye(2, dtype=np.float32)
    (_, _, everywhere), (_, _, parts) = looks.looked_for(vectors, Filter())
    ((_, _, pages),) = looks.looked_for(vectors, Filter(kinds=("page", "text"), label="dog"))
    assert parts.kinds == ("part",)
    assert (everywhere.kinds, pages.kinds, pages.label) == (("whole", "page"), ("page",), "dog")
    assert looks.looked_for(vectors, Filter(kinds=("text",))) == []
    assert looks.looked_for(vectors[:0], Filter()) == []


class Shelves:
    """A store whose labels change with every look."""

    def __init__(self):
        self.looks = 0

    def counts(self, *, where):
        return SimpleNamespace(sources=3, look=self.looks)

    def latest(self, *, where):
        return self.looks

    def labels(self, limit, *, where):
        self.looks += 1
        return [SimpleNamespace(name="dog", sources=self.looks)]


def test_a_census_that_takes_long_is_good_for_a_while_and_a_quick_one_is_taken_with_every_change(monkeypatch):
    clock = SimpleNamespace(now=100.0, took=0.0)

    def monotonic():
        clock.now += clock.took / 2  # between the two looks at it
        return clock.now

    monkeypatch.setattr(query_vectors, "time", SimpleNamespace(monotonic=monotonic))
    quick = Traces(Shelves())
    assert [quick._count(Filter()).count_named("dog") for _ in range(3)] == [1, 2, 3]
    clock.took = 4 * query_vectors.LONG_S
    slow = Traces(Shelves())
    assert [slow._count(Filter()).count_named("dog") for _ in range(3)] == [1, 1, 1]
    clock.now += query_vectors.PATIENCE * clock.took
    assert slow._count(Filter()).count_named("dog") == 2
