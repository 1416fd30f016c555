"""Writing in pictures is read where it stands, and lines of one paragraph are kept together."""

import itertools
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from deepseek_mm.errors import MissingPackage
from deepseek_mm.vision import ocr
from deepseek_mm.vision.ocr import (
    TextBlock,
    TextReader,
    choose_readings,
    follows,
    is_writing,
    paragraphs,
    worth_of,
)

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"


@pytest.fixture(scope="module")
def reader():
    return TextReader()


def lettered(*lines: tuple[str, int, int, int], size=(640, 400)) -> Image.Image:
    """White paper with each (text, left, top, height) on it."""
    paper = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(paper)
    for text, left, top, height in lines:
        pen.text((left, top), text, fill="black", font=ImageFont.load_default(height))
    return paper


def overlaps(a, b) -> float:
    """Intersection over union."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, wide) * max(0, high)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def test_a_line_is_read_and_its_box_lies_around_it(reader):
    paper = lettered(("Fresh bread at seven", 120, 150, 40))
    (written,) = reader.read(paper)
    assert written.text == "Fresh bread at seven"
    ink = Image.eval(paper.convert("L"), lambda value: 255 - value).getbbox()
    assert overlaps(written.box_px, ink) > 0.6


def test_a_paragraph_is_one_text_and_a_far_heading_another(reader):
    paper = lettered(
        ("OPENING HOURS", 40, 30, 48), ("Monday to Friday", 40, 220, 28), ("from eight to six", 40, 258, 28)
    )
    assert [written.text for written in reader.read(paper)] == ["OPENING HOURS", "Monday to Friday from eight to six"]


def test_a_picture_without_writing_has_none(reader):
    assert reader.read(Image.new("RGB", (320, 240), "teal")) == []
    assert reader.read(Image.open(PHOTOS / "coffee.jpg")) == []


def test_the_bundled_notice_is_read_word_for_word(reader):
    text = " ".join(written.text for written in reader.read(Image.open(PHOTOS / "document.png")))
    assert "Riverside Repair Cafe" in text
    assert "Last month our volunteers looked at 86 things and repaired 61 of them" in text


def test_writing_on_a_shirt_in_a_photo_is_read(reader):
    assert [written.text for written in reader.read(Image.open(PHOTOS / "shirt-red-turkiye.jpg"))] == ["TÜRKIYE"]


def line(text: str, box, score=0.9) -> TextBlock:
    return TextBlock(text=text, box_px=box, score=score)


@pytest.mark.parametrize(
    ("below", "belongs"),
    [
        ((10, 44, 90, 64), True),  # just below
        ((10, 60, 90, 80), False),  # a line's height and more is left out between
        ((10, 44, 90, 84), False),  # twice as high
        ((95, 44, 190, 64), False),  # beside it
        ((10, 22, 90, 42), False),  # on top of it
    ],
)
def test_lines_belong_together_when_they_are_close_alike_and_above_each_other(below, belongs):
    assert follows((10, 20, 90, 40), below) is belongs


def test_a_joined_paragraph_has_the_box_of_all_lines_and_the_least_score():
    lines = [line("world", (8, 44, 60, 62), 0.8), line("hello", (10, 20, 90, 40)), line("99", (300, 20, 330, 40))]
    assert paragraphs(lines) == [line("hello world", (8, 20, 90, 62), 0.8), line("99", (300, 20, 330, 40))]


def test_the_order_in_which_lines_are_found_does_not_matter():
    lines = [line("a", (0, 0, 50, 20)), line("b", (0, 24, 50, 44)), line("c", (80, 2, 130, 22))]
    expected = paragraphs(lines)
    assert all(paragraphs(order) == expected for order in itertools.permutations(lines))


def test_doubtful_words_and_single_letters_are_left_out(monkeypatch):
    class Engine:
        def __call__(self, image, use_cls):
            corners = [[(0, 0), (9, 0), (9, 9), (0, 9)]] * 3
            apart = [[(x, y + 40 * n) for x, y in box] for n, box in enumerate(corners)]
            return type("Found", (), {"txts": ("*O*", "M1lk?", "milk"), "boxes": apart, "scores": (1.0, 0.7, 0.76)})()

    monkeypatch.setattr(ocr, "_open_engine", lambda: Engine())
    assert TextReader().read(Image.new("RGB", (50, 150))) == [line("milk", (0, 80, 9, 89), 0.76)]


def test_an_absent_package_is_named_with_the_way_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(MissingPackage, match="pip install 'rapidocr'"):
        TextReader().read(Image.new("RGB", (9, 9)))


def block(text: str, box_px: tuple[int, int, int, int] = (10, 10, 60, 30), score: float = 0.9) -> TextBlock:
    return TextBlock(text=text, box_px=box_px, score=score)


def test_of_two_readings_of_a_line_the_one_with_known_words_counts():
    lexicon = {"facebook": 1, "white": 2, "pass": 3}
    readings = [block("facebock", score=0.93), block("facebook", (11, 10, 61, 30), score=0.8)]
    worths = [(worth_of(one, one, lexicon), one) for one in readings]
    assert [line.text for line in choose_readings(worths)] == ["facebook"]


def test_a_mended_word_is_worth_less_than_one_that_was_read_so():
    lexicon = {"wife": 1, "white": 2, "pass": 3}
    once = worth_of(block("White Poss"), block("White Pass"), lexicon)
    twice = worth_of(block("Wite Poss"), block("Wife Pass"), lexicon)
    assert once > twice > worth_of(block("Wite Poss"), block("Wite Poss"), lexicon)


def test_lines_beside_each_other_are_all_kept_from_top_to_bottom():
    lines = [block("below", (0, 50, 40, 60)), block("above", (0, 10, 40, 20))]
    assert [line.text for line in choose_readings([(1.0, line) for line in lines])] == ["above", "below"]


def test_one_or_two_huge_letters_are_no_writing_and_a_doubted_word_is_some():
    assert not is_writing(block("16", (0, 0, 100, 100)), 10_000, {})
    assert is_writing(block("16", (0, 0, 20, 10)), 10_000, {})
    assert is_writing(block("STOP", (0, 0, 100, 100)), 10_000, {})
    assert is_writing(block("school", score=0.6), 10_000, {"school": 1})
    assert not is_writing(block("schxol", score=0.6), 10_000, {"school": 1})


def test_a_small_picture_is_read_twice_and_a_large_one_once(monkeypatch):
    sides: list[int] = []
    reader = TextReader()
    monkeypatch.setattr(reader, "_find_lines", lambda image: sides.append(image.width) or [])
    reader.lines_closely(Image.new("RGB", (100, 100)), {})
    reader.lines_closely(Image.new("RGB", (900, 100)), {})
    assert sides == [100, 200, 900]
