"""The box says what bounds a search: chips and controls show it, and whatever they do is done to its text."""

import gradio as gr
import pytest

from deepseek_mm.language.search_filters import COLOUR_NAMES
from ui.search.search_controls import (
    SearchControls,
    apply_press,
    bounds_in,
    chips_of,
    swatches,
    values_in,
    without_operators,
    write_operator,
)
from ui.words import CHINESE, ENGLISH

BOX = 'red kite type:pdf "no <entry>" - grass in:"my trip" colour:red'


def test_each_part_of_the_box_is_a_button_that_takes_it_out():
    html = chips_of(BOX, ENGLISH)
    assert html.count('data-act="drop"') == 5
    assert 'data-what="- grass"' in html
    assert "without grass" in html
    assert "no &lt;entry&gt;" in html
    assert 'aria-label="Take type:pdf out of the search"' in html
    assert chips_of("a red kite", ENGLISH) == ""
    assert "不含 grass" in chips_of(BOX, CHINESE)


def test_a_press_on_a_chip_takes_that_part_out_and_nothing_else():
    assert apply_press(BOX, "drop", "- grass") == 'red kite type:pdf "no <entry>" in:"my trip" colour:red'
    for act, what in (("drop", "type:png"), ("drop", ""), ("colour", "tartan"), ("else", "type:pdf")):
        assert apply_press(BOX, act, what) == BOX


def test_a_press_on_a_colour_adds_it_and_another_one_takes_it_out():
    both = apply_press("a kite colour:red", "colour", "blue")
    assert both == "a kite colour:red colour:blue"
    assert apply_press(both, "colour", "red") == "a kite colour:blue"
    html = swatches(both, CHINESE)
    assert html.count('aria-pressed="true"') == 2
    assert 'aria-label="红色"' in html


def test_the_colours_of_the_page_are_those_that_the_box_knows():
    assert ENGLISH.colours == COLOUR_NAMES
    assert len(CHINESE.colours) == len(COLOUR_NAMES)


@pytest.mark.parametrize(
    ("choice", "box"),
    [
        ("photos", "a is:photo"),
        ("documents", "a is:document"),
        ("code", "a is:code"),
        ("written", "a is:photo kind:text"),
        ("", "a"),
        ("<b>", "a"),
    ],
)
def test_a_kind_is_written_as_operators_and_read_back(choice, box):
    assert write_operator("a is:code kind:page", "is", choice) == box
    assert values_in(box)["is"] == (choice if choice != "<b>" else "")


def test_what_is_typed_into_a_control_is_one_value_and_breaks_no_box():
    assert write_operator("a", "path", ' my "photos"  2024 ') == 'a path:"my photos 2024"'
    assert write_operator("a path:x", "path", None) == "a"
    assert values_in('a path:"my photos" until:2020') == {"path": "my photos", "before": "2020", "is": ""}


def test_bounds_are_operators_and_can_all_be_left_at_once():
    assert bounds_in(BOX) == 'type:pdf in:"my trip" colour:red'
    assert without_operators(BOX) == 'red kite "no <entry>" - grass'
    assert bounds_in("a red kite") == ""


def test_a_mirror_sets_every_control_to_what_the_box_says():
    with gr.Blocks():
        steering = SearchControls.place(ENGLISH)
    assert {each.value or "" for each in steering.fields.values()} == {""}
    updates = steering.mirror("a dog type:pdf after:2020")
    assert set(updates) == set(steering.parts)
    assert steering.follow("a bigger dog type:pdf after:2020", updates[steering.shown]).keys() == {steering.shown}
    followed, whole = steering.follow("a dog type:pdf", updates[steering.shown]), steering.mirror("a dog type:pdf")
    assert set(followed) & set(steering.fields.values()) == {steering.fields["after"]}  # others may be half written
    assert followed == {part: whole[part] for part in followed}
    shown = {name: updates[each] for name, each in steering.fields.items()}
    assert shown == {"is": "", "label": "", "type": "pdf", "in": "", "after": "2020", "before": "", "path": ""}
