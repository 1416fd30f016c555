"""The Code tab on paper: what it shows before a question, what it asks, where History and the dialog lead to it."""

from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
from code_house import put_code
from fake_app import paper
from index_help import open_store
from page_caller import ActingAs, holder_of, services_of, undescribed, visitor_here

from deepseek_mm import ASK_LEAVE, LOCAL
from deepseek_mm.config import Config
from deepseek_mm.types import Answer, Citation, Question
from index import Region, Source, Symbol
from ui.ask.ask_handlers import CLEAR, AskHandlers, View
from ui.ask.ask_tab import CodeTab, PageFields
from ui.ask.chat import Chat, ChatExchange, Talk
from ui.gateway.events import Press
from ui.history.history_handlers import HistoryHandlers, HistoryState
from ui.history.history_tab import HistoryTab
from ui.layout import TabNavigation, question_about
from ui.pictures import PagePictures
from ui.viewer import Viewer
from ui.words import ENGLISH, TextsOfCode

ME = "m" * 43
SOURCE = Source(path="/repo/shop/orders.py", kind="code", format="python")
TOTAL = Region(
    source=SOURCE, kind="code", box_px=(0, 0, 0, 0), lines=(9, 14), text="    def total(self):\n        pass",
    symbol=Symbol(name="total", parent="Order", kind="method", signature="def total(self)"),
)  # fmt: skip
TOLD = "`Order.total` is defined in orders.py:9-14 [1]. See orders.py:9-140, xorders.py:9-14 and `a[1]`."


@pytest.fixture
def assistant(tmp_path):
    with open_store(tmp_path / "index", dim=32) as store:
        assistant = replace(paper(Config(data=tmp_path / "library")), store=store)
        yield assistant
        assistant.close()


@pytest.fixture
def tab(assistant, tmp_path):
    services = services_of(assistant)
    asking = AskHandlers(services=services, words=TextsOfCode("en"), about="code")
    pictures = PagePictures(tmp_path / "small", assistant.picture)
    with gr.Blocks():
        visit = PageFields(kept=gr.Textbox(), page=gr.Textbox(), at=gr.Textbox())
        return ActingAs(CodeTab.place(asking, pictures, Viewer.place(pictures, ENGLISH, undescribed), visit))


def test_a_library_without_code_says_how_some_comes_in(tab):
    html = tab.chat(Talk())
    assert ENGLISH.code_none in html
    assert 'data-open-tab="library"' in html
    assert 'data-act="example"' not in html


def test_the_first_questions_are_about_the_code_that_is_there_and_go_into_the_box(tab, assistant):
    put_code(assistant.store, Path("/repo"))
    html = tab.chat(Talk())
    assert "Who calls checked?" in html
    assert ENGLISH.code_crash in html
    assert ENGLISH.code_none not in html
    (view,) = tab._views(Press(None, {"act": "example", "what": "0"}), Talk(), ME, "page")
    assert view.entry == {"text": "Who calls `checked`?", "files": []}
    assert list(tab._views(Press(None, {"act": "example", "what": "99"}), Talk(), ME, "page")) == []


def test_it_has_every_part_of_the_ask_tab_but_the_camera(tab):
    assert "camera" not in tab.parts_by_name
    updates = tab.render(View(talk=Talk(), entry=CLEAR))
    assert set(updates) <= set(tab.parts)
    assert tab.id == "code"


def test_pieces_of_code_in_a_list_are_asked_about_in_the_code_tab(tab, assistant):
    passing = TabNavigation(
        services=services_of(assistant),
        tabs=gr.Tabs(),
        ask=tab,
        code=tab,
        search=None,
        photos=None,
        library=None,
        viewer=tab.viewer,
    )
    updates = passing.ask_about([TOTAL], Talk())
    assert updates[tab.box] == {"text": "Explain `Order.total` @orders.py", "files": []}
    assert updates[passing.tabs].selected == "code"


def test_its_questions_are_about_code_and_stopped_by_a_name_of_their_own(assistant, monkeypatch):
    asked: list[Question] = []

    def stream(question):
        asked.append(question)
        yield Answer(text="", state="running")

    monkeypatch.setattr(assistant, "stream_many", lambda questions, stops: [stream(*questions)])
    code = AskHandlers(services=services_of(assistant), words=ENGLISH, about="code")
    views = code.ask(LOCAL, {"text": "who?", "files": []}, Talk(), ME, "page")
    next(views)
    code.begin_anew(LOCAL, "page")
    assert code.is_still_new("page")
    assert not replace(code, about="photos").is_still_new("page")
    list(views)
    assert [question.about for question in asked] == ["code"]


