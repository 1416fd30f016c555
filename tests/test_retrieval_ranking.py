"""From hits to matches: one a source, duplicates together, reasons that a reader can check."""

from dataclasses import replace

import numpy as np
import pytest

from deepseek_mm.language.parser import things_in
from deepseek_mm.retrieval.ranking import (
    TWIN,
    all_written,
    best_of_each,
    group_duplicates,
    hit_spans,
    reasons,
    words_written,
)
from deepseek_mm.types import Match
from index import Hit, Label, Region, Source


def region(number, source, *, labels=(), text="", kind="whole"):
    named = tuple(Label(name=name, score=score) for name, score in labels)
    of = Source(id=source, path=f"/p/{source}.jpg", width_px=9, height_px=9)
    return Region(id=number, source=of, kind=kind, box_px=(0, 0, 9, 9), labels=named, text=text)


def test_each_photo_is_one_match_by_its_best_region():
    hits = [Hit(region=region(n, source), score=s) for n, source, s in ((1, 1, 0.9), (2, 2, 0.8), (3, 1, 0.7))]
    assert [hit.region.id for hit in best_of_each(hits)] == [1, 2]


def test_the_labels_that_name_the_things_are_reasons_the_surest_first():
    shown = region(1, 1, labels=(("puppy", 0.5), ("dog", 0.9), ("tree", 0.99)))
    assert reasons([shown], things_in("a dog"), "a dog") == ("dog", "puppy")


def test_a_bare_colour_is_named_by_no_label():
    assert reasons([region(1, 1, labels=(("dog", 0.9),))], things_in("red"), "red") == ()


def test_words_that_are_written_there_are_reasons_as_the_query_spells_them():
    page = region(1, 1, kind="text", text="The annual report of the harbour")
    assert reasons([page], things_in("harbours report"), "harbours report") == ("harbours", "report")


def test_small_words_are_no_reason():
    assert words_written(
        [region(1, 1, kind="text", text="to the sea and a boat for it")], "is there a boat to go on the sea for?"
    ) == [
        "boat",
        "sea",
    ]


def test_a_query_is_written_only_where_one_region_has_all_its_words():
    apart = [region(1, 1, kind="text", text="invoice"), region(2, 1, kind="text", text="march")]
    assert not all_written(apart, "invoice march")
    assert all_written([region(3, 2, kind="text", text="Invoices, March 2024")], "march invoice")
    assert not all_written([region(3, 2, kind="text", text="anything")], "the")


def test_takes_of_one_moment_stand_behind_the_best_of_them():
    matches = [Match(region=region(n, n), score=1 - n / 10) for n in (1, 2, 3)]
    take = np.array([TWIN + 0.01, np.sqrt(1 - (TWIN + 0.01) ** 2)], np.float32)
    wholes = {1: np.array([1, 0], np.float32), 2: np.array([0, 1], np.float32), 3: take}
    first, second = group_duplicates(matches, wholes)
    assert ([twin.id for twin in first.twins], second.twins) == ([3], ())


def test_photos_that_are_merely_alike_stay_apart():
    matches = [Match(region=region(n, n), score=0.5) for n in (1, 2)]
    close = np.array([TWIN - 0.01, np.sqrt(1 - (TWIN - 0.01) ** 2)], np.float32)
    assert len(group_duplicates(matches, {1: np.array([1, 0], np.float32), 2: close})) == 2


def of_group(source, leader, *, likely=True, relevance=0.5):
    one = region(source, source)
    return Match(
        region=replace(one, source=replace(one.source, leader=leader)), score=0.5, likely=likely, relevance=relevance
    )


def test_what_belongs_together_is_one_match_led_by_its_leader_where_that_is_as_likely():
    raw, picture, other = of_group(2, 1, relevance=0.9), of_group(1, 0, relevance=0.8), of_group(3, 0)
    first, second = group_duplicates([raw, picture, other], {})
    assert (first.region.id, first.relevance, [twin.id for twin in first.twins]) == (1, 0.9, [2])
    assert (second.region.id, second.twins) == (3, ())
    (only,) = group_duplicates([raw, replace(picture, likely=False)], {})  # what fits is the raw picture alone
    assert (only.region.id, [twin.id for twin in only.twins]) == (2, [1])
    assert [each.region.id for each in group_duplicates([of_group(2, 1), of_group(4, 1)], {})] == [2]


def test_documents_without_a_whole_picture_are_never_grouped():
    assert len(group_duplicates([Match(region=region(n, n, kind="text"), score=0.5) for n in (1, 2)], {})) == 2


@pytest.mark.parametrize(
    ("text", "query", "words"),
    [
        ("Two dogs and a Kite.", "a kite and dogs", ["dogs", "Kite"]),
        ("The end of the day", "the of", []),
        ("gray sky, 2 suns", "a grey sun", ["gray", "suns"]),
        ("", "dog", []),
        ("A pdf of a dog on grass", "type:pdf dog - grass", ["dog"]),
        ("the dog sat, no dog sat", '"dog sat" colour:red', ["dog", "sat", "dog", "sat"]),
    ],
)
def test_words_of_the_query_are_found_where_they_stand_in_a_text(text, query, words):
    assert [text[first:end] for first, end in hit_spans(text, query)] == words
