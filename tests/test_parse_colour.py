"""Colours come out as a screen shows them: compared with the arithmetic of the profiles."""

import struct

import numpy as np
import pytest
from made_files import P3, SRGB, picture_bytes, profile, read, rgb_profile, tag, written
from PIL import Image, ImageCms

from deepseek_mm.parse.picture import small_rgb

TRIPLES = [(200, 100, 80), (90, 140, 60), (128, 128, 128), (255, 255, 255), (20, 30, 60)]


def as_screen(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1: linear light as the 8-bit numbers of sRGB."""
    light = np.clip(linear, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def plain(mode: str, value) -> Image.Image:
    return Image.new(mode, (8, 8), value)


def middle(image: Image.Image) -> np.ndarray:
    return np.asarray(image.getpixel((4, 4)), float)


@pytest.mark.parametrize("triple", TRIPLES)
@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff", "avif", "heif"])
def test_a_display_p3_picture_is_shown_in_the_srgb_of_the_same_light(tmp_path, form, triple):
    options = {"quality": 100} | ({"subsampling": 0} if form == "jpeg" else {})
    data = picture_bytes(form, plain("RGB", triple), icc_profile=rgb_profile(), **options)
    image = read(written(tmp_path / "wide", data))[1][0].image
    expected = as_screen(np.linalg.inv(SRGB) @ P3 @ (np.array(triple) / 255) ** 2.2)
    np.testing.assert_allclose(middle(image), expected, atol=3)


def test_a_grey_picture_follows_the_curve_of_its_profile():
    linear = profile(b"GRAY", {b"kTRC": tag(b"curv", 1.0)})
    expected = as_screen(np.array(128 / 255))
    np.testing.assert_allclose(middle(small_rgb(plain("L", 128), linear)), [expected] * 3, atol=1.5)
    assert expected > 180  # and not 128


def test_a_profile_that_calls_itself_srgb_changes_no_pixel():
    noise = Image.effect_noise((50, 40), 90).convert("RGB")
    screen = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (b"", screen, rgb_profile(P3, name="sRGB IEC61966-2.1")):
        np.testing.assert_array_equal(np.asarray(small_rgb(noise, icc)), np.asarray(noise))
    assert np.any(np.asarray(small_rgb(noise, rgb_profile())) != np.asarray(noise))


@pytest.mark.parametrize("icc", [b"nonsense", rgb_profile()[:200], profile(b"GRAY", {b"kTRC": tag(b"curv", 1.0)})])
def test_a_profile_that_is_damaged_or_for_another_kind_of_colour_is_ignored(icc):
    np.testing.assert_array_equal(middle(small_rgb(plain("RGB", (200, 100, 80)), icc)), (200, 100, 80))


def ink_profile(**corners: tuple[float, float, float]) -> bytes:
    """A printer's profile of 16 corners (lut8Type): no ink is white, and the corners named have those Lab colours."""
    table = b""
    for corner in range(16):
        inks = "".join(ink for bit, ink in enumerate("CMYK") if corner >> (3 - bit) & 1)
        lightness, a, b = corners.get(inks, (0.0, 0.0, 0.0) if inks else (100.0, 0.0, 0.0))
        table += bytes((round(lightness * 2.55), round(a + 128), round(b + 128)))
    ramp = bytes(range(256))
    unit = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + unit + ramp * 4 + table + ramp * 3
    return profile(b"CMYK", {b"A2B0": lut, b"A2B1": lut}, connects=b"Lab ")


def test_inks_look_as_the_profile_of_their_printer_says():
    """Lab 50 without a hue is 119 in sRGB; without the profile, full cyan would be (0, 255, 255)."""
    grey_cyan = ink_profile(C=(50.0, 0.0, 0.0))
    np.testing.assert_allclose(middle(small_rgb(plain("CMYK", (255, 0, 0, 0)), grey_cyan)), [119] * 3, atol=2)
    np.testing.assert_allclose(middle(small_rgb(plain("CMYK", (0, 0, 0, 0)), grey_cyan)), [255] * 3, atol=1)
    np.testing.assert_array_equal(middle(small_rgb(plain("CMYK", (255, 0, 0, 0)))), (0, 255, 255))


def without_adobe_mark(data: bytes) -> bytes:
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


def test_inks_of_a_jpeg_are_turned_around_if_adobe_wrote_them_and_not_if_nobody_says_so(tmp_path):
    """Pillow writes inks turned around, with Adobe's mark; without the mark the same bytes are other amounts."""
    data = picture_bytes("jpeg", plain("CMYK", (0, 255, 255, 0)), quality=100)
    adobe = read(written(tmp_path / "a.jpg", data))[1][0].image
    bare = read(written(tmp_path / "b.jpg", without_adobe_mark(data)))[1][0].image
    np.testing.assert_allclose(middle(adobe), (255, 0, 0), atol=3)
    np.testing.assert_allclose(middle(bare), (0, 0, 0), atol=3)  # much black: 255 - 0 of K


def test_inks_of_a_tiff_are_inks(tmp_path):
    data = picture_bytes("tiff", plain("CMYK", (0, 255, 255, 51)))
    image = read(written(tmp_path / "a.tif", data))[1][0].image
    np.testing.assert_allclose(middle(image), (255 * 0.8, 0, 0), atol=1)


@pytest.mark.parametrize("triple", TRIPLES)
def test_lab_becomes_the_rgb_that_it_was_made_from(tmp_path, triple):
    lab = ImageCms.profileToProfile(
        plain("RGB", triple), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    image = read(written(tmp_path / "lab.tif", picture_bytes("tiff", lab)))[1][0].image
    np.testing.assert_allclose(middle(image), triple, atol=4)


def test_sixteen_bits_of_grey_lose_their_lower_half_in_every_format_that_has_them(tmp_path):
    grey = np.random.default_rng(0).integers(0, 65536, (16, 16), dtype=np.uint16)
    for form in ("png", "tiff"):
        image = read(written(tmp_path / "deep", picture_bytes(form, Image.fromarray(grey))))[1][0].image
        np.testing.assert_array_equal(np.asarray(image)[..., 0], grey >> 8)


def test_sixteen_bits_of_each_colour_lose_their_lower_half(tmp_path):
    """Pillow cannot write them, so the file is made by hand: one strip, three 16-bit values a pixel."""
    deep = np.random.default_rng(0).integers(0, 65536, (4, 4, 3), dtype="<u2")
    short, long = 3, 4
    rows = [(256, short, 1, 4), (257, short, 1, 4), (258, short, 3, 134), (259, short, 1, 1), (262, short, 1, 2)]
    rows += [(273, long, 1, 140), (277, short, 1, 3), (278, short, 1, 4), (279, long, 1, deep.nbytes)]
    rows += [(284, short, 1, 1)]
    directory = b"".join(struct.pack("<HHII", *row) for row in rows)
    data = (
        b"II*\0"
        + struct.pack("<IH", 8, len(rows))
        + directory
        + bytes(4)
        + struct.pack("<3H", 16, 16, 16)
        + deep.tobytes()
    )
    assert data.index(deep.tobytes()) == 140
    image = read(written(tmp_path / "deep.tif", data))[1][0].image
    np.testing.assert_array_equal(np.asarray(image), deep >> 8)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_without_a_known_range_fill_the_whole_of_it(mode):
    values = np.array([[-10.0, 0.0], [30.0, 90.0]], np.float32)
    image = Image.fromarray(values if mode == "F" else values.astype(np.int32))
    assert np.asarray(small_rgb(image))[..., 1].tolist() == [[0, 26], [102, 255]]  # 10 and 40 hundredths of 255


def test_a_number_that_is_none_does_no_harm():
    assert middle(small_rgb(Image.fromarray(np.full((8, 8), np.nan, np.float32)))).tolist() == [0, 0, 0]


def test_half_transparent_is_mixed_with_white_after_the_profile_was_applied():
    clear = small_rgb(plain("RGBA", (200, 100, 80, 51)), rgb_profile())
    solid = middle(small_rgb(plain("RGB", (200, 100, 80)), rgb_profile()))
    np.testing.assert_allclose(middle(clear), 0.8 * 255 + 0.2 * solid, atol=1.5)


@pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA"])
def test_four_fifths_clear_black_is_light_grey_however_it_is_stored(mode):
    black = plain("RGBA", (0, 0, 0, 51))
    np.testing.assert_allclose(middle(small_rgb(black.convert(mode))), [204] * 3, atol=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "HSV"])
def test_every_mode_of_pillow_comes_out_as_rgb_of_the_same_colours(mode):
    middleman = {"RGBa": "RGBA", "PA": "P"}.get(mode)
    white = plain("RGB", (255, 255, 255)).convert(middleman or mode)
    image = small_rgb(white.convert(mode))
    assert image.mode == "RGB"
    np.testing.assert_allclose(middle(image), [255] * 3, atol=2)


def test_a_large_picture_is_reduced_whatever_its_mode():
    for mode in ("L", "RGBA", "CMYK", "P"):
        assert small_rgb(Image.new(mode, (3200, 100))).size == (1600, 50)
