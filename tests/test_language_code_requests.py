"""What a question about code asks for, and about which names."""

import pytest

from deepseek_mm.language.code_requests import read_code_request


@pytest.mark.parametrize(
    ("text", "kind", "names", "named"),
    [
        ("Who calls ask_many?", "callers", ("ask_many",), True),
        ("what uses `rounded`?", "callers", ("rounded",), True),
        ("who calls load", "callers", ("load",), False),
        ("callers of the function total", "callers", ("total",), False),
        ("Where is @Assistant.ask called?", "callers", ("Assistant.ask",), True),
        ("What does report call?", "calls", ("report",), False),
        ("which functions does `report` use?", "calls", ("report",), True),
        ("Where is RegionStore defined?", "where", ("RegionStore",), True),
        ("where is the timeout decided?", "where", ("timeout",), False),
        ("Where do we read the settings?", "where", (), False),
        ("show me checked", "where", ("checked",), False),
        ("explain parse", "explain", ("parse",), False),
        ("Write a test for `Order.total`", "test", ("Order.total",), True),
        ("please write me some unit tests for rounded", "test", ("rounded",), False),
        ("test checked", "test", ("checked",), False),
        ("where is the test for rounded?", "where", (), False),
        ("Explain the class Order", "explain", ("Order",), False),
        ("what does the Order class do?", "explain", ("Order",), False),
        ("who calls the parse function?", "callers", ("parse",), False),
        ("How does wish_of() work?", "explain", ("wish_of",), True),
        ("What does std::vector do?", "explain", ("std::vector",), True),
        ("what is ParseConfig?", "explain", ("ParseConfig",), True),
        ("@checked", "explain", ("checked",), True),
        ("read a picture without its notes", "find", (), False),
        ("code that uses numpy for sorting", "find", (), False),
    ],
)
def test_kind_and_names_are_heard(text, kind, names, named):
    request = read_code_request(text)
    assert (request.kind, request.names, request.named) == (kind, names, named)


def test_a_file_that_is_mentioned_bounds_the_question_and_is_no_name():
    request = read_code_request("explain report in @web/orders.py")
    assert (request.kind, request.names, request.files) == ("explain", ("report",), ("web/orders.py",))


def test_it_is_what_the_conversation_spoke_of_last():
    earlier = ["where is Order.total defined?", "explain `rounded` in @shop/money.py", "thanks"]
    request = read_code_request("who calls it?", earlier)
    assert (request.kind, request.names, request.files) == ("callers", ("rounded",), ("shop/money.py",))
    assert read_code_request("who calls it?").names == ()
    assert read_code_request("who calls checked?", earlier).names == ("checked",)
