"""Functions of packages: which of them are asked for, and what is left of their code."""

from pathlib import Path

import pytest

from deepseek_mm.evaluate.functions import Function, distinct, first_sentence, functions_of, is_telling
from deepseek_mm.parse.packages import LEAST_CHARS, InstalledPackage
from index import Symbol

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
def package(tmp_path) -> InstalledPackage:
    file = tmp_path / "pack" / "stack.py"
    file.parent.mkdir()
    file.write_text(SOURCE + "# filled up\n" * (LEAST_CHARS // 10))
    broken = tmp_path / "pack" / "broken.py"
    broken.write_text("def broken(:\n" + "# filled up\n" * (LEAST_CHARS // 10))
    return InstalledPackage(name="pack", description="", files=(broken, file))


def made(text: str = "def f(a):\n    b = a + 1\n    return b", doc: str = "Add one to a number.", **symbol) -> Function:
    named = {"name": "f", "kind": "function", "doc": doc} | symbol
    return Function(package="p", path="p/f.py", symbol=Symbol(**named), text=text)


def test_functions_and_methods_come_with_their_place_and_without_their_docstring(package):
    push, outside = functions_of(package)
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
    assert distinct([first, twin]) == [first]
    assert distinct([first, other]) == [first, other]
    assert distinct([first, other, same]) == [first]
