"""Rows become the nouns that they were written from, whatever belongs to them."""

from dataclasses import replace

import pytest
from index_help import open_store, photo, rows

from index import Label, Region, Source, Symbol
from index.queries import regions_by

BOOK = Source(path="/src/a.py", kind="code", format="python", note="cut", latitude=1.5)


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        yield store


def read(store, ids) -> dict[int, Region]:
    with store._database.reading() as session:
        return {region.id: region for region in regions_by(session, "id", ids)}


def test_regions_come_with_labels_in_order_symbols_calls_and_their_source(store):
    symbol = Symbol(
        name="ask", parent="Assistant", kind="method", signature="def ask():", doc="Asks.", calls=("b", "a")
    )
    labels = (Label(name="zebra", score=0.9), Label(name="ant", score=0.8))
    first = Region(source=BOOK, kind="code", box_px=(0, 0, 0, 0), text="x", lines=(3, 9), symbol=symbol)
    second = Region(source=BOOK, kind="part", box_px=(1, 2, 3, 4), labels=labels, colours=("red", "blue"), page=2)
    stored = store.add(BOOK, [first, second], rows(2))
    assert read(store, [1, 2]) == {1: replace(first, id=1, source=stored), 2: replace(second, id=2, source=stored)}


def test_only_the_regions_asked_for_come_and_regions_of_one_file_share_their_source(store):
    store.add(photo(1), [Region(source=photo(1), kind="part", box_px=(n, 0, 9, 9)) for n in range(3)], rows(3))
    found = read(store, [3, 1, 77])
    assert sorted(found) == [1, 3]
    assert found[1].source is found[3].source
    assert read(store, []) == {}
