"""Questions about code are made from the code itself, and each is asked as somebody would."""

from deepseek_mm.benchmarks.code_answers import list_questions
from index import Region, Source, Symbol


def defined(name: str, doc: str = "") -> Region:
    source = Source(path=f"/shop/{name}.py", kind="code", format="python", digest=name)
    return Region(source=source, kind="code", box_px=(0, 0, 0, 0), symbol=Symbol(name=name, kind="function", doc=doc))


def test_every_kind_of_question_names_what_is_there():
    asked = list(list_questions([defined("sell_ticket", "Takes the money.\nAnd more."), defined("print_it")]))
    assert {kind for kind, _ in asked} == {
        *("where", "callers", "calls", "path", "tests", "explain", "compare", "list", "review", "open"),
    }
    assert ("compare", "difference between sell_ticket and print_it") in asked
    assert ("compare", "difference between print_it and sell_ticket") in asked
    assert ("list", "list the functions in sell_ticket.py") in asked
    assert [text for kind, text in asked if kind == "open"] == [
        "how is this done: takes the money?",
        "what happens in sell ticket if the input is empty",
        "what happens in print it if the input is empty",
    ]
