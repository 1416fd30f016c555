"""The HTML file: whole in itself, boxes where they belong, nothing of the data becomes markup."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image
from sharing_help import Home, cite, keep, photo, talk

from deepseek_mm.history import Corrected
from deepseek_mm.sharing.files import Copy
from deepseek_mm.sharing.renderers import CHINESE, ENGLISH, frame, pieces
from deepseek_mm.types import Answer
from index import Label


class Reader(HTMLParser):
    """What a browser would see: elements with their attributes, and the text of each."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict]] = []
        self.text = ""
        self.odd: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), "an attribute twice"
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.odd.append(data)

    def unknown_decl(self, data):
        self.odd.append(data)

    def handle_pi(self, data):
        self.odd.append(data)

    def all(self, tag: str, name: str = "") -> list[dict]:
        return [attrs for each, attrs in self.elements if each == tag and name in (attrs.get("class") or "")]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def shown(home: Home, **answer) -> Reader:
    turn = replace(talk(home)[0], answer=replace(talk(home)[0].answer, **answer))
    return Reader(home.export(keep(home, [turn]), "html").decode())


def test_the_file_needs_nothing_beside_it_and_forbids_what_it_does_not_need(home):
    page = Reader(home.export(keep(home), "html").decode())
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert {tag for tag, _ in page.elements} <= set(
        ["html", "head", "meta", "title", "style", "body", "main", "header", "footer", "article", "div", "figure"]
        + ["figcaption", "img", "span", "b", "strong", "a", "h1", "h2", "h3", "p", "blockquote"]
    )
    for _, attrs in page.elements:
        assert [name for name in attrs if name.startswith("on")] == []
        assert all(
            attrs.get(name, "data:").startswith(("data:image/jpeg;base64,", "#", "data:")) for name in ("src", "href")
        )
    assert page.odd == []


def test_a_photo_is_a_small_jpeg_inside_the_file_with_its_box_in_percent(home):
    page = Reader(home.export(keep(home), "html").decode())
    kite = next(image for image in page.all("img") if image["alt"] == "kite.png")
    with Image.open(io.BytesIO(base64.b64decode(kite["src"].partition(",")[2]))) as small:
        assert (small.format, small.size) == ("JPEG", (1024, 512))
    assert (kite["width"], kite["height"]) == ("1024", "512")
    styles = [span["style"] for span in page.all("span", "frame")]
    # 200, 100, 1000, 500 of 2048 x 1024; then as the user drew it, 20, 40, 400, 600; then a quarter of 64 x 48
    assert styles == [
        "left:9.77%;top:9.77%;width:39.06%;height:39.06%",
        "left:0.98%;top:3.91%;width:18.55%;height:54.69%",
        "left:0.00%;top:0.00%;width:50.00%;height:50.00%",
    ]
    assert len(page.all("span", "drawn")) == 1


def test_regions_of_one_photo_share_it_and_keep_their_numbers(home):
    kite = photo(home)
    cited = (cite(3, kite), cite(1, kite, box_px=(0, 0, 10, 10)))
    page = shown(home, text="One [1] and two [3] and none [2].", citations=cited)
    assert len(page.all("img")) == 1
    assert len(page.all("span", "frame")) == 2  # the box that the user drew is of number 2
    assert [link["href"] for link in page.all("a")] == ["#e1-1", "#e1-3"]
    assert {"e1-1", "e1-3"} <= {attrs.get("id") for attrs in page.all("div", "note")}


def test_a_number_points_at_its_evidence_and_another_stays_text():
    cut = [(each.text, each.number) for each in pieces("a [1][12] b [2] c", {1, 2})]
    assert cut == [("a ", 0), ("[1]", 1), ("[12] b ", 0), ("[2]", 2), (" c", 0)]


def test_a_box_that_leaves_the_photo_ends_at_its_edge():
    copy = Copy(jpeg=b"", width_px=10, height_px=10, of_px=(100, 200))
    assert frame(1, (-50, 20, 500, 100), copy).style == "left:0.00%;top:10.00%;width:100.00%;height:40.00%"
    assert frame(9, (90, 0, 10, 0), copy).style == "left:90.00%;top:0.00%;width:0.00%;height:0.00%"
    assert frame(9, (0, 0, 1, 1), copy).ink == 0


