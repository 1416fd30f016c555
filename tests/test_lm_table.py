import random

from deepseek_mm.lm.kv_cache.block_manager import PageTable, RowRange
from deepseek_mm.lm.kv_cache.key_value_store import PAGE


def test_pages_in_a_row_are_one_stretch_and_a_jump_begins_another():
    table = PageTable({0: 5, 1: 6, 2: 3})
    assert table.row_ranges(0, 96) == [RowRange(0, 5 * PAGE, 64), RowRange(64, 3 * PAGE, 32)]


def test_a_stretch_is_cut_to_the_places_that_are_asked_for():
    table = PageTable({0: 5, 1: 6, 2: 3})
    assert table.row_ranges(10, 70) == [RowRange(10, 5 * PAGE + 10, 54), RowRange(64, 3 * PAGE, 6)]
    assert table.row_ranges(64, 65) == [RowRange(64, 3 * PAGE, 1)]
    assert table.row_ranges(40, 40) == []


def test_blocks_that_were_forgotten_are_left_out_even_if_their_neighbours_touch():
    table = PageTable({0: 5, 1: 6, 2: 7})
    assert len(table.row_ranges(0, 96)) == 1
    assert table.forget([1]) == [6]
    assert table.row_ranges(0, 96) == [RowRange(0, 5 * PAGE, 32), RowRange(64, 7 * PAGE, 32)]


def test_a_block_that_moves_to_another_page_is_read_there():
    table = PageTable({0: 5, 1: 6})
    assert len(table.row_ranges(0, 64)) == 1
    table.set_page(1, 9)
    assert table.row_ranges(32, 64) == [RowRange(32, 9 * PAGE, 32)]


def test_stretches_cover_exactly_the_rows_of_every_place_that_has_a_page():
    dice = random.Random(3)
    for _ in range(200):
        blocks = dice.sample(range(8), dice.randint(0, 8))
        table = PageTable(dict(zip(blocks, dice.sample(range(10), len(blocks)), strict=True)))
        first, last = sorted((dice.randint(0, 256), dice.randint(0, 256)))
        plain = [
            (place, table.pages[place // PAGE] * PAGE + place % PAGE)
            for place in range(first, last)
            if place // PAGE in table.pages
        ]
        pieces = table.row_ranges(first, last)
        assert [(piece.place + i, piece.row + i) for piece in pieces for i in range(piece.size)] == plain
        assert all(
            b.row != a.row + a.size or b.place != a.place + a.size for a, b in zip(pieces, pieces[1:], strict=False)
        )
