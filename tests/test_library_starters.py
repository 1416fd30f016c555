"""Questions to begin with: made of what the index is sure of, and shown only after their answers were checked."""

from contextlib import contextmanager
from datetime import datetime

import pytest
from index_help import open_store, rows

from deepseek_mm.errors import BadQuestion
from deepseek_mm.jobs import Jobs
from deepseek_mm.library.starters import (
    STARTERS,
    Starters,
    StarterTrial,
    find_starters,
    find_things,
    list_candidates,
    passes_generally,
)
from deepseek_mm.types import Answer, Citation, Found, Match
from index import Label, Region, Source
from index.store import RegionStore


def add(store: RegionStore, name: str, *things: tuple[str, float], kind: str = "photo", **source: object) -> Source:
    """A file with one region that carries these labels."""
    of = Source(path=f"/photos/{name}", kind=kind, width_px=40, height_px=30, **source)
    labels = tuple(Label(name=thing, score=score) for thing, score in things)
    region = Region(source=of, kind="part", box_px=(0, 0, 40, 30), labels=labels, colours=("beige",))
    return store.add(of, [region], rows(1, seed=len(name)))


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "index") as store:
        add(store, "a.jpg", ("mountain", 0.95), ("product shot", 1.0), taken_at=datetime(2024, 5, 2))
        add(store, "b.jpg", ("mountain", 0.9), ("person", 0.4), taken_at=datetime(2024, 5, 9))
        add(store, "c.jpg", ("cat", 0.97), ("person", 0.99))
        add(store, "d.jpg", ("dog", 0.79))
        yield store


@pytest.fixture
def jobs(tmp_path):
    return Jobs(tmp_path / "jobs.db")


def answer(text: str, *paths: str, confidence: float = 0.9, **more: object) -> Answer:
    cited = [Source(path=f"/photos/{path}") for path in paths]
    regions = [Region(source=source, box_px=(0, 0, 4, 4)) for source in cited]
    citations = tuple(Citation(number=n, region=region, score=0.5) for n, region in enumerate(regions, start=1))
    return Answer(text=text, citations=citations, confidence=confidence, **more)


RIGHT = {
    "Which photos show mountains?": answer("2 photos", "a.jpg", "b.jpg"),
    "Is there a cat?": answer("Yes", "c.jpg"),
    "How many photos show mountains?": answer("12 photos", "a.jpg", "b.jpg"),  # it is 2
    "Show me something beige.": answer("One", "c.jpg"),
    "Which photos are from May 2024?": answer("Two", "a.jpg", "b.jpg", "c.jpg"),  # c has no date
}


def candidates(store, language="en"):
    return {each.text: each for each in list_candidates(store, language)}


def test_a_thing_counts_where_the_index_is_sure_of_it_and_kinds_of_pictures_are_no_things(store):
    things = {thing.name: ([source.name for source in thing.sure], thing.is_clear) for thing in find_things(store)}
    assert things == {
        "mountain": (["b.jpg", "a.jpg"], True),
        "person": (["c.jpg"], False),  # perhaps in b.jpg as well
        "cat": (["c.jpg"], True),
    }


def test_questions_are_of_several_kinds_and_about_what_is_clear(store):
    asked = candidates(store)
    assert set(asked) >= set(RIGHT)
    assert not any("person" in text or "people" in text or "dog" in text for text in asked)
    assert {"哪些照片里有山？", "有猫吗？", "哪些照片是2024年5月拍的？"} <= set(candidates(store, "zh"))


