"""Boxes and numbers on photos."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from ui.draw import CARD_PX, LARGE_PX, SMALL_PX, THUMB_PX, Mark, blank, card, ink, mark, shrink, thumb

GREY = (128, 128, 128)


def grey(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), GREY)


def where(image: Image.Image, number: int) -> np.ndarray:
    """Which pixels have the colour of a number."""
    return np.all(np.asarray(image) == ImageColor.getrgb(ink(number)), axis=-1)


def test_a_box_is_outlined_in_the_colour_of_its_number_and_the_photo_is_left_alone():
    photo = grey(400, 300)
    marked = mark(photo, [Mark(number=1, box_px=(100, 50, 300, 250))])
    rows, columns = np.nonzero(where(marked, 1))
    assert (columns.min(), columns.max()) == (101, 298)  # a white line lies around it
    assert (rows.min(), rows.max()) == (51, 248) or (rows.min(), rows.max()) == (50, 248)
    assert marked.getpixel((200, 150)) == GREY
    assert set(photo.get_flattened_data()) == {GREY}


def test_a_box_of_a_large_photo_lands_where_it_belongs_on_the_small_copy():
    marked = mark(grey(4000, 3000), [Mark(number=2, box_px=(1000, 500, 3000, 2500))])
    assert marked.size == (LARGE_PX, 1200)
    rows, columns = np.nonzero(where(marked, 2))
    assert abs(columns.max() - 3000 * LARGE_PX / 4000) <= 3
    assert abs(rows.max() - 2500 * LARGE_PX / 4000) <= 3


@pytest.mark.parametrize("size", [(64, 48), (640, 480), (4000, 3000), (12, 3000)])
def test_a_number_is_at_least_fourteen_pixels_high_whatever_the_size_of_the_photo(size):
    marked = mark(grey(*size), [Mark(number=1, box_px=(0, 0, *size))])
    column = where(marked, 1)[:, 3 if marked.width > 10 else 2]
    assert max(marked.size) >= SMALL_PX
    assert column[:22].sum() >= 14  # the tab's left edge, filled


def test_two_numbers_at_one_corner_stand_side_by_side():
    marked = mark(grey(800, 600), [Mark(number=n, box_px=(10, 10, 700, 500)) for n in (1, 2)])
    first, second = (np.nonzero(where(marked, n)[14:30, :200])[1] for n in (1, 2))
    assert first.max() < second[second > 16].min()


def test_what_was_not_chosen_is_drawn_thinner():
    boxes = [Mark(number=1, box_px=(10, 10, 300, 500)), Mark(number=2, box_px=(400, 10, 700, 500), strong=False)]
    marked = mark(grey(800, 600), boxes)
    row = 400  # below the numbers
    assert where(marked, 1)[row].sum() > where(marked, 2)[row].sum() > 0


def test_what_is_to_be_read_is_marked_around_and_beside_and_not_covered():
    photo = grey(800, 600)
    photo.paste((255, 255, 0), (200, 100, 400, 140))
    marked = np.asarray(mark(photo, [Mark(number=1, box_px=(200, 100, 400, 140), beside=True)]))
    assert (marked[100:140, 200:400] == (255, 255, 0)).all()
    assert where(Image.fromarray(marked), 1)[100:140, :200].any()


def test_a_box_beyond_the_edge_is_cut_to_the_photo():
    marked = mark(grey(400, 300), [Mark(number=1, box_px=(-50, -50, 900, 900))])
    assert marked.size == (400, 300)
    assert where(marked, 1).any()


def test_a_thumbnail_shows_the_region_with_its_surroundings_and_stays_small():
    photo = grey(4000, 3000)
    photo.paste((250, 250, 0), (2000, 1500, 2400, 1900))
    small = thumb(photo, Mark(number=1, box_px=(2000, 1500, 2400, 1900)))
    assert max(small.size) == THUMB_PX
    yellow = np.all(np.abs(np.asarray(small).astype(int) - (250, 250, 0)) < 30, axis=-1).mean()
    assert 0.2 < yellow < 0.35  # 1 / 1.7**2 = 0.346, less the outline and the number


def test_a_thumbnail_of_a_narrow_box_is_not_a_strip():
    small = thumb(grey(2000, 2000), Mark(number=1, box_px=(1000, 400, 1050, 1400)))
    assert small.size == (358, 512)  # 0.7 of the height, which is 1000 * 1.7


def test_a_thumbnail_of_a_box_outside_the_photo_shows_all_of_it():
    assert thumb(grey(400, 200), Mark(number=1, box_px=(900, 900, 950, 950))).size == (400, 200)


def test_shrinking_keeps_the_shape_and_never_gives_an_empty_picture():
    assert shrink(grey(1000, 500), 100).size == (100, 50)
    assert shrink(grey(5000, 1), 100).size == (100, 1)
    assert shrink(grey(50, 25), 100).size == (50, 25)


def test_pictures_with_other_modes_become_rgb():
    assert mark(Image.new("RGBA", (400, 300)), [Mark(number=1, box_px=(0, 0, 9, 9))]).mode == "RGB"
    assert shrink(Image.new("L", (40, 30)), 100).mode == "RGB"


def test_a_plate_for_a_missing_photo_has_words_on_it():
    assert len(set(blank("gone").get_flattened_data())) > 2


def test_a_card_has_its_number_and_as_much_text_as_fits():
    short, long, none = (card(text, 3) for text in ("one line", "word " * 5000, ""))
    assert short.size == long.size == none.size == CARD_PX
    assert where(none, 3).any()
    inner = [np.asarray(sheet)[55:-8, 10:-10].sum(axis=-1) < 300 for sheet in (none, short, long)]
    rows = [dark.any(axis=1).nonzero()[0] for dark in inner]
    assert len(rows[0]) == 0
    assert rows[1].max() < 30  # a line's letters stand near the top
    assert rows[2].max() > 384 - 55 - 8 - 40  # many lines fill it


def test_every_ink_carries_white_text():
    for n in range(1, 9):
        channels = [c / 255 for c in ImageColor.getrgb(ink(n))]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (luminance + 0.05) >= 4.5  # WCAG AA
