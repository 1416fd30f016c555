"""A video on the page: its tile says how long it is, the large view plays it from the moment that was found."""

import re
from dataclasses import replace

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tiny_videos import make_video

from deepseek_mm import PhotoFacts
from deepseek_mm.config import ParseConfig
from deepseek_mm.types import Citation
from index import Label, Region, Source
from index.region import as_clock
from ui.pictures import PagePictures
from ui.region_html import exhibit, name_region, shot
from ui.videos import PATH, video_address, video_route
from ui.viewer import ViewerState, content
from ui.words import CHINESE, ENGLISH

CLIP = Source(id=7, path="/a/clip.mp4", format="mp4", digest="d" * 64, width_px=400, height_px=200, duration_ms=72_000)
DOG = Region(source=CLIP, kind="whole", box_px=(0, 0, 400, 200), labels=(Label(name="dog", score=0.9),), at_ms=12_500)


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path / "pictures", lambda source, page: Image.new("RGB", (200, 100)))


@pytest.mark.parametrize(("ms", "said"), [(0, "0:00"), (12_999, "0:12"), (72_000, "1:12"), (3_723_000, "1:02:03")])
def test_times_are_said_as_players_say_them(ms, said):
    assert as_clock(ms) == said


def test_a_citation_says_at_which_time_of_a_video_it_lies():
    assert name_region(DOG, ENGLISH) == "clip.mp4, at 0:12"
    assert name_region(DOG, CHINESE) == "clip.mp4, 0:12 处"
    assert name_region(replace(DOG, at_ms=0), ENGLISH) == "clip.mp4"


def test_a_tile_of_a_video_shows_the_moment_with_a_sign_and_its_length(pictures):
    html = shot(pictures, DOG, (), ENGLISH)
    assert '<span class="clip-length" aria-hidden="true">\u25b6 1:12</span>' in html
    assert 'alt="dog, clip.mp4, at 0:12, Video, 1:12"' in html
    assert pictures.address(CLIP, 12_500) in html
    photo = replace(DOG, source=replace(CLIP, path="/a/dog.jpg", format="jpeg", duration_ms=0), at_ms=0)
    assert "clip-length" not in shot(pictures, photo, (), ENGLISH)


def test_the_large_view_plays_a_video_from_the_moment_that_was_found(pictures):
    seen = exhibit(Citation(number=1, region=DOG, score=0.5), ENGLISH)
    html = content(ViewerState(exhibits=(seen,)), pictures, ENGLISH, PhotoFacts())
    (tag,) = re.findall(r"<video[^>]*>", html)
    assert f'src="{video_address(pictures, CLIP)}#t=12.500"' in tag
    assert "controls" in tag
    assert 'aria-label="clip.mp4, at 0:12"' in tag
    assert not {"cut", "wrong"} & set(re.findall(r'<nav class="acts">.*data-act="(\w+)"', html))
    assert 'data-do="in"' not in html
    assert "<dt>Length</dt><dd>1:12</dd>" in html
    assert ENGLISH.video_unplayable in html
    begin = exhibit(Citation(number=1, region=replace(DOG, at_ms=0), score=0.5), ENGLISH)
    assert "#t=" not in content(ViewerState(exhibits=(begin,)), pictures, ENGLISH, PhotoFacts())


@pytest.fixture
def player(pictures):
    return TestClient(Starlette(routes=[video_route(pictures, ParseConfig())]))


def test_a_player_gets_any_part_of_a_video_and_nobody_another_file(pictures, player, tmp_path):
    path = make_video(tmp_path / "clip.mp4")
    data = path.read_bytes()
    address = video_address(pictures, Source(path=str(path), format="mp4"))
    whole = player.get(address)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, data, "video/mp4")
    assert whole.headers["accept-ranges"] == "bytes"
    part = player.get(address, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
    assert player.get(address, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    assert player.get(f"{address[:-1]}x").status_code == 404
    assert player.get(f"{PATH}/{pictures.sign([1])}").status_code == 404


def test_a_link_in_the_place_of_a_video_is_not_followed(pictures, player, tmp_path):
    path = make_video(tmp_path / "clip.mp4")
    address = video_address(pictures, Source(path=str(path), format="mp4"))
    path.rename(tmp_path / "other.mp4")
    assert player.get(address).status_code == 404
    path.symlink_to(tmp_path / "other.mp4")
    assert player.get(address).status_code == 404


def test_an_address_of_a_picture_plays_nothing(pictures, player, tmp_path):
    path = make_video(tmp_path / "clip.mp4")
    token = pictures.address(Source(path=str(path), format="mp4")).rpartition("/")[2]
    assert player.get(f"{PATH}/{token}").status_code == 404
