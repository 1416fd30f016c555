"""The chain of segments of a JPEG file, on files that Pillow wrote."""

import io

import numpy as np
import pytest
from PIL import Image

from deepseek_mm.parse import image_metadata


def jpeg_bytes(**options) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, "JPEG", **options)
    return file.getvalue()


def notes(**tags) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    return exif


def test_segments_tile_the_header_without_gaps_up_to_the_first_scan():
    rows = list(image_metadata.segments(jpeg_bytes(exif=notes())))
    assert rows[0][1] == len(image_metadata.START)
    assert [end for _, _, end in rows[:-1]] == [start for _, start, _ in rows[1:]]
    assert rows[-1][0] == image_metadata.START_OF_SCAN


def test_padding_between_segments_is_stepped_over():
    data = jpeg_bytes()
    padded = data[:2] + b"\xff\xff\xff" + data[2:]
    assert [marker for marker, *_ in image_metadata.segments(padded)] == [
        marker for marker, *_ in image_metadata.segments(data)
    ]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 100}, {"comment": b"hello"}])
def test_a_file_is_whole_until_its_end_marker_is_gone(options):
    data = jpeg_bytes(**options)
    assert image_metadata.is_whole(data)
    assert image_metadata.is_whole(data + b"a phone's own trailer")
    assert not image_metadata.is_whole(data[:-2])
    assert not image_metadata.is_whole(data[: len(data) // 2] + bytes(len(data) // 2))


def test_the_end_of_a_thumbnail_in_the_notes_does_not_count_as_the_end():
    thumbnail = jpeg_bytes(quality=10)
    data = jpeg_bytes(exif=image_metadata.EXIF_NAME + thumbnail)
    assert image_metadata.is_whole(data)
    assert not image_metadata.is_whole(data[:-2])


def test_notes_are_found_and_taking_them_out_changes_no_pixel():
    data = jpeg_bytes(exif=notes(), comment=b"hello", icc_profile=b"profile")
    bare = image_metadata.without_notes(data)
    assert image_metadata.exif_of(data) == notes().tobytes()
    assert image_metadata.exif_of(bare) == b""
    assert b"hello" not in bare
    before, after = (np.asarray(Image.open(io.BytesIO(each))) for each in (data, bare))
    np.testing.assert_array_equal(before, after)


def test_the_adobe_note_stays_because_it_says_how_colours_are_stored():
    file = io.BytesIO()
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(file, "JPEG")
    before, after = (
        Image.open(io.BytesIO(each)) for each in (file.getvalue(), image_metadata.without_notes(file.getvalue()))
    )
    assert before.convert("RGB").getpixel((8, 8)) == after.convert("RGB").getpixel((8, 8))


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1\x00", b"\xff\xd8\xff\xe1\xff\xff"]
)
def test_a_header_that_breaks_off_is_not_whole_and_has_no_notes(data):
    assert not image_metadata.is_whole(data)
    assert image_metadata.exif_of(data) == b""


def test_a_long_colour_profile_is_put_together_from_its_parts_in_their_order():
    """Pillow cuts it into segments of 65,519 bytes; here they are also swapped."""
    profile = np.random.default_rng(0).bytes(150_000)
    data = jpeg_bytes(icc_profile=profile)
    assert image_metadata.icc_of(data) == profile
    rows = [
        (start, end) for marker, start, end in image_metadata.segments(data) if marker == image_metadata.ICC_SEGMENT
    ]
    assert len(rows) == 3
    parts = [data[start:end] for start, end in rows]
    assert image_metadata.icc_of(data[: rows[0][0]] + b"".join(reversed(parts)) + data[rows[-1][1] :]) == profile
    assert image_metadata.icc_of(jpeg_bytes()) == b""
