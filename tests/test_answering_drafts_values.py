"""Values for parameters: by annotation, default, body, name, and the classes of the package."""

import ast

import pytest

from deepseek_mm.answering.drafts.call_forms import FormMaker
from deepseek_mm.answering.drafts.definitions import Definitions
from deepseek_mm.answering.drafts.trial_calls import find_target
from deepseek_mm.answering.drafts.values import ValueMaker

SHAPES = """
from typing import NamedTuple, Protocol, TypedDict
from dataclasses import dataclass, field
from abc import ABC, abstractmethod
import enum


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Point:
    x: int
    colour: Colour
    tags: list[str] = field(default_factory=list)


class Pair(NamedTuple):
    left: str
    right: Point


class Row(TypedDict):
    name: str
    count: int


class Shape(ABC):
    @abstractmethod
    def area(self) -> float: ...


class Square(Shape):
    def __init__(self, side: float):
        self.side = side

    def area(self) -> float:
        return self.side**2


class Sized(ABC):
    @abstractmethod
    def size(self): ...


class Node:
    def __init__(self, above: "Node"): ...


class Basket:
    def __init__(self, size=3):
        self.size, self.items = size, []

    def add(self, item: str) -> None:
        self.items.append(item)

    def render(self): ...

    def render_all(self): ...
"""
USE = '''
import re
from pkg.shapes import Basket, Colour, Pair, Point, Row, Shape, Sized

NAMES = {"red": 1, "green": 2}
CODE = re.compile(r"([A-Z]{2})-(\\d+)")
Size = int | str


def first_call(calls: Iterable[str], /) -> str: ...


def bounded(age: int, kind="plain"):
    if age >= 18:
        return "adult"
    if kind in ("fast", "slow"):
        return NAMES[kind]


def parsed(code):
    found = CODE.fullmatch(code.strip())
    return int(found[2])


def keyed(row):
    return row["name"] + row.get("count", 0)


def handed(tray):
    return inner(tray)


def inner(it):
    it.render()
    it.render_all()


def documented(a, b):
    """Say.

    :param a: the first
    :type a: datetime.timedelta
    :param list b: the second
    """


def rest(*parts: str, sep="-"): ...


def named(parts, most: int = 5, verbose=False): ...


class Till:
    def __init__(self, start: int, owner: Point): ...

    def put(self, coins: list[int], *, note: str = ""): ...
'''


def find(module):
    return (SHAPES, False) if module == "pkg.shapes" else None


HOME = Definitions(USE, "pkg.use", find, lambda name: [("pkg.shapes", "Basket")] if name == "render" else [])


def annotated(text):
    return [value.text for value in ValueMaker().list_annotated(ast.parse(text, mode="eval").body, HOME)]


def form(path):
    target, node = find_target(HOME, path)
    return FormMaker(HOME).make_form(target, node)


def values(path, name):
    return [value.text for one in form(path).parameters if one.name == name for value in one.values]


@pytest.mark.parametrize(
    ("annotation", "first"),
    [
        ("int", ["3", "0", "1"]),
        ("Iterable[str]", ["['Hello, world', '', 'a']", "[]", "['Hello, world']"]),
        ("dict[str, list[int]]", ["{'Hello, world': [3, 0, 1], '': [], 'a': [3]}", "{}"]),
        ("Optional[int]", ["3", "None", "0"]),
        ("str | None", ["'Hello, world'", "None"]),
        ("Union[bool, bytes]", ["True", "b'abc'", "False"]),
        ("Literal['a', 7]", ["'a'", "7"]),
        ("'int | None'", ["3", "None"]),
        ("tuple[int, str]", ["(3, 'Hello, world',)", "(0, '',)"]),
        ("tuple[int, ...]", ["(3, 0, 1,)", "()"]),
        ("Callable[[int], str]", ["str", "repr", "lambda a: a"]),
        ("Callable[[int, int], bool]", ["lambda a, b: a", "lambda a, b: True"]),
        ("Size", ["3", "'Hello, world'"]),
        ("Colour", ["Colour.RED", "Colour.BLUE"]),
        ("Point", ["Point(x=3, colour=Colour.RED)", "Point(x=0, colour=Colour.BLUE)"]),
        ("list[Colour]", ["[Colour.RED, Colour.BLUE]", "[]", "[Colour.RED]"]),
        ("Row", ["{'name': 'Hello, world', 'count': 3}"]),
        ("Shape", ["Square(0)", "Square(100)"]),
        ("Sized", ["type('Filled', (Sized,), {'size': lambda *given, **named: None})()"]),
        ("datetime.datetime", ["datetime.datetime(2024, 2, 29, 13, 5, 9)"]),
        ("re.Pattern[str]", ["re.compile('a+')"]),
        ("Path", ["tmp_path / 'a.txt'"]),
        ("Unheard", []),
    ],
)
def test_annotations_tell_values_plain_ones_first(annotation, first):
    assert annotated(annotation)[: len(first)] == first
    assert bool(annotated(annotation)) == bool(first)


