"""A contact sheet: one square a photo, marks in the colours of the table."""

import numpy as np
import pytest
from fakes import ColourSpace, picture
from PIL import Image, ImageColor

from deepseek_mm.config import SeeConfig
from deepseek_mm.errors import NothingThere
from deepseek_mm.see.pipeline import VisionPipeline
from deepseek_mm.evaluation.regions import COLOURS
from deepseek_mm.evaluation.regions import COLUMNS
from deepseek_mm.evaluation.regions import GAP_PX
from deepseek_mm.evaluation.regions import SIDE_PX
from deepseek_mm.evaluation.regions import WORDS_PX
from deepseek_mm.evaluation.regions import draw_sheet


@pytest.fixture
def eyes() -> VisionPipeline:
    return VisionPipeline(ColourSpace(), SeeConfig())


@pytest.fixture
def photos(tmp_path):
    for n in range(COLUMNS + 1):
        picture("green", size=(80, 40), patch="red").save(tmp_path / f"{n}.png")
    return tmp_path


def test_every_photo_of_a_folder_gets_a_square_in_rows_of_equal_length(eyes, photos, tmp_path):
    file = tmp_path / "new" / "sheet.png"
    assert draw_sheet(eyes, photos, (), file) == COLUMNS + 1
    with Image.open(file) as sheet:
        assert sheet.size == (
            COLUMNS * (SIDE_PX + GAP_PX) + GAP_PX,
            2 * (SIDE_PX + GAP_PX + WORDS_PX) + GAP_PX,
        )


def test_a_part_is_outlined_where_it_lies_on_its_photo(eyes, photos, tmp_path):
    draw_sheet(eyes, photos, ("0.png",), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB"), np.int64)
    marked = np.abs(pixels - np.array(ImageColor.getrgb(COLOURS[0]))).max(axis=-1) < 40
    rows, columns = np.nonzero(marked)
    assert (columns.min() - GAP_PX, rows.min() - GAP_PX) == (0, 0)
    assert columns.max() - GAP_PX == pytest.approx(SIDE_PX / 2, abs=SIDE_PX / 12)
    assert rows.max() - GAP_PX == pytest.approx(SIDE_PX / 4, abs=SIDE_PX / 12)


def test_named_photos_come_in_the_order_named_and_an_absent_one_is_refused(eyes, photos, tmp_path):
    assert draw_sheet(eyes, photos, ("3.png", "1.png"), tmp_path / "sheet.png") == 2
    with pytest.raises(NothingThere, match=r"no picture .*absent\.png"):
        draw_sheet(eyes, photos, ("absent.png",), tmp_path / "sheet.png")


def test_a_folder_without_photos_says_what_to_give(eyes, tmp_path):
    with pytest.raises(NothingThere, match="Give a folder with photos with --images"):
        draw_sheet(eyes, tmp_path, (), tmp_path / "sheet.png")
