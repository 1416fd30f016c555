"""A cited file is read as it lies there, and nothing else is."""

from dataclasses import replace
from pathlib import Path

import pytest
from code_house import FILES, put_code
from index_help import open_store

from deepseek_mm.answering.code.source_files import listing_of
from deepseek_mm.config import ParseConfig
from deepseek_mm.parse.document import open_file


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "library", dim=32) as store:
        put_code(store, tmp_path)
        yield store


@pytest.fixture
def region(store, tmp_path):
    (found,) = store.symbols("Order.total")
    path = Path(found.source.path)
    path.parent.mkdir()
    path.write_text(FILES["shop/orders.py"])
    digest = open_file(path, ParseConfig()).digest
    store.remove([found.source.id])
    source = replace(found.source, id=0, digest=digest)
    region = replace(found, id=0, source=source)
    store.add(source, [region], [[1.0] * 32])
    return region


def listed(store, region, around: int = 2):
    return listing_of(region, store, ParseConfig(), around=around)


def test_the_lines_around_a_region_are_listed_with_their_numbers(store, region):
    listing = listed(store, region)
    text = FILES["shop/orders.py"].split("\n")
    assert listing.lines == tuple(text[6:16])
    assert (listing.cited, listing.first, listing.total, listing.state) == ((9, 14), 7, len(text), "")


def test_a_file_that_was_written_to_since_says_so(store, region):
    Path(region.source.path).write_text("one = 1\n" + FILES["shop/orders.py"])
    assert listed(store, region).state == "changed"


def test_a_piece_that_moved_is_marked_where_it_is_now_once_the_file_was_read_again(store, region):
    path = Path(region.source.path)
    path.write_text("one = 1\n" + FILES["shop/orders.py"])
    (known,) = [source for source in store.sources(limit=9) if source.path == str(path)]
    store.remove([known.id])
    source = replace(region.source, digest=open_file(path, ParseConfig()).digest)
    store.add(source, [replace(region, source=source, lines=(10, 15))], [[1.0] * 32])
    listing = listed(store, region)
    assert (listing.cited, listing.first, listing.state) == ((10, 15), 8, "")
    unnamed = listed(store, replace(region, symbol=None))
    assert (unnamed.cited, unnamed.state) == ((9, 14), "changed")


def test_of_a_file_that_is_gone_the_kept_lines_are_listed(store, region):
    Path(region.source.path).unlink()
    listing = listed(store, region)
    assert listing.lines == tuple(region.text.split("\n"))
    assert (listing.first, listing.state) == (9, "gone")


def test_a_path_that_the_library_does_not_know_is_never_opened(store, region, tmp_path):
    secret = tmp_path / "secret.py"
    secret.write_text("key = 1\n")
    strange = replace(region, source=replace(region.source, path=str(secret)), text="mine")
    assert listed(store, strange).lines == ("mine",)
