"""Which files a picture's lines lead to, in a small library of code; and how what was read wrongly is mended."""

from pathlib import Path

import pytest
from code_house import put_code

from deepseek_mm.answering.code.pictured_code import (
    cuts,
    locate_files,
    mended_lines,
    mended_word,
    names_in,
    regions_of_frames,
    variants,
)
from deepseek_mm.answering.code.tracebacks import as_printed
from deepseek_mm.config import IndexConfig
from index import Region, Source
from index.store import RegionStore

EDITOR = ["9", "def total(self, prices):", "10", '"""The sum of all prices, rounded to cents.', "14", "return rounded("]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    with RegionStore(folder, space_name="x", fingerprint="0" * 64, dim=32, config=IndexConfig()) as store:
        put_code(store, Path("/repo"))
        yield store


def nothing(words):
    return []


def files(store, lines, **more):
    return [place.region.source.path for place in locate_files(store, lines, more.get("meant", nothing), k=5)]


def test_an_editors_lines_lead_to_their_file_and_the_piece_they_show(store):
    first, *others = locate_files(store, EDITOR, nothing, k=5)
    assert (first.region.source.path, first.region.symbol.path) == ("/repo/shop/orders.py", "Order.total")
    assert first.share == 1.0
    assert all(place.share < 1 for place in others)


def test_a_picture_without_words_leads_to_nothing(store):
    assert locate_files(store, ["0.5", "1.0", ""], nothing, k=5) == []
    assert locate_files(store, [], nothing, k=5) == []


def test_one_letter_that_stands_in_a_file_proves_little(store):
    (first, *_) = locate_files(store, ["amount", "0.5"], nothing, k=5)
    assert first.share == pytest.approx(0.2)


def test_words_that_are_nowhere_here_lead_to_nothing(store):
    assert locate_files(store, ["zebra crossing", "kangaroo"], nothing, k=5) == []


def test_a_name_that_is_defined_once_leads_to_its_definition(store):
    assert files(store, ["see checked_Amount", "rounded(amount)"])[0] == "/repo/shop/money.py"


def test_what_the_whole_means_counts_where_no_word_is_the_same(store):
    (region,) = store.symbols("checked")
    assert files(store, ["zebra crossing"], meant=lambda words: [region]) == ["/repo/shop/money.py"]


def test_the_frames_of_a_traceback_lead_the_innermost_first_and_only_into_their_own_folder(store):
    lines = [
        "Traceback (most recent call last):",
        'File_"/x/shop/orders.py",line 14, in',
        "total",
        'File "/x/shop/money.py", line 11,in checked',
        'File "/x/elsewhere/money.py", line 4, in rounded',
        "ValueError: -3 is negative",
    ]
    assert [region.symbol.path for region in regions_of_frames(store, lines)] == ["checked", "Order.total"]
    assert files(store, lines)[:2] == ["/repo/shop/money.py", "/repo/shop/orders.py"]


def test_gaps_and_quotes_of_a_traceback_are_put_right():
    assert as_printed(['File_"/a/b.py",line 12, in run', "x = 1"]) == '  File "/a/b.py", line 12, in run\nx = 1'


def test_a_letter_that_looks_like_another_is_read_again():
    known = {"soft_l1", "modern", "oserror"}
    assert mended_word("soft_I1", known.__contains__) == "soft_l1"
    assert mended_word("kangaroo", known.__contains__) == "kangaroo"
    assert "modem" in set(variants("modern"))


def test_a_lost_gap_is_found_where_both_parts_are_known_together():
    known = {"output_bytes", "introduced", "output_bytes introduced", "out", "put_bytesintroduced"}
    assert mended_word("output_bytesintroduced", known.__contains__) == "output_bytes introduced"
    assert next(cuts("abcdef", lambda part: True)) == "abc def"


def test_only_words_that_the_index_does_not_have_are_mended(store):
    assert mended_lines(store, ["rounded amount", "chccked(arnount)", "Amou nts"]) == [
        "rounded amount",
        "chccked(amount)",
        "Amou nts",
    ]


def test_names_are_words_with_an_underscore_or_a_capital_inside():
    assert names_in(["set_text(the Words) of_it", "getItem Item _private set_text"]) == [
        "set_text",
        "of_it",
        "getItem",
        "_private",
    ]


def test_a_template_is_as_good_as_code_and_other_documents_are_not(tmp_path):
    import numpy as np

    with RegionStore(tmp_path, space_name="x", fingerprint="0" * 64, dim=2, config=IndexConfig()) as store:
        for n, kind in enumerate(("html", "pdf")):
            source = Source(path=f"/repo/share.{kind}", kind="document", format=kind, digest=kind)
            region = Region(source=source, kind="text", box_px=(0, 0, 0, 0), text="Share this basket")
            store.add(source, [region], np.eye(2, dtype=np.float32)[n : n + 1])
        assert files(store, ["Share this basket"]) == ["/repo/share.html"]
