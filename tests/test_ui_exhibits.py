"""What a board shows of a region."""

import numpy as np
import pytest
from PIL import Image

from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.records import Citation
from index import Label, Region, Source
from ui.draw import CARD_PX, ink
from ui.exhibits import Exhibit, caption, details, fitted, is_drawn, thumbs, whole
from ui.words import ENGLISH

PDF = {"source_kind": "document", "path": "/docs/bill.pdf", "page": 2}
NOTES = {"source_kind": "document", "path": "/docs/notes.md", "kind": "text", "box_px": (0, 0, 0, 0), "label": ""}


def citation(
    number: int = 1, path: str = "/photos/beach.jpg", *, label: str = "dog", source_kind: str = "photo", **region
) -> Citation:
    source = Source(path=path, kind=source_kind, width_px=400, height_px=300, note=region.pop("note", ""))
    labels = (Label(name=label, score=0.9),) if label else ()
    box = region.pop("box_px", (10, 10, 200, 200))
    return Citation(number=number, region=Region(source=source, box_px=box, labels=labels, **region), score=0.314)


def grey(source: Source, page: int) -> Image.Image:
    """Pages are white."""
    return Image.new("RGB", (400, 300), (250, 250, 250) if page else (128, 128, 128))


def gone(source: Source, page: int) -> Image.Image:
    raise NothingThere(f"no photo at {source.path}")


def pictureless(source: Source, page: int) -> Image.Image:
    raise BadFile(f"{source.path} has no picture")


def has_ink(image: Image.Image, number: int) -> bool:
    return bool(np.all(np.asarray(image) == Image.new("RGB", (1, 1), ink(number)).getpixel((0, 0)), axis=-1).any())


@pytest.mark.parametrize(
    ("cited", "said"),
    [
        (citation(), "[1] dog - beach.jpg"),
        (citation(2, label=""), "[2] beach.jpg"),
        (citation(3, label="", kind="whole"), "[3] whole photo - beach.jpg"),
        (citation(label="", kind="page", **PDF), "[1] bill.pdf, page 2"),
        (citation(label="", kind="text", text="Total\n due", **PDF), '[1] "Total due" - bill.pdf, page 2'),
        (citation(kind="text", text="x" * 99), f'[1] "{"x" * 40}..." - beach.jpg'),
        (citation(text="Hello", lines=(3, 9), **NOTES), '[1] "Hello" - notes.md, lines 3-9'),
    ],
)
def test_a_caption_has_number_what_file_and_place(cited, said):
    assert caption(cited, ENGLISH) == said


def test_a_photo_shows_all_its_own_citations_and_no_others():
    cited = [citation(1), citation(2, box_px=(210, 10, 390, 200)), citation(3, "/photos/other.jpg")]
    shown = whole(grey, cited, 0, ENGLISH)
    assert [has_ink(shown, n) for n in (1, 2, 3)] == [True, True, False]


def test_a_page_shows_the_citations_of_that_page_only():
    cited = [citation(1, kind="text", **PDF), citation(2, kind="text", **(PDF | {"page": 3}))]
    shown = whole(grey, cited, 0, ENGLISH)
    assert [has_ink(shown, n) for n in (1, 2)] == [True, False]
    assert shown.getpixel((300, 250)) == (250, 250, 250)


def test_a_box_fits_a_photo_that_was_reduced_and_a_page_as_it_is():
    small = Image.new("RGB", (400, 300))
    source = Source(path="/a.jpg", width_px=4000, height_px=3000)
    assert fitted(Region(source=source, box_px=(1000, 300, 4000, 3000)), small) == (100, 30, 400, 300)
    assert fitted(Region(source=source, box_px=(1, 2, 3, 4), page=1), small) == (1, 2, 3, 4)
    assert fitted(Region(source=Source(path="/a.jpg"), box_px=(1, 2, 3, 4)), small) == (1, 2, 3, 4)


@pytest.mark.parametrize("picture", [gone, pictureless])
def test_a_file_that_is_gone_leaves_a_plate_and_no_error(picture):
    (small,) = thumbs(picture, [citation(1)], ENGLISH)
    assert small.size == whole(picture, [citation(1)], 0, ENGLISH).size == (384, 288)


def test_thumbnails_are_small_and_in_order():
    pictures = thumbs(grey, [citation(2), citation(1)], ENGLISH)
    assert [has_ink(pictures[0], 2), has_ink(pictures[1], 1)] == [True, True]
    assert all(max(p.size) <= 512 for p in pictures)


def test_a_text_without_a_picture_is_a_card_and_has_nothing_behind_it():
    cited = citation(4, text="Hello", lines=(1, 2), **NOTES)
    (small,) = thumbs(pictureless, [cited], ENGLISH)
    assert small.size == CARD_PX
    assert has_ink(small, 4)
    assert whole(pictureless, [cited], 0, ENGLISH) is None


def test_text_in_photos_and_on_pages_is_drawn_and_text_files_are_not():
    drawn = [citation(kind="text", text="STOP"), citation(kind="text", **PDF), citation(kind="page", **PDF)]
    assert [is_drawn(each.region) for each in drawn] == [True] * 3
    assert not is_drawn(citation(**NOTES).region)
    assert not is_drawn(citation(source_kind="code", kind="code").region)


def test_the_details_show_text_note_path_and_twins_as_plain_text():
    nasty = "<img src=x onerror=alert(1)>"
    twin = citation(2, f"/photos/{nasty}.jpg").region
    each = Exhibit(
        citation=citation(path=f"/docs/{nasty}.md", text=f"{nasty}\n  indented", note=nasty), caption="", twins=(twin,)
    )
    html = details(each, ENGLISH)
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;\n  indented</pre>" in html
    assert html.count("&lt;img") == 4
    assert ENGLISH.alike in html


def test_the_details_of_a_plain_photo_are_its_path():
    assert details(Exhibit(citation=citation(), caption=""), ENGLISH) == '<p class="hint path">/photos/beach.jpg</p>'
