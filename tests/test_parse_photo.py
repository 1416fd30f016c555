"""Picture files of every kind, upright and RGB, or an error that says what is wrong and what to do."""

import hashlib
import os
import struct
import subprocess
import sys
import zlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from deepseek_mm.errors import BadPicture, NothingThere
from deepseek_mm.parse.document import read_photo
from deepseek_mm.parse.formats import LONG_SIDE_PX

LIMIT = 100_000_000


def scene(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red at the top left, blue at the bottom right, green elsewhere: no turn leaves it as it is."""
    image = Image.new("RGB", size, (0, 160, 0))
    image.paste((220, 0, 0), (0, 0, size[0] // 3, size[1] // 3))
    image.paste((0, 0, 220), (size[0] // 2, size[1] // 2, *size))
    return image.convert(mode)


def saved(path: Path, image: Image.Image | None = None, **options) -> Path:
    (image or scene()).save(path, **options)
    return path


def png_of_size(width: int, height: int, rows: bytes = b"", *, grey: bool = False) -> bytes:
    """A PNG file whose header claims any size."""

    def chunk(name: bytes, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0 if grey else 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def refusal(path: Path, **options) -> str:
    with pytest.raises(BadPicture) as caught:
        read_photo(path, max_pixels=LIMIT, **options)
    return str(caught.value)


def test_the_source_says_what_the_file_is(tmp_path):
    path = saved(tmp_path / "scene.png")
    source = read_photo(path, max_pixels=LIMIT, collection="uploads").source
    assert (source.path, source.name, source.collection) == (str(path), "scene.png", "uploads")
    assert source.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (source.size_bytes, source.modified_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert (source.width_px, source.height_px, source.taken_at, source.latitude) == (60, 40, None, None)


def test_a_relative_path_is_known_by_its_absolute_one(tmp_path, monkeypatch):
    saved(tmp_path / "scene.png")
    monkeypatch.chdir(tmp_path)
    assert read_photo(Path("scene.png"), max_pixels=LIMIT).source.path == str(tmp_path / "scene.png")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_photo_is_turned_upright_as_pillow_would_turn_it(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / f"turned.{suffix}", exif=exif)
    photo = read_photo(path, max_pixels=LIMIT)
    with Image.open(path) as image:
        expected = ImageOps.exif_transpose(image)
        np.testing.assert_array_equal(np.asarray(photo.image), np.asarray(expected))
    assert (photo.source.width_px, photo.source.height_px) == expected.size


def test_time_and_place_are_kept(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:17 18:30:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0), 3: "W", 4: (13.0, 15.0, 0.0)})
    source = read_photo(saved(tmp_path / "berlin.jpg", exif=exif), max_pixels=LIMIT).source
    assert source.taken_at == datetime(2024, 5, 17, 18, 30)
    assert (source.latitude, source.longitude) == (52.5, -13.25)


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *(("jpg", mode) for mode in ("L", "RGB", "CMYK")),
        *((suffix, mode) for suffix in ("png", "webp", "bmp", "gif") for mode in ("1", "L", "P", "RGB")),
    ],
)
def test_every_kind_of_picture_becomes_rgb_with_its_colours(tmp_path, suffix, mode):
    image = scene(mode)
    photo = read_photo(saved(tmp_path / f"scene.{suffix}", image), max_pixels=LIMIT)
    assert photo.image.mode == "RGB"
    difference = np.abs(np.asarray(photo.image, int) - np.asarray(image.convert("RGB"), int))
    assert np.median(difference) < 12


def test_sixteen_bits_become_eight_by_dropping_the_lower_half(tmp_path):
    grey = np.random.default_rng(0).integers(0, 65536, (16, 16), dtype=np.uint16)
    photo = read_photo(saved(tmp_path / "deep.png", Image.fromarray(grey)), max_pixels=LIMIT)
    np.testing.assert_array_equal(np.asarray(photo.image)[..., 0], grey >> 8)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_white(tmp_path, mode):
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 4, 8))
    photo = read_photo(saved(tmp_path / "clear.png", image.convert(mode)), max_pixels=LIMIT)
    assert photo.image.getpixel((1, 4)) == (0, 0, 0)
    assert photo.image.getpixel((6, 4)) == (255, 255, 255)


def test_a_film_of_pictures_shows_its_first(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    path = saved(tmp_path / "film.gif", frames[0], save_all=True, append_images=frames[1:])
    assert read_photo(path, max_pixels=LIMIT).image.getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_large_picture_comes_back_small_and_keeps_its_own_size_in_the_source(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / f"large.{suffix}", scene(size=(5000, 3000)), exif=exif)
    photo = read_photo(path, max_pixels=LIMIT)
    assert (photo.source.width_px, photo.source.height_px) == (3000, 5000)
    assert photo.image.size == (960, LONG_SIDE_PX)
    red, green, blue = photo.image.getpixel((900, 30))  # the red corner, turned clockwise to the top right
    assert red > 200 > 60 > green + blue


def test_a_folder_is_refused_with_the_command_for_folders(tmp_path):
    assert (
        refusal(tmp_path) == f"{tmp_path} is a folder. Index what is in it with: python -m deepseek_mm index {tmp_path}"
    )


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(NothingThere, match=r"no file at .*nowhere\.jpg"):
        read_photo(tmp_path / "nowhere.jpg", max_pixels=LIMIT)


def test_a_file_that_is_no_picture_is_shown_by_its_first_bytes(tmp_path):
    path = tmp_path / "letter.jpg"
    path.write_text("<script>alert(1)</script>")
    assert refusal(path) == f"{path} is no picture: it begins with b'<script>alert(1)'. Use a JPEG or PNG file"


def test_a_file_that_is_no_picture_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "film.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing takes no disk
    assert "is no picture" in refusal(path)


def test_an_empty_file_says_so(tmp_path):
    path = tmp_path / "empty.jpg"
    path.touch()
    assert refusal(path) == f"{path} is empty: 0 bytes. Copy it again from where it came"


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp"])
def test_a_picture_that_was_cut_anywhere_is_refused(tmp_path, suffix):
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    whole = saved(tmp_path / f"whole.{suffix}", noise).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    for length in np.linspace(20, len(whole) * 0.97, 25).astype(int):
        path.write_bytes(whole[:length])
        message = refusal(path)
        assert message.startswith(f"{path} is damaged or cut short")
        assert message.endswith("Copy it again from where it came")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_download_whose_rest_is_zeros_is_refused(tmp_path, progressive):
    whole = saved(tmp_path / "whole.jpg", scene(size=(640, 480)), progressive=progressive).read_bytes()
    path = tmp_path / "half.jpg"
    path.write_bytes(whole[: len(whole) // 2].ljust(len(whole), b"\0"))
    assert "the end of the picture is missing" in refusal(path)


def test_random_damage_is_refused_or_survived_but_never_crashes(tmp_path):
    random, outcomes = np.random.default_rng(0), set()
    for suffix in ("jpg", "png", "webp", "gif", "bmp"):
        whole = saved(tmp_path / f"whole.{suffix}", scene("RGB")).read_bytes()
        path = tmp_path / f"bad.{suffix}"
        for _ in range(150):
            bad = bytearray(whole)
            for at in random.integers(0, len(bad), size=random.integers(1, 6)):
                bad[at] = random.integers(256)
            path.write_bytes(bad)
            try:
                outcomes.add(read_photo(path, max_pixels=1_000_000).image.mode)
            except BadPicture:
                outcomes.add("refused")
    assert outcomes == {"RGB", "refused"}


@pytest.mark.parametrize(("width", "height"), [(12_000, 12_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_by_its_size_before_it_is_decoded(tmp_path, width, height):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(width, height))
    assert refusal(path) == (
        f"{path} has {width:,} x {height:,} = {width * height:,} pixels, and parse.max_pixels allows 100,000,000. "
        "Make the picture smaller, or raise parse.max_pixels"
    )


def test_a_picture_at_the_limit_is_read_and_one_pixel_more_is_not(tmp_path):
    path = saved(tmp_path / "scene.png")
    assert read_photo(path, max_pixels=60 * 40).image.size == (60, 40)
    with pytest.raises(BadPicture, match="2,400 pixels, and parse.max_pixels allows 2,399"):
        read_photo(path, max_pixels=60 * 40 - 1)


def test_a_limit_above_the_one_of_pillow_is_honoured(tmp_path):
    """Pillow warns at 89 million pixels and refuses at 179 million; a claim of 200 million gets as far as its data."""
    path = tmp_path / "wide.png"
    path.write_bytes(png_of_size(20_000, 10_000, grey=True))
    with pytest.raises(BadPicture, match="damaged or cut short"):
        read_photo(path, max_pixels=10**9)


def test_damaged_notes_cost_nothing_but_the_notes(tmp_path):
    path = saved(tmp_path / "scene.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xee" * 99)
    photo = read_photo(path, max_pixels=LIMIT)
    assert photo.image.size == (60, 40)
    assert (photo.source.taken_at, photo.source.latitude) == (None, None)


def test_a_file_that_may_not_be_read_says_why():
    memory = f"/proc/{os.getpid()}/mem"
    assert refusal(Path(memory)).startswith(f"{memory} cannot be read: Input/output error. Check its")


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every file")
def test_a_file_without_permission_says_so(tmp_path):
    path = saved(tmp_path / "locked.png")
    path.chmod(0)
    assert "cannot be read: Permission denied" in refusal(path)


def test_a_name_that_is_no_text_is_refused_since_no_library_can_hold_it(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    saved(tmp_path / "scene.png").rename(path)
    assert refusal(path) == f"the name {ascii(str(path))} is not valid UTF-8. Rename the file"


def test_reading_pictures_does_not_load_torch():
    code = "import sys, deepseek_mm.parse.document; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=False).returncode == 0
