"""Drafts that nothing was run for."""

from deepseek_mm.answering.drafts.call_forms import FormMaker
from deepseek_mm.answering.drafts.definitions import Definitions
from deepseek_mm.answering.drafts.draft_file import write_draft
from deepseek_mm.answering.drafts.trial_calls import find_target
from deepseek_mm.answering.drafts.written_calls import list_written

SOURCE = '''
def to_fahrenheit(celsius: float) -> float:
    return celsius * 9 / 5 + 32


def refuse(n):
    if n < 5:
        raise ValueError("few")
    return n > 50


def first_call(calls: Iterable[str]) -> str:
    """>>> first_call("ab")
    'a'
    """
    return next(iter(calls))


def read(path: Path): ...
'''
HOME = Definitions(SOURCE, "shop.heat", lambda module: None)


def draft(name, *callers):
    target, node = find_target(HOME, name)
    written = list_written(target, node.body[0].value.value if name == "first_call" else "", callers, HOME)
    trials = [*written, *FormMaker(HOME, callers).make_form(target, node).list_plain_trials(3)]
    return write_draft(HOME, name, "heat.py:2", [(target, node, trial) for trial in trials])


def test_arithmetic_is_asserted_for_round_numbers_without_a_run():
    text, count = draft("to_fahrenheit")
    assert count == 4
    assert "import pytest\n\nfrom shop.heat import to_fahrenheit" in text
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("assert")]
    assert lines == [
        "assert to_fahrenheit(0) == pytest.approx(32.0)",
        "assert to_fahrenheit(100) == pytest.approx(212.0)",
        "assert to_fahrenheit(-40) == pytest.approx(-40.0)",
        "assert to_fahrenheit(37) == pytest.approx(98.6)",
    ]


def test_errors_and_each_outcome_are_asserted_once():
    text, count = draft("refuse", "refuse(51)")
    assert count == 4
    assert (
        "def test_refuse_1():  # as other code calls it, computed from its syntax\n    assert refuse(51) is True"
        in text
    )
    assert text.count("with pytest.raises(ValueError):\n        refuse(0)") == 1
    assert "assert refuse(37) is False" in text


def test_typed_arguments_and_the_type_of_the_result_are_all_that_is_said_of_the_rest():
    text, _ = draft("first_call")
    assert "    assert first_call('ab') == 'a'" in text
    assert "    assert isinstance(first_call(['Hello, world', '', 'a']), str)  # and gives what? A run tells" in text
    assert "Nothing of it was run." in text
    compile(text, "draft", "exec")


def test_a_file_is_written_before_it_is_read():
    text, _ = draft("read")
    assert "def test_read_1(tmp_path):" in text
    assert "    (tmp_path / 'a.txt').write_text('one\\ntwo, 3\\n')\n    read(tmp_path / 'a.txt')  # gives what?" in text
