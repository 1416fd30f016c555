"""Web pages as a reader sees them."""

import time

import pytest
from made_files import read, refusal, written

from deepseek_mm.parse.markup import text_of

PAGE = """<html><head><title>Boats &amp; sails</title><style>p {color: red}</style><script>alert(1)</script></head>
<body><nav>Home | About</nav><h1>Boats</h1><p>A <b>red</b> boat
  floats.<br>It sinks.<h2>Sails</h2><ul><li>main<li>jib</ul>
<table><tr><th>name<th>area<tr><td>jib<td>9</table><pre>
def f():
    return 1
</pre><p hidden>secret</p><noscript>Turn scripts on</noscript><!-- remark --><p>un<i>split</i>word</body></html>"""


def test_a_page_is_read_block_by_block_without_what_a_reader_does_not_see():
    assert text_of(PAGE).split("\n\n") == [
        "Boats & sails",
        "# Boats",
        "A red boat floats.",
        "It sinks.",
        "## Sails",
        "main",
        "jib",
        "name | area\njib | 9",
        "def f():\n    return 1",
        "unsplitword",
    ]


def test_passages_of_a_page_begin_at_its_headings_and_have_no_lines(tmp_path):
    source, pieces = read(written(tmp_path / "a.html", PAGE))
    assert (source.kind, source.format) == ("document", "html")
    assert [piece.text.split("\n")[0] for piece in pieces] == ["Boats & sails", "# Boats", "## Sails"]
    assert {piece.lines for piece in pieces} == {(0, 0)}


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="shift_jis">', "shift_jis"),
        ("<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'>", "shift_jis"),
        ("<meta charset=utf-8>", "shift_jis"),  # the page does not keep to what it says
        ("<meta charset=nonsense>", "utf-8"),
        ("", "utf-16"),
    ],
)
def test_the_encoding_is_the_one_that_the_page_names_and_keeps_to(tmp_path, head, encoding):
    words = "\u3053\u308c\u306f\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\u3067\u3059\u3002"
    path = written(tmp_path / "a.html", f"<html><head>{head}</head><p>{words}".encode(encoding))
    assert read(path)[1][0].text == words


def test_the_name_of_an_encoding_settles_what_a_few_letters_cannot(tmp_path):
    """The byte F0 is an Icelandic eth in most of Europe, and a soft g in Turkey."""
    path = written(tmp_path / "a.html", b"<meta charset=windows-1254><p>da\xf0")
    assert read(path)[1][0].text == "da\u011f"


@pytest.mark.parametrize("html", ["<script>x()</script>", "<html></html>", "<nav>Home</nav>", "<p>&nbsp;</p>"])
def test_a_page_that_shows_nothing_is_refused(tmp_path, html):
    path = written(tmp_path / "a.html", html)
    assert refusal(path) == f"{path} shows no text: it may be made by scripts. Save the page as PDF instead"


@pytest.mark.parametrize("html", ["<p><p><p>a", "a</div></div>", "a<" + "div>" * 3, "<b>" * 20_000 + "a"])
def test_a_page_that_breaks_every_rule_is_read_all_the_same(html):
    assert "a" in text_of(html + " a")


def test_what_a_style_hides_is_not_read():
    hidden = ("display:none", "DISPLAY: NONE; color: red", "color: red; visibility:hidden")
    seen = "".join(f'<p style="{style}">obey</p>' for style in hidden) + '<p style="color: red">shown</p>'
    assert text_of(seen) == "shown"


def test_letters_that_stand_for_blanks_inside_are_not_taken_from_the_page():
    assert text_of("<p>a\x01b\x02c</p>") == "abc"


def test_cells_that_span_keep_the_columns_below_and_beside_them_in_place():
    table = """<table><tr><th rowspan=2>boat<th colspan=2>sails</tr><tr><td><p>jib</p></td><td>main</td></tr>
    <tr><td><b>Ida</b> II</td><td></td><td>12 | 14</td></tr><tr><td></td><td></td><td>26</td></tr></table>"""
    assert text_of(table).split("\n") == ["boat | sails |", "boat | jib | main", "Ida II |  | 12 / 14", " |  | 26"]


def test_a_table_that_lays_out_a_page_is_read_as_its_parts():
    page = "<table><tr><td><h2>Menu</h2><ul><li>Soup<li>Bread</ul></td><td>Open daily</td></tr></table>"
    assert text_of(page).split("\n\n") == ["## Menu", "Soup", "Bread", "Open daily"]


@pytest.mark.parametrize("span", ["-1", "0", "99999999999", "x", "\u0663"])
def test_a_span_that_is_nonsense_or_endless_is_bounded(span):
    assert "b" in text_of(f"<table><tr><td colspan='{span}' rowspan='{span}'>a</td><td>b</td></tr></table>")


def test_rows_of_a_table_cost_what_they_are_and_spans_no_more_than_cells_may_cover():
    html = "<table>" + "<tr><td>a<td>b" * 20_000 + "</table>"
    began_s = time.process_time()
    assert text_of(html).count("a | b") == 20_000
    spans = "<table>" + "<tr><td rowspan=50 colspan=50>a<td>b</tr>" * 2_000 + "</table>"
    assert len(text_of(spans)) < 40 * len(spans)
    assert time.process_time() - began_s < 20


@pytest.mark.parametrize(
    "html",
    [
        "<p " + " ".join(f"a{n}=1" for n in range(200_000)) + ">words",
        "<b>" * 400_000 + "words",
        "<script>hidden()</script>" + "<i></i>" * 400_000 + "words<!-- hidden -->",
    ],
)
def test_a_page_whose_tree_would_cost_too_much_is_read_as_words(html):
    began_s = time.process_time()
    assert text_of(html) == "words"
    assert time.process_time() - began_s < 10


@pytest.mark.parametrize("name", ["punycode", "idna", "hex", "zip", "undefined", "unicode_escape", "utf-7", "no-such"])
def test_an_encoding_that_is_none_of_letters_is_not_tried(tmp_path, name):
    page = f'<meta charset="{name}"><p>caf'.encode() + "\u00e9 +AGE- xn--a".encode()
    (piece,) = read(written(tmp_path / "a.html", page))[1]
    assert piece.text == "caf\u00e9 +AGE- xn--a"


def test_pictures_within_a_page_are_no_words_and_cost_no_tree(tmp_path):
    page = b'<p>before<img src="data:image/png;base64,' + b"A" * 3_000_000 + b'">after'
    (piece,) = read(written(tmp_path / "a.html", page))[1]
    assert piece.text == "beforeafter"
