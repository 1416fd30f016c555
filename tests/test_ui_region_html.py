"""What stands beside a region."""

import pytest

from deepseek_mm.types import Citation
from index import Label, Region, Source, Symbol
from ui.pictures import PagePictures
from ui.region_html import EvidenceItem, Tile, caption, chosen, evidence, exhibit, name_region, passage, tile
from ui.words import CHINESE, ENGLISH

ASK = Symbol(name="ask", parent="Assistant", kind="method")
PDF = {"source_kind": "document", "path": "/docs/bill.pdf", "page": 2}
NOTES = {"source_kind": "document", "path": "/docs/notes.md", "kind": "text", "box_px": (0, 0, 0, 0), "label": ""}


def citation(
    number: int = 1, path: str = "/photos/beach.jpg", *, label: str = "dog", source_kind: str = "photo", **region
) -> Citation:
    source = Source(path=path, kind=source_kind, width_px=400, height_px=300, note=region.pop("note", ""))
    labels = (Label(name=label, score=0.9),) if label else ()
    box = region.pop("box_px", (10, 10, 200, 200))
    return Citation(number=number, region=Region(source=source, box_px=box, labels=labels, **region), score=0.314)


@pytest.mark.parametrize(
    ("cited", "said"),
    [
        (citation(), "[1] dog - beach.jpg"),
        (citation(2, label=""), "[2] beach.jpg"),
        (citation(3, label="", kind="whole"), "[3] whole photo - beach.jpg"),
        (citation(label="", kind="page", **PDF), "[1] bill.pdf, page 2"),
        (citation(label="", kind="text", text="Total\n due", **PDF), '[1] "Total due" - bill.pdf, page 2'),
        (citation(kind="text", text="x" * 99), f'[1] "{"x" * 40}..." - beach.jpg'),
        (
            citation(text="x = 1", lines=(3, 9), kind="code", path="/a/app.py", source_kind="code"),
            '[1] "x = 1" - app.py:3-9',
        ),
        (
            citation(text="def", lines=(3, 9), kind="code", path="/a/app.py", symbol=ASK),
            "[1] Assistant.ask - app.py:3-9",
        ),
        (citation(text="Hello", lines=(3, 9), **NOTES), '[1] "Hello" - notes.md, lines 3-9'),
    ],
)
def test_a_caption_has_number_what_file_and_place(cited, said):
    assert caption(cited, ENGLISH) == said


def test_a_machine_s_sentence_is_marked_beside_its_text():
    machine = EvidenceItem(citation=citation(kind="caption", text="A kite"), caption="")
    own = EvidenceItem(citation=citation(kind="note", text="A kite"), caption="")
    assert [ENGLISH.description_machine in passage(each, ENGLISH) for each in (machine, own)] == [True, False]


def test_a_caption_speaks_the_language_of_the_page():
    assert caption(citation(label="", kind="page", **PDF), CHINESE) == "[1] bill.pdf, 第 2 页"


@pytest.mark.parametrize(
    ("cited", "drawn"),
    [
        (citation(), True),
        (citation(kind="text"), True),  # text read in a photo
        (citation(kind="page", **PDF), True),
        (citation(kind="text", **PDF), True),
        (citation(text="x", **NOTES), False),
        (citation(kind="code", source_kind="code"), False),
    ],
)
def test_only_what_lies_in_a_picture_is_drawn(cited, drawn):
    assert cited.region.is_drawn is drawn


def test_evidence_is_score_labels_and_colours():
    cited = citation(colours=("red", "blue"))
    assert evidence(exhibit(cited, ENGLISH), ENGLISH) == "score 0.31 - dog 90 % - red, blue"
    assert evidence(exhibit(citation(label=""), ENGLISH), ENGLISH) == "score 0.31"


def test_labels_and_colours_are_named_in_the_language_of_the_page():
    cited = citation(colours=("red", "blue"))
    said = evidence(exhibit(cited, CHINESE), CHINESE)
    assert said.endswith("\u72d7 90 % - \u7ea2\u8272\u3001\u84dd\u8272")
    assert caption(cited, CHINESE) == "[1] \u72d7 - beach.jpg"


def test_a_passage_is_escaped_and_cut_and_where_nothing_is_written_there_is_none():
    cited = citation(text="<script>" + "x" * 5000)
    html = passage(EvidenceItem(citation=cited, caption="c"), ENGLISH)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert " ...</pre>" in html
    assert len(html) < 5000
    assert passage(EvidenceItem(citation=citation(), caption="c"), ENGLISH) == ""


@pytest.mark.parametrize(
    ("what", "index"),
    [("0", 0), ("1", 1), ("2", None), ("-1", None), ("x", None), ("9" * 40, None), (None, None), ("", None)],
)
def test_a_press_means_an_exhibit_that_is_there_or_none(what, index):
    shown = [exhibit(citation(n), ENGLISH) for n in (1, 2)]
    assert chosen(shown, what) == index


@pytest.mark.parametrize(
    ("form", "region", "english", "chinese"),
    [
        ("pptx", {"page": 4}, "a.x, slide 4", "a.x, \u7b2c 4 \u5f20\u5e7b\u706f\u7247"),
        ("epub", {"page": 3}, "a.x, chapter 3", "a.x, \u7b2c 3 \u7ae0"),
        ("epub", {"symbol": Symbol(name="s", kind="chapter", signature="Storm")}, "a.x, Storm", "a.x, Storm"),
        ("eml", {"symbol": Symbol(name="s", kind="mail", signature="Anna")}, "a.x, Anna", "a.x, Anna"),
        (
            "eml",
            {"page": 2, "symbol": Symbol(name="b.pdf", kind="attachment", signature="Anna")},
            "a.x, Anna, b.pdf, page 2",
            "a.x, Anna, b.pdf, \u7b2c 2 \u9875",
        ),
    ],
)
def test_a_place_is_named_as_its_kind_of_document_has_it(form, region, english, chinese):
    source = Source(path="/d/a.x", kind="document", format=form)
    made = Region(source=source, kind="text", box_px=(0, 0, 0, 0), **region)
    assert (name_region(made, ENGLISH), name_region(made, CHINESE)) == (english, chinese)
    assert not made.is_drawn


def test_a_file_that_is_offline_is_marked_for_eyes_and_ears(tmp_path):
    pictures = PagePictures(tmp_path, lambda source, page: None)
    region = Region(source=Source(path="/stick/kite.jpg", width_px=4, height_px=3), kind="whole", box_px=(0, 0, 4, 3))
    note = Region(source=Source(path="/stick/note.txt", kind="document"), kind="text", box_px=(0, 0, 0, 0), text="hi")
    for each in (region, note):
        shown = Tile(index=0, region=each, name="it", caption="", why="")
        assert "offline" not in tile(shown, pictures, ENGLISH)
        pictures.is_offline = lambda source: source.path.startswith("/stick/")
        html = tile(shown, pictures, ENGLISH)
        assert '<span class="away">offline</span>' in html
        assert 'aria-label="it, offline"' in html
        pictures.is_offline = lambda source: False
