"""Small pieces of HTML."""

import re

import pytest

from ui.html import button, heading, hint, notice

MAKERS = [
    hint,
    notice,
    heading,
    lambda text: button("act", 1, text),
    lambda text: button(text, text, "text", label=text),
]


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_handed_in_is_escaped(make):
    html = make('"><script>hit()</script>')
    assert "<script>" not in html
    assert html.count(">") <= 4  # of our own tags only


def test_a_notice_is_read_out_at_once_and_an_empty_one_is_nothing():
    assert notice("No.") == '<p role="alert" class="notice">No.</p>'
    assert notice("") == ""
    assert hint("Well.") == '<p class="hint" role="status">Well.</p>'


def test_a_button_says_what_it_does_for_what_and_whether_it_is_pressed():
    html = button("up", 7, "Good", pressed=True)
    assert re.search(r'data-act="up" data-what="7"[^>]*aria-pressed="true"', html)
    assert "aria-pressed" not in button("up", 7, "Good")
    assert 'aria-label="Retry: x"' in button("retry", 7, "Retry", label="Retry: x")
