"""What a search has found: its order, its numbers, and the honest line about it."""

from dataclasses import replace
from datetime import datetime

import pytest

from deepseek_mm.types import Found, Match, Query
from index import Label, Region, Source
from ui.search.search_handlers import (
    FEW,
    SORTED,
    Results,
    describe_results,
    exhibit,
    grown,
    in_order,
    verdict,
    when,
)
from ui.words import CHINESE, ENGLISH


def match(number: int = 1, **changes) -> Match:
    source = Source(path=f"/photos/{number}.jpg", **changes.pop("source", {}))
    region = Region(id=number, source=source, box_px=(0, 0, 9, 9))
    return Match(**({"region": region, "score": 0.314, "relevance": 0.83} | changes))


def paths(exhibits) -> list[str]:
    return [each.citation.region.source.name for each in exhibits]


@pytest.mark.parametrize(
    ("certainty", "threshold", "found", "said"),
    [
        (0.83, 0.5, True, "The nearest one. 83 % sure that the library has it, 50 % needed."),
        (0.998, 0.5, True, "The nearest one. 99 % sure that the library has it, 50 % needed."),
        (0.12, 0.5, False, "Nothing found that is certain: 12 % sure, 50 % needed. The nearest are shown below."),
        (0.4999, 0.5, False, "Nothing found that is certain: 49 % sure, 50 % needed. The nearest are shown below."),
        (0.502, 0.501, True, "The nearest one. 50 % sure that the library has it, 50 % needed."),
        (0.502, 0.505, False, "Nothing found that is certain: 50 % sure, 51 % needed. The nearest are shown below."),
    ],
)
def test_the_first_line_is_honest_about_how_sure_it_is(certainty, threshold, found, said):
    results = Found(matches=(match(),), found=found, certainty=certainty, threshold=threshold)
    assert verdict(results, ENGLISH) == said


def test_a_caption_says_why_it_is_there_and_what_it_stands_for():
    each = exhibit(2, match(why=("dog", "sale"), twins=(match(3).region, match(4).region)), ENGLISH)
    assert each.caption.splitlines() == ["[2] 1.jpg", "83 % likely", "matches: dog, sale", "+2 alike"]
    assert [twin.id for twin in each.twins] == [3, 4]
    assert exhibit(1, match(), ENGLISH).caption.splitlines() == ["[1] 1.jpg", "83 % likely"]


def test_a_farther_look_adds_what_is_new_behind_what_was_shown():
    before = grown((), [match(1), match(2, twins=(match(3).region,))], ENGLISH)
    after = grown(before, [match(4), match(2), match(3), match(5), match(1)], ENGLISH)
    assert paths(after) == ["1.jpg", "2.jpg", "4.jpg", "5.jpg"]
    assert [each.citation.number for each in after] == [1, 2, 3, 4]


def test_by_date_the_undated_come_last_whichever_way():
    dated = (
        {"taken_at": datetime(2024, 5, 1)},
        {"modified_ns": 1_600_000_000 * 10**9, "kind": "document"},
        {"modified_ns": 1_600_000_000 * 10**9},  # of a photo the file's time is no date
        {"taken_at": datetime(1999, 1, 1)},
    )
    exhibits = grown((), [match(n, source=each) for n, each in enumerate(dated, start=1)], ENGLISH)
    assert paths(in_order(exhibits, "newest")) == ["1.jpg", "2.jpg", "4.jpg", "3.jpg"]
    assert paths(in_order(exhibits, "oldest")) == ["4.jpg", "2.jpg", "1.jpg", "3.jpg"]
    assert when(exhibits[1]) == datetime.fromtimestamp(1_600_000_000)
    assert when(exhibits[2]) is None


def test_by_name_capitals_do_not_matter_and_only_the_nearest_are_sorted():
    exhibits = grown((), [match(SORTED + 100 - n) for n in range(SORTED + 1)], ENGLISH)
    by_name = in_order(exhibits, "name")
    assert len(by_name) == SORTED
    assert paths(by_name) == sorted(paths(exhibits[:SORTED]))
    assert in_order(exhibits, "") == exhibits


def test_the_line_tells_likeness_order_and_filters():
    exhibits = grown((), [match(1), match(2)], ENGLISH)
    found = Found(matches=(match(1), match(2)), found=True, certainty=0.9)
    results = Results(
        query=Query(like=1, text="is:photo"),
        like="[1] dog",
        found=found,
        exhibits=exhibits,
        num=2,
        order="newest",
    )
    assert describe_results(results, ENGLISH) == (
        "Like [1] dog. The 2 nearest, newest first. 90 % sure that the library has it, 50 % needed. "
        "Only what the filters allow."
    )
    assert describe_results(results, CHINESE).count("。") == 4
    assert "。 " not in describe_results(results, CHINESE)  # sentences follow one another without a space
    assert describe_results(Results(), ENGLISH) == ""


def test_what_was_found_without_certainty_is_not_certain_but_nothing_at_all_is():
    nearest = Results(query=Query(text="x"), exhibits=grown((), [match()], ENGLISH), found=Found(matches=(match(),)))
    assert not nearest.certain
    assert Results(query=Query(text="x")).certain


def test_a_label_stands_in_the_caption_of_what_it_names():
    region = Region(source=Source(path="/a/b.jpg"), box_px=(0, 0, 9, 9), labels=(Label(name="cat", score=0.9),))
    assert exhibit(1, Match(region=region, score=0.5), ENGLISH).caption.startswith("[1] cat - b.jpg\n")


def test_results_end_where_relevance_ends_and_the_rest_can_be_opened():
    matches = [match(1), match(2), match(3, likely=False), match(4, likely=False)]
    found = Found(matches=tuple(matches), found=True, certainty=0.9)
    results = Results(query=Query(text="x"), found=found, exhibits=grown((), matches, ENGLISH), is_all=True)
    first = replace(results, num=results.num_first)
    assert paths(first.visible) == ["1.jpg", "2.jpg"]
    assert first.num_unlikely == 2
    opened = replace(first, num=4)
    assert len(opened.visible) == 4
    assert opened.num_unlikely == 0
    assert paths(replace(opened, order="name").visible) == ["1.jpg", "2.jpg"]


def test_where_nothing_is_likely_only_the_few_nearest_are_shown():
    matches = [match(n, likely=False) for n in range(1, 20)]
    found = Found(matches=tuple(matches), certainty=0.1)
    assert Results(query=Query(text="x"), found=found, exhibits=grown((), matches, ENGLISH)).num_first == FEW


def test_the_line_tells_which_words_bound_the_search():
    found = Found(matches=(match(),), found=True, certainty=1.0, bounds=("in winter",))
    results = Results(query=Query(text="in winter"), found=found, exhibits=grown((), [match()], ENGLISH), num=1)
    assert describe_results(results, ENGLISH).endswith("Only: in winter.")
