"""Words of a search that bound it: what they are taken for, and what is left to look for."""

from datetime import datetime

import pytest

from deepseek_mm.language.cities import city_near
from deepseek_mm.language.typed_filters import TYPED, describe_camera, read_document_kind, read_favourite
from index import Filter

NOW = datetime(2026, 11, 29)


def read(text: str) -> tuple[str, Filter]:
    """What is left, and what is bound."""
    where = Filter()
    for reader in TYPED:
        typed = reader(text, NOW)
        if typed is not None:
            text = typed.rest
            bound = {name: getattr(typed.where, name) for name in Filter.__slots__}
            where = Filter(**{n: v if v != getattr(Filter(), n) else getattr(where, n) for n, v in bound.items()})
    return text, where


@pytest.mark.parametrize(
    ("text", "rest", "bounds"),
    [
        ("photos from 2023", "", {"taken_after": datetime(2023, 1, 1), "taken_before": datetime(2024, 1, 1)}),
        ("beach last summer", "beach", {"taken_after": datetime(2026, 6, 1), "taken_before": datetime(2026, 9, 1)}),
        ("cats in winter", "cats", {"months": (12, 1, 2)}),
        ("snow in january", "snow", {"months": (1,)}),
        ("june 2019", "", {"taken_after": datetime(2019, 6, 1), "taken_before": datetime(2019, 7, 1)}),
        ("photos from before 2020", "", {"taken_before": datetime(2020, 1, 1)}),
        ("taken with a phone", "", {"phrases": ("taken with a phone",)}),
        ("dogs taken with a camera", "dogs", {"phrases": ("taken with a camera",)}),
        ("shot on iphone", "", {"phrases": ("iphone",)}),
        ("my favourites", "", {"is_favourite": True}),
        ("favourite photos of dogs", "dogs", {"is_favourite": True}),
        ("our favorite beach pictures", "beach pictures", {"is_favourite": True}),
        ("meine Lieblingsfotos", "", {"is_favourite": True}),
        ("我收藏的照片", "", {"is_favourite": True}),
        ("photos with 4 stars", "", {"stars": 4}),
        ("dogs rated five stars", "dogs", {"stars": 5}),
        ("三星的照片", "", {"stars": 3}),
        ("blurry ones", "", {"label": "blurry"}),
        ("blurry photos of cats", "cats", {"label": "blurry"}),
        ("unscharfe Bilder", "", {"label": "blurry"}),
        ("screenshots", "", {"label": "screenshot"}),
        ("charts of the weather", "the weather", {"label": "plot"}),
        ("receipts", "receipts", {"label": "document"}),
        ("in portrait format", "", {"layout": "portrait"}),
        ("Hunde im Querformat", "Hunde", {"layout": "landscape"}),
        ("2019年夏天的照片", "", {"taken_after": datetime(2019, 6, 1), "taken_before": datetime(2019, 9, 1)}),
        ("上个月的", "", {"taken_after": datetime(2026, 10, 1), "taken_before": datetime(2026, 11, 1)}),
        (
            "去年冬天在北京拍的",
            "在北京拍的",
            {"taken_after": datetime(2025, 12, 1), "taken_before": datetime(2026, 3, 1)},
        ),
        ("冬天拍的雪", "雪", {"months": (12, 1, 2)}),
        ("横版的", "", {"layout": "landscape"}),
        ("竖屏的照片", "", {"layout": "portrait"}),
        ("用佳能拍的花", "花", {"phrases": ("canon",)}),
        ("华为手机拍的照片", "", {"phrases": ("huawei",)}),
        ("单反相机拍的照片", "", {"phrases": ("taken with a camera",)}),
        ("屏幕截图", "", {"label": "screenshot"}),
        ("我的模糊的照片", "", {"label": "blurry"}),
    ],
)
def test_words_that_bound_a_search_become_a_filter(text, rest, bounds):
    assert read(text) == (rest, Filter(**bounds))


@pytest.mark.parametrize(
    "text",
    [
        "winter jacket with a hood",
        "autumn forest",
        "march of the penguins",
        "what may happen",
        "24.90",
        "a phone",
        "pisa",
        "夏天的裙子",
        "月亮",
        "三月饼",
        "今年轻人",
        "1990年代的房子",
        "苹果拍的",
        "landscape photos",
    ],
)
def test_words_that_only_sound_like_a_filter_are_looked_for(text):
    assert read(text) == (text, Filter())


def test_a_period_and_a_camera_can_be_asked_for_together():
    rest, where = read("photos taken with my phone in 2023")
    assert rest == ""
    assert (where.phrases, where.taken_after) == (("taken with a phone",), datetime(2023, 1, 1))


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        ("Apple iPhone 12", "taken with a phone: Apple iPhone 12"),
        ("samsung SM-G991B", "taken with a phone: samsung SM-G991B"),
        ("NIKON D90", "taken with a camera: NIKON D90"),
        ("", ""),
    ],
)
def test_a_phone_is_told_from_a_camera_by_its_name(camera, said):
    assert describe_camera(camera) == said


def test_the_nearest_city_names_a_place_and_the_open_sea_has_none():
    pisa = city_near(43.723, 10.396)
    assert pisa is not None
    assert (pisa.name, pisa.country) == ("Pisa", "Italy")
    assert city_near(30.0, -40.0) is None
    assert city_near(-17.8, 179.99) is None or city_near(-17.8, 179.99).country == "Fiji"


@pytest.mark.parametrize(
    ("text", "rest", "form"),
    [
        ("my emails about dinner", "dinner", "eml"),
        ("e-mails from Anna", "Anna", "eml"),
        ("mails", "", "eml"),
        ("slides about boats", "boats", "pptx"),
        ("show me all presentations", "", "pptx"),
        ("Word documents that mention rent", "rent", "docx"),
        ("ebooks by Verne", "Verne", "epub"),
        ("\u90ae\u4ef6 \u623f\u79df", "\u623f\u79df", "eml"),
        ("\u5e7b\u706f\u7247", "", "pptx"),
    ],
)
def test_a_kind_of_document_at_the_head_bounds_a_search_to_files_of_it(text, rest, form):
    typed = read_document_kind(text, NOW)
    assert (typed.rest, typed.where, typed.is_strict) == (rest, Filter(formats=(form,)), False)


@pytest.mark.parametrize(
    "text", ["a slide in a park", "mail box", "children on slides", "slides and swings", "mailman"]
)
def test_what_only_sounds_like_a_kind_of_document_is_looked_for(text):
    assert read_document_kind(text, NOW) is None


@pytest.mark.parametrize(
    ("text", "strict"), [("favourite photos of mugs", True), ("favourites", True), ("my favourite mug", False)]
)
def test_a_favourite_of_another_kind_bounds_only_where_one_of_those_fits(text, strict):
    typed = read_favourite(text, NOW)
    assert (typed.where.is_favourite, typed.is_strict, typed.told) == (True, strict, "among your favourites")
