"""The Ask tab's handlers, on paper."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_app import paper
from fakes import picture
from page_caller import ActingAs, services_of

from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from ui.ask.ask_handlers import CLEAR, PAGE, AskHandlers
from ui.ask.chat import Talk
from ui.words import ENGLISH

ME, OTHER = "m" * 43, "o" * 43


@pytest.fixture
def asking(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    yield ActingAs(AskHandlers(services=services_of(assistant), words=ENGLISH))
    assistant.close()


def slowly(asking: AskHandlers, pause_s: float = 0.02) -> AskHandlers:
    asking.assistant.pause_s = pause_s
    return asking


def entry(text: str, *files) -> dict:
    return {"text": text, "files": [str(file) for file in files]}


def ask(asking: AskHandlers, text: str, *files, talk: Talk | None = None, kept: object = ME) -> list:
    return list(asking.ask(entry(text, *files), talk or Talk(), kept, "page"))


def talk_about(asking: AskHandlers, *texts: str) -> Talk:
    talk = Talk()
    for text in texts:
        talk = ask(asking, text, talk=talk)[-1].talk
    return talk


def questions(talk: Talk) -> list[str]:
    return [exchange.question for exchange in talk.exchanges]


def turn_of(talk: Talk, n: int) -> int:
    return talk.exchanges[n].answer.turn


def remembered(asking: AskHandlers, conversation: int, kept: str = ME) -> list[str]:
    return [turn.question for turn in asking.assistant.history.turns(conversation, session=kept)]


def test_a_question_streams_and_ends_with_its_evidence(asking):
    views = ask(slowly(asking), "Is it red?")
    texts = [view.talk.exchanges[-1].answer.text for view in views]
    assert (views[0].busy, views[0].entry, texts[0]) == (True, CLEAR, "")
    assert all(len(a) <= len(b) for a, b in zip(texts, texts[1:], strict=False))
    assert len(set(texts)) > 3
    assert not views[-1].busy
    assert [c.region.source.name for c in views[-1].shown.citations] == ["kite.jpg"]


def test_evidence_is_shown_when_it_changes_and_not_for_every_word(asking):
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
    talk = talk_about(asking, "Is it red?", "And green?")
    assert questions(talk) == remembered(asking, talk.conversation) == ["Is it red?", "And green?"]


def test_a_picture_alone_is_asked_about(asking, tmp_path):
    path = tmp_path / "mine.png"
    picture("green", size=(3000, 2000)).save(path)
    view = ask(asking, "", path)[-1]
    last = view.talk.exchanges[-1]
    assert (last.question, [u.name for u in last.uploads]) == (ENGLISH.picture_alone, ["mine.png"])
    assert [c.region.source.name for c in view.shown.citations] == ["grass.jpg"]


def test_of_five_pictures_the_broken_one_is_named_and_the_others_are_asked_about(asking, tmp_path):
    paths = [tmp_path / f"{n}.png" for n in range(5)]
    for path in paths:
        picture("green").save(path)
    paths[2].write_bytes(b"no picture")
    views = ask(asking, "What?", *paths)
    assert [u.name for u in views[-1].talk.exchanges[0].uploads] == ["0.png", "1.png", "3.png", "4.png"]
    assert all("2.png" in view.notice for view in views)
    (turn,) = asking.assistant.history.turns(views[-1].talk.conversation, session=ME)
    assert [turn.image_name, *(name for name, _ in turn.more)] == ["0.png", "1.png", "3.png", "4.png"]


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
    assert view.talk.conversation == talk.conversation
    (upload,) = view.talk.exchanges[0].uploads
    assert Path(upload.path).is_file()
    assert view.shown.text == asking.assistant.says
    with pytest.raises(NothingThere):
        asking.resume(talk.conversation, OTHER)


def test_going_on_with_a_conversation_of_others_is_refused(asking):
    talk = talk_about(asking, "Is it red?")
    view = ask(asking, "And green?", talk=talk, kept=OTHER)[-1]
    assert view.notice
    assert view.talk == talk


def test_a_question_asked_before_the_new_conversation_has_come_up_begins_it(asking):
    old = talk_about(asking, "Is it red?")
    asking.begin_anew("page")
    views = ask(asking, "Is it green?", talk=old)
    assert questions(views[-1].talk) == ["Is it green?"]
    assert views[-1].talk.conversation != old.conversation
    assert views[0].shown.citations == ()  # the evidence of the old answer goes at once
    assert not asking.is_still_new("page")  # and the page is not emptied under it
    assert len(ask(asking, "And blue?", talk=views[-1].talk)[-1].talk.exchanges) == 2


def test_a_new_conversation_concerns_its_own_page_only_and_once(asking):
    old = talk_about(asking, "Is it red?")
    asking.begin_anew("another page")
    assert len(ask(asking, "Is it green?", talk=old)[-1].talk.exchanges) == 2
    assert asking.is_still_new("another page")
    asking.quiet("another page")  # another conversation is resumed there
    assert not asking.is_still_new("another page")


def test_asking_the_last_question_again_replaces_its_answer(asking):
    talk = talk_about(asking, "Is it red?", "Is it green?")
    old = turn_of(talk, 1)
    after = list(asking.again(old, talk, ME, "page"))[-1].talk
    assert questions(after) == remembered(asking, talk.conversation) == ["Is it red?", "Is it green?"]
    assert after.conversation == talk.conversation
    assert turn_of(after, 1) != old


def test_a_button_pressed_twice_asks_again_once(asking):
    talk = talk_about(slowly(asking, 0.05), "Is it red?")
    again = asking.again(turn_of(talk, 0), talk, ME, "page")
    first = [next(again), next(again)]
    assert list(asking.again(turn_of(talk, 0), first[-1].talk, ME, "page")) == []
    after = [*first, *again][-1].talk
    assert remembered(asking, after.conversation) == ["Is it red?"]


def test_asking_an_earlier_question_again_begins_a_branch_and_loses_nothing(asking):
    talk = talk_about(asking, "Is it red?", "Is it green?", "Is it blue?")
    after = list(asking.again(turn_of(talk, 1), talk, ME, "page"))[-1].talk
    assert questions(after) == ["Is it red?", "Is it green?"]
    assert after.conversation != talk.conversation
    assert remembered(asking, talk.conversation) == ["Is it red?", "Is it green?", "Is it blue?"]


def test_a_question_with_a_picture_is_asked_again_with_its_picture(asking, tmp_path):
    path = tmp_path / "mine.png"
    picture("green").save(path)
    talk = ask(asking, "What?", path)[-1].talk
    after = list(asking.again(turn_of(talk, 0), talk, ME, "page"))[-1].talk
    assert [u.name for u in after.exchanges[0].uploads] == ["mine.png"]
    assert [c.region.source.name for c in after.exchanges[0].answer.citations] == ["grass.jpg"]


def test_an_edited_question_begins_a_branch_before_it(asking):
    talk = talk_about(asking, "Is it red?", "Is it green?", "Is it blue?")
    view = asking.edit(turn_of(talk, 1), talk)
    assert view.entry == entry("Is it green?")
    after = ask(asking, "Is it purple?", talk=view.talk)[-1].talk
    assert questions(after) == remembered(asking, after.conversation) == ["Is it red?", "Is it purple?"]
    assert remembered(asking, talk.conversation) == ["Is it red?", "Is it green?", "Is it blue?"]
    assert after.editing == 0


def test_the_first_question_edited_begins_a_conversation_of_its_own(asking):
    talk = talk_about(asking, "Is it red?")
    after = ask(asking, "Is it blue?", talk=asking.edit(turn_of(talk, 0), talk).talk)[-1].talk
    assert questions(after) == ["Is it blue?"]
    assert after.conversation != talk.conversation


def test_a_branch_goes_on_by_itself_and_the_old_conversation_stays(asking):
    talk = talk_about(asking, "Is it red?", "Is it green?")
    view = asking.branch(turn_of(talk, 0), talk, ME)
    assert (questions(view.talk), view.told) == (["Is it red?"], ENGLISH.branched)
    talk_on = ask(asking, "Is it blue?", talk=view.talk)[-1].talk
    assert remembered(asking, talk_on.conversation) == ["Is it red?", "Is it blue?"]
    assert remembered(asking, talk.conversation) == ["Is it red?", "Is it green?"]


@pytest.mark.parametrize("kept", [OTHER, None])
def test_nobody_else_can_branch_rate_or_ask_again(asking, kept):
    talk = talk_about(asking, "Is it red?")
    turn = turn_of(talk, 0)
    views = [
        asking.branch(turn, talk, kept),
        asking.rate(turn, "up", talk, kept),
        *asking.again(turn, talk, kept, "page"),
        asking.earlier(talk, kept),
    ]
    assert all(view.notice and view.talk == talk for view in views)
    assert remembered(asking, talk.conversation) == ["Is it red?"]


def test_a_thumb_is_kept_and_taken_back_by_the_same_press(asking):
    talk = talk_about(asking, "Is it red?")
    turn = turn_of(talk, 0)

    def kept() -> str:
        return asking.assistant.history.turns(talk.conversation, session=ME)[0].rating

    up = asking.rate(turn, "up", talk, ME).talk
    assert (up.exchanges[0].rating, kept()) == ("up", "up")
    down = asking.rate(turn, "down", up, ME).talk
    assert (down.exchanges[0].rating, kept()) == ("down", "down")
    assert asking.rate(turn, "down", down, ME).talk.exchanges[0].rating == kept() == ""


@pytest.mark.parametrize("act", ["edit", "rate", "again"])
def test_a_press_for_an_answer_that_is_gone_says_so(asking, act):
    talk = talk_about(asking, "Is it red?")
    view = {
        "edit": lambda: asking.edit(999, talk),
        "rate": lambda: asking.rate(999, "up", talk, ME),
        "again": lambda: list(asking.again(999, talk, ME, "page"))[-1],
    }[act]()
    assert (view.notice, view.talk) == (ENGLISH.gone, talk)


def test_a_long_conversation_opens_at_its_end_and_earlier_ones_come_on_demand(asking):
    talk = talk_about(asking, *(f"Is it red {n}?" for n in range(PAGE + 5)))
    view = asking.resume(talk.conversation, ME)
    assert (len(view.talk.exchanges), view.talk.earlier) == (PAGE, 5)
    assert questions(view.talk)[-1] == f"Is it red {PAGE + 4}?"
    more = asking.earlier(view.talk, ME).talk
    assert (len(more.exchanges), more.earlier) == (PAGE + 5, 0)
    assert questions(more) == questions(talk)


def test_a_page_that_is_loaded_anew_shows_what_it_had_shown(asking):
    talk = talk_about(asking, "Is it red?")
    (view,) = asking.restore(str(talk.conversation), ME)
    assert questions(view.talk) == ["Is it red?"]
    assert view.entry is None  # somebody may be typing already


@pytest.mark.parametrize(("at", "kept"), [("", ME), ("x", ME), ("1" * 30, ME), ("1", OTHER), ("1", None), ("77", ME)])
def test_a_page_that_is_loaded_anew_with_nothing_of_its_own_begins_empty(asking, at, kept):
    talk_about(asking, "Is it red?")
    assert list(asking.restore(at, kept)) == []


def test_an_answer_under_way_is_followed_to_its_end_by_the_page_that_came_back(asking):
    slowly(asking, 0.05)
    views = asking.ask(entry("Is it red?"), Talk(), ME, "page")
    talk = [next(views), next(views)][-1].talk
    back = list(asking.restore(str(talk.conversation), ME))
    assert back[0].busy
    assert back[-1].talk.exchanges[0].answer.text == asking.assistant.says
    assert not back[-1].busy
    assert [*views]  # and the page that had asked lost nothing


def test_a_server_that_was_started_anew_finds_the_conversation_that_the_page_shows(asking):
    talk = talk_about(asking, "Is it red?")
    forgotten = asking.recover_talk(Talk(), str(talk.conversation), ME, "page")
    assert questions(forgotten) == ["Is it red?"]
    assert asking.recover_talk(talk, "77", ME, "page") is talk  # what it knows, it knows


@pytest.mark.parametrize(("at", "kept"), [("", ME), ("x", ME), ("9" * 30, ME), ("1", OTHER), (None, ME), ("77", ME)])
def test_what_a_page_says_it_shows_is_not_believed_without_its_secret(asking, at, kept):
    talk_about(asking, "Is it red?")
    assert asking.recover_talk(Talk(), at, kept, "page") == Talk()


def test_a_new_conversation_is_not_mistaken_for_the_one_that_the_page_still_shows(asking):
    talk = talk_about(asking, "Is it red?")
    asking.begin_anew("page")
    assert asking.recover_talk(Talk(), str(talk.conversation), ME, "page") == Talk()
