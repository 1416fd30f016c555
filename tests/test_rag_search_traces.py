"""What a collection says about a thing, counted as one by one and looked for in one search."""

import numpy as np
import pytest

from deepseek_mm.rag.program.lexicon import ANYTHING
from deepseek_mm.rag.program.words import names_the_same
from deepseek_mm.rag.search.traces import Census, Traces
from index import Filter

LABELS = {"dog": 5, "Guide Dogs": 2, "puppy": 1, "cat": 4, "tennis ball": 3, "cup": 7, "sofa": 1, "women": 6, "": 1}


@pytest.mark.parametrize(
    "thing", ["dog", "Dog", "puppy", "ball", "coffee cup", "couch", "person", "animal", "zebra", ANYTHING, ""]
)
def test_a_census_counts_every_label_that_names_the_thing(thing):
    one_by_one = sum(n for label, n in LABELS.items() if names_the_same(label, thing))
    assert Census(9, LABELS).named(thing) == one_by_one


def test_pictures_are_looked_for_where_the_filter_lets_any_through():
    traces, vectors = Traces(None), np.eye(2, dtype=np.float32)
    ((_, _, everywhere),) = traces.looked_for(vectors, Filter())
    ((_, _, pages),) = traces.looked_for(vectors, Filter(kinds=("page", "text"), label="dog"))
    assert (everywhere.kinds, pages.kinds, pages.label) == (("whole", "page"), ("page",), "dog")
    assert traces.looked_for(vectors, Filter(kinds=("text",))) == []
    assert traces.looked_for(vectors[:0], Filter()) == []
