"""Can it be looked for? Weights and pictures of a search."""

import math

import pytest
from fakes import picture

from deepseek_mm.errors import BadQuestion
from deepseek_mm.language.questions import MOST_WEIGHT, parse_query_box, validate_query
from deepseek_mm.types import Query
from index import Filter
from index.region import UPLOADS


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf, -0.1, MOST_WEIGHT + 0.1])
def test_a_weight_that_is_no_number_in_range_is_refused_with_its_value(weight):
    with pytest.raises(BadQuestion, match=f"the picture's weight {weight} must be a number from 0 to 10"):
        validate_query(Query(text="red", image=picture("red"), image_weight=weight))


def test_a_collection_that_there_is_not_is_refused_wherever_it_is_named():
    for query, where in ((Query(text="a in:holidai"), Filter()), (Query(text="a"), Filter(collection="holidai"))):
        with pytest.raises(BadQuestion, match="there is no collection holidai. Did you mean in:holiday?"):
            parse_query_box(query, where, ["holiday", "work"])
    for name in ("library", "holiday", UPLOADS, None):
        assert parse_query_box(Query(text="a"), Filter(collection=name), ["holiday"])[1].collection == name


def test_a_picture_that_counts_nothing_leaves_the_words_or_an_empty_search():
    assert validate_query(Query(text="red", image=picture("red"), image_weight=0)).image is None
    with pytest.raises(BadQuestion, match="the search is empty"):
        validate_query(Query(image=picture("red"), image_weight=0))
