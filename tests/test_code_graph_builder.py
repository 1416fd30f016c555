"""Who calls what, in small packages whose calls can be told by reading them."""

import pytest
from code_graphs import callers_of, graph_of, one, package_of, source_of

from deepseek_mm.code_graph.builder import MOST_CHARS, build_graph


def test_two_functions_of_one_name_are_told_apart_by_the_import():
    graph = package_of(
        tax="def total(x): return x",
        cart="def total(x): return 2 * x",
        till="from shop.tax import total\ndef pay(): return total(1)",
        desk="from shop import cart as c\ndef show(): return c.total(1)",
    )
    assert callers_of(graph, "tax.total") == {"pay": "certain"}
    assert callers_of(graph, "cart.total") == {"show": "certain"}


def test_methods_of_one_name_are_told_apart_by_what_they_are_called_on():
    graph = package_of(
        things="class Cat:\n    def speak(self): ...\nclass Dog:\n    def speak(self): ...",
        use="""
            from shop.things import Cat, Dog
            def made(): Cat().speak()
            def noted(dog: Dog): dog.speak()
            def kept(): 
                pet = Dog()
                return pet.speak()
            """,
    )
    assert callers_of(graph, "Cat.speak") == {"made": "certain"}
    assert callers_of(graph, "Dog.speak") == {"noted": "certain", "kept": "certain"}


def test_a_name_that_is_imported_as_another_still_leads_to_its_definition():
    graph = package_of(a="def work(): ...", b="from .a import work as toil\ndef go(): toil()")
    assert callers_of(graph, "work") == {"go": "certain"}


def test_a_package_that_hands_names_on_is_looked_through():
    graph = package_of(init="from .a import work", a="def work(): ...", b="import shop\ndef go(): shop.work()")
    assert callers_of(graph, "work") == {"go": "certain"}


def test_a_star_import_brings_public_names_and_no_others():
    graph = package_of(
        a="def work(): ...\ndef _hidden(): ...", b="from .a import *\ndef go():\n    work()\n    _hidden()"
    )
    assert callers_of(graph, "work") == {"go": "certain"}
    assert callers_of(graph, "_hidden") == {}


def test_an_inherited_method_is_found_in_the_class_above_and_an_override_below_is_likely():
    graph = package_of(
        base="class Base:\n    def run(self): return self.step()\n    def step(self): ...",
        leaf="from .base import Base\nclass Leaf(Base):\n    def step(self): return super().step()",
        use="from .leaf import Leaf\ndef go(): Leaf().run()",
    )
    assert callers_of(graph, "Base.run") == {"go": "certain"}
    assert callers_of(graph, "Leaf.step") == {"Base.run": "likely"}
    assert callers_of(graph, "Base.step") == {"Base.run": "likely", "Leaf.step": "certain"}


def test_what_a_decorator_wraps_is_called_by_those_who_call_its_name_and_by_the_wrapper():
    graph = package_of(
        a="""
        from functools import wraps
        def twice(f):
            @wraps(f)
            def wrapper(*args):
                f(*args)
                return f(*args)
            return wrapper
        @twice
        def work(): ...
        def go(): work()
        """
    )
    assert set(callers_of(graph, "work")) == {"go", "twice.wrapper"}
    assert callers_of(graph, "twice") == {"shop.a": "certain"}


def test_a_function_that_is_handed_on_is_called_by_whoever_calls_the_parameter():
    graph = package_of(
        a="def each(f, items): return [f(item) for item in items]",
        b="from .a import each\ndef double(x): return 2 * x\ndef go(): return each(double, [1])",
    )
    assert callers_of(graph, "double") == {"each": "likely"}
    assert [link.kind for link in graph.links if (link.target, link.source.name) == (one(graph, "double"), "go")] == [
        "reference"
    ]


def test_a_key_of_sorted_is_likely_to_be_called_from_there():
    graph = package_of(a="def by_age(x): ...\ndef go(items): return sorted(items, key=by_age)")
    assert callers_of(graph, "by_age") == {"go": "likely"}


