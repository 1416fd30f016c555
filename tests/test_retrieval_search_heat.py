"""Where in a picture is what was looked for: cells against a query, and how they are coloured."""

import numpy as np
import pytest
from fakes import ColourSpace, picture
from rag_house import build

from deepseek_mm.errors import BadQuestion
from deepseek_mm.retrieval.heat import INKS, LEAST_SPAN, MOST_OPAQUE, Heat, colour_heat, heat_map, heat_of
from deepseek_mm.types import Query

CELLS = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.6, 0.8]]], np.float32)  # 2 x 2 cells, 2 wide


def test_the_cell_nearest_to_the_query_is_hot_and_the_usual_one_cold():
    heat = heat_of(CELLS, np.array([1.0, 0.0], np.float32))  # cosines 1, 0, 0, 0.6: their median is 0.3
    assert heat.cells_HW == ((1.0, 0.0), (0.0, pytest.approx(0.3 / 0.7, abs=1e-4)))
    assert (heat.low, heat.high) == (pytest.approx(0.3, abs=1e-4), 1.0)


def test_cells_that_hardly_differ_are_not_stretched_into_a_find():
    nearly = np.array([[[0.10], [0.12]], [[0.10], [0.10]]], np.float32)
    heat = heat_of(nearly, np.ones(1, np.float32))
    assert heat.high == pytest.approx(0.10 + LEAST_SPAN, abs=1e-4)
    assert max(map(max, heat.cells_HW)) == pytest.approx(0.02 / LEAST_SPAN, abs=1e-3)


def test_a_red_corner_is_where_a_search_for_red_is_hot(tmp_path):
    with build(tmp_path / "data", space=ColourSpace()) as house:
        heat = heat_map(house.retriever.search, Query(text="red"), picture("green", patch="red"))
        assert [round(row[0]) for row in heat.cells_HW] == [1, 1, 0, 0]
        assert [round(row[3]) for row in heat.cells_HW] == [0, 0, 0, 0]
        by_picture = heat_map(house.retriever.search, Query(image=picture("red")), picture("green", patch="red"))
        assert by_picture.cells_HW[0][0] == 1.0


def test_operators_and_what_is_taken_away_are_no_words_of_a_heat_map(tmp_path):
    with build(tmp_path / "data", space=ColourSpace()) as house:
        search, photo = house.retriever.search, picture("green", patch="red")
        plain = heat_map(search, Query(text="red"), photo)
        assert heat_map(search, Query(text="red kind:whole colour:green"), photo) == plain
        assert heat_map(search, Query(text="colour:red"), photo).cells_HW[0][0] == 0  # nothing is looked for
        away = heat_map(search, Query(text="red - green"), photo)
        assert away.high > plain.high - 0.2
        with pytest.raises(BadQuestion, match="only what to take away"):
            heat_map(search, Query(text="- green"), photo)


def test_cold_is_clear_and_hot_is_the_lightest_ink_yet_the_photo_shows_through():
    cold, hot = colour_heat(np.array([[0.0, 1.0]], np.float32))[0].tolist()
    assert cold == [*INKS[0], 0]
    assert hot == [*INKS[-1], round(255 * MOST_OPAQUE)]
    assert MOST_OPAQUE < 0.9


@pytest.mark.parametrize(("size", "drawn"), [((4000, 2000), (288, 144)), ((10, 20), (144, 288)), ((3000, 1), (288, 1))])
def test_the_drawn_heat_has_the_proportions_of_its_photo(size, drawn):
    heat = Heat(cells_HW=((0.0, 1.0), (0.0, 0.0)), low=0.1, high=0.4)
    image = heat.to_image(size)
    assert (image.size, image.mode) == (drawn, "RGBA")
    if min(drawn) > 1:
        assert image.getpixel((drawn[0] - 1, 0))[3] > 150 > 40 > image.getpixel((0, drawn[1] - 1))[3]
