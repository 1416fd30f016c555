"""Columns of running text are read one after the other; rows of a table and lines of a notice from above to below."""

from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from deepseek_mm.vision.ocr import TextBlock, order_lines, paragraphs

LEFT = ("The harbour office opens at eight", "every morning and closes at four.", "Boats that arrive at night tie up", "at the pontoon of the guests.")  # fmt: skip # noqa: E501
RIGHT = ("Dogs are welcome on the lead in", "all parts of the harbour. Fires", "and barbecues are only allowed on", "the grass behind the sheds.")  # fmt: skip # noqa: E501
TITLE, END = (
    "Rules of the harbour for all its guests and their boats",
    "These rules hold from the first of May 2024 until October.",
)
FONT = ImageFont.load_default(20)


def draw_page(*placed: tuple[int, int, str]) -> list[TextBlock]:
    """What a reader that never errs finds on a page with these lines: their letters, and the boxes of their ink."""
    pen = ImageDraw.Draw(Image.new("RGB", (900, 600), "white"))
    boxes = [(text, pen.textbbox((left, top), text, font=FONT)) for left, top, text in placed]
    return [TextBlock(text=text, box_px=tuple(map(round, box)), score=0.99) for text, box in boxes]


def column(left, texts, top=80):
    return [(left, top + 28 * n, text) for n, text in enumerate(texts)]


def texts_of(blocks):
    return [block.text for block in blocks]


def test_the_left_column_is_read_before_the_right_one_and_a_title_before_both():
    page = draw_page((200, 20, TITLE), *column(40, LEFT), *column(480, RIGHT), (40, 300, END))
    assert texts_of(order_lines(page)) == [TITLE, *LEFT, *RIGHT, END]
    assert texts_of(paragraphs(page)) == [TITLE, " ".join(LEFT), " ".join(RIGHT), END]


def test_a_title_between_two_parts_of_a_page_parts_the_columns():
    page = draw_page(
        *column(40, LEFT), *column(480, RIGHT), (40, 240, TITLE), *column(40, LEFT, 300), *column(480, RIGHT, 300)
    )
    assert texts_of(order_lines(page)) == [*LEFT, *RIGHT, TITLE, *LEFT, *RIGHT]


def test_three_columns_are_read_from_left_to_right():
    short = [[f"{name} line number {n} of it" for n in range(4)] for name in ("first", "second", "third")]
    page = draw_page(*(line for n, texts in enumerate(short) for line in column(20 + 300 * n, texts)))
    assert texts_of(order_lines(page)) == [text for texts in short for text in texts]


def test_columns_of_chinese_are_read_one_after_the_other():
    left, right = [f"左边第{n}行写了一些文字" for n in range(3)], [f"右边第{n}行写了一些文字" for n in range(3)]
    page = [TextBlock(text=text, box_px=(x, 40 * n, x + 220, 40 * n + 24), score=0.99)
            for x, texts in ((10, left), (300, right)) for n, text in enumerate(texts)]  # fmt: skip
    assert texts_of(order_lines(page)) == [*left, *right]


def test_a_price_list_is_read_row_by_row():
    rows = [("Coffee", "2.80"), ("Tea", "2.40"), ("Cake of the day", "3.90"), ("Soup with bread", "6.50")]
    page = draw_page(*((x, 40 * n, text) for n, row in enumerate(rows) for x, text in zip((40, 500), row, strict=True)))
    ordered = order_lines(page)
    assert [block.text for block in ordered] == [text for row in rows for text in row]
    assert all(one.box_px[1] <= other.box_px[1] + 4 for one, other in pairwise(ordered))
