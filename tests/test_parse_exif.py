"""A camera's notes: what Pillow writes is read back, and what is damaged is left out without a word."""

import math
import struct
from datetime import datetime

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from deepseek_mm.parse.image_metadata import Camera, Exposure, degrees, moment, read_exif, read_exposure


def block(*, orientation=None, taken=None, modified=None, place=None) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    if modified is not None:
        exif[0x0132] = modified
    if taken is not None:
        exif.get_ifd(0x8769)[0x9003] = taken
    if place is not None:
        exif.get_ifd(0x8825).update(place)
    return exif.tobytes()


def angle(*parts: tuple[int, int]) -> tuple[IFDRational, ...]:
    return tuple(IFDRational(top, bottom) for top, bottom in parts)


HARBOUR = {1: "S", 2: angle((33, 1), (51, 1), (3546, 100)), 3: "E", 4: angle((151, 1), (12, 1), (4028, 100))}


def test_the_notes_that_pillow_writes_are_read_back():
    camera = read_exif(block(orientation=6, taken="2024:05:17 18:30:00", modified="2025:01:01 00:00:00", place=HARBOUR))
    assert (camera.orientation, camera.taken_at) == (6, datetime(2024, 5, 17, 18, 30))
    assert camera.latitude == pytest.approx(-(33 + 51 / 60 + 35.46 / 3600))
    assert camera.longitude == pytest.approx(151 + 12 / 60 + 40.28 / 3600)


def test_both_byte_orders_give_the_same_hand_made_orientation():
    for mark, order in ((b"II", "<"), (b"MM", ">")):
        entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, 8, 0)
        tiff = mark + struct.pack(order + "HIH", 42, 8, 1) + entry + bytes(4)
        assert read_exif(b"Exif\0\0" + tiff) == Camera(orientation=8)


def test_the_time_of_the_shot_comes_before_the_time_of_the_last_change():
    assert read_exif(block(modified="2025:01:02 03:04:05")).taken_at == datetime(2025, 1, 2, 3, 4, 5)
    both = block(taken="2024:05:17 18:30:00", modified="2025:01:02 03:04:05")
    assert read_exif(both).taken_at == datetime(2024, 5, 17, 18, 30)


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        (b"2024:05:17 18:30:00\0", datetime(2024, 5, 17, 18, 30)),
        (b"2024-05-17T18:30:00+02:00", datetime(2024, 5, 17, 18, 30)),
        (b"0000:00:00 00:00:00", None),
        (b"2024:13:17 18:30:00", None),
        (b"    :  :     :  :  ", None),
        (b"\xff\xfe", None),
        ((3.0,), None),
        (None, None),
    ],
)
def test_a_time_is_read_as_cameras_write_it_or_not_at_all(letters, expected):
    assert moment(letters) == expected


@pytest.mark.parametrize(
    ("value", "reference", "expected"),
    [
        ((52.0, 30.0, 0.0), b"N\0", 52.5),
        ((52.0, 30.0, 0.0), b"S\0", -52.5),
        ((91.0, 0.0, 0.0), b"N\0", None),
        ((math.nan, 0.0, 0.0), b"N\0", None),
        ((52.0, 30.0), b"N\0", None),
        (b"52", b"N\0", None),
        ((52.0, 30.0, 0.0), None, None),
    ],
)
def test_a_place_off_the_globe_or_without_its_half_is_no_place(value, reference, expected):
    assert degrees(value, reference, most=90) == expected


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(orientation):
    assert read_exif(block(orientation=orientation)).orientation == 1


@pytest.mark.parametrize(
    "damaged", [b"", b"Exif\0\0", b"Exif\0\0MM\0*", b"Exif\0\0II*\0\xff\xff\xff\xff", b"nonsense" * 9]
)
def test_a_block_without_sense_says_nothing(damaged):
    assert read_exif(damaged) == Camera()


def test_no_damage_makes_reading_fail_and_what_is_whole_is_still_read():
    """Every cut, and 3,000 blocks with some bytes replaced at random."""
    whole = block(orientation=3, taken="2024:05:17 18:30:00", place=HARBOUR)
    seen = {read_exif(whole[:length]) for length in range(len(whole))}
    random = np.random.default_rng(0)
    for _ in range(3_000):
        bad = bytearray(whole)
        for at in random.integers(6, len(bad), size=random.integers(1, 8)):
            bad[at] = random.integers(256)
        seen.add(read_exif(bytes(bad)))
    assert len(seen) > 20
    assert any(camera.orientation == 3 and camera.taken_at is None for camera in seen)


def test_a_directory_that_points_at_itself_ends():
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    assert read_exif(b"II" + struct.pack("<HIH", 42, 8, 1) + entry) == Camera()


def exposed(main: dict[int, object], notes: dict[int, object]) -> Exposure:
    """What is read of the notes that Pillow writes."""
    exif = Image.Exif()
    exif.update(main)
    exif.get_ifd(0x8769).update(notes)
    return read_exposure(exif.tobytes())


def test_camera_lens_and_exposure_are_read_as_pillow_writes_them():
    found = exposed(
        {0x010F: "Canon", 0x0110: "Canon EOS R5"},
        {
            0x829A: IFDRational(1, 250), 0x829D: IFDRational(28, 10), 0x8827: 400, 0x920A: IFDRational(35, 1),
            0xA405: 56, 0xA434: "RF35mm F1.8 MACRO IS STM",
        },
    )  # fmt: skip
    assert (found.camera, found.lens) == ("Canon EOS R5", "RF35mm F1.8 MACRO IS STM")
    assert (found.seconds, found.f_number, found.iso) == (1 / 250, 2.8, 400)
    assert (found.focal_mm, found.focal_35_mm) == (35, 56)


def test_a_shutter_and_an_aperture_in_powers_of_two_are_told_in_seconds_and_as_a_number():
    found = exposed({0x010F: "Apple", 0x0110: "iPhone 12"}, {0x9201: IFDRational(6, 1), 0x9202: IFDRational(4, 1)})
    assert found == Exposure(camera="Apple iPhone 12", seconds=1 / 64, f_number=4.0)  # 2^-6 s, 2^(4/2)


@pytest.mark.parametrize(
    "notes",
    [
        {0x829A: IFDRational(0, 0)},
        {0x829D: IFDRational(0, 1)},
        {0x8827: 0},
        {0x9201: IFDRational(90_000, 1)},
        {0x920A: IFDRational(4_000_000_000, 1)},
        {0xA434: "\0\0\n"},
    ],
)
def test_numbers_that_measure_nothing_and_empty_names_are_left_out(notes):
    assert exposed({}, notes) == Exposure()


def test_what_is_no_block_of_notes_says_nothing_of_the_exposure():
    assert read_exposure(b"") == read_exposure(b"Exif\0\0II") == read_exposure(bytes(200)) == Exposure()
