"""The list of conversations and the heading above one, as HTML."""

import re

import pytest
from past_help import NOW, about, days_ago

from ui.history.history_handlers import ConversationList, DeletedConversation, HistoryState
from ui.history.history_tab import above, count_noun, group_of, heading, rows
from ui.words import CHINESE, ENGLISH

NASTY = '"><img src=x onerror=alert(1)>'


def listed(*found, chosen: int = 0, words=ENGLISH, **more) -> str:
    return rows(ConversationList(**({"rows": found, "total": len(found)} | more)), chosen, words, NOW)


@pytest.mark.parametrize(
    ("days", "group"),
    [
        (-0.1, "Today"),  # another machine's clock
        (0, "Today"),
        (0.6, "Today"),  # 15:30 less 14.4 hours
        (0.7, "Yesterday"),
        (1.6, "Yesterday"),
        (2, "This week"),  # Monday
        (3, "November 2026"),  # Sunday
        (30, "October 2026"),
        (365, "November 2025"),
    ],
)
def test_a_conversation_stands_under_its_date(days, group):
    assert group_of(about(at=days_ago(days)), NOW, ENGLISH) == group


def test_a_pinned_conversation_stands_above_its_date_and_months_are_chinese_on_the_chinese_page():
    assert group_of(about(at=days_ago(30), pinned=True), NOW, ENGLISH) == "Pinned"
    assert group_of(about(at=days_ago(30)), NOW, CHINESE) == "2026\u5e7410\u6708"


def test_every_group_is_headed_once_and_keeps_the_order():
    found = [about(at=days_ago(9), id=1, pinned=True), about(id=2), about(id=3), about(at=days_ago(1), id=4)]
    html = listed(*found)
    assert re.findall(r"<h2>(.*?)</h2>", html) == ["Pinned", "Today", "Yesterday"]
    assert re.findall(r'data-what="(\d)"', html) == ["1", "2", "3", "4"]


def test_a_row_shows_title_time_number_of_questions_and_signs():
    at = days_ago(0.1)
    html = listed(about("Is it red?", at=at, num_turns=3, parent=7))
    assert re.sub(r"<svg.*?</svg>|<[^>]*>", "", html.split("<li>")[1]).strip() == f"Is it red? {at:%H:%M} - 3 questions"
    assert re.findall(r'aria-label="([^"]*)"', html) == ["Conversations", "Branch of another conversation"]
    pinned = listed(about(at=days_ago(1), pinned=True))
    assert 'aria-label="Pinned"' in pinned
    assert ">2026-11-24<" in pinned  # under "Pinned" a time of day alone would not tell the day
    assert "1 \u4e2a\u95ee\u9898" in listed(about(), words=CHINESE)


def test_the_chosen_one_is_marked_and_the_keyboard_stops_there_only():
    html = listed(about(id=1), about(id=2), about(id=3), chosen=2)
    assert re.findall(r'data-what="(\d)" aria-current="true"', html) == ["2"]
    assert re.findall(r'tabindex="(-?\d)"', html) == ["-1", "0", "-1"]
    unchosen = listed(about(id=1), about(id=2), chosen=9)
    assert "aria-current" not in unchosen
    assert re.findall(r'tabindex="(-?\d)"', unchosen) == ["0", "-1"]


def test_older_ones_are_offered_only_while_there_are_some():
    assert 'data-act="more"' in listed(about(), total=2)
    assert 'data-act="more"' not in listed(about(), total=1)


def test_an_empty_list_says_what_to_do_next():
    assert 'data-act="ask"' in listed()
    searched = listed(text="goat")
    assert ENGLISH.past_not_found in searched
    assert 'data-act="all"' in searched
    assert listed(notice="not ready") == ""  # the sentence stands above


def test_above_the_list_stand_the_number_the_news_and_the_way_back():
    shown = ConversationList(rows=(about(),), total=1)
    assert "1 conversation<" in above(shown, HistoryState(), ENGLISH)
    assert "31 conversations<" in above(ConversationList(rows=(about(),), total=31), HistoryState(), ENGLISH)
    assert "1 found<" in above(ConversationList(rows=(about(),), total=1, text="red"), HistoryState(), ENGLISH)
    past = HistoryState(gone=DeletedConversation(about=about("Kites"), until=0), said="Imported", notice="no file")
    html = above(shown, past, ENGLISH)
    assert "Deleted: Kites." in html
    assert 'data-act="undo"' in html
    assert html.count('role="status"') == 3
    assert html.endswith('<p role="alert" class="notice">no file</p>')
    assert above(ConversationList(), HistoryState(), ENGLISH) == ""


def test_the_heading_offers_everything_that_can_be_done():
    html = heading(HistoryState(about=about()), ENGLISH)
    acts = ["back", "resume", "rename", "pin", "again", "delete", "markdown", "html", "json", "replay"]
    assert re.findall(r'data-act="(\w+)"', html) == acts
    assert ">Pin<" in html
    assert ">Unpin<" in heading(HistoryState(about=about(pinned=True)), ENGLISH)
    assert "<h2>Without a title</h2>" in heading(HistoryState(about=about("")), ENGLISH)
    assert heading(HistoryState(), ENGLISH) == f'<p class="hint" role="status">{ENGLISH.history_idle}</p>'


def test_renaming_puts_a_field_in_the_place_of_the_title():
    html = heading(HistoryState(about=about("Kites"), renaming=True), ENGLISH)
    assert "<h2>" not in html
    assert 'value="Kites" aria-label="Title (Enter saves, Esc leaves it)"' in html
    assert "data-save" in html


def test_a_title_is_never_markup():
    past = HistoryState(
        about=about(NASTY), gone=DeletedConversation(about=about(NASTY), until=0), said=NASTY, notice=NASTY
    )
    pieces = (
        listed(about(NASTY)),
        heading(past, ENGLISH),
        heading(HistoryState(about=about(NASTY), renaming=True), ENGLISH),
        above(ConversationList(), past, ENGLISH),
    )
    assert all("<img" not in html for html in pieces)
    assert all("&lt;img" in html for html in pieces)


def test_a_number_takes_the_noun_that_fits():
    assert [count_noun(ENGLISH.past_questions, n) for n in (0, 1, 2)] == ["0 questions", "1 question", "2 questions"]


def test_nobody_has_asked_yet_and_whose_it_will_be_is_said_rightly():
    assert "for this browser only" in listed()
    assert "yours on every device" in listed(is_of_person=True)
    assert "this browser" not in listed(is_of_person=True)