def test_nested_functions_are_definitions_of_their_own():
    graph = package_of(a="def outer():\n    def inner(): ...\n    return inner()\ndef inner(): ...")
    assert callers_of(graph, "outer.inner") == {"outer": "certain"}
    assert {link.source.name for link in graph.find_callers(graph.by_place["shop/a.py", 4])} == set()


def test_attributes_of_the_instance_carry_their_class():
    graph = package_of(
        a="class Store:\n    def add(self, x): ...",
        b="""
        from .a import Store
        class Library:
            def __init__(self, store: Store, more=None):
                self.store = store
                self.other = Store()
            def fill(self): self.store.add(1)
            def fill_more(self): self.other.add(1)
        """,
    )
    assert callers_of(graph, "Store.add") == {"Library.fill": "certain", "Library.fill_more": "certain"}


def test_what_a_function_says_it_returns_is_what_its_caller_holds():
    graph = package_of(
        a="class Store:\n    def add(self, x): ...\ndef open_store(path) -> 'Store': ...\ndef made(): return Store()",
        b="from .a import made, open_store\ndef go(): open_store('x').add(1)\ndef gone(): made().add(2)",
    )
    assert callers_of(graph, "Store.add") == {"go": "certain", "gone": "certain"}


def test_a_property_is_called_where_its_name_is_read():
    graph = package_of(a="class A:\n    @property\n    def size(self): ...\ndef go(a: A): return a.size")
    (link,) = graph.find_callers(one(graph, "A.size"))
    assert (link.source.name, link.kind, link.lines) == ("go", "implicit", (4,))


def test_with_for_and_operators_call_the_methods_that_stand_for_them():
    graph = package_of(
        a="""
        class A:
            def __enter__(self): return self
            def __exit__(self, *args): ...
            def __iter__(self): ...
            def __add__(self, other): ...
            def __len__(self): ...
            def __getitem__(self, key): ...
        def go(a: A):
            with a: ...
            for x in a: ...
            return a + 1, len(a), a[0]
        """
    )
    names = ("__enter__", "__exit__", "__iter__", "__add__", "__len__", "__getitem__")
    assert [set(callers_of(graph, f"A.{name}")) for name in names] == [{"go"}] * 6


def test_elements_of_annotated_containers_have_their_class():
    graph = package_of(
        a="""
        class Part:
            def weigh(self): ...
        def go(parts: list[Part], named: dict[str, Part]):
            for part in parts: part.weigh()
        def gone(named: dict[str, Part]): return [each.weigh() for each in named.values()]
        """
    )
    assert set(callers_of(graph, "Part.weigh")) == {"go", "gone"}


def test_a_method_that_one_class_alone_has_is_likely_where_nothing_is_known_of_the_receiver():
    graph = package_of(a="class A:\n    def weigh_twice(self): ...\ndef go(thing): thing.weigh_twice()")
    assert callers_of(graph, "weigh_twice") == {"go": "likely"}


def test_a_method_that_two_classes_have_is_told_by_its_name_only_where_nothing_is_known():
    graph = package_of(
        a="class A:\n    def weigh_it(self): ...\nclass B:\n    def weigh_it(self): ...",
        b="def go(thing): thing.weigh_it()",
    )
    assert callers_of(graph, "A.weigh_it") == {}
    assert callers_of(graph, "A.weigh_it", "name") == {"go": "name"}


def test_a_method_of_a_text_is_no_method_of_a_class_with_that_name():
    graph = package_of(a="class A:\n    def casefold(self): ...\ndef go(thing: str): thing.casefold()")
    assert callers_of(graph, "casefold", "name") == {}


def test_an_annotation_keeps_out_what_it_does_not_allow():
    graph = package_of(
        a="""
        class A:
            def go(self): ...
        class B:
            def go(self): ...
        def use(thing: A): thing.go()
        def wrong(): use(B())
        """
    )
    assert callers_of(graph, "B.go") == {}
    assert callers_of(graph, "A.go") == {"use": "certain"}


