"""The panel beside a photo: its facts in both languages, what is escaped, and what nobody knows."""

import re
from datetime import datetime

import pytest

from deepseek_mm import Exposure, PhotoFacts
from deepseek_mm.types import Citation
from index import Region, Source
from index.region import UPLOADS
from ui.photo_info import describe_exposure, describe_shutter, describe_size, list_facts, render_info
from ui.region_html import EvidenceItem
from ui.words import CHINESE, ENGLISH

AT = datetime(2023, 6, 17, 18, 30, 5)
TAKEN = Exposure(camera="FUJIFILM X-T5", lens="XF35mm", seconds=1 / 250, f_number=2.8, iso=400, focal_mm=35)


def source(**more) -> Source:
    return Source(id=1, path="/a/rome.jpg", width_px=4000, height_px=3000, size_bytes=3_200_000, **more)


def info(of: Source, facts: PhotoFacts = PhotoFacts(), *, twins=(), words=ENGLISH) -> str:  # noqa: B008
    region = Region(source=of, kind="whole", box_px=(0, 0, 9, 9))
    each = EvidenceItem(citation=Citation(number=1, region=region, score=0), caption="c", twins=twins)
    return render_info(each, facts, words)


def test_a_photo_says_when_with_what_how_large_where_and_in_which_collection():
    known = source(taken_at=AT, latitude=41.8902, longitude=-12.4922, collection="Italy")
    facts = PhotoFacts(exposure=TAKEN, place="Rome, Italy, Europe", paths=("/a/rome.jpg", "/b/copy.jpg"))
    assert dict(list_facts(known, facts, ENGLISH)) == {
        "Taken": "2023-06-17 18:30:05",
        "Camera": "FUJIFILM X-T5",
        "Lens": "XF35mm",
        "Exposure": "1/250 s \u00b7 f/2.8 \u00b7 ISO 400 \u00b7 35 mm",
        "Size": "4000 \u00d7 3000 pixels, 3.2 MB",
        "Place": "Rome, Italy, Europe\n41.8902\u00b0 N, 12.4922\u00b0 W",
        "Collection": "Italy",
        "File": "rome.jpg",
        "Where it lies": "/a/rome.jpg\n/b/copy.jpg",
    }
    assert "\u5317\u7eac 41.8902\u00b0" in dict(list_facts(known, facts, CHINESE))[CHINESE.info_place]


def test_a_photo_without_a_date_has_none_and_its_file_s_time_is_another_line():
    changed = source(modified_ns=int(AT.timestamp() * 1e9))
    facts = dict(list_facts(changed, PhotoFacts(), ENGLISH))
    assert (facts["Taken"], facts["File changed"]) == ("no date", "2023-06-17 18:30")
    assert facts.keys() == {"Taken", "Size", "File", "Where it lies", "File changed"}
    assert "Taken" not in dict(list_facts(source(kind="document"), PhotoFacts(), ENGLISH))


def test_a_picture_that_was_brought_along_does_not_tell_the_folder_of_uploads():
    brought = Source(path="/library/uploads/ab/mine.jpg", collection=UPLOADS)
    html = info(brought, PhotoFacts(paths=(brought.path,)))
    assert "mine.jpg" in html
    assert "/library" not in html


@pytest.mark.parametrize(
    ("seconds", "said"), [(1 / 8000, "1/8000"), (1 / 60, "1/60"), (0.25, "1/4"), (0.5, "0.5"), (1.3, "1.3"), (30, "30")]
)
def test_a_shutter_is_told_as_cameras_write_it(seconds, said):
    assert describe_shutter(seconds) == said


def test_of_an_exposure_only_what_is_known_is_told_and_a_phone_s_lens_as_on_film():
    assert describe_exposure(Exposure(), ENGLISH) == ""
    phone = Exposure(iso=64, focal_mm=4.25, focal_35_mm=26)
    assert describe_exposure(phone, ENGLISH) == "ISO 64 \u00b7 4.25 mm (26 mm on 35 mm film)"
    assert describe_size(Source(path="/a"), ENGLISH) == ""


def test_maps_stand_where_a_place_is_known_and_nowhere_else():
    assert info(source(latitude=0.0, longitude=0.0)).count('class="map"') == 2
    assert 'class="map"' not in info(source(latitude=1.0))


def test_what_a_file_says_of_itself_stays_text():
    bad = "<script>x</script>"
    twin = Region(source=Source(path=f"/t/{bad}"), box_px=(0, 0, 1, 1))
    facts = PhotoFacts(exposure=Exposure(camera=bad, lens=bad), place=bad, lines=(bad,), paths=(bad,))
    html = info(source(note=bad, collection=bad, latitude=1.0, longitude=2.0), facts, twins=(twin,))
    assert "<script>" not in html
    assert len(re.findall("&lt;script&gt;", html)) == 8


def test_the_words_in_a_photo_are_listed_and_a_long_list_is_cut():
    html = info(source(), PhotoFacts(lines=tuple(f"line {n}" for n in range(99))))
    assert "Words found in it" in html
    assert "line 59\n...</pre>" in html
    assert "line 60" not in html
