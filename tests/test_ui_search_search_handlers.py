"""The Search tab's handlers: over paper, and over a real library whose towers know colours."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from types import SimpleNamespace
from unittest.mock import ANY as ANYTHING

import pytest
from fake_app import paper
from fakes import picture
from page_caller import services_of
from rag_house import build, paint, put

from deepseek_mm.config import Config
from deepseek_mm.types import Found, Match, Query
from index import EVERYTHING, Filter, Region, Source
from ui.search.search_handlers import REACH, SORTED, STEP, Results, SearchHandlers, SearchSequence, describe_results
from ui.words import ENGLISH


@pytest.fixture
def searching(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    yield SearchHandlers(services=services_of(assistant), words=ENGLISH)
    assistant.close()


@pytest.fixture
def earnest(tmp_path):
    """Two photos, not alike."""
    assistant = build(tmp_path / "library")
    photos = [paint(tmp_path / "photos", name, colour) for name, colour in (("a.png", "red"), ("b.png", "green"))]
    put(assistant, *photos)
    yield SearchHandlers(services=services_of(assistant), words=ENGLISH)
    assistant.close()


@dataclass
class Endless:
    """A library of `size` photos, each the next nearest; it may find them in another order when it looks farther."""

    size: int
    per_photo: int = 1  # regions of a photo among the nearest: so many fewer photos are found
    asked: list[int] = field(default_factory=list)

    def find(self, query: Query, *, k: int, where: Filter = EVERYTHING) -> Found:
        self.asked.append(k)
        numbers = range(min(self.size, k // self.per_photo))
        nearest = numbers if len(self.asked) % 2 else reversed(numbers)
        matches = tuple(Match(region=region(n), score=1 - n / 1000) for n in nearest)
        return Found(matches=matches, found=True, certainty=0.9)


def region(number: int) -> Region:
    source = Source(path=f"/photos/{number:04}.jpg", taken_at=datetime.fromtimestamp((5000 - number) * 10**5))
    return Region(id=number + 1, source=source, box_px=(0, 0, 9, 9))


def endless(size: int, **more: int) -> SearchHandlers:
    library = SimpleNamespace(assistant=Endless(size, **more))
    return SearchHandlers(services=SimpleNamespace(library=library), words=ENGLISH)


def names(results) -> list[str]:
    return [each.citation.region.source.name for each in results.visible]


def numbers(results) -> list[int]:
    return [each.citation.number for each in results.visible]


def test_words_find_regions_that_are_numbered_from_one(searching):
    results = searching.search({"text": "red green", "files": []})
    assert names(results) == ["kite.jpg", "grass.jpg"]
    assert numbers(results) == [1, 2]
    assert (
        describe_results(results, ENGLISH) == "The nearest, best first. 90 % sure that the library has it, 50 % needed."
    )
    assert results.certain
    assert results.is_end


def test_a_picture_finds_its_like_with_or_without_words(searching, tmp_path):
    path = tmp_path / "mine.png"
    picture("green").save(path)
    assert names(searching.search({"text": "", "files": [str(path)]})) == ["grass.jpg"]
    assert names(searching.search({"text": "red", "files": [str(path)]})) == ["kite.jpg", "grass.jpg"]


def test_finding_nothing_at_all_is_said(searching):
    results = searching.search({"text": "purple"})
    assert (results.visible, describe_results(results, ENGLISH), results.notice) == ((), ENGLISH.results_none, "")


@pytest.mark.parametrize("entry", [None, {"text": "  ", "files": []}])
def test_an_empty_search_is_told_what_to_do(searching, entry):
    results = searching.search(entry)
    assert results.notice == ENGLISH.search_empty
    assert results.query is None


def test_errors_become_sentences(searching, tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("hello")
    assert "notes.jpg" in searching.search({"text": "", "files": [str(path)]}).notice
    assert searching.search({"text": "crash"}).notice == ENGLISH.bug


def test_operators_bound_the_search_and_are_mentioned(earnest):
    assert "a.png" in names(earnest.search({"text": "red"}))
    documents = earnest.search({"text": "red is:document"})
    assert names(documents) == []
    assert ENGLISH.results_filtered in describe_results(documents, ENGLISH)


def test_what_a_control_wrote_is_searched_with_all_that_stands_in_the_box(earnest):
    before = earnest.search({"text": "red is:document"}, "newest")
    after = earnest.steer({"text": "red", "files": []}, before)
    assert names(after)
    assert (after.order, after.token == before.token) == ("newest", False)
    assert earnest.steer({"text": "", "files": []}, before) == replace(Results(), token=ANYTHING)


def test_what_cannot_be_understood_leaves_the_results_where_they_are(earnest):
    before = earnest.search({"text": "red"})
    after = earnest.steer({"text": "red after:soon", "files": []}, before)
    assert "soon is no date" in after.notice
    assert (after.visible, after.token) == (before.visible, before.token)


def test_of_more_like_a_result_the_box_bounds_where_alone(earnest):
    like = earnest.like(earnest.search({"text": "red"}).visible[0])
    bounded = earnest.steer({"text": "red kite - grass is:document", "files": []}, like)
    assert (bounded.query.text, bounded.query.like, names(bounded)) == ("is:document", like.query.like, [])
    free = earnest.steer({"text": "red kite", "files": []}, bounded)
    assert names(free) == names(like)
    wrong = earnest.steer({"text": "after:soon", "files": []}, like)
    assert ("soon is no date" in wrong.notice, names(wrong)) == (True, names(like))


def test_more_like_one_result_leaves_out_that_one(earnest):
    first = earnest.search({"text": "red"}).visible[0]
    results = earnest.like(first)
    assert first.citation.region.source.name not in names(results)
    assert describe_results(results, ENGLISH).startswith(f"Like {first.caption.splitlines()[0]}.")


def test_more_like_what_was_removed_meanwhile_becomes_a_sentence(earnest):
    first = earnest.search({"text": "red"}).visible[0]
    earnest.assistant.store.remove([first.citation.region.source.id])
    results = earnest.like(first)
    assert results.notice
    assert results.notice != ENGLISH.bug


def test_the_choices_are_those_of_the_library_after_any(earnest):
    labels, formats, collections = earnest.choices()
    assert labels[0] == formats[0] == (ENGLISH.any, "")
    assert formats[1:] == [("png (2)", "png")]
    assert collections == [(ENGLISH.any, "")]
    earnest.assistant.store.collect([earnest.assistant.store.sources(limit=1)[0].path], "Holidays")
    assert earnest.choices()[2][1:] == [("Holidays (1)", "Holidays")]


def test_an_empty_library_is_known_as_such(earnest, tmp_path):
    assert not earnest.is_empty()
    fresh = build(tmp_path / "fresh")
    assert SearchHandlers(services=services_of(fresh), words=ENGLISH).is_empty()
    fresh.close()


def test_more_come_step_by_step_until_the_farthest_look_and_numbers_go_on():
    searching = endless(10_000)
    results = searching.search({"text": "anything"})
    first = names(results)
    assert numbers(results) == list(range(1, STEP + 1))
    while not results.is_end:
        before, results = results, searching.more(results, results.num)
        assert len(results.visible) == len(before.visible) + STEP
    assert searching.assistant.asked == list(REACH)
    assert numbers(results) == list(range(1, REACH[-1] + 1))
    assert names(results)[:STEP] == first  # a farther look ranked them otherwise: what was shown stays in its place
    assert len(set(names(results))) == REACH[-1]


def test_all_of_a_small_library_is_shown_and_then_it_is_the_end():
    searching = endless(30)
    results = searching.search({"text": "anything"})
    assert (results.num, results.is_end) == (STEP, False)
    results = searching.more(results, results.num)
    assert (results.num, results.is_end, results.is_all) == (30, True, True)
    assert searching.more(results, 30) is results


def test_many_regions_of_few_photos_do_not_end_the_search_early():
    results = endless(40, per_photo=2).search({"text": "anything"})
    assert len(results.exhibits) == 40


def test_asking_twice_for_more_brings_more_once():
    searching = endless(10_000)
    results = searching.search({"text": "anything"})
    more = searching.more(results, STEP)
    assert searching.more(more, STEP) is more
    assert searching.more(more, "<b>") is more


def test_another_order_is_that_of_the_nearest_two_hundred():
    searching = endless(10_000)
    best = searching.search({"text": "anything"})
    oldest = searching.sort(best, "oldest")
    assert names(oldest)[0] == f"{SORTED - 1:04}.jpg"  # the one with the greatest number is the oldest
    assert describe_results(oldest, ENGLISH).startswith("The 200 nearest, oldest first.")
    assert names(searching.sort(oldest, "")) == names(best)
    while not oldest.is_end:
        oldest = searching.more(oldest, oldest.num)
    assert len(oldest.visible) == SORTED


def test_an_order_that_nobody_knows_is_best_first():
    searching = endless(30)
    best = searching.search({"text": "anything"})
    assert searching.sort(best, ["<b>"]).order == ""


def test_an_error_while_more_is_looked_for_leaves_what_is_there(searching):
    results = replace(searching.search({"text": "red"}), query=Query(text="crash"), is_all=False, num=0)
    for after in (searching.more(results, 0), searching.sort(results, "newest")):
        assert after.notice == ENGLISH.bug
        assert after.exhibits == results.exhibits


def test_a_ticket_counts_by_the_time_at_which_its_search_was_sent():
    newest = SearchSequence()
    second, first = newest.take(8.0), newest.take(7.0)
    assert first != newest.ticket == second
    assert newest.take() == newest.ticket != second  # of what tells no time the last to arrive is the newest
    newest.shown = Results()
    newest.take(1.0)
    assert newest.shown is not None
    newest.take(9.0)
    assert newest.shown is None


def test_only_the_newest_ticket_counts():
    newest = SearchSequence()
    first, second = newest.take(), newest.take()
    assert first != newest.ticket == second


def test_the_picture_counts_more_or_less_beside_the_words_without_another_upload(earnest, tmp_path):
    file = tmp_path / "mine.png"
    picture("red").save(file)
    entry = {"text": "green", "files": [str(file)]}
    before = earnest.search(entry, "", 5.0)
    assert (names(before)[0], before.weighs, before.brought) == ("a.png", True, str(file))
    after = earnest.weigh(before, 0.2)
    assert (names(after)[0], after.query.image_weight, after.token != before.token) == ("b.png", 0.2, True)


@pytest.mark.parametrize("weight", [float("nan"), -1, 99, "much"])
def test_a_weight_that_cannot_be_keeps_what_is_shown_and_says_so(earnest, tmp_path, weight):
    file = tmp_path / "mine.png"
    picture("red").save(file)
    before = earnest.search({"text": "green", "files": [str(file)]})
    after = earnest.weigh(before, weight)
    assert (after.notice != "", names(after)) == (True, names(before))
    words_only = earnest.search({"text": "green"})
    assert earnest.weigh(words_only, 2.0) is words_only