def test_objects_bring_the_imports_that_their_parts_need():
    (value, *_) = ValueMaker().list_annotated(ast.parse("Pair").body[0].value, HOME)
    assert value.text == "Pair(left='Hello, world', right=Point(x=3, colour=Colour.RED))"
    assert set(value.imports) == {
        "from pkg.shapes import Pair",
        "from pkg.shapes import Point",
        "from pkg.shapes import Colour",
    }


def test_a_class_that_needs_itself_is_not_built_without_end():
    made = [one.text for one in ValueMaker().list_named("Node", HOME.open_module("pkg.shapes"))]
    assert made
    assert not any("Node(Node" in text for text in made)


def test_a_path_is_a_file_in_a_temporary_folder():
    (first, *_) = ValueMaker().list_annotated(ast.parse("Path").body[0].value, HOME)
    assert first.setup == ("(tmp_path / 'a.txt').write_text('one\\ntwo, 3\\n')",)


def test_limits_and_choices_of_the_body_are_tried_from_both_sides():
    assert {"17", "18", "19"} <= set(values("bounded", "age"))
    assert {"'fast'", "'slow'", "'red'", "'green'"} <= set(values("bounded", "kind"))


def test_a_text_is_made_that_a_pattern_of_the_module_fits():
    assert any(text == "'BB-7'" for text in values("parsed", "code"))


def test_keys_that_are_looked_up_are_there():
    assert values("keyed", "row")[0] == "{'name': 1, 'count': 2}"


def test_an_object_is_found_by_what_another_function_calls_on_it():
    assert values("handed", "tray")[0].startswith("Basket(")


def test_a_docstring_tells_types():
    assert values("documented", "a")[0] == "datetime.timedelta(days=1, seconds=5)"
    assert values("documented", "b")[0] == "[3, 1, 2]"


def test_names_and_defaults_tell_types_where_nothing_else_does():
    assert values("named", "parts")[0] == "[3, 1, 2]"
    assert values("named", "verbose")[0] == "True"


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("base_url", "'https://user@example.com:8080/a/b.html?x=1&y=2#top'"),
        ("text_colour", "'#ff8800'"),
        ("start_date", "'2024-02-29T13:05:09'"),
        ("file_path", "str(tmp_path / 'a.txt')"),
        ("prior", "0.5"),
        ("title", "'Hello, world'"),
    ],
)
def test_names_tell_what_a_text_or_a_number_holds(name, first):
    kind = "float" if name == "prior" else "str"
    home = Definitions(f"def f({name}: {kind}): ...\n", "pkg.m", find)
    target, node = find_target(home, "f")
    assert FormMaker(home).make_form(target, node).parameters[0].values[0].text == first


def test_methods_are_called_on_an_object_that_their_class_builds():
    made = form("Till.put").list_plain_trials(1)[0]
    assert made.call == "Till(3, Point(x=3, colour=Colour.RED)).put([3, 0, 1])"
    assert made.named[0] == ("till", "Till(3, Point(x=3, colour=Colour.RED))")
    assert made.bound == "till.put(coins)"


def test_further_arguments_are_written_one_after_the_other():
    assert form("rest").make_trial([0, -1]).call.startswith("rest('Hello, world'")
    assert form("rest").make_trial([0, 0]).call == "rest('Hello, world', sep=',')"


def test_first_values_come_together_and_what_may_be_left_out_is():
    assert [one.call for one in form("first_call").list_plain_trials(2)] == [
        "first_call(['Hello, world', '', 'a'])",
        "first_call([])",
    ]
    assert form("bounded").list_plain_trials(1)[0].call == "bounded(3)"


def test_values_that_are_not_there_are_no_trial():
    with pytest.raises(ValueError, match="no values"):
        form("bounded").make_trial([99, -1])