def test_whatever_has_the_methods_of_a_protocol_is_likely_behind_it():
    graph = package_of(
        a="""
        from typing import Protocol
        class Reader(Protocol):
            def read_page(self): ...
        class Pdf:
            def read_page(self): ...
        class Other: ...
        def go(reader: Reader): reader.read_page()
        """
    )
    assert callers_of(graph, "Pdf.read_page") == {"go": "likely"}


def test_a_visitor_calls_the_methods_whose_names_it_puts_together():
    graph = package_of(
        a="""
        class Visitor:
            def visit(self, node): return getattr(self, f"visit_{node}")(node)
            def visit_name(self, node): ...
            def leave_name(self, node): ...
        """
    )
    assert callers_of(graph, "visit_name") == {"Visitor.visit": "likely"}
    assert callers_of(graph, "leave_name") == {}


def test_modules_that_import_each_other_and_functions_that_call_each_other_end():
    graph = package_of(
        a="from . import b\ndef ping(n): return b.pong(n - 1)",
        b="from . import a\ndef pong(n): return a.ping(n - 1)",
    )
    assert callers_of(graph, "ping") == {"pong": "certain"}
    assert callers_of(graph, "pong") == {"ping": "certain"}


def test_classes_that_inherit_from_each_other_in_a_circle_end():
    graph = package_of(a="class A(B): ...\nclass B(A):\n    def run(self): self.run()")
    assert callers_of(graph, "B.run") == {"B.run": "certain"}


def test_a_class_is_called_where_it_is_made():
    graph = package_of(a="class A:\n    def __init__(self): ...\ndef go(): return A()")
    assert callers_of(graph, "A") == {"go": "certain"}
    assert callers_of(graph, "A.__init__") == {"go": "certain"}


def test_fixtures_give_tests_what_they_return():
    graph = graph_of(
        shop__cart="class Cart:\n    def add_item(self): ...",
        tests__conftest="import pytest\nfrom shop.cart import Cart\n@pytest.fixture\ndef cart(): return Cart()",
        tests__test_cart="def test_adding(cart): cart.add_item()",
    )
    assert callers_of(graph, "Cart.add_item") == {"test_adding": "certain"}
    assert set(callers_of(graph, "conftest.cart")) == {"test_adding"}


def test_a_name_that_is_called_in_another_language_leads_to_its_file_by_the_import():
    graph = build_graph(
        [
            source_of("web/store.js", "export function save(x) { return x }", "javascript"),
            source_of("web/other.js", "export function save(x) { return x }", "javascript"),
            source_of("web/page.js", 'import { save } from "./store.js"\nfunction press() { save(1) }', "javascript"),
        ]
    )
    found = [link for link in graph.links if link.source.name == "press"]
    assert [(link.target.path, link.certainty) for link in found] == [("web/store.js", "likely")]


def test_languages_do_not_call_each_other():
    graph = build_graph(
        [
            source_of("a.go", "package a\nfunc Save() {}", "go"),
            source_of("b.js", "function press() { Save() }", "javascript"),
        ]
    )
    assert graph.links == ()


@pytest.mark.parametrize(
    "text",
    [
        "def f(:\n",
        "-" * 200_000 + "1",
        "a" + ".b" * 100_000,
        "f" + "()" * 100_000,
        "(" * 150 + ")" * 150 + "+" * 5 + "(" * 300,
        "x = '\0'\0",
        "#" * (MOST_CHARS + 1),
        "1" + "+1" * 100_000,
    ],
    ids=["syntax", "unary", "attributes", "calls", "brackets", "null", "huge", "sum"],
)
def test_a_file_that_cannot_be_read_is_told_and_the_others_are_read(text):
    graph = build_graph([source_of("bad.py", text), source_of("good.py", "def a(): ...\ndef b(): a()")])
    assert [each.path for each in graph.unread] == ["bad.py"]
    assert callers_of(graph, "a") == {"b": "certain"}


def test_a_file_with_very_many_definitions_of_one_name_takes_a_moment():
    text = "\n".join(f"class C{n}:\n    def act_now(self): self.act_now()" for n in range(500))
    graph = build_graph([source_of("a.py", text), source_of("b.py", "def go(x): x.act_now()")])
    assert len(graph.links) == 500


