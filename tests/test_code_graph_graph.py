"""Questions to a graph: tests that reach a definition, what it calls, and the way from one to another."""

from code_graphs import build_graph, find_symbols, graph_of, one, package_of, source_of

SHOP = {
    "shop__cart": "from shop.tax import add_tax\n"
    "class Cart:\n    def total(self): return add_tax(1)\n    def empty(self): ...",
    "shop__tax": "def add_tax(x): return round_up(x)\ndef round_up(x): ...",
    "tests__test_cart": "from shop.cart import Cart\n"
    "def test_total(): assert Cart().total()\ndef test_empty(): Cart().empty()",
}


def test_a_test_reaches_a_function_through_what_it_calls():
    graph = graph_of(**SHOP)
    (found,) = graph.find_tests(one(graph, "round_up"))
    assert found.test.name == "test_total"
    assert [symbol.qualified for symbol in found.through] == ["Cart.total", "add_tax"]
    assert found.certainty == "certain"


def test_tests_of_a_class_are_those_of_its_methods_as_well():
    graph = graph_of(**SHOP)
    assert {each.test.name for each in graph.find_tests(one(graph, "Cart"))} == {"test_total", "test_empty"}


def test_no_test_reaches_what_no_test_calls():
    graph = graph_of(**SHOP, shop__more="def lonely(): ...")
    assert graph.find_tests(one(graph, "lonely")) == []


def test_tests_beyond_the_depth_are_not_told():
    graph = graph_of(**SHOP)
    assert graph.find_tests(one(graph, "round_up"), depth=2) == []


def test_what_happens_is_told_depth_first_each_definition_once():
    graph = package_of(
        a="""
        def go():
            first()
            second()
        def first(): deep()
        def second(): deep()
        def deep(): go()
        """
    )
    steps = graph.trace_path(one(graph, "go"))
    assert [(step.link.target.name, step.depth) for step in steps] == [("first", 1), ("deep", 2), ("second", 1)]


def test_a_path_has_no_more_steps_than_asked_for_and_keeps_the_near_ones():
    graph = package_of(a="def go():\n    a()\n    b()\ndef a(): c()\ndef b(): ...\ndef c(): ...")
    assert [step.link.target.name for step in graph.trace_path(one(graph, "go"), most=2)] == ["a", "b"]


def test_the_way_to_a_function_is_the_shortest_one():
    graph = package_of(a="def go():\n    long()\n    goal()\ndef long(): goal()\ndef goal(): ...\ndef other(): ...")
    ways = [graph.trace_path(one(graph, "go"), to=one(graph, name)) for name in ("goal", "other")]
    assert [[step.link.target.name for step in way] for way in ways] == [["goal"], []]


def test_callees_come_in_the_order_of_their_lines():
    graph = package_of(a="def b(): ...\ndef a(): ...\ndef go():\n    b()\n    a()")
    assert [link.target.name for link in graph.find_callees(one(graph, "go"))] == ["b", "a"]


def test_a_name_is_found_with_as_much_before_it_as_is_known():
    graph = graph_of(**SHOP)
    for name in ("total", "Cart.total", "cart.Cart.total", "shop.cart.Cart.total", "Cart::total()"):
        assert [symbol.qualified for symbol in find_symbols(graph, name)] == ["Cart.total"]
    assert find_symbols(graph, "Other.total") == find_symbols(graph, "") == []
    assert find_symbols(graph, "total", path="tax.py") == []


def test_a_line_belongs_to_the_innermost_definition_that_holds_it():
    graph = graph_of(**SHOP)
    assert graph.find_enclosing("shop/cart.py", 3).qualified == "Cart.total"
    assert graph.find_enclosing("shop/cart.py", 1).kind == "module"
    assert graph.find_enclosing("shop/none.py", 1) is None


def test_an_empty_repository_has_an_empty_graph():
    graph = build_graph([])
    assert (graph.symbols, graph.links) == ((), ())
    assert find_symbols(build_graph([source_of("a.py", "")]), "a")[0].kind == "module"