def test_a_place_that_is_told_opens_like_its_number_but_no_part_of_a_longer_one(tab):
    cited = Citation(number=1, region=TOTAL, score=1.0)
    answer = Answer(text=TOLD, citations=(cited,), turn=5)
    html = tab.chat(Talk(exchanges=(ChatExchange(question="?", answer=answer),)))
    assert html.count('class="place"') == 1
    assert html.count('data-act="cite" data-what="5:1"') == 2
    assert "<code>Order.total</code>" in html
    assert "<code>a[1]</code>" in html
    assert "orders.py:9-140, xorders.py:9-14" in html


def test_a_conversation_about_code_goes_on_in_the_code_tab(tab, assistant, tmp_path):
    photos = replace(tab.handlers.wrapped, words=ENGLISH, about="photos")
    with gr.Blocks():
        remembering = HistoryHandlers(services=photos.services, ask_handlers=photos, words=ENGLISH)
        past = ActingAs(HistoryTab.place(remembering, tab.chat_html.pictures, tab.viewer.wrapped))
    conversation, turn = assistant.history.begin(
        Question(text="who calls it?", session=ME, about="code"), image_path="", settings={}, fingerprint=""
    )
    assistant.history.finish(turn, Answer(text=TOLD, citations=(Citation(number=1, region=TOTAL, score=1.0),)))
    opened = past.handlers.act(HistoryState(), ("open", str(conversation)), ME)
    assert opened.talk.about == "code"
    assert "Continue in Code" in past.render(visitor_here(), opened, "", 20, ME)[past.pieces["head"]]
    resumed = past.handlers.resume(opened, ME).talk
    (citation,) = resumed.exchanges[0].answer.citations
    assert (citation.region.symbol, citation.region.lines) == (TOTAL.symbol, (9, 14))


def test_a_draft_of_a_test_is_tried_for_those_alone_who_may_run_programs(tab, assistant, monkeypatch):
    asked: list[Question] = []

    def stream(question):
        asked.append(question)
        yield Answer(text="These 3 tests hold.", turn=6)

    monkeypatch.setattr(assistant, "stream_many", lambda questions, stops: [stream(*questions)])
    question = Question(text="write a test for load", session=ME, about="code")
    conversation, turn = assistant.history.begin(question, image_path="", settings={}, fingerprint="")
    assistant.history.finish(turn, Answer(text=f"This is a draft: {ASK_LEAVE} (--run) [1]."))
    talk = tab.handlers.resume(conversation, ME).talk
    assert 'data-act="try"' in tab.chat(talk)
    asking = tab.handlers.wrapped
    (refused,) = asking.try_test(holder_of("ask", "page", "run"), turn, talk, ME, "page")
    assert ("people of this machine only" in refused.notice, asked) == (True, [])
    tried = list(asking.try_test(LOCAL, turn, talk, ME, "page"))
    assert [(question.text, question.run) for question in asked] == [("write a test for load", True)]
    assert 'data-act="try"' not in tab.chat(tried[-1].talk)


def test_what_is_read_in_the_history_cannot_be_run_there(tmp_path):
    pictures = PagePictures(tmp_path, lambda source, page: None)
    answer = Answer(text="So:\n```python\nprint(1)\n```", turn=5)
    talk = Talk(about="code", exchanges=(ChatExchange(question="?", answer=answer),))
    assert "data-run=" not in Chat(pictures=pictures, words=ENGLISH, acts=False).html(talk)
    assert 'data-run="python"' in Chat(pictures=pictures, words=ENGLISH, runs=True).html(talk)


def test_pieces_of_code_are_asked_about_by_their_names_and_files():
    alone = replace(TOTAL, symbol=None)
    assert question_about([TOTAL, TOTAL]) == "Explain `Order.total` @orders.py"
    assert question_about([TOTAL, alone]) == "Explain `Order.total` @orders.py, @orders.py"


def test_opening_the_tab_offers_questions_but_never_over_an_answer_on_its_way(tab):
    engine = tab.handlers.services.answers.engine
    assert ENGLISH.code_none in tab._offer(Talk(), "page")
    states = engine.start(lambda stop: iter(["first", "last"]), session=ME, page="page code").follow()
    next(states)
    assert tab._offer(Talk(), "page") == gr.skip()
    list(states)
    assert ENGLISH.code_none in tab._offer(Talk(), "page")
