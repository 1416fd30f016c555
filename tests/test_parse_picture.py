"""Every kind of picture file: upright, its first picture of many, and what is said of bad ones.

What holds for all kinds is tested through `read_photo` in test_parse_photo.py; here is what differs between them.
"""

import struct
import time
from datetime import datetime

import numpy as np
import pytest
from made_files import CONFIG, picture_bytes, read, refusal, scene, written
from PIL import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadPicture
from deepseek_mm.parse import picture as picture_module
from deepseek_mm.parse.document import open_file, parse_file
from deepseek_mm.parse.workers.client import read_picture_texts

FORMS = ("jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "heif")
WITH_NOTES = ("jpeg", "png", "webp", "tiff", "avif", "heif")
TAKEN, PLACE = {0x9003: "2024:05:17 18:30:00"}, {1: "N", 2: (52.0, 30.0, 0.0), 3: "W", 4: (13.0, 15.0, 0.0)}


def notes(orientation: int = 1, *, everything: bool = False) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if everything:
        exif.get_ifd(0x8769).update(TAKEN)
        exif.get_ifd(0x8825).update(PLACE)
    return exif.tobytes()


def difference(image: Image.Image, expected: Image.Image) -> float:
    """Of all pixels on average, in steps of 255."""
    assert image.size == expected.size
    return float(np.mean(np.abs(np.asarray(image, int) - np.asarray(expected.convert("RGB"), int))))


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_picture_is_known_by_its_bytes_and_shows_its_colours(tmp_path, form):
    path = written(tmp_path / "no ending", picture_bytes(form))
    source, (piece,) = read(path)
    assert (source.format, source.kind, source.note) == ("heic" if form == "heif" else form, "photo", "")
    assert (source.width_px, source.height_px, piece.kind, piece.box_px) == (60, 40, "whole", (0, 0, 60, 40))
    assert piece.image.mode == "RGB"
    assert difference(piece.image, scene()) < 8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", WITH_NOTES)
def test_every_kind_of_picture_that_can_say_so_is_turned_upright_once(tmp_path, form, orientation):
    """The camera held the scene so that turning it by the note gives the scene again."""
    turned = scene()
    if orientation > 1:
        undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # 6 is turned by ROTATE_270, undone by ROTATE_90
        turned = turned.transpose(Image.Transpose(undo))
    data = picture_bytes(form, turned, exif=notes(orientation), **({"lossless": True} if form == "webp" else {}))
    source, (piece,) = read(written(tmp_path / "turned", data))
    assert (source.width_px, source.height_px) == (60, 40)
    assert difference(piece.image, scene()) < 8


@pytest.mark.parametrize("form", WITH_NOTES)
def test_time_and_place_are_read_from_every_kind_of_picture_that_keeps_them(tmp_path, form):
    source, _ = read(written(tmp_path / "berlin", picture_bytes(form, exif=notes(6, everything=True))))
    assert source.taken_at == datetime(2024, 5, 17, 18, 30)
    assert (source.latitude, source.longitude) == (52.5, -13.25)


@pytest.mark.parametrize("form", WITH_NOTES)
def test_broken_notes_cost_nothing_but_the_notes(tmp_path, form):
    broken = notes(1, everything=True).replace(b"2024:05:17", b"\xff" * 10)
    source, (piece,) = read(written(tmp_path / "a", picture_bytes(form, exif=broken)))
    assert source.taken_at is None
    assert difference(piece.image, scene()) < 8


@pytest.mark.parametrize("form", ["gif", "png", "webp", "tiff", "avif", "heif"])
def test_of_many_pictures_in_one_file_the_first_is_shown_and_that_is_said(tmp_path, form):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", "lime")]
    data = picture_bytes(form, frames[0], save_all=True, append_images=frames[1:])
    source, pieces = read(written(tmp_path / "film", data))
    assert source.note == "Only the first of its 3 pictures is shown."
    assert len(pieces) == 1
    np.testing.assert_allclose(pieces[0].image.getpixel((30, 30)), (255, 0, 0), atol=6)


@pytest.mark.filterwarnings("ignore:.*EXIF data:UserWarning")  # Pillow says so of a damaged TIFF file, and goes on
@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_picture_is_refused_if_its_end_is_missing(tmp_path, form):
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    whole = picture_bytes(form, noise)
    for length in np.linspace(40, len(whole) * 0.9, 8).astype(int):
        message = refusal(written(tmp_path / "cut", whole[:length]))
        assert message.startswith(f"{tmp_path / 'cut'} is damaged or cut short")
        assert message.endswith("Copy it again from where it came")


@pytest.mark.filterwarnings("ignore::UserWarning")  # the same
@pytest.mark.parametrize("form", FORMS)
def test_random_damage_of_any_kind_of_picture_is_refused_or_survived(tmp_path, form):
    random, outcomes = np.random.default_rng(0), set()
    whole = picture_bytes(form, Image.effect_noise((64, 48), 90).convert("RGB"))
    for _ in range(60):
        bad = bytearray(whole)
        for at in random.integers(12, len(bad), size=random.integers(1, 6)):
            bad[at] = random.integers(256)
        try:
            outcomes.add(read(written(tmp_path / "bad", bytes(bad)), ParseConfig(max_pixels=10**6))[1][0].image.mode)
        except BadPicture:
            outcomes.add("refused")
    assert outcomes <= {"RGB", "refused"}


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_picture_is_measured_before_it_is_decoded(tmp_path, form):
    path = written(tmp_path / "scene", picture_bytes(form))
    assert read(path, ParseConfig(max_pixels=2_400))[1]
    assert refusal(path, ParseConfig(max_pixels=2_399)) == (
        f"{path} has 60 x 40 = 2,400 pixels, and parse.max_pixels allows 2,399. "
        "Make the picture smaller, or raise parse.max_pixels"
    )


def test_a_tiff_bomb_is_refused_by_its_size(tmp_path):
    """12,000 x 12,000 pixels of one colour in the header, and no data at all."""
    rows = [(256, 4, 1, 12_000), (257, 4, 1, 12_000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    rows += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 12_000), (279, 4, 1, 144_000_000)]
    directory = b"".join(struct.pack("<HHII", *row) for row in rows)
    data = b"II*\0" + struct.pack("<IH", 8, len(rows)) + directory + bytes(4)
    assert "144,000,000 pixels" in refusal(written(tmp_path / "bomb.tif", data))


def test_a_tiff_above_the_limit_of_pillow_is_read_if_ours_allows_it(tmp_path, monkeypatch):
    """Pillow has a limit of its own that warns (an error in these tests) and then refuses."""
    data = picture_bytes("tiff", scene(size=(100, 90)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)
    assert read(written(tmp_path / "large.tif", data))[1][0].image.size == (100, 90)


def test_a_wrong_ending_does_not_matter(tmp_path):
    source, (piece,) = read(written(tmp_path / "holiday.txt", picture_bytes("heif")))
    assert (source.format, piece.kind) == ("heic", "whole")


def test_words_that_begin_like_a_bitmap_are_words(tmp_path):
    source, (piece,) = read(written(tmp_path / "cars.txt", "BMW makes cars. So do others, and they are fast."))
    assert (source.format, piece.text[:3]) == ("text", "BMW")


def test_the_file_is_read_and_hashed_without_being_decoded(tmp_path):
    broken = picture_bytes("png")[:60]
    file = open_file(written(tmp_path / "a.png", broken), CONFIG)
    assert (file.format.name, file.size_bytes, file.data) == ("png", 60, broken)


def test_a_jpeg_is_decoded_small_where_less_is_needed_and_keeps_its_own_size(tmp_path):
    gradient = Image.linear_gradient("L").resize((1200, 900)).convert("RGB")
    gradient.save(tmp_path / "large.jpg", quality=95)
    sizes = {}
    for draft_px in (1600, 450, 288):
        config = ParseConfig(draft_px=draft_px)
        document = parse_file(open_file(tmp_path / "large.jpg", config), config)
        (piece,) = document.pieces
        sizes[draft_px] = piece.image.size
        assert (document.source.width_px, document.source.height_px, piece.box_px) == (1200, 900, (0, 0, 1200, 900))
        middle = piece.image.getpixel((piece.image.width // 2, piece.image.height // 2))
        assert abs(middle[0] - gradient.getpixel((600, 450))[0]) < 4
    assert sizes == {1600: (1200, 900), 450: (600, 450), 288: (600, 450)}


def test_a_large_picture_that_is_converted_in_bands_shows_what_a_small_one_does(monkeypatch):
    clear = scene("RGBA", size=(400, 300))
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    grey = Image.fromarray(np.linspace(0, 9e6, 120_000, dtype=np.float32).reshape(300, 400))
    for image in (scene(size=(400, 300)), clear, scene("P", size=(400, 300)), grey):
        whole = picture_module.small_rgb(image.copy())
        with monkeypatch.context() as patch:
            patch.setattr(picture_module, "SMALL_PX", 1_000)
            patch.setattr(picture_module, "BAND_PX", 10_000)
            bands = picture_module.small_rgb(image.copy())
            patch.setattr(picture_module, "LONG_SIDE_PX", 100)
            small = picture_module.small_rgb(image.copy())
        assert bands.tobytes() == whole.tobytes()
        plain = np.asarray(whole.resize(small.size), np.int16)
        assert small.size == (100, 75)
        assert np.abs(plain - np.asarray(small, np.int16)).mean() < 6


@pytest.mark.parametrize("size", [(40, 30_000), (30_000, 40)])
def test_a_narrow_picture_that_is_converted_in_bands_keeps_its_shape(monkeypatch, size):
    monkeypatch.setattr(picture_module, "SMALL_PX", 1_000)
    small = picture_module.small_rgb(Image.new("RGBA", size, "red"))
    assert max(small.size) == 1_600
    assert small.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(("passes", "said"), [(3_000, "times, as no program writes it"), (1, "comes in passes")])
def test_a_jpeg_in_passes_that_would_take_for_ever_or_all_memory_is_refused(tmp_path, passes, said):
    data = picture_bytes("jpeg", scene(size=(64, 64)), progressive=True, subsampling=0)
    last = data[data.rindex(b"\xff\xda") : -2]
    if passes == 1:
        at = data.index(b"\xff\xc2")
        data = data[: at + 5] + struct.pack(">HH", 9_990, 9_990) + data[at + 9 :]
    path = written(tmp_path / "a.jpg", data[:-2] + last * passes + data[-2:])
    assert said in refusal(path)


def test_padding_within_a_jpeg_costs_nothing(tmp_path):
    data = picture_bytes("jpeg")
    path = written(tmp_path / "a.jpg", data[:2] + b"\xff" * 2_000_000 + data[2:])
    began_s = time.monotonic()
    assert read(path)[0].width_px == 60
    read_picture_texts(open_file(path, CONFIG), CONFIG)
    assert time.monotonic() - began_s < 10
