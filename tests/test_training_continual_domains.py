"""Drawn screens and pages answer their own questions; photos are chosen by what they speak of."""

import numpy as np
import pytest

from deepseek_mm.training.continual.domains import (
    COLOURS,
    FOOD,
    PAPER,
    WORN,
    draw_document,
    draw_screen,
    make_drawn_domain,
    mentions_any,
    read_own_lines,
)

LINES = ["a line of text"] * 80


@pytest.mark.parametrize("draw", [draw_screen, draw_document])
def test_the_same_number_draws_the_same_and_another_one_otherwise(draw):
    (one, asked), (again, asked_again), (other, _) = draw(1, LINES), draw(1, LINES), draw(2, LINES)
    assert (one.tobytes(), asked) == (again.tobytes(), asked_again)
    assert one.tobytes() != other.tobytes()


def test_the_button_and_the_stamp_have_the_colour_that_is_the_answer():
    for number in range(4):
        for image, asked in (draw_screen(number, LINES), draw_document(number, LINES)):
            colour = next(asked[question] for question in asked if question.startswith("what colour"))
            same = (np.asarray(image) == COLOURS[colour]).all(axis=-1)
            assert same.sum() > 400


def test_a_dark_theme_is_dark_and_an_unsigned_page_has_no_blue_line():
    for number in range(6):
        image, asked = draw_screen(number, LINES)
        assert (np.asarray(image)[2, 400].mean() < 100) == (asked["is the theme dark?"] == "yes")
        page, told = draw_document(number, LINES)
        signed = (np.asarray(page)[420:460, 20:160] != PAPER).any(axis=-1).sum() > 60
        if told["what kind of document is this?"] != "receipt":
            assert signed == (told["is it signed?"] == "yes")


def test_a_domain_keeps_a_fifth_of_its_pictures_for_testing():
    domain = make_drawn_domain("screenshots", [draw_screen(n, LINES) for n in range(10)])
    assert {put.picture for put in domain.questions if put.tested} == {"0", "5"}
    assert len(domain.questions) == 40
    assert len(domain.pictures) == 10


def test_questions_are_of_a_domain_by_their_words():
    assert mentions_any("are these apples?", FOOD)
    assert mentions_any("what is the man wearing?", WORN)
    assert not mentions_any("is it raining?", FOOD | WORN)


def test_the_lines_to_write_are_this_projects_own():
    assert len(read_own_lines()) > 1_000
