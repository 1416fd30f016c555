"""What is counted over a whole store is remembered, and never for longer than it is true."""

from dataclasses import replace

import numpy as np
import pytest

from deepseek_mm.config import IndexConfig
from index import Counts, Filter, Label, LabelCount, Region, Source, groups
from index.store import RegionStore


@pytest.fixture
def open_store(tmp_path):
    """Opens the same store again and again, each time as another process would."""
    opened = []

    def one(folder="store"):
        store = RegionStore(tmp_path / folder, space_name="s", fingerprint="1" * 64, dim=4, config=IndexConfig())
        opened.append(store)
        return store

    yield one
    for store in opened:
        store.close()


def put(store, name, *labels, **source):
    """A source with one region a label."""
    of = Source(path=f"/photos/{name}", format=name.rpartition(".")[2], digest=name.ljust(64, "0"), **source)
    regions = [Region(source=of, box_px=(0, 0, 9, 9), labels=(Label(name=label, score=0.9),)) for label in labels]
    return store.add(of, regions, np.eye(4)[: len(labels)])


@pytest.fixture
def counted(monkeypatch):
    """How often something was really counted."""
    calls = []

    def noting(module, name):
        real = getattr(module, name)
        return lambda *args: (calls.append(name), real(*args))[1]

    for module, name in (
        (groups, "counts"), (groups, "commonest_labels"), (groups, "numbers"), (groups, "collections"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, noting(module, name))
    return calls


def test_what_has_not_changed_is_counted_once(open_store, counted):
    store = open_store()
    put(store, "a.jpeg", "dog", "cat")
    answers = [(store.counts(), store.labels(9), store.formats(), store.kinds(), store.collections()) for _ in range(3)]
    labels = [LabelCount("cat", 1), LabelCount("dog", 1)]
    assert answers == 3 * [(Counts(sources=1, regions=2), labels, {"jpeg": 1}, {"photo": 1}, {"library": 1})]
    assert sorted(counted) == ["collections", "commonest_labels", "counts", "numbers", "numbers"]


def test_every_change_is_counted_anew(open_store):
    store = open_store()
    seen = [store.counts()]
    first = put(store, "a.jpeg", "dog")
    seen.append(store.counts())
    put(store, "b.png")  # nothing is seen in it
    seen.append(store.counts())
    store.extend(first.id, [Region(source=first, box_px=(0, 0, 1, 1))], np.eye(4)[:1], mark="text")
    seen.append(store.counts())
    store.remove([first.id])
    seen.append(store.counts())
    assert [(each.sources, each.regions) for each in seen] == [(0, 0), (1, 1), (2, 1), (2, 2), (1, 0)]


def test_names_of_collections_and_formats_follow_what_is_moved_and_replaced(open_store):
    store = open_store()
    put(store, "a.jpeg", "dog")
    put(store, "b.jpeg", "dog")
    assert store.collections() == {"library": 2}
    store.collect(["/photos/a.jpeg"], "holiday")
    assert store.collections() == {"holiday": 1, "library": 1}
    assert store.counts(where=Filter(collection="holiday")) == Counts(sources=1, regions=1)
    store.add(Source(path="/photos/a.jpeg", format="png", digest="f" * 64), [], np.zeros((0, 4)))
    assert store.formats() == {"jpeg": 1, "png": 1}
    assert store.labels(9) == [LabelCount("dog", 1)]


def test_what_another_process_changes_is_seen(open_store):
    here, there = open_store(), open_store()
    put(here, "a.jpeg", "dog")
    assert (here.labels(9), there.labels(9)) == ([LabelCount("dog", 1)],) * 2
    put(there, "b.jpeg", "dog")
    assert (here.labels(9), here.counts().sources) == ([LabelCount("dog", 2)], 2)
    there.clear()
    assert (here.labels(9), here.counts().sources) == ([], 0)


def test_another_content_with_the_same_numbers_is_counted_anew(open_store, tmp_path):
    store, other = open_store(), open_store("other")
    put(store, "a.jpeg", "dog")
    put(other, "b.png", "cat")
    assert (store.labels(9), store.formats()) == ([LabelCount("dog", 1)], {"jpeg": 1})
    other.copy_to(tmp_path / "copy.db")
    store.exchange(tmp_path / "copy.db")
    assert (store.labels(9), store.formats()) == ([LabelCount("cat", 1)], {"png": 1})


def test_filters_and_limits_are_told_apart_and_answers_are_nobody_elses(open_store):
    store = open_store()
    put(store, "a.jpeg", "dog", "cat")
    put(store, "b.pdf", "dog", kind="document")
    assert len(store.labels(1)) == 1
    assert len(store.labels(2)) == 2
    assert store.counts(where=Filter(source_kinds=("document",))) == Counts(sources=1, regions=1)
    store.labels(2).clear()
    store.formats()["jpeg"] = 7
    assert len(store.labels(2)) == 2
    assert store.formats() == {"jpeg": 1, "pdf": 1}


@pytest.mark.campaign(times=1, only=True)
def test_a_thousand_different_questions_do_not_pile_up(open_store):
    store = open_store()
    put(store, "a.jpeg", "dog")
    for n in range(1_000):
        assert store.counts(where=replace(Filter(), source_ids=(n + 1,))).sources == (n == 0)
    assert len(store._tallies._answers) <= 64
