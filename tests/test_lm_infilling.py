"""Lines for a gap, by a model on paper: what it draws and what surprises it is written down."""

import threading
from math import inf

import pytest

from deepseek_mm.lm.infilling import FilledLine, Gap, LineSampling, faults_of, fill, first_of, tail_of

BEFORE = "def area(r):\n    pi = 3.14\n"
AFTER = "\n    return a\n"
TWO = LineSampling(temperatures=(0.5, 0.9), begun=())


class Scripted:
    """Says what it is told to, by the seed, from whatever thread; `costs` are nats of lines, else 50."""

    name, context = "scripted", 1000

    def __init__(self, *lines: str, **costs: float) -> None:
        self.lines, self.costs, self.by_seed, self.weighed, self.closed = lines, costs, {}, [], 0

    @property
    def asked(self):
        """Texts and samplings, by rising seed."""
        return [self.by_seed[seed] for seed in sorted(self.by_seed)]

    def write(self, text, sampling, *, stop, spent):
        seed = sampling.seed or 0
        self.by_seed[seed] = text, sampling
        try:
            yield from self.lines[seed % len(self.lines)]
        finally:
            self.closed += 1

    def nats(self, text, tail, *, stop):
        self.weighed.append((text, tail))
        return next((nats for word, nats in self.costs.items() if word in tail), 50.0)

    def count(self, text):
        return len(text.split())


def filled(lm, before=BEFORE, after=AFTER, draws=TWO, stop=None) -> list[FilledLine]:
    return fill(lm, Gap(before=before, after=after), draws, stop=stop or threading.Event(), spent=[])


def test_the_line_is_taken_after_which_the_rest_surprises_least():
    lm = Scripted("\n    a = r\n", "\n    a = pi * r * r\n", "\n    a = 1\n", pi=3.0)
    told = filled(lm)
    assert [each.text for each in told] == ["    a = pi * r * r", "    a = r", "    a = 1"]
    assert (told[0].nats, first_of(told)) == (3.0, "    a = r")
    assert lm.weighed[0] == (BEFORE, "    a = r" + AFTER)


def test_a_line_that_leaves_a_name_without_a_value_comes_after_those_that_do_not():
    lm = Scripted("\n    b = r\n", "\n    a = 1\n", "\n    b = (\n", b=1.0)
    assert [(each.text, each.faults) for each in filled(lm)] == [("    a = 1", 0), ("    b = r", 1), ("    b = (", inf)]
    assert [tail for _, tail in lm.weighed] == ["    a = 1" + AFTER]


def test_a_line_is_begun_for_the_model_where_its_surroundings_tell_how():
    lm = Scripted("\n    b = r\n", " pi * r\n")
    told = filled(lm, draws=LineSampling(temperatures=(), begun=(0.0,)))
    assert lm.asked[1][0] == BEFORE.rstrip() + "\n    a ="
    assert told[0].text == "    a = pi * r"


def test_the_model_goes_on_from_the_last_letter_since_line_ends_belong_to_what_follows():
    lm = Scripted("\n    a = 1\n")
    filled(lm)
    assert {text for text, _ in lm.asked} == {BEFORE.rstrip()}
    assert [sampling.temperature for _, sampling in lm.asked] == [0.0, 0.5, 0.9]
    assert len({sampling.seed for _, sampling in lm.asked}) == 3


def test_what_does_not_parse_in_its_place_is_left_behind():
    lm = Scripted("\n    a = (1\n", "\n    a = 2\n", "\nreturn\n", a=1.0)
    assert [(each.text, each.faults) for each in filled(lm)][0] == ("    a = 2", 0)
    assert first_of(filled(lm)) == "    a = (1"


def test_where_nothing_parses_it_is_no_python_and_all_count():
    lm = Scripted("\n  let a = 1;\n", "\n  let b = 2;\n", "\n  let c = 3;\n", b=1.0)
    told = filled(lm, before="fn f() -> i32 {\n", after="\n  a\n}\n")
    assert (told[0].text, told[0].faults, len(told)) == ("  let b = 2;", inf, 3)


def test_each_line_is_weighed_once_and_whoever_writes_on_is_let_go():
    lm = Scripted("\n    a = 1\n    more and more\n" * 9)
    assert [each.text for each in filled(lm)] == ["    a = 1"]
    assert (len(lm.weighed), lm.closed) == (1, 3)


def test_words_added_to_the_line_before_are_left_out():
    assert filled(Scripted("  # about\n    a = 1\n"))[0].text == "    a = 1"


def test_at_a_cursor_behind_an_indentation_the_line_begins_there():
    lm = Scripted("\n        a = 1\n")
    assert filled(lm, before=BEFORE + "    ")[0].text == "a = 1"
    assert lm.asked[0][0] == BEFORE.rstrip()
    assert lm.weighed[0] == (BEFORE + "    ", "a = 1" + AFTER)


def test_in_the_midst_of_a_line_what_stands_behind_is_not_said_twice():
    lm = Scripted(" pi * r * r)\n")
    assert filled(lm, before=BEFORE + "    a = float( ", after=")\n    return a\n")[0].text == "pi * r * r"
    assert lm.asked[0][0] == BEFORE + "    a = float("


def test_nothing_comes_of_silence_or_of_a_stop():
    assert filled(Scripted("")) == []
    assert filled(Scripted("\n\n")) == []
    stop = threading.Event()
    stop.set()
    assert filled(Scripted("\n    a = 1\n"), stop=stop) == []
    assert first_of([]) == ""


def test_an_empty_text_before_is_gone_on_with_too():
    assert filled(Scripted("\nimport os\n"), before="")[0].text == "import os"


@pytest.mark.parametrize(
    ("after", "tail"),
    [
        ("", "\n"),
        ("\n  x\n", "\n  x\n"),
        ("\n" + "y = 1\n" * 100, "\n" + "y = 1\n" * 65 + "y = 1"),
        ("z" * 900, "z" * 400),
    ],
)
def test_of_what_comes_after_whole_lines_are_weighed(after, tail):
    assert tail_of(after) == tail


@pytest.mark.parametrize("text", ["x = (", "a\0b", "(" * 5000, "x = '\ud800'", "#" * 200_001])
def test_what_is_no_python_or_too_much_of_it_is_told_apart(text):
    assert faults_of(text) == inf
    assert faults_of("x = 1\nprint(y)\n") == 1


def test_the_long_prompt_is_read_once_before_others_go_on_from_it():
    begun = []

    class First(Scripted):
        def write(self, text, sampling, *, stop, spent):
            begun.append(self.closed)
            yield from super().write(text, sampling, stop=stop, spent=spent)

    filled(First("\n    a = r\n"))
    assert (begun[0], min(begun[1:]), len(begun)) == (0, 1, 3)
