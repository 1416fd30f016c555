"""Offers of an answer: buttons, a question before anything changes, and rights."""

import json
from dataclasses import replace

import pytest
from fake_app import paper
from page_caller import ActingAs, holder_of, services_of

from deepseek_mm.config import Config
from deepseek_mm.types import Answer, Offer
from ui.ask.ask_handlers import AskHandlers, split_offer
from ui.ask.chat import Talk
from ui.ask.offers import render_offers
from ui.words import ENGLISH

ME = "m" * 43
DELETE = Offer(action="delete", text="Delete <it>", targets=("/a.jpg",))
MOVE = Offer(action="move", text="Move them", targets=("/a.jpg", "/b.jpg"), value="kites")


@pytest.fixture
def asking(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    yield ActingAs(AskHandlers(services=services_of(assistant), words=ENGLISH))
    assistant.close()


def ask(asking, text: str, talk: Talk | None = None) -> Talk:
    return list(asking.ask({"text": text, "files": []}, talk or Talk(), ME, "page"))[-1].talk


def last(talk: Talk):
    return talk.exchanges[-1]


def what(talk: Talk, number: int = 0) -> str:
    return f"{last(talk).answer.turn}:{number}"


def html(*offers: Offer, confirming: int = -1, done: str = "") -> str:
    return render_offers(Answer(text="", turn=5, offers=offers), confirming, done, ENGLISH)


def test_offers_are_buttons_and_one_that_opens_a_tab_needs_no_server():
    shown = html(DELETE, Offer(action="open", text="Open the library", targets=("library",)))
    assert 'data-act="offer" data-what="5:0">Delete &lt;it&gt;</button>' in shown
    assert 'data-open-tab="library">Open the library</button>' in shown
    assert html() == ""


@pytest.mark.parametrize(
    ("offer", "asked"),
    [
        (DELETE, "This takes 1 file out of the library; nothing on the disk is deleted. Do it?"),
        (MOVE, "This puts 2 files into kites. Do it?"),
        (replace(MOVE, value=""), "This takes 2 files out of the collection; they stay in the library. Do it?"),
        (Offer(action="forget", text="Forget it", targets=("3",)), ENGLISH.offer_forget),
    ],
)
def test_what_would_change_is_asked_in_words_before_it_does(offer, asked):
    shown = html(offer, confirming=0)
    assert asked in shown
    assert f'data-act="agree_{offer.action}" data-what="5:0"' in shown
    assert 'data-act="offer"' not in shown


def test_what_was_done_stands_in_place_of_the_buttons():
    assert html(DELETE, done="1 file was taken out.") == '<p class="hint" role="status">1 file was taken out.</p>'


def test_nothing_is_changed_before_somebody_agrees(asking):
    talk = ask(asking, "Delete red")
    asked = asking.offer(what(talk), talk).talk
    assert (last(asked).confirming, asking.assistant.library.taken) == (0, [])
    assert last(asking.offer(str(last(talk).answer.turn), asked).talk).confirming == -1
    view = asking.agree("agree_delete", what(talk), talk, ME)  # without having been asked once more
    assert (view.notice, asking.assistant.library.taken) == (ENGLISH.gone, [])


def test_who_agrees_has_the_files_taken_out_once(asking):
    talk = ask(asking, "Delete red")
    done = asking.agree("agree_delete", what(talk), asking.offer(what(talk), talk).talk, ME).talk
    assert [path.rpartition("/")[2] for path in asking.assistant.library.taken] == ["kite.jpg"]
    assert (last(done).done, last(done).confirming) == ("1 file was taken out.", -1)
    assert asking.agree("agree_delete", what(talk), done, ME).notice == ENGLISH.gone
    assert len(asking.assistant.library.taken) == 1


@pytest.mark.parametrize(
    ("text", "collection", "done"),
    [
        ("Move red", "kites", "1 file put into kites."),
        ("Take red", "library", "1 file taken out of the collection; they stay in the library."),
    ],
)
def test_files_are_put_into_a_collection_and_out_of_it(asking, text, collection, done):
    talk = ask(asking, text)
    moved = asking.agree("agree_move", what(talk), asking.offer(what(talk), talk).talk, ME).talk
    assert (last(moved).done, [*asking.assistant.library.collections.values()]) == (done, [collection])


def test_a_conversation_is_forgotten_and_can_be_brought_back(asking):
    talk = ask(asking, "Forget red", ask(asking, "Is it red?"))
    asked = asking.offer(what(talk), talk).talk
    view = asking.agree("agree_forget", what(talk), asked, ME)
    assert (view.talk, view.told, view.deleted) == (Talk(), ENGLISH.offer_forgotten, talk.conversation)
    history = asking.assistant.history
    assert history.conversations(session=ME, limit=9) == []
    back = asking.bring_back(view.deleted, Talk(), ME)
    assert [each.question for each in back.talk.exchanges] == ["Is it red?", "Forget red"]
    assert asking.bring_back(99, Talk(), ME).notice.startswith("no conversation 99 here")


def test_a_button_does_what_it_said_and_nothing_else(asking):
    talk = ask(asking, "Delete red")
    asked = asking.offer(what(talk), talk).talk
    for act in ("agree_forget", "agree_move", "agree_", "agree_open"):
        assert asking.agree(act, what(talk), asked, ME).notice == ENGLISH.gone
    assert asking.assistant.library.taken == []


def test_who_may_only_ask_changes_no_file(asking):
    guest = ActingAs(asking.wrapped, holder_of("page", "ask"))
    talk = ask(guest, "Delete red")
    view = guest.agree("agree_delete", what(talk), guest.offer(what(talk), talk).talk, ME)
    assert "library" in view.notice
    assert asking.assistant.library.taken == []


@pytest.mark.parametrize(
    ("sent", "parts"), [("5:0", (5, 0)), ("5", (5, -1)), ("5:x", (5, -1)), ("", (0, -1)), ("x:1", (0, 1))]
)
def test_what_a_button_names_is_read_whatever_was_sent(sent, parts):
    assert split_offer(sent) == parts


def test_a_question_is_asked_again_as_it_was_meant_and_that_is_kept(asking):
    talk = ask(asking, "Is it red?")
    told = json.dumps(["count", "library", "red things"])
    views = list(asking.ask_as_meant(last(talk).answer.turn, told, talk, ME, "page"))
    (exchange,) = views[-1].talk.exchanges
    (turn,) = asking.assistant.history.feedback()
    assert (turn.id, turn.meant, turn.question) == (exchange.answer.turn, exchange.answer.request, "Is it red?")
    (act,) = turn.meant.acts
    assert (act.kind, act.subject, turn.meant.by) == ("count", "red things", "person")
    assert views[-1].shown.request == turn.meant


def test_what_cannot_be_meant_asks_nothing(asking):
    talk = ask(asking, "Is it red?")
    (view,) = asking.ask_as_meant(last(talk).answer.turn, "nonsense", talk, ME, "page")
    assert (view.notice, view.talk) == (ENGLISH.gone, talk)
    (gone,) = asking.ask_as_meant(99, "[]", talk, ME, "page")
    assert gone.notice == ENGLISH.gone
    assert asking.assistant.history.feedback() == []
