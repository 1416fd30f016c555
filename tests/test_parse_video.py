"""Videos become a few of their pictures with times; what is broken, cut short or too large says so."""

import zipfile
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from tiny_videos import BLACK, BLUE, DARK, GREEN, RED, SCENES, WHITE, make_sound, make_video

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, BadPicture
from deepseek_mm.parse.document import open_file, parse_file, read_page, read_photo
from deepseek_mm.parse.video import read_place, read_time
from deepseek_mm.parse.workers.client import read_exposure, read_picture_texts

CONFIG = ParseConfig()


def read(path, config=CONFIG):
    document = parse_file(open_file(path, config), config)
    return document.source, list(document.pieces)


def times(pieces):
    return [piece.at_ms for piece in pieces]


def colour_of_square(image):
    """What is seen in the middle of the square."""
    return np.asarray(image)[3 * image.height // 8, image.width // 4].astype(int)


def is_near(colour, other):
    return float(np.abs(np.asarray(colour) - other).max()) < 40


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi"])
def test_each_scene_of_a_video_is_a_picture_at_the_time_when_it_begins(tmp_path, ending):
    source, pieces = read(make_video(tmp_path / f"clip{ending}"))
    assert (source.kind, source.format, source.width_px, source.height_px) == ("photo", ending[1:], 96, 64)
    assert source.duration_ms == pytest.approx(6000, abs=100)
    assert times(pieces) == [0, 2000, 4000]
    assert all(is_near(colour_of_square(piece.image), scene[0]) for piece, scene in zip(pieces, SCENES, strict=True))
    assert [piece.box_px for piece in pieces] == [(0, 0, 96, 64)] * 3


def test_what_does_not_change_is_one_picture(tmp_path):
    assert times(read(make_video(tmp_path / "still.mp4", [(RED, WHITE)], seconds=8))[1]) == [0]


def test_what_comes_again_is_no_new_picture(tmp_path):
    assert times(read(make_video(tmp_path / "again.mp4", [SCENES[0], SCENES[1], SCENES[0]]))[1]) == [0, 2000]


def test_scenes_between_key_frames_that_lie_far_apart_are_found(tmp_path):
    assert times(read(make_video(tmp_path / "sparse.mp4", every=1000))[1]) == [0, 2000, 4000]


def test_no_more_pictures_are_looked_at_than_the_setting_allows(tmp_path):
    scenes = [(RED, WHITE), (GREEN, DARK), (BLUE, WHITE), (WHITE, RED), (DARK, GREEN), (WHITE, BLUE)]
    path = make_video(tmp_path / "many.mp4", scenes, seconds=1)
    assert len(read(path)[1]) == 6
    assert times(read(path, ParseConfig(max_frames=3))[1]) == [0, 2000, 4000]


def test_a_black_beginning_does_not_stand_for_the_video(tmp_path):
    path = make_video(tmp_path / "fade.mp4", [(BLACK, BLACK), (RED, WHITE)])
    assert times(read(path)[1]) == [2000]
    assert is_near(colour_of_square(read_page(str(path), 0, CONFIG)), RED)
    assert times(read(make_video(tmp_path / "night.mp4", [(BLACK, BLACK)]))[1]) == [0]


def test_a_video_that_was_taken_upright_is_shown_upright(tmp_path):
    source, (piece, *_) = read(make_video(tmp_path / "phone.mp4", size=(96, 64), turned=90))
    assert (source.width_px, source.height_px, piece.image.size) == (64, 96, (64, 96))
    lying = np.asarray(read(make_video(tmp_path / "lying.mp4"))[1][0].image).astype(int)
    assert np.abs(np.asarray(piece.image).astype(int) - np.rot90(lying)).mean() < 5


def test_the_picture_of_any_moment_can_be_read_again(tmp_path):
    path = str(make_video(tmp_path / "clip.mp4", every=1000))
    for at_ms, scene in ((500, RED), (2000, GREEN), (3900, GREEN), (5500, BLUE), (60_000, BLUE)):
        assert is_near(colour_of_square(read_page(path, at_ms, CONFIG)), scene)


def test_pictures_are_reduced_as_far_as_the_setting_allows_and_keep_their_full_size_in_words(tmp_path):
    path = make_video(tmp_path / "large.mp4", SCENES[:1], seconds=0.2, size=(640, 320))
    _, (piece,) = read(path, ParseConfig(draft_px=260))
    assert (piece.image.size, piece.box_px) == ((520, 260), (0, 0, 640, 320))


def test_time_place_camera_and_title_are_read(tmp_path):
    tags = {"creation_time": "2024-05-17T18:30:05.000000Z", "location": "+48.8577-002.2950/", "make": "Apple"}
    path = make_video(tmp_path / "tagged.mov", SCENES[:1], model="iPhone 12", title="Anna jumps", **tags)
    source, _ = read(path)
    assert source.taken_at == datetime(2024, 5, 17, 18, 30, 5)
    assert (source.latitude, source.longitude) == (48.8577, -2.295)
    told = read_picture_texts(open_file(path, CONFIG), CONFIG)
    assert (told.camera, told.notes) == ("Apple iPhone 12", ("Anna jumps",))
    assert read_exposure(open_file(path, CONFIG), CONFIG).camera == "Apple iPhone 12"


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("+48.8577+002.2950/", (48.8577, 2.295)),
        ("-3351.5+15112.6+020/", (-(33 + 51.5 / 60), 151 + 12.6 / 60)),
        ("+123.0+002.0/", (None, None)),  # no latitude has three digits before its point
        ("Paris", (None, None)),
        ("", (None, None)),
    ],
)
def test_places_are_read_as_iso_6709_writes_them(written, place):
    assert read_place(written) == (pytest.approx(place) if place[0] is not None else place)


