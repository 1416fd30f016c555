"""Whole files, and pictures that are pictures."""

import io

import pytest
from fakes import picture

from deepseek_mm.errors import BadPicture
from deepseek_mm.sharing.files import look_at, sha256


def jpeg() -> bytes:
    stream = io.BytesIO()
    picture(size=(64, 48)).save(stream, "JPEG")
    return stream.getvalue()


def test_the_bytes_of_a_picture_are_known_without_a_file():
    source = look_at(jpeg(), name="a", max_pixels=10_000)
    assert (source.format, source.width_px, source.height_px) == ("jpeg", 64, 48)
    assert source.digest == sha256(jpeg())


def test_half_a_picture_and_a_huge_one_are_refused():
    with pytest.raises(BadPicture, match="damaged or cut short"):
        look_at(jpeg()[:-100], name="a", max_pixels=10_000)
    with pytest.raises(BadPicture, match="max_pixels"):
        look_at(jpeg(), name="a", max_pixels=64 * 48 - 1)


def test_a_whole_document_is_no_picture_all_the_same():
    stream = io.BytesIO()
    picture(size=(64, 48)).save(stream, "PDF")
    with pytest.raises(BadPicture, match="is no picture"):
        look_at(stream.getvalue(), name="a", max_pixels=10_000)
