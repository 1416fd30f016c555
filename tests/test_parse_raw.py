"""Raw pictures of cameras: the camera's own JPEG where it is large enough, else what LibRaw develops."""

from datetime import datetime

import numpy as np
import pytest
from PIL import Image
from tiny_raw import make_dng

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.document import open_file, parse_file
from deepseek_mm.parse.formats import BY_NAME, format_of
from deepseek_mm.parse.workers.client import read_exposure

CONFIG = ParseConfig()


def read(path, config=CONFIG):
    document = parse_file(open_file(path, config), config)
    (piece,) = document.pieces
    return document.source, piece.image


def mean(image):
    return np.asarray(image).reshape(-1, 3).mean(axis=0)


def test_a_raw_picture_without_a_preview_is_developed_at_half_its_size(tmp_path):
    source, image = read(make_dng(tmp_path / "red.dng"))
    assert (source.kind, source.format, source.width_px, source.height_px) == ("photo", "dng", 64, 48)
    assert image.size == (32, 24)
    red, green, blue = mean(image)
    assert red > 2 * max(green, blue)


def test_the_cameras_own_picture_is_taken_where_it_is_large_enough(tmp_path):
    preview = Image.new("RGB", (64, 48), (20, 30, 220))
    _, image = read(make_dng(tmp_path / "shown.dng", preview=preview))
    assert image.size == (64, 48)
    assert np.abs(mean(image) - (20, 30, 220)).max() < 8


def test_a_stamp_in_the_file_is_not_taken_for_the_picture(tmp_path):
    _, image = read(make_dng(tmp_path / "stamp.dng", preview=Image.new("RGB", (16, 12), (20, 30, 220))))
    assert mean(image)[0] > 2 * mean(image)[2]


def test_a_raw_picture_that_was_taken_upright_comes_upright(tmp_path):
    preview = Image.new("RGB", (64, 48), "white")
    preview.paste((220, 20, 20), (0, 0, 64, 16))  # the upper edge of the sensor is the right one of the picture
    source, image = read(make_dng(tmp_path / "upright.dng", orientation=6, preview=preview))
    assert (source.width_px, source.height_px, image.size) == (48, 64, (48, 64))
    left, right = np.asarray(image)[:, 4].mean(axis=0), np.asarray(image)[:, -4].mean(axis=0)
    assert (left[1] > 200, right[1] < 60) == (True, True)
    assert read(make_dng(tmp_path / "developed.dng", orientation=6))[1].size == (24, 32)


def test_time_and_camera_of_a_raw_picture_are_read(tmp_path):
    path = make_dng(tmp_path / "dated.dng")
    assert read(path)[0].taken_at == datetime(2024, 5, 17, 18, 30, 5)
    assert read_exposure(open_file(path, CONFIG), CONFIG).camera == "Tiny"


@pytest.mark.parametrize("name", ["dng", "nef", "arw", "cr2", "srw"])
def test_of_raw_files_that_are_tiff_inside_the_name_decides_and_a_tiff_stays_one(name):
    assert format_of(b"II*\0\x08\0\0\0", f"/a/IMG.{name.upper()}") == BY_NAME[name]
    assert format_of(b"II*\0\x08\0\0\0", "/a/scan.tif") == format_of(b"II*\0\x08\0\0\0", "/a/scan") == BY_NAME["tiff"]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypcrx \0", "cr3"),
        (b"IIRO\x08\0\0\0", "orf"),
        (b"IIU\0\x18\0\0\0", "rw2"),
        (b"FUJIFILMCCD-RAW 0201", "raf"),
    ],
)
def test_other_raw_files_are_known_by_their_first_bytes(head, name):
    assert format_of(head, f"/a/b.{name}") == format_of(head, "/a/b") == BY_NAME[name]


def test_a_raw_file_that_is_cut_short_or_no_raw_file_is_refused(tmp_path):
    whole = make_dng(tmp_path / "whole.dng", size=(640, 480)).read_bytes()
    (tmp_path / "cut.dng").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.nef").write_bytes(b"II*\0\x08\0\0\0" + bytes(200))
    for name in ("cut.dng", "empty.nef"):
        with pytest.raises(BadFile, match=rf"{name} is damaged or cut short: .*Copy it again"):
            read(tmp_path / name)


def test_a_raw_picture_with_too_many_pixels_is_refused_before_it_is_developed(tmp_path):
    with pytest.raises(BadFile, match="64 x 48 = 3,072 pixels, and parse.max_pixels allows 3,071"):
        read(make_dng(tmp_path / "large.dng"), ParseConfig(max_pixels=3071))