def test_the_time_is_that_of_the_camera_and_a_camera_without_a_clock_has_none():
    assert read_time("2024-05-17T18:30:00+0200") == datetime(2024, 5, 17, 18, 30)
    assert [read_time(text) for text in ("1904-01-01T00:00:00Z", "yesterday", "")] == [None] * 3


def test_a_video_in_an_archive_is_read_like_any_other(tmp_path):
    with zipfile.ZipFile(tmp_path / "phone.zip", "w") as archive:
        archive.write(make_video(tmp_path / "clip.mp4"), "DCIM/clip.mp4")
    path = f"{tmp_path}/phone.zip!/DCIM/clip.mp4"
    assert times(read(path)[1]) == [0, 2000, 4000]
    assert is_near(colour_of_square(read_page(path, 2000, CONFIG)), GREEN)


def test_of_a_video_only_its_head_is_held_in_memory_and_all_of_it_is_hashed(tmp_path):
    path = make_video(tmp_path / "clip.mp4", size=(320, 240))
    file = open_file(path, CONFIG)
    assert (len(file.data), file.size_bytes > 4096, file.is_in_memory) == (4096, True, False)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert len({file.digest, open_file(copy, CONFIG).digest}) == 2
    assert open_file(path, CONFIG, hashed=False).digest == ""


def refusal(path, config=CONFIG):
    with pytest.raises(BadFile) as caught:
        read(path, config)
    return str(caught.value)


def test_a_video_that_is_cut_short_is_refused(tmp_path):
    for name in ("clip.mp4", "clip.mkv", "clip.avi"):
        whole = make_video(tmp_path / name, size=(320, 240)).read_bytes()
        for share in (0.5, 0.02):
            cut = tmp_path / f"cut-{name}"
            cut.write_bytes(whole[: int(len(whole) * share)])
            assert "cut short" in refusal(cut), (name, share)


def test_a_video_whose_middle_is_damaged_is_refused_or_read_but_never_breaks_the_worker(tmp_path):
    whole = bytearray(make_video(tmp_path / "clip.mp4", size=(320, 240)).read_bytes())
    whole[200 : len(whole) // 2] = b"\x55" * (len(whole) // 2 - 200)
    (tmp_path / "torn.mp4").write_bytes(whole)
    assert "torn.mp4 is damaged or cut short" in refusal(tmp_path / "torn.mp4")
    assert times(read(tmp_path / "clip.mp4")[1]) == [0, 2000, 4000]


def test_what_is_no_video_says_what_it_is_instead(tmp_path):
    (tmp_path / "text.mp4").write_text("not a video")
    assert "text.mp4 is no picture" in refusal(tmp_path / "text.mp4")
    assert "is sound without a picture" in refusal(make_sound(tmp_path / "song.mp4"))
    (tmp_path / "head.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0" * 5000)
    assert "is damaged or cut short" in refusal(tmp_path / "head.mov")


def test_a_video_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = make_video(tmp_path / "clip.mp4")
    most = path.stat().st_size - 1
    assert f"has more bytes than parse.max_video_bytes allows, {most:,}" in refusal(
        path, ParseConfig(max_video_bytes=most)
    )
    said = refusal(path, ParseConfig(max_pixels=96 * 64 - 1))
    assert "pictures of 96 x 64 = 6,144 pixels, and parse.max_pixels allows 6,143" in said


def test_a_video_is_no_picture_for_a_question(tmp_path):
    with pytest.raises(BadPicture, match="is no picture"):
        read_photo(make_video(tmp_path / "clip.mp4"), max_pixels=10**6)


def test_reading_a_video_twice_gives_the_same(tmp_path):
    path = make_video(tmp_path / "clip.mp4")
    first, second = read(path), read(path)
    assert replace(first[0], modified_ns=0) == replace(second[0], modified_ns=0)
    assert times(first[1]) == times(second[1])