def test_a_photo_that_is_gone_is_told_and_a_text_is_quoted(home):
    kite = photo(home)
    conversation = keep(home, [replace(talk(home)[0], answer=Answer(text="[1]", citations=(cite(1, kite),)), boxes=())])
    (home.photos / "kite.png").unlink()
    page = Reader(home.export(conversation, "html").decode())
    assert ENGLISH.gone in page.text
    assert page.all("img") == []
    assert "MILK 1.5 %" in page.text


def test_language_direction_headings_and_descriptions_are_there_for_screen_readers(home):
    page = Reader(home.export(keep(home), "html", language="zh").decode())
    assert page.all("html") == [{"lang": "zh-Hans"}]
    assert [tag for tag, _ in page.elements if tag in ("h1", "h2", "h3")] == ["h1", "h2", "h3", "h3", "h2", "h3", "h3"]
    assert all(image["alt"] for image in page.all("img"))
    assert CHINESE.evidence in page.text
    assert not re.search("Evidence|Question|Answer", page.text)


def test_only_the_newest_of_two_corrections_is_drawn(home):
    turn = talk(home)[0]
    boxes = (*turn.boxes, Corrected(number=2, box_px=(0, 0, 1024, 512), label="", made_at=turn.asked_at))
    page = Reader(home.export(keep(home, [replace(turn, boxes=boxes)]), "html").decode())
    assert [span["style"] for span in page.all("span", "drawn")] == ["left:0.00%;top:0.00%;width:50.00%;height:50.00%"]


CASES = {
    "script": "<script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x="',
    "attribute, single": "' onmouseover='alert(1)' x='",
    "title": "</title><script>alert(1)</script>",
    "style": "</style><script>alert(1)</script>",
    "css": "}</style><style>*{background:url(http://evil/x)}",
    "comment": "--><script>alert(1)</script><!--",
    "cdata": "]]><svg onload=alert(1)>",
    "link": "[x](javascript:alert(1)) <a href=javascript:alert(1)>x</a>",
    "data": "<iframe src='data:text/html,<script>alert(1)</script>'>",
    "markdown": "![x](http://evil/x.png) [x](http://evil)",
    "template": "{{ 7*7 }}{% include '/etc/passwd' %}",
    "entity": "&lt;script&gt;alert(1)&lt;/script&gt;&#60;b&#62;",
    "meta": "<meta http-equiv=refresh content='0;url=http://evil'><base href=http://evil>",
    "unclosed": "<a href='",
    "newline": 'x"\n><script\n>alert(1)</script\n>',
}


def poisoned(home: Home, text: str, *, where: str) -> Reader:
    """The page with the text at one place of the data, or with plain words everywhere."""
    name = text.replace("/", "|")  # a file's name holds no slash

    def here(place: str, otherwise: str = "plain") -> str:
        return text if where == place else otherwise

    kite, turn = photo(home, size=(64, 32)), talk(home, size=(64, 32))[1]
    named = home.photos / (name if where == "file" else "plain")
    named.write_bytes((home.photos / "kite.png").read_bytes())
    other = replace(kite, path=str(named))
    label = (Label(name=here("label"), score=0.5),)
    cited = (cite(1, kite, labels=label, text=here("written")), cite(2, other, labels=label, text=here("written")))
    answer = Answer(text=here("answer") + " [1]", citations=cited, model=here("model"))
    box = Corrected(number=1, box_px=(1, 2, 3, 4), label=here("correction"), made_at=turn.asked_at)
    turn = replace(turn, question=here("question"), image_name=here("upload"), answer=answer, more=(), boxes=(box,))
    return Reader(home.export(keep(home, [turn], title=here("title")), "html").decode())


def skeleton(page: Reader) -> list:
    """Elements and attributes; of the attributes that carry data, only that they are there."""
    return [
        (tag, sorted({**attrs, "alt": "" if "alt" in attrs else None}.items(), key=str)) for tag, attrs in page.elements
    ]


PLACES = ("title", "question", "upload", "answer", "model", "label", "written", "file", "correction")


@pytest.mark.parametrize("case", CASES)
def test_no_element_and_no_attribute_comes_from_the_data(home, case):
    plain = skeleton(poisoned(home, "", where="nowhere"))
    for where in PLACES:
        page = poisoned(home, CASES[case], where=where)
        assert skeleton(page) == plain, where
        assert page.odd == []
        told = " ".join((page.text + " ".join(image["alt"] for image in page.all("img"))).split())
        assert " ".join((CASES[case].replace("/", "|") if where == "file" else CASES[case]).split()) in told, where
