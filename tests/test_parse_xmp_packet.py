"""XMP says who, what, when and where, in the spellings of several programs; a hostile packet says nothing."""

from datetime import datetime

import pytest
from xmp_samples import alt, bag, microsoft, mwg, packet

from deepseek_mm.dates import parse_moment
from deepseek_mm.parse import picture_texts
from deepseek_mm.parse.xmp.packet import parse_degrees, read_xmp
from index.region import StatedBox, StatedFacts


def read(body="", attributes="", turn=1) -> StatedFacts:
    return read_xmp(packet(body, attributes).encode(), turn)


def test_titles_words_and_stars_are_read_and_of_translations_the_default():
    body = (
        alt("dc:title", "The  tower") + alt("dc:description", "It leans") + bag("dc:subject", "Pisa", "tower", "Pisa")
    )
    facts = read(body, 'xmp:Rating="4"')
    assert (facts.title, facts.description, facts.keywords, facts.stars) == (
        "The tower",
        "It leans",
        ("Pisa", "tower"),
        4,
    )


def test_time_and_place_stand_in_attributes_or_elements():
    where = "<exif:GPSLatitude>43,43.38N</exif:GPSLatitude><exif:GPSLongitude>10,23,46.5E</exif:GPSLongitude>"
    facts = read(where, 'exif:DateTimeOriginal="2019-05-04T12:30:15.25+02:00" xmp:CreateDate="2020-01-01"')
    assert facts.taken_at == datetime(2019, 5, 4, 12, 30, 15)
    assert (facts.latitude, facts.longitude) == pytest.approx((43.723, 10.39625))
    assert read("<exif:GPSLatitude>43,43.38N</exif:GPSLatitude>").latitude is None


def test_levels_of_keywords_name_people_albums_and_favourites():
    body = bag("lr:hierarchicalSubject", "Places|Italy|Pisa", "Albums|Trip", "DeepSeek-MM|Favourite", "solo")
    body += bag("digiKam:TagsList", "People/Anna", "Places/Italy/Pisa") + bag("dc:subject", "Anna", "Trip", "sunny")
    facts = read(body)
    assert (facts.people, facts.albums, facts.is_favourite) == (("Anna",), ("Trip",), True)
    assert facts.keywords == ("sunny", "Pisa", "solo")


def test_people_have_boxes_by_the_working_group_and_by_microsoft():
    facts = read(mwg("Anna", x=0.5, y=0.4, w=0.2, h=0.4) + microsoft("Ben", "0.1, 0.2, 0.3, 0.4"))
    assert facts.boxes == (StatedBox("Anna", 0.4, 0.2, 0.6, 0.6), StatedBox("Ben", 0.1, 0.2, 0.4, 0.6))
    assert facts.names == ("Anna", "Ben")
    assert read(mwg("Anna", x=2, y=0.4, w=0.2, h=0.4) + mwg("", x=0.5, y=0.5, w=0.1, h=0.1)).boxes == ()


@pytest.mark.parametrize(
    ("turn", "box"),
    [(1, (0.1, 0.2, 0.4, 0.6)), (3, (0.6, 0.4, 0.9, 0.8)), (6, (0.4, 0.1, 0.8, 0.4)), (8, (0.2, 0.6, 0.6, 0.9))],
)
def test_boxes_come_upright(turn, box):
    assert read(microsoft("Ben", "0.1, 0.2, 0.3, 0.4"), turn=turn).boxes == (StatedBox("Ben", *box),)


@pytest.mark.parametrize(
    ("attributes", "stars"),
    [('xmp:Rating="5"', 5), ('xmp:Rating="-1"', 0), ('xmp:Rating="many"', 0), ('MicrosoftPhoto:Rating="75"', 4),
     ('xmp:Rating="2" MicrosoftPhoto:Rating="99"', 2), ('xmp:Rating="6"', 0)],
)  # fmt: skip
def test_stars_are_those_of_adobe_or_else_of_microsoft(attributes, stars):
    assert read("", attributes).stars == stars


EXPLODING = 'xmp:Rating="&a9;"'
BOMB = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no xml at all",
        b"\xff\xfe\x00",
        packet("<dc:title>").encode(),
        f'<!DOCTYPE x [<!ENTITY a0 "ha">{BOMB}]>{packet("", EXPLODING)}'.encode(),
        f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>{packet(alt("dc:title", "&f;"))}'.encode(),
        packet(bag("dc:subject", "x" * 5_000_000)).encode(),
        b"<a>" * 100_000,
    ],
)
def test_a_packet_that_is_damaged_or_made_to_do_harm_says_nothing(data):
    assert read_xmp(data) == StatedFacts()


def test_what_is_told_without_end_is_cut():
    facts = read(bag("dc:subject", *map(str, range(1_000))) + alt("dc:description", "x" * 9_000))
    assert (len(facts.keywords), len(facts.description)) == (200, 2_000)


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2019-05-04", datetime(2019, 5, 4)), ("2019-05-04 12:30", datetime(2019, 5, 4, 12, 30)), ("2019-05", None),
     ("2019-13-04", None), ("yesterday", None)],
)  # fmt: skip
def test_moments_are_days_or_times(text, moment):
    assert parse_moment(text) == moment


@pytest.mark.parametrize(("text", "degrees"), [("10,30.0W", -10.5), ("91,0.0N", None), ("43.7", None)])
def test_degrees_have_minutes_and_a_side(text, degrees):
    assert parse_degrees(text, 90) == degrees


@pytest.mark.parametrize(
    ("day", "time", "moment"),
    [(b"20190504", b"123015+0200", datetime(2019, 5, 4, 12, 30, 15)), (b"20190504", b"", datetime(2019, 5, 4)),
     (b"20191304", b"", None), (b"", b"123015", None), ([b"20190504"], b"", None)],
)  # fmt: skip
def test_the_day_and_the_time_of_the_presss_own_fields_are_a_moment(monkeypatch, day, time, moment):
    told = {(2, 55): day, (2, 60): time}
    monkeypatch.setattr(picture_texts.IptcImagePlugin, "getiptcinfo", lambda image: told)
    assert picture_texts.iptc_moment(None) == moment
