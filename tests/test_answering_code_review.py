"""Mistakes that syntax shows are found with their line and what may be meant; what is right is left alone."""

import pytest

from deepseek_mm.answering.code.review import review_text

WRONG = [
    ("def f(v, n):\n    return [sum(v[i:i + n]) for i in range(len(v) - n)]", 2, "range(len(v) - n + 1)"),
    ("def f(v, n):\n    for i in range(0, len(v) - n):\n        g(v[i:i + n])", 2, "range(0, len(v) - n + 1)"),
    ("def f(v):\n    for i in range(len(v) - 1):\n        g(v[i])", 2, "range(0, len(v))"),
    ("def f(v):\n    for i in range(len(v) + 1):\n        g(v[i])", 2, "range(0, len(v))"),
    ("def f(v):\n    for x in v:\n        if x:\n            v.remove(x)", 4, "for x in list(v)"),
    ("def f(x, seen=[]):\n    seen.append(x)\n    return seen", 1, "seen=None"),
    ("def f(x):\n    return x == 1 or 2", 2, "x in (1, 2)"),
    ("def f(x):\n    return x is 'a'", 2, "x == 'a'"),
    ("def f(x):\n    assert (x, 'message')", 2, ""),
    ("def f(name):\n    name.replace('a', 'b')\n    return name", 2, ""),
    ("def f(v):\n    sorted(v)\n    return v", 2, ""),
    ("def f(x):\n    return x\n    g(x)", 3, ""),
]
RIGHT = [
    "def f(v, n):\n    return [sum(v[i:i + n]) for i in range(len(v) - n + 1)]",
    "def f(v):\n    for i in range(len(v) - 1):\n        g(v[i], v[i + 1])",
    "def f(v):\n    for x in list(v):\n        v.remove(x)",
    "def f(v):\n    for x in v:\n        if x:\n            v.remove(x)\n            break",
    "def f(x, order=[]):\n    return x in order",
    "def f(x, seen=None):\n    seen = seen or []\n    seen.append(x)",
    "def f(draft, file):\n    draft.replace(file)\n    os.replace(draft, file)",
    "def f(x):\n    return x == 1 or x == 2",
    "def f(x):\n    return x is None or x is True",
    "def f():\n    raise StopIteration\n    yield",
]
RISKS = [
    ("def mean(v):\n    return sum(v) / len(v)", "divides by zero where `v` is empty"),
    ("def first(v):\n    return v[0]", "raises an IndexError where `v` is empty"),
    ("def f():\n    try:\n        g()\n    except:\n        pass", "catches everything"),
    ("def f():\n    try:\n        g()\n    except Exception:\n        pass", "hides every error"),
    ('def is_full(n):\n    """At least ten."""\n    return n > 10', "the limit is included"),
]


@pytest.mark.parametrize(("text", "line", "mended"), WRONG)
def test_a_mistake_is_found_at_its_line_with_what_may_be_meant(text, line, mended):
    found = [each for each in review_text(text) if each.weight == "bug"]
    assert [(each.line, each.mended) for each in found] == [(line, mended)]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_called_no_mistake(text):
    assert [each for each in review_text(text) if each.weight == "bug"] == []


@pytest.mark.parametrize(("text", "said"), RISKS)
def test_a_risk_is_told_as_one(text, said):
    (found,) = review_text(text)
    assert found.weight == "risk"
    assert said in found.said


THOUGHT_OF = (
    "def mean(v):\n    return sum(v) / len(v) if v else 0",
    'def is_full(n):\n    """At least ten."""\n    return n >= 10',
)


@pytest.mark.parametrize("text", THOUGHT_OF)
def test_what_was_thought_of_is_no_risk(text):
    assert review_text(text) == []


def test_mistakes_come_before_risks_and_only_those_of_the_lines_that_are_meant():
    text = "def a(v):\n    return v[0]\n\n\ndef b(x):\n    return x is 'a'\n"
    assert [each.weight for each in review_text(text)] == ["bug", "risk"]
    assert [each.line for each in review_text(text, (1, 2))] == [2]
