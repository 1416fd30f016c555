"""The Ask tab's handlers, on paper."""

from dataclasses import replace

import pytest
from fake_app import paper
from fakes import picture

from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from ui.asking import CLEAR, Asking
from ui.edges import Thumbs, new_session
from ui.running import Running
from ui.talk import Exchange, Talk
from ui.words import ENGLISH

ME, OTHER = new_session(), new_session()


@pytest.fixture
def asking(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    yield Asking(assistant=assistant, running=Running(), thumbs=Thumbs(tmp_path / "small"), words=ENGLISH)
    assistant.close()


def slowly(asking: Asking, pause_s: float = 0.02) -> Asking:
    asking.assistant.pause_s = pause_s
    return asking


def entry(text: str, *files) -> dict:
    return {"text": text, "files": [str(file) for file in files]}


def ask(asking: Asking, text: str, *files, talk: Talk | None = None, kept: object = ME) -> list:
    return list(asking.ask(entry(text, *files), talk or Talk(), kept, "page"))


def test_a_question_streams_and_ends_with_its_evidence(asking):
    views = ask(slowly(asking), "Is it red?")
    texts = [view.talk.exchanges[-1].answer.text for view in views]
    assert (views[0].busy, views[0].entry, texts[0]) == (True, CLEAR, "")
    assert all(len(a) <= len(b) for a, b in zip(texts, texts[1:], strict=False))
    assert len(set(texts)) > 3
    assert not views[-1].busy
    assert [c.region.source.name for c in views[-1].shown.citations] == ["kite.jpg"]


def test_evidence_is_drawn_when_it_changes_and_not_for_every_word(asking):
    views = ask(slowly(asking), "Is it red?")
    assert sum(view.shown is not None for view in views) == 2  # when it came, and at the end


def test_stop_keeps_what_had_arrived_here_and_in_the_history(asking):
    asking = slowly(asking, 0.2)
    views = asking.ask(entry("Is it red?"), Talk(), ME, "page")
    first = [next(views), next(views)]
    asking.stop("page")
    last = [*first, *views][-1]
    assert last.talk.exchanges[-1].answer.state == "stopped"
    assert not last.busy
    (turn,) = asking.assistant.history.turns(last.talk.conversation, session=ME)
    assert turn.answer.state == "stopped"
    assert asking.assistant.says.startswith(turn.answer.text)
    assert turn.answer.text


def test_a_second_question_goes_on_with_the_conversation(asking):
    first = ask(asking, "Is it red?")[-1].talk
    second = ask(asking, "And green?", talk=first)[-1].talk
    assert second.conversation == first.conversation
    assert [e.question for e in second.exchanges] == ["Is it red?", "And green?"]


def test_a_picture_alone_is_asked_about(asking, tmp_path):
    path = tmp_path / "mine.png"
    picture("green", size=(3000, 2000)).save(path)
    view = ask(asking, "", path)[-1]
    last = view.talk.exchanges[-1]
    assert (last.question, last.picture_name) == (ENGLISH.picture_alone, "mine.png")
    assert last.picture.endswith(".jpg")
    assert [c.region.source.name for c in view.shown.citations] == ["grass.jpg"]


@pytest.mark.parametrize(("text", "said"), [("", "empty"), ("x" * 100_000, "100000 characters")])
def test_a_question_that_cannot_be_asked_stays_in_the_box_with_a_sentence(asking, text, said):
    view = ask(asking, text)[-1]
    assert said in view.notice
    assert view.entry == entry(text)
    assert view.talk == Talk()


def test_a_file_that_is_no_picture_stays_in_the_box_with_a_sentence(asking, tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("hello")
    (view,) = ask(asking, "What is it?", path)
    assert "notes.jpg" in view.notice
    assert view.entry == entry("What is it?", path)


@pytest.mark.parametrize("kept", [None, "", "guess"])
def test_a_page_without_a_secret_asks_nothing(asking, kept):
    (view,) = ask(asking, "Is it red?", kept=kept)
    assert view.notice == ENGLISH.no_session
    assert asking.assistant.history.conversations(session="", limit=9) == []


def test_a_bug_in_mid_answer_keeps_the_words_and_shows_no_trace(asking, monkeypatch):
    def breaks(question, *, stop):
        yield replace(ask_answer, text="It is")
        raise RuntimeError("secret detail")

    ask_answer = ask(asking, "Is it red?")[-1].talk.exchanges[-1].answer
    monkeypatch.setattr(asking.assistant, "stream", breaks)
    view = ask(asking, "Is it red?")[-1]
    assert view.notice == ENGLISH.bug
    assert (view.talk.exchanges[-1].answer.text, view.talk.exchanges[-1].answer.state) == ("It is", "failed")
    assert view.entry == CLEAR


def test_a_conversation_is_resumed_by_its_owner_only(asking, tmp_path):
    path = tmp_path / "mine.png"
    picture("green").save(path)
    talk = ask(asking, "What is it?", path)[-1].talk
    view = asking.resume(talk.conversation, ME)
    assert (view.talk.conversation, view.talk.exchanges[0].picture_name) == (talk.conversation, "mine.png")
    assert view.talk.exchanges[0].picture
    assert view.shown.text == asking.assistant.says
    with pytest.raises(NothingThere):
        asking.resume(talk.conversation, OTHER)


def test_going_on_with_a_conversation_of_others_is_refused(asking):
    talk = ask(asking, "Is it red?")[-1].talk
    view = ask(asking, "And green?", talk=talk, kept=OTHER)[-1]
    assert view.notice
    assert view.talk == talk


def test_an_upload_that_is_gone_has_no_small_copy(asking):
    assert asking.small("/nowhere/mine.png") == ""


def test_both_messages_of_an_exchange_lead_to_its_answer(asking):
    talk = Talk()
    for text in ("Is it red?", "Is it green?"):
        talk = ask(asking, text, talk=talk)[-1].talk
    names = [asking.chosen(talk, n).citations[0].region.source.name for n in range(4)]
    assert names == ["kite.jpg", "kite.jpg", "grass.jpg", "grass.jpg"]
    assert asking.chosen(talk, 4) is None
    assert isinstance(talk.exchanges[0], Exchange)


def test_a_question_asked_before_the_new_conversation_has_come_up_begins_it(asking):
    old = ask(asking, "Is it red?")[-1].talk
    asking.begin_anew("page")
    views = ask(asking, "Is it green?", talk=old)
    assert [e.question for e in views[-1].talk.exchanges] == ["Is it green?"]
    assert views[-1].talk.conversation != old.conversation
    assert views[0].shown.citations == ()  # the evidence of the old answer goes at once
    assert not asking.is_still_new("page")  # and the page is not emptied under it
    assert len(ask(asking, "And blue?", talk=views[-1].talk)[-1].talk.exchanges) == 2


def test_a_new_conversation_concerns_its_own_page_only_and_once(asking):
    old = ask(asking, "Is it red?")[-1].talk
    asking.begin_anew("another page")
    assert len(ask(asking, "Is it green?", talk=old)[-1].talk.exchanges) == 2
    assert asking.is_still_new("another page")
    asking.quiet("another page")  # another conversation is resumed there
    assert not asking.is_still_new("another page")
