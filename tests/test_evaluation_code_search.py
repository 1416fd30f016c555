"""Functions taken apart into questions and code, and how early a question finds its function."""

import json
from pathlib import Path

import numpy as np
import pytest
from fakes import ColourSpace

from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.evaluation import code_search
from deepseek_mm.evaluation.code_search import (
    CodeSearchReport,
    Function,
    SearchScore,
    choose_distinct,
    evaluate_code_search,
    first_sentence,
    fuse_rankings,
    is_telling,
    list_functions,
    list_held_functions,
    list_held_packages,
    rank_by_cosine,
    rank_by_words,
    score_rankings,
)
from deepseek_mm.parse.packages import LEAST_CHARS, Package, packages
from index import Symbol

SAID = {"red": "Paint a wall in red.", "green": "Water the green grass.", "blue": "Look at the blue sky."}


def functions() -> list[Function]:
    return [
        Function(
            package="p",
            path="p/f.py",
            symbol=Symbol(name=f"do_{name}", kind="function", doc=doc),
            text=f"def do_{name}():\n    return {name}",
        )
        for name, doc in SAID.items()
    ]


def test_only_the_first_ten_count_and_each_by_its_rank():
    ranked = np.array([[0, 1, 2], [0, 1, 2], [0, 1, -1], [0, 1, 2]] + [[n, 0, 1] for n in range(4, 8)])
    assert score_rankings(ranked) == SearchScore(mrr10=round((1 + 1 / 2 + 0 + 0 + 4) / 8, 4), r1=0.625, r10=0.75)
    late = np.tile(np.arange(20)[::-1], (20, 1))
    assert score_rankings(late).r10 == 0.5


def test_a_function_like_another_one_to_the_last_bit_comes_after_it():
    same = np.ones((3, 1), np.float32)
    assert score_rankings(rank_by_cosine(same, same)).r1 == 0.0
    assert score_rankings(rank_by_cosine(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32))).r1 == 1.0


def test_what_both_rankings_have_early_comes_first_when_they_are_joined():
    first, second = np.array([[3, 1, 2]]), np.array([[1, 4, -1]])
    assert fuse_rankings(first, second).tolist() == [[1, 3, 2]]
    assert fuse_rankings(first, np.full_like(first, -1)).tolist() == first.tolist()


def test_words_are_ranked_by_the_librarys_own_index():
    assert rank_by_words(functions())[:, 0].tolist() == [0, 1, 2]


def test_all_ways_are_told_side_by_side_with_their_gains(monkeypatch):
    space = ColourSpace()
    monkeypatch.setattr(code_search, "embed_with_minilm", lambda texts: np.ones((len(texts), 1), np.float32))
    report = evaluate_code_search(space, functions())
    told = json.loads(report.json())
    assert (told["vectors"]["r1"], told["minilm"]["r1"], told["functions"]) == (1.0, 0.0, 3)
    assert told["mrr10_gain_vectors"] == pytest.approx(1 - report.minilm.mrr10)
    assert "3 functions of 1 packages" in report.table()


def test_a_hybrid_is_above_each_part_only_if_it_beats_both():
    way = SearchScore(mrr10=0.5, r1=0.4, r10=0.6)
    better = SearchScore(mrr10=0.6, r1=0.4, r10=0.6)
    parts = {"minilm": way, "bm25": way, "vectors": better, "functions": 1, "packages": 1}
    assert not CodeSearchReport(hybrid=better, **parts).gains["hybrid_above_each_part"]
    best = SearchScore(mrr10=0.61, r1=0.4, r10=0.6)
    assert CodeSearchReport(hybrid=best, **parts).gains["hybrid_above_each_part"]


def test_no_package_is_in_two_parts_of_the_split():
    test, dev = list_held_packages("test"), list_held_packages("dev")
    assert not set(test) & set(dev)
    assert len(set(test)) == len(test) > 20
    with pytest.raises(ConfigError, match="test or dev"):
        list_held_packages("train")


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(MissingPackage, match="SQLAlchemy"):
        list_held_functions("test", packages(3))


SOURCE = '''
class Stack:
    """Things on things."""

    def push(self, thing,
             count=1):
        """Put a thing on top of the others.

        More of it.
        """
        for _ in range(count):
            self.things.append(copied(thing))

    def one_line(self): return 1

if True:
    def outside(a: int) -> int:
        """Say what lies outside of it all. And more."""
        def inside(b):
            return b
        return inside(a)
'''


@pytest.fixture
def package(tmp_path) -> Package:
    file = tmp_path / "pack" / "stack.py"
    file.parent.mkdir()
    file.write_text(SOURCE + "# filled up\n" * (LEAST_CHARS // 10))
    broken = tmp_path / "pack" / "broken.py"
    broken.write_text("def broken(:\n" + "# filled up\n" * (LEAST_CHARS // 10))
    return Package(name="pack", description="", files=(broken, file))


def made(text: str = "def f(a):\n    b = a + 1\n    return b", doc: str = "Add one to a number.", **symbol) -> Function:
    named = {"name": "f", "kind": "function", "doc": doc} | symbol
    return Function(package="p", path="p/f.py", symbol=Symbol(**named), text=text)


def test_functions_and_methods_come_with_their_place_and_without_their_docstring(package):
    push, outside = list_functions(package)
    assert (push.symbol.path, push.symbol.kind) == ("Stack.push", "method")
    assert push.symbol.signature == "def push(self, thing, count=1)"
    assert push.symbol.calls == ("range", "append", "copied")
    assert push.question == "Put a thing on top of the others."
    assert push.text.splitlines()[-1] == "        self.things.append(copied(thing))"
    assert '"""' not in push.text
    assert "More of it" not in push.text
    assert (outside.symbol.path, outside.question) == ("outside", "Say what lies outside of it all.")
    assert "def inside" in outside.text
    assert Path(outside.path).parts[-2:] == ("pack", "stack.py")


def test_a_sentence_ends_at_its_full_stop_or_with_its_paragraph():
    assert first_sentence("Reads x.y files, all\nof them. Then more.") == "Reads x.y files, all of them."
    assert first_sentence("No stop here\n\nNext.") == "No stop here"
    assert first_sentence("") == ""


@pytest.mark.parametrize(
    "function",
    [
        made(doc="Add one."),
        made(doc="Deprecated since then, use another one."),
        made(doc="See the other function for more."),
        made(doc="word " * 60),
        made(name="__add__"),
        made(name="test_adding"),
        made(text="def f(a):\n    return a"),
    ],
)
def test_what_says_or_does_too_little_is_not_asked_for(function):
    assert is_telling(made())
    assert not is_telling(function)


def test_no_two_functions_share_a_question_or_most_of_their_code():
    body = "\n".join(f"    value_{n} = compute_{n}(first, second)" for n in range(9))
    first = made(text=f"def f(first, second):\n{body}")
    twin = made(text=f"def g(first, second):\n{body}", doc="Compute the values once again.")
    other = made(text="def h(x):\n    while x:\n        x = x.next", doc="Go to the end of a list.")
    same = made(text="def i(y):\n    print(y)\n    return None", doc="Go to the end, of a list!")
    assert choose_distinct([first, twin]) == [first]
    assert choose_distinct([first, other]) == [first, other]
    assert choose_distinct([first, other, same]) == [first]