@pytest.mark.parametrize(
    ("text", "said", "right"),
    [
        ("Which photos show mountains?", answer("Two", "a.jpg", "b.jpg"), True),
        ("Which photos show mountains?", answer("One", "a.jpg"), False),
        ("Which photos show mountains?", answer("Three", "a.jpg", "b.jpg", "c.jpg"), False),
        ("How many photos show mountains?", answer("2 photos"), True),
        ("How many photos show mountains?", answer("12 photos"), False),
        ("Is there a cat?", answer("No."), False),
        ("What is in c.jpg?", answer("A cat", "c.jpg"), True),
        ("What is in c.jpg?", answer("A hat", "c.jpg"), False),
        ("What is in c.jpg?", answer("A cat", "d.jpg"), False),
    ],
)
def test_an_answer_passes_if_it_says_and_cites_what_the_index_knows(store, text, said, right):
    assert candidates(store)[text].passes(said) is right


def test_an_answer_that_is_unsure_or_found_nothing_never_passes():
    assert passes_generally(answer("Yes", "a.jpg"))
    unfit = ({"confidence": 0.6}, {"confidence": None}, {"found": False}, {"state": "failed"})
    assert not any(passes_generally(answer("Yes", "a.jpg", **how)) for how in unfit)


def trial(store: RegionStore, told: dict[str, Answer]) -> StarterTrial:
    """One whose questions are answered so; any other breaks."""

    @contextmanager
    def open_asking():
        def ask(text: str) -> Answer:
            if text not in told:
                raise BadQuestion(text)
            return told[text]

        yield ask

    def find(text: str) -> Found:
        first = {"cat": "c.jpg", "mountain": "d.jpg"}.get(text, "a.jpg")  # a wrong one comes first for mountains
        region = Region(source=Source(path=f"/photos/{first}"), box_px=(0, 0, 4, 4))
        return Found(matches=(Match(region=region, score=0.5),), found=True, certainty=0.9, threshold=0.5)

    return StarterTrial(store=lambda: store, asks=open_asking, finds=find)


def run(store: RegionStore, jobs: Jobs, told: dict[str, Answer]) -> None:
    task = jobs.claim((STARTERS,))
    assert task is not None
    task.finish("done", trial(store, told).run(task))


def test_only_what_passed_is_offered_and_it_is_tried_once_for_a_library(store, jobs):
    assert find_starters(jobs, store, "en").is_trying
    assert find_starters(jobs, store, "en").is_trying
    assert len(jobs.find(kinds=(STARTERS,), limit=9)) == 1
    run(store, jobs, RIGHT)
    found = find_starters(jobs, store, "en")
    assert found.questions == ("Which photos show mountains?", "Is there a cat?", "Show me something beige.")
    assert found.searches == ("cat",)
    assert not found.is_trying
    assert find_starters(jobs, store, "zh").is_trying  # of each language its own


def test_another_library_is_tried_anew_and_until_then_the_earlier_ones_stay(store, jobs):
    find_starters(jobs, store, "en")
    run(store, jobs, RIGHT)
    add(store, "e.jpg", ("cat", 0.9))
    stale = find_starters(jobs, store, "en")
    assert stale.is_trying
    assert "Is there a cat?" in stale.questions
    run(store, jobs, {"Which photos show cats?": answer("Two", "c.jpg", "e.jpg")})
    assert find_starters(jobs, store, "en").questions == ("Which photos show cats?",)


def test_nothing_is_tried_while_files_are_taken_in_and_a_trial_that_failed_is_not_repeated(store, jobs):
    taking = jobs.add("index", {}, title="Index")
    assert find_starters(jobs, store, "en").is_trying
    assert not jobs.find(kinds=(STARTERS,), limit=9)
    jobs.cancel(taking.id)
    find_starters(jobs, store, "en")
    task = jobs.claim((STARTERS,))
    task.finish("failed", "it broke")
    assert find_starters(jobs, store, "en") == Starters()
    assert len(jobs.find(kinds=(STARTERS,), limit=9)) == 1


def test_an_empty_library_offers_nothing(tmp_path, jobs):
    with open_store(tmp_path / "empty") as store:
        assert find_starters(jobs, store, "en") == Starters()
        assert not jobs.find(kinds=(STARTERS,), limit=9)
