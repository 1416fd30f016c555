"""Which regions a filter allows, remembered from search to search."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from time import sleep

import pytest
from index_help import fill, open_store, photo
from sqlalchemy import Engine, event, update

from index import EVERYTHING, Filter, filter_cache
from index.filter_cache import REMEMBERED, FilterCache, moment_of
from index.queries import matching_ids
from index.tables import LibraryRow


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        fill(store, range(4), labels=["dog"])
        yield store


@contextmanager
def statements():
    """The SQL that is run meanwhile."""
    seen = []

    def note(connection, cursor, statement, *rest):
        if statement.startswith("SELECT"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def ask(store, selections, where=EVERYTHING):
    with store._database.reading() as session:
        return selections.allowed_ids(session, moment_of(session), where)


def test_a_moment_tells_additions_removals_and_another_content(store):
    def now():
        with store._database.reading() as session:
            return moment_of(session)

    moments = [now()]
    fill(store, [9])
    moments.append(now())
    store.remove([1])
    moments.append(now())
    with store._database.writing() as session:
        session.execute(update(LibraryRow).values(identity="another"))
    moments.append(now())
    assert [(m.newest, m.removals - moments[0].removals) for m in moments] == [(12, 0), (15, 0), (15, 1), (15, 1)]
    assert moments[3].identity == "another" != moments[2].identity


def test_an_unchanged_store_is_not_asked_twice(store):
    selections = FilterCache()
    first = ask(store, selections)
    with statements() as seen:
        assert ask(store, selections) is first
    assert len(seen) == 1  # for the moment


def test_after_an_addition_only_the_new_ids_are_asked_for(store):
    selections = FilterCache()
    ask(store, selections)
    fill(store, [7])
    with statements() as seen:
        assert ask(store, selections).ids.tolist() == list(range(1, 16))
    assert "regions.id >" in seen[-1]


def test_after_a_removal_everything_is_asked_anew(store):
    selections = FilterCache()
    ask(store, selections)
    store.remove([2])
    assert ask(store, selections).ids.tolist() == [1, 2, 3, 7, 8, 9, 10, 11, 12]


def test_an_older_snapshot_sees_no_newer_region_and_spoils_nothing(store):
    selections = FilterCache()
    with store._database.reading() as old:
        before = moment_of(old)
        fill(store, [7])
        assert len(ask(store, selections).ids) == 15
        assert selections.allowed_ids(old, before, EVERYTHING).ids.tolist() == list(range(1, 13))
    assert len(ask(store, selections).ids) == 15


def test_formats_and_kinds_of_sources_are_filters_too(store):
    selections = FilterCache()
    assert ask(store, selections, Filter(source_kinds=("document",))).ids.tolist() == []
    assert len(ask(store, selections, Filter(source_kinds=("photo", "code"))).ids) == 12
    assert ask(store, selections, Filter(formats=("pdf",))).ids.tolist() == []
    assert len(ask(store, selections, Filter(formats=(photo(1).format,))).ids) == 12
    layouts = [len(ask(store, selections, Filter(layout=each)).ids) for each in ("landscape", "portrait")]
    assert layouts == [12, 0]


def test_a_label_may_have_other_names(store):
    fill(store, range(4, 6), labels=["cat"])
    both = Filter(label="dog", other_labels=("cat",))
    ids = ask(store, FilterCache(), both).ids.tolist()
    single = [ask(store, FilterCache(), Filter(label=name)).ids.tolist() for name in ("dog", "cat")]
    assert ids == sorted({*single[0], *single[1]})
    assert len(ids) > max(map(len, single)) > 0
    assert store.counts(where=both).regions == len(ids)


def test_only_the_latest_filters_are_remembered(store):
    selections = FilterCache()
    for n in range(REMEMBERED + 5):
        ask(store, selections, Filter(source_ids=(n,)))
    assert len(selections._known) == REMEMBERED
    with statements() as seen:
        ask(store, selections, Filter(source_ids=(REMEMBERED,)))
    assert len(seen) == 1


def test_many_that_ask_for_the_same_at_once_wait_for_the_first_one(store, monkeypatch):
    selections, looked_up, go_on = FilterCache(), [], Event()

    def slowly(session, where, **rest):
        looked_up.append(where)
        assert go_on.wait(20)
        return matching_ids(session, where, **rest)

    monkeypatch.setattr(filter_cache, "matching_ids", slowly)
    with ThreadPoolExecutor(4) as pool:
        asks = [pool.submit(ask, store, selections) for _ in range(4)]
        while not looked_up:
            sleep(0.01)
        go_on.set()
        found = [each.result(20) for each in asks]
    assert len(looked_up) == 1
    assert all(each is found[0] for each in found)


def test_large_selections_are_forgotten_before_there_are_many(store):
    selections = FilterCache(most_ids=25)
    wheres = [Filter(kinds=("whole", "object")), Filter(kinds=("whole", "object", "text")), Filter(label="dog")]
    for where in wheres:
        ask(store, selections, where)
    assert wheres[0] not in selections._known
    assert wheres[2] in selections._known
    assert sum(len(each.ids) for _, each in selections._known.values()) <= 25
    small = FilterCache(most_ids=1)
    for where in wheres[1::-1]:
        ask(store, small, where)
    assert list(small._known) == [wheres[0]]  # the latest is remembered, however large it is
