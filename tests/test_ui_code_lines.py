"""A file of code as it is read in an editor."""

import re

from deepseek_mm import Listing
from index import Region, Source
from ui.code_html import MOST_CHARS, is_listed, listing
from ui.words import ENGLISH

SOURCE = Source(path="/repo/a.py", kind="code", format="python")
REGION = Region(source=SOURCE, kind="code", box_px=(0, 0, 0, 0), lines=(8, 9), text="x\ny")
SIX = Listing(lines=("a = 1", "", "<b>", "d", "e", "f"), cited=(8, 9), first=6, total=30)


def numbered(html: str) -> list[tuple[str, str]]:
    return re.findall(r'class="line( hit)?" data-n="(\d+)"', html)


def test_lines_have_their_numbers_and_the_cited_ones_are_marked():
    html = listing(REGION, SIX, ENGLISH)
    assert [(bool(hit), int(n)) for hit, n in numbered(html)] == [(n in (8, 9), n) for n in range(6, 12)]
    assert "--wide:2ch" in html
    assert "<b>" not in html
    assert ENGLISH.code_shown.format(first=6, last=11, total=30) in html


def test_a_whole_file_says_nothing_and_one_that_changed_or_is_gone_says_so():
    whole = Listing(lines=("a",), cited=(1, 1), total=1)
    assert 'class="hint"' not in listing(REGION, whole, ENGLISH)
    changed, gone = (Listing(lines=("a",), cited=(1, 1), total=1, state=state) for state in ("changed", "gone"))
    assert ENGLISH.code_changed in listing(REGION, changed, ENGLISH)
    assert ENGLISH.code_gone in listing(REGION, gone, ENGLISH)


def test_an_endless_line_is_cut():
    html = listing(REGION, Listing(lines=("x" * 1_000_000,), cited=(1, 1), total=1), ENGLISH)
    assert len(html) < MOST_CHARS + 500


def test_only_lines_of_code_are_listed():
    assert is_listed(REGION)
    assert not is_listed(Region(source=SOURCE, kind="code", box_px=(0, 0, 0, 0)))
    assert not is_listed(Region(source=SOURCE, kind="text", box_px=(0, 0, 0, 0), lines=(1, 2)))
