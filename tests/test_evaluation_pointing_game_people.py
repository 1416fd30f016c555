"""The pointing game for people, and the sheet of photos with their regions."""

import json

import numpy as np
import pytest
from fakes import ColourSpace, PaintedDetector, picture
from PIL import Image, ImageColor

from deepseek_mm.config import SeeConfig
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.drawings import COLOURS, COLUMNS, GAP_PX, SIDE_PX, WORDS_PX, draw_sheet
from deepseek_mm.evaluation.pointing_game import (
    MIDDLE,
    BoxRow,
    evaluate_regions,
    is_inside,
    point_at_person,
    read_box_rows,
    score_points,
)
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionModels, VisionPipeline
from index import Label, Region, Source

SOURCE = Source(path="/photos/a.png", width_px=400, height_px=200)


def sight(*regions: tuple[tuple[int, int, int, int], str, float]) -> ImageAnalysis:
    whole = Region(source=SOURCE, kind="whole", box_px=(0, 0, 400, 200))
    parts = [
        Region(source=SOURCE, box_px=box, labels=(Label(name="wall", score=0.99), Label(name=name, score=score)))
        for box, name, score in regions
    ]
    seen = ImageAnalysis(picture(), SOURCE)
    seen.regions = (whole, *parts)
    return seen


def rows(tmp_path, *lines: dict, name: str = "boxes.jsonl"):
    file = tmp_path / name
    file.write_text("\n".join(json.dumps(line) for line in lines))
    return file


def test_the_surest_region_of_any_kind_of_person_is_pointed_at_in_its_middle():
    seen = sight(((0, 0, 100, 100), "climber", 0.8), ((200, 100, 400, 200), "person", 0.7), ((0, 0, 9, 9), "dog", 0.9))
    assert point_at_person(seen) == (0.125, 0.25)


def test_of_two_equally_sure_regions_the_smaller_points():
    seen = sight(((0, 0, 400, 200), "person", 0.9), ((0, 0, 40, 20), "person", 0.9))
    assert point_at_person(seen) == (0.05, 0.05)


def test_a_photo_without_a_region_for_a_person_counts_by_its_middle():
    assert point_at_person(sight(((0, 0, 100, 100), "dog", 0.9))) == MIDDLE


def test_a_point_may_lie_in_any_box_and_on_its_edge():
    boxes = ((0.0, 0.0, 0.1, 0.1), (0.5, 0.5, 0.7, 0.9))
    assert is_inside((0.5, 0.9), boxes)
    assert not is_inside((0.3, 0.3), boxes)


def test_hits_are_counted_in_percent_beside_those_of_the_middle():
    told = [BoxRow(image="a", boxes=((0, 0, 0.2, 0.2),)), BoxRow(image="b", boxes=((0.4, 0.4, 0.6, 0.6),))]
    report = score_points([(0.1, 0.1), (0.9, 0.9)], told)
    assert (report.pointing, report.centre_baseline, report.n) == (50.0, 50.0, 2)
    report = score_points([(0.1, 0.1), (0.5, 0.6)], told)
    assert json.loads(report.json()) == {"pointing": 100.0, "centre_baseline": 50.0, "n": 2}


def test_a_split_is_the_rows_own_or_that_of_the_questions_beside_it_and_else_every_one(tmp_path):
    box = [[0.1, 0.1, 0.5, 0.5]]
    names = ("own.png", "asked.png", "other.png", "unknown.png")
    file = rows(tmp_path, *({"image": name, "person_boxes": box} for name in names))
    rows(
        tmp_path,
        {"image": "own.png", "split": "train"},
        {"image": "asked.png", "split": "dev"},
        {"image": "other.png", "split": "train"},
        name="qa.jsonl",
    )
    assert [row.image for row in read_box_rows(file, split="dev")] == ["asked.png", "unknown.png"]
    assert len(read_box_rows(file)) == 4
    own = rows(tmp_path, {"image": "own.png", "person_boxes": box, "split": "dev"})
    assert [row.image for row in read_box_rows(own, split="dev")] == ["own.png"]


@pytest.mark.parametrize(
    "line",
    [{"image": "a.png"}, {"image": "a.png", "person_boxes": [[0.5, 0, 0.2, 1]]}, {"image": "a", "person_boxes": [[1]]}],
)
def test_a_row_of_another_shape_is_named_by_its_line(tmp_path, line):
    with pytest.raises(NothingThere, match="line 2 is no row"):
        read_box_rows(rows(tmp_path, {"image": "ok.png", "person_boxes": []}, line))


def test_an_absent_file_and_a_split_without_rows_say_so(tmp_path):
    with pytest.raises(NothingThere, match="no file"):
        read_box_rows(tmp_path / "absent.jsonl")
    with pytest.raises(NothingThere, match="no row with split 'dev'"):
        read_box_rows(rows(tmp_path, {"image": "a.png", "person_boxes": [], "split": "train"}), split="dev")


def test_photos_are_seen_as_the_application_sees_them(tmp_path):
    for colour in ("red", "green"):
        picture(colour).save(tmp_path / f"{colour}.png")
    told = [BoxRow(image="red.png", boxes=((0, 0, 0.2, 1),)), BoxRow(image="green.png", boxes=((0.8, 0, 0.9, 1),))]
    done: list[int] = []
    eyes = VisionPipeline(
        ColourSpace(),
        SeeConfig(),
        models=VisionModels(detector=PaintedDetector(((0.0, 0.0, 0.25, 1.0), "person", 0.9))),
    )
    report = evaluate_regions(eyes, told, tmp_path, told=done.append)
    assert (report.pointing, report.centre_baseline, done) == (50.0, 0.0, [1, 2])
    assert "the middle of the photo" in report.table()


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
