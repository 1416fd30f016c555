"""A conversation as HTML: claims, citations, buttons; and that no text becomes markup."""

import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from deepseek_mm.types import Act, Answer, Citation, Request
from index import Label, Region, Source
from ui.ask.chat import Chat, ChatExchange, Talk, Upload, about, hint_of
from ui.code_html import sentences
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH

NASTY = '<img src=x onerror="hit=1"> <script>hit=1</script> "\' & ${hit} {{hit}} [9]'


class Markup(HTMLParser):
    """Tags and text of a piece of HTML, as a browser sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def chat(tmp_path) -> Chat:
    return Chat(pictures=PagePictures(tmp_path, lambda source, page: Image.new("RGB", (20, 10))), words=ENGLISH)


def cited(number: int, name: str = "kite.jpg") -> Citation:
    source = Source(path=f"/a/{name}", width_px=400, height_px=200)
    return Citation(
        number=number,
        region=Region(source=source, box_px=(0, 0, 50, 50), labels=(Label(name="kite", score=0.9),)),
        score=0.5,
    )


def talk(text: str = "Yes [1].", question: str = "A kite?", *citations: Citation, **more) -> Talk:
    answer = Answer(text=text, citations=citations or (cited(1),), **({"turn": 5, "conversation": 3} | more))
    return Talk(conversation=3, exchanges=(ChatExchange(question=question, answer=answer),))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Yes.", ["Yes."]),
        ("A kite [1]. A dog [2].", ["A kite [1]. ", "A dog [2]."]),
        ("A kite. [1] A dog.", ["A kite. [1] ", "A dog."]),
        ("It is 3.5 m.\nIt is red!", ["It is 3.5 m.\n", "It is red!"]),
        ("有狗 [1]。没有“猫？”。好", ["有狗 [1]。", "没有“猫？”。", "好"]),
        ("", []),
        ("...", ["..."]),
    ],
)
def test_sentences_end_at_their_mark_and_keep_their_numbers(text, parts):
    assert sentences(text) == parts
    assert "".join(sentences(text)) == text


def test_a_claim_holds_the_numbers_it_cites_and_a_sentence_without_any_is_none(chat):
    html = chat.html(talk("A kite [1] and a dog [2]. Nothing else.", "?", cited(1), cited(2)))
    assert re.findall(r'class="claim" data-numbers="([^"]*)"', html) == ["1 2"]
    assert re.findall(r'data-act="cite" data-what="([^"]*)"', html) == ["5:1", "5:2"]
    assert html.count('src="/picture/') == 2
    assert "Nothing else." in html


def test_a_number_that_is_cited_nowhere_stays_text(chat):
    html = chat.html(talk("See [9] and [1]."))
    assert "[9]" in Markup(html).text
    assert html.count('data-act="cite"') == 1


def test_the_name_of_a_citation_is_read_out_and_not_its_markup(chat):
    html = chat.html(talk("Yes [1].", "?", cited(1, '"><b>.jpg')))
    assert 'aria-label="[1] kite - &quot;&gt;&lt;b&gt;.jpg"' in html


def test_no_text_from_outside_becomes_markup(chat):
    upload = Upload(name=NASTY, path="/up/x.jpg")
    nasty = Talk(conversation=3, exchanges=(ChatExchange(
        question=NASTY, answer=Answer(text=NASTY, citations=(cited(9, NASTY.replace("/", "")),), turn=5, model=NASTY,
                                      state="done"), uploads=(upload, Upload(name=NASTY, path=""))),))  # fmt: skip
    plain = Markup(chat.html(nasty))
    usual = Markup(chat.html(talk("Yes [1].")))
    assert set(plain.tags) - set(usual.tags) == {"img"} - set(usual.tags)  # the upload's picture
    assert not {name for name in plain.names if name.startswith("on")}
    assert plain.text.count("<script>hit=1</script>") == 4  # question, answer, model, name of the lost upload


@pytest.mark.parametrize(
    ("state", "text", "said"),
    [
        ("running", "", ENGLISH.looking),
        ("running", "It is", "It is"),
        ("stopped", "It is", f"It is {ENGLISH.cut_stopped}"),
        ("failed", "It is", f"It is {ENGLISH.cut_failed}"),
        ("done", "", ENGLISH.silent),
    ],
)
def test_an_answer_that_is_not_whole_says_how_it_ended(chat, state, text, said):
    html = chat.html(talk(text, state=state))
    assert said in re.sub(r"</?em[^>]*>", "", html)
    assert ('aria-busy="true"' in html) == (state == "running")


def test_an_answer_under_way_has_no_buttons_and_a_finished_one_has_all(chat):
    acts = {"edit", "retry", "branch", "evidence", "inside", "up", "down"}
    offered = set(re.findall(r'data-act="(\w+)" data-what="5"', chat.html(talk())))
    assert offered == acts
    assert not acts & set(re.findall(r'data-act="(\w+)"', chat.html(talk(state="running"))))
    assert chat.html(talk()).count("data-copy=") == 2


def test_a_thumb_that_was_given_is_pressed(chat):
    html = chat.html(talk().with_changes(5, rating="down"))
    assert re.search(r'data-act="down"[^>]*aria-pressed="true"', html)
    assert re.search(r'data-act="up"[^>]*aria-pressed="false"', html)


def test_a_talk_that_is_only_read_offers_nothing_but_its_citations(chat):
    reading = Chat(pictures=chat.pictures, words=ENGLISH, acts=False)
    assert set(re.findall(r'data-act="(\w+)"', reading.html(talk()))) == {"cite"}
    assert reading.html(Talk()) == ""


def test_a_first_visit_explains_itself_in_three_sentences(chat):
    assert chat.html(Talk()).count("<li>") == 3
    offered = chat.html(Talk(), ("Explain a", "Who calls b?"))
    assert re.findall(r'data-act="example" data-what="(\d+)"', offered) == ["0", "1"]
    assert CHINESE.welcome_title in Chat(pictures=chat.pictures, words=CHINESE).html(Talk())


def test_a_long_talk_offers_what_came_before(chat):
    long = Talk(conversation=3, exchanges=talk().exchanges, earlier=480)
    assert 'data-act="earlier"' in chat.html(long)
    assert "480" in chat.html(long)
    assert 'data-act="earlier"' not in chat.html(talk())


def test_the_page_is_told_which_conversation_it_shows(chat):
    assert 'data-at="3"' in chat.html(talk())
    assert 'data-at=""' in chat.html(Talk())


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (Answer(text="", seconds=1.26, model="smol"), ["Answered in 1.3 s", "phrased by smol"]),
        (Answer(text="", seconds=0.8, state="stopped"), ["Stopped after 0.8 s"]),
        (Answer(text="", seconds=2, state="failed"), ["Not finished: it failed after 2.0 s"]),
        (Answer(text="", confidence=0.8), ["Answered in 0.0 s", "80 % sure"]),
    ],
)
def test_the_foot_says_how_it_ended_how_long_it_took_and_who_spoke(answer, line):
    assert about(answer, ENGLISH) == line


def test_backquotes_are_letters_like_others_where_it_is_not_about_code(chat):
    html = chat.html(talk("It says `a.b [1]` and:\n```python\nx\n``` [1]."))
    assert "<code>" not in html
    assert html.count('class="cite"') == 2
    assert "```python" in html


def test_what_is_said_runs_in_the_direction_of_its_own_letters(chat):
    html = chat.html(talk("نعم [1].", "هل هناك قطة؟"))
    assert '<p class="question" dir="auto">هل هناك قطة؟</p>' in html
    assert '<div class="say" dir="auto">' in html


@pytest.mark.parametrize(
    ("act", "hint"),
    [
        ({"kind": "look", "attribute": "colour"}, ENGLISH.right_hint_colour),
        ({"kind": "look", "form": "yes_no"}, ENGLISH.right_hint_yes_no),
        ({"kind": "count"}, ENGLISH.right_hint_number),
        ({"kind": "read"}, ENGLISH.right_hint_text),
        ({"kind": "look"}, ENGLISH.right_hint_thing),
        ({"kind": "find"}, ENGLISH.right_hint),
        (None, ENGLISH.right_hint),
    ],
)
def test_the_field_for_a_right_answer_says_what_such_an_answer_looks_like(act, hint):
    request = Request(acts=(Act(text="x", **act),)) if act else None
    assert hint_of(Answer(text="", request=request), ENGLISH) == hint
