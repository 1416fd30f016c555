"""Searches and asks bounded by plain words, over photos whose EXIF is written here."""

from datetime import datetime

import pytest
from library_help import House
from PIL import Image, ImageFilter

from deepseek_mm.answering.translation import ActTranslator
from deepseek_mm.language.chinese_dates import name_chinese_period
from deepseek_mm.retrieval.act_filters import narrow_by_typed_words, read_bounds
from deepseek_mm.types import Act, ActFilters, Query
from index import EVERYTHING, Label, Source

NOW = datetime(2026, 11, 29)
PHOTOS = (  # name, colour, taken, maker, model, latitude, longitude
    ("one.jpg", "red", "2023:01:15 10:00:00", "Apple", "iPhone 12", 43.72, 10.4),
    ("two.jpg", "green", "2021:07:03 10:00:00", "NIKON CORPORATION", "NIKON D90", None, None),
    ("three.jpg", "grey", "", "", "", None, None),
)


def exif(taken: str, maker: str, model: str, latitude: float | None, longitude: float | None) -> Image.Exif:
    """What a camera would have written."""
    block = Image.Exif()
    block.update({tag: value for tag, value in ((0x010F, maker), (0x0110, model), (0x0132, taken)) if value})
    if latitude is not None and longitude is not None:
        place = {1: "N", 2: (latitude, 0.0, 0.0), 3: "E", 4: (longitude, 0.0, 0.0)}
        block.get_ifd(0x8825).update(place)
    return block


@pytest.fixture
def house(tmp_path):
    (tmp_path / "photos").mkdir()
    for name, colour, *told in PHOTOS:
        image = Image.new("RGB", (320, 320), colour)
        image.paste("white", (0, 0, 160, 160))
        image = image.filter(ImageFilter.GaussianBlur(12)) if name == "three.jpg" else image
        image.save(tmp_path / "photos" / name, exif=exif(*told))
    house = House(tmp_path / "library")
    house.done(house.library.add([tmp_path / "photos"]))
    yield house
    house.close()


def find(house: House, text: str) -> tuple[str, list[str], tuple[str, ...]]:
    """What is left to look for, the photos that are allowed, and the words that bound them."""
    query, where, told = narrow_by_typed_words(Query(text=text), EVERYTHING, house.store, NOW)
    return query.text, sorted(source.name for source in house.store.sources(where, limit=9)), told


@pytest.mark.parametrize(
    ("text", "said", "subject", "names"),
    [
        ("2023年冬天的照片", {}, "", []),
        ("2022年冬天拍的狗", {}, "狗", ["one.jpg"]),
        ("七月的照片", {}, "", ["two.jpg"]),
        ("用手机拍的照片有哪些", {"date": ""}, "", ["one.jpg"]),
        ("尼康拍的狗", {"date": ""}, "狗", ["two.jpg"]),
        ("模糊的照片", {"date": ""}, "", ["three.jpg"]),
        ("竖版的照片", {"date": ""}, "", []),
        ("JPG文件", {"date": "", "kind": "JPG文件"}, "", ["one.jpg", "three.jpg", "two.jpg"]),
        ("北京拍的照片", {"date": "", "place": "北京"}, "北京", ["one.jpg", "three.jpg", "two.jpg"]),
    ],
)
def test_an_act_in_chinese_is_bounded_and_looks_for_the_rest(house, text, said, subject, names):
    filters = ActFilters(**({"date": name_chinese_period(text)} | said))
    act = Act(kind="find", text=text, subject=subject, filters=filters)
    bounds = read_bounds(ActTranslator((), lambda: None).translate(act, "zh"), house.store, NOW)
    assert sorted(source.name for source in house.store.sources(bounds.where, limit=9)) == names
    assert bounds.act.subject == {"狗": "dog", "北京": "Beijing"}.get(subject, "")


@pytest.mark.parametrize(
    ("text", "rest", "names"),
    [
        ("photos from 2023", "", ["one.jpg"]),
        ("snow in winter", "snow", ["one.jpg"]),
        ("in july", "", ["two.jpg"]),
        ("taken with a phone", "", ["one.jpg"]),
        ("taken with a camera", "", ["two.jpg"]),
        ("taken with a nikon", "", ["two.jpg"]),
        ("blurry ones", "", ["three.jpg"]),
        ("black and white photos", "", ["three.jpg"]),
        ("monochrome pictures of a dog", "a dog", ["three.jpg"]),
        ("photos without colour", "", ["three.jpg"]),
        ("photos from 1999", "", []),
    ],
)
def test_what_the_file_and_its_pixels_tell_bounds_a_search(house, text, rest, names):
    left, found, told = find(house, text)
    assert (left, found) == (rest, names)
    assert told


def test_a_filter_that_nothing_fits_is_a_word_again_where_more_is_looked_for(house):
    everything = ["one.jpg", "three.jpg", "two.jpg"]
    assert find(house, "forest in autumn") == ("forest in autumn", everything, ())
    assert find(house, "screenshots") == ("screenshots", everything, ())


def test_a_photo_carries_the_city_where_it_was_taken(house):
    (hit, *_) = house.store.search_words("pisa", k=3)
    assert (hit.region.source.name, hit.region.kind) == ("one.jpg", "place")
    assert hit.region.text == "Pisa, Tuscany, Italy, Europe"


def test_a_kind_of_picture_bounds_a_search_once_a_photo_is_labelled_so(house):
    (source,) = [source for source in house.store.sources(limit=9) if source.name == "two.jpg"]
    (whole, *_) = house.store.regions_of([source.id])[source.id]
    shot = Source(path="/photos/shot.png", width_px=9, height_px=9)
    labelled = type(whole)(
        source=shot, kind="whole", box_px=(0, 0, 9, 9), labels=(Label(name="screenshot", score=0.9),)
    )
    house.store.add(shot, [labelled], house.store.vectors_of([whole.id]))
    assert find(house, "screenshots of code") == ("code", ["shot.png"], ("screenshots",))


def test_an_ask_is_bounded_by_the_same_words(house):
    act = Act(kind="find", text="which photos were taken with a phone", subject="phone", filters=ActFilters())
    bounds = read_bounds(act, house.store, NOW)
    assert bounds.where.phrases == ("taken with a phone",)
    assert bounds.phrase == "taken with a phone"
    winter = Act(kind="find", text="photos in winter", subject="", filters=ActFilters(date="in winter"))
    assert read_bounds(winter, house.store, NOW).where.months == (12, 1, 2)


def test_the_colours_of_a_thing_are_not_those_of_its_photo(house):
    everything = ["one.jpg", "three.jpg", "two.jpg"]
    assert find(house, "a black and white dog") == ("a black and white dog", everything, ())