def test_what_a_function_passes_on_is_that_of_each_call():
    graph = package_of(
        a="""
        class Cat:
            def go(self): ...
        class Dog:
            def go(self): ...
        def either(first, second=None): return first or second
        def cats(): either(Cat()).go()
        def dogs(): either(None, Dog()).go()
        """
    )
    assert callers_of(graph, "Cat.go") == {"cats": "certain"}
    assert callers_of(graph, "Dog.go") == {"dogs": "certain"}


def test_values_of_a_mapping_stay_apart_under_keys_that_are_written_out():
    graph = package_of(
        a="""
        class Cat:
            def go(self): ...
        class Dog:
            def go(self): ...
        def make(**pets): return Home(**pets)
        class Home:
            def __init__(self, cat=None, dog=None):
                self.cat, self.dog = cat, dog
            def walk(self): self.dog.go()
        def start():
            make(cat=Cat(), dog=Dog())
            pets = {"cat": Cat(), "dog": Dog()}
            pets["cat"].go()
        """
    )
    assert callers_of(graph, "Dog.go") == {"Home.walk": "certain"}
    assert callers_of(graph, "Cat.go") == {"start": "certain"}


def test_a_method_that_is_overridden_is_not_said_to_call_what_only_the_class_below_has():
    below = "class Leaf(Base):\n    def step(self): ...\n    def run(self): return {}\n"
    base = "class Base:\n    def run(self): return self.step()\n    def step(self): ...\n"
    apart = package_of(a=base + below.format("1"))
    assert callers_of(apart, "Leaf.step") == {}
    handed_on = package_of(a=base + below.format("super().run()"))
    assert callers_of(handed_on, "Leaf.step") == {"Base.run": "likely"}


def test_an_instance_is_called_only_as_its_method_can_be():
    graph = package_of(
        a="""
        class One:
            def __call__(self, x): ...
        class Two:
            def __call__(self, x, y): ...
        def go(tool: "One | Two"): tool(1)
        """
    )
    assert callers_of(graph, "One.__call__") == {"go": "likely"}
    assert callers_of(graph, "Two.__call__") == {}


def test_a_decorated_class_is_still_that_class():
    graph = package_of(
        a="""
        class Tool:
            def __call__(self, x): ...
        def mark(cls): return Tool() if cls is None else cls
        @mark
        class Thing: ...
        def go(): Thing(1)
        """
    )
    assert callers_of(graph, "Tool.__call__") == {}


def test_a_module_of_pythons_own_is_not_a_file_of_that_name_in_another_package():
    graph = package_of(logging="def info(x): ...", use="import logging\ndef go(): logging.info(1)")
    assert callers_of(graph, "logging.info") == {}
    beside = graph_of(logging="def info(x): ...", use="import logging\ndef go(): logging.info(1)")
    assert callers_of(beside, "logging.info") == {"go": "certain"}


def test_an_attribute_that_may_hold_very_many_functions_tells_by_name_alone():
    rules = "\n".join(f"def rule_{n}(x): ...\nKEPT.append(Kept(rule_{n}))" for n in range(14))
    graph = package_of(
        a="class Kept:\n    def __init__(self, rule): self.rule = rule\n    def run(self): self.rule(1)\nKEPT = []\n"
        + rules
    )
    assert callers_of(graph, "rule_3") == {}
    assert callers_of(graph, "rule_3", "name") == {"Kept.run": "name"}


def test_a_slice_of_a_list_is_a_list():
    graph = package_of(
        a="""
        class Row:
            def __iter__(self): ...
        def go(rows: list[Row]):
            for row in rows[1:]: ...
        """
    )
    assert callers_of(graph, "Row.__iter__") == {}


def test_an_attribute_that_another_value_has_is_not_asked_of_getattr():
    graph = package_of(
        a="""
        class Open:
            def __getattr__(self, name): ...
        class Plain:
            def size(self): ...
        def go(x: "Open | Plain"): return x.size()
        def alone(x: Open): return x.size()
        """
    )
    assert callers_of(graph, "Open.__getattr__") == {"alone": "likely"}
