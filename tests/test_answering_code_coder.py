"""Answers about a small library of code: where, who, what, and the places of a traceback."""

from pathlib import Path

import pytest
from code_house import FILES, put_code
from fakes import picture
from rag_house import build

from deepseek_mm.answering.code.coder import CodeModels, Coder, tell_missing
from deepseek_mm.answering.code.crashes import count_alike
from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadPicture, BadQuestion
from deepseek_mm.language.parser import parse
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Query, Question
from index import Filter

REPO = "/repo"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with build(tmp_path_factory.mktemp("code")) as house:
        put_code(house.store, Path(REPO))
        yield house


def asked(house, text, **more):
    return house.ask(Question(text=text, about="code", **more))


def test_where_something_is_defined_is_told_with_its_path_and_lines(house):
    answer = asked(house, "Where is Order.total defined?")
    assert answer.text == "`Order.total` is defined in orders.py:9-14 [1]."
    (citation,) = answer.citations
    assert (citation.region.source.path, citation.region.lines) == (f"{REPO}/shop/orders.py", (9, 14))
    assert (answer.found, answer.confidence, answer.model) == (True, 1.0, "")


def test_two_of_the_same_name_are_both_told_unless_a_file_is_named(house):
    both = asked(house, "where is `report` defined?")
    assert both.text == "`report` is defined in orders.py:17-18 [1]. `report` is defined in orders.py:1-3 [2]."
    one = asked(house, "where is `report` defined? @web/orders.py")
    assert [citation.region.source.path for citation in one.citations] == [f"{REPO}/web/orders.py"]


def test_who_calls_something_is_told_caller_by_caller(house):
    answer = asked(house, "who calls rounded?")
    assert answer.text == "`rounded` is called by `Order.total` in orders.py:9-14 [1]."
    nobody = asked(house, "who calls Order?")
    assert nobody.text == "Nothing here calls `Order`, which is defined in orders.py:6-14 [1]."


def test_callers_of_a_name_that_several_places_define_are_told_once(house):
    answer = asked(house, "who calls `report`?")
    assert answer.text == "Nothing here calls `report`, which is defined in orders.py:17-18 [1]."
    assert asked(house, "who calls `rounded`, and who calls `checked`?").text.count("is called by") == 2


def test_a_question_about_code_may_be_as_long_as_a_traceback_is(house):
    assert asked(house, f"explain `checked` {'x' * 15_000}").text.startswith("`checked` is defined in")
    with pytest.raises(BadQuestion, match=r"25,\d+ characters, and rag.max_code_chars allows 20,000"):
        asked(house, "x" * 25_000)


def test_an_answer_about_code_comes_out_of_the_history_with_its_names_and_lines(house):
    answer = asked(house, "Where is Order.total defined?")
    (turn,) = house.history.turns(answer.conversation, session="")
    assert turn.about == "code"
    (citation,) = turn.answer.citations
    assert (citation.region.symbol, citation.region.lines) == (answer.citations[0].region.symbol, (9, 14))


def test_a_file_alone_is_explained_by_its_module(house):
    answer = asked(house, "explain @shop/money.py")
    assert answer.text.startswith("`money` is defined in money.py:1")
    assert 'It says of itself: "Amounts." [1].' in answer.text


def test_a_question_without_a_name_leads_to_what_has_its_words(house):
    answer = asked(house, "where are amounts that are negative refused?")
    says = 'Nearest to that is `checked` in money.py:8-12, which says: "Refuse what is negative." [1].'
    assert answer.text.startswith(says)
    assert answer.confidence < 1
    assert not asked(house, "what is the capital of France?").found


def test_what_something_calls_names_only_what_is_defined_here(house):
    answer = asked(house, "what does `Order.total` call?")
    assert answer.text == "`Order.total` is defined in orders.py:9-14 [1]. It calls `rounded` [1]."  # and sum
    assert "It calls nothing that is defined here [1]." in asked(house, "what does `checked` call?").text


def test_an_explanation_has_place_docstring_calls_and_callers(house):
    answer = asked(house, "explain checked")
    assert answer.text == (
        '`checked` is defined in money.py:8-12 [1]. It says of itself: "Refuse what is negative." [1]. '
        "`checked` is called by `rounded` in money.py:4-5 [2]."
    )


def test_a_pasted_traceback_is_led_through_the_files_that_are_here(house):
    trace = """Traceback (most recent call last):
  File "/usr/lib/python3.11/runpy.py", line 196, in _run_module_as_main
    return _run_code(code)
  File "/elsewhere/shop/orders.py", line 14, in total
    return rounded(sum(prices))
  File "/elsewhere/shop/money.py", line 11, in checked
    raise ValueError(f"{amount} is negative")
ValueError: -3 is negative"""
    answer = asked(house, trace)
    assert answer.text == (
        "ValueError: -3 is negative came up in `checked`, money.py line 11: "
        '`raise ValueError(f"{amount} is negative")` [1]. '
        "It came through there in `Order.total`, orders.py line 14: `return rounded(sum(prices))` [2]. "
        "1 call of the traceback is of files that are not here [1]."
    )
    assert [citation.region.source.path for citation in answer.citations] == [
        f"{REPO}/{name}" for name in ("shop/money.py", "shop/orders.py")
    ]


def test_what_is_not_in_the_library_is_said_not_to_be(house):
    answer = asked(house, "where is `launch_rocket` defined?")
    assert (answer.found, answer.citations) == (False, ())
    assert answer.text == "I find nothing of that in the code of this library"


def test_who_calls_it_goes_on_from_the_question_before(house):
    first = asked(house, "explain rounded")
    second = asked(house, "who calls it?", conversation=first.conversation)
    assert second.text == "`rounded` is called by `Order.total` in orders.py:9-14 [1]."


def test_questions_about_photos_and_code_are_answered_side_by_side(house):
    code, photos = house.ask_many([Question(text="who calls rounded?", about="code"), Question(text="Is there a dog?")])
    assert code.text.startswith("`rounded` is called by")
    assert not photos.found


def shot(house, monkeypatch, *lines):
    """From now on every picture has these lines."""
    monkeypatch.setattr(house.library, "lines_in", lambda image: list(lines))
    return picture("red")


def test_a_picture_of_an_editor_leads_to_what_it_shows(house, monkeypatch):
    image = shot(house, monkeypatch, "def checked(amount):", '"""Refuse what is negative."""', "if amount < 0:")
    answer = asked(house, "", image=image)
    assert answer.text.startswith("Nearest to what is written in the picture is `checked` in money.py:8-12 [1].")
    assert answer.citations[0].region.source.path == f"{REPO}/shop/money.py"
    assert answer.confidence < 1


def test_of_a_picture_that_code_has_little_of_that_is_said(house, monkeypatch):
    answer = asked(house, "which code?", image=shot(house, monkeypatch, "negative zebra", "two kangaroos", "a b c"))
    assert "though little of it stands there, is `checked`" in answer.text


def test_a_traceback_in_a_picture_is_followed_like_a_pasted_one(house, monkeypatch):
    lines = ['File "/x/shop/money.py", line 11,in checked', "ValueError: -3 is negative"]
    answer = asked(house, "", image=shot(house, monkeypatch, *lines))
    assert answer.text.startswith("ValueError: -3 is negative came up in `checked`, money.py line 11")


def test_a_picture_without_words_says_that_nothing_was_read(house, monkeypatch):
    answer = asked(house, "", image=shot(house, monkeypatch, "0.5"))
    assert (answer.found, answer.text) == (False, tell_missing(house.store, Question(text="", image=picture("red"))))
    assert "larger or sharper" in answer.text


def test_a_name_in_the_question_is_looked_up_beside_the_picture(house, monkeypatch):
    answer = asked(house, "who calls `rounded`?", image=shot(house, monkeypatch, "if amount < 0:"))
    assert "`rounded` is called by `Order.total`" in answer.text


def test_a_picture_that_comes_as_a_file_is_read_within_the_limits_that_the_user_set(house, monkeypatch, tmp_path):
    shot(house, monkeypatch, "def checked(amount):", '"""Refuse what is negative."""').save(tmp_path / "shot.png")
    question = Question(text="which code?", image_path=str(tmp_path / "shot.png"), about="code")
    case = QuestionContext(question=question, program=parse(question.text))
    small = Coder(house.store, house.find, CodeModels(read=house.library.lines_in), ParseConfig(max_pixels=9))
    with pytest.raises(BadPicture, match="allows 9"):
        small.look_up(case)
    seen = Coder(house.store, house.find, CodeModels(read=house.library.lines_in)).look_up(case)
    assert seen.evidence[0].region.source.path == f"{REPO}/shop/money.py"


def test_a_search_for_code_with_a_picture_reads_the_picture(house, monkeypatch):
    image = shot(house, monkeypatch, "def checked(amount):", '"""Refuse what is negative."""')
    found = house.find(Query(image=image), k=3, where=Filter(source_kinds=("code",)))
    assert found.matches[0].region.source.path == f"{REPO}/shop/money.py"
    assert (found.found, found.certainty) == (True, 1.0)


def test_a_library_without_code_says_how_to_add_some(tmp_path):
    with build(tmp_path / "empty") as house:
        answer = asked(house, "who calls load?")
        assert answer.text == tell_missing(house.store, Question(text=""))
        assert "no code in this library. Add a folder" in answer.text


def test_of_files_with_one_name_the_one_with_the_most_alike_path_is_meant():
    assert count_alike("/repo/shop/orders.py", "/x/shop/orders.py") == 2
    assert count_alike("/repo/web/orders.py", "/x/shop/orders.py") == 1
    assert count_alike("/repo/a.py", "a.py") == 1
    assert count_alike("/repo/a.py", "C:\\repo\\a.py") == 2


def test_a_line_is_looked_up_in_the_shortest_piece_that_has_it(house):
    regions = house.store.at_line("orders.py", 14)
    assert [(region.symbol.path, region.source.path) for region in regions][0] == (
        "Order.total",
        f"{REPO}/shop/orders.py",
    )
    assert house.store.at_line("ORDERS.py", 14) == []
    assert house.store.at_line("orders.py", 900) == []


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    """The same library, over files that are there."""
    folder = tmp_path_factory.mktemp("disk")
    for name, text in FILES.items():
        (folder / "repo" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "repo" / name).write_text(text)
    with build(folder / "house") as house:
        put_code(house.store, folder / "repo")
        yield house


def test_a_test_that_is_asked_for_is_a_draft_until_it_may_run(on_disk):
    answer = asked(on_disk, "write a test for `checked`")
    assert answer.text.startswith("This is a draft for `checked` in money.py:8-12, of which nothing was run")
    assert "\n\n```python\n" in answer.text
    assert answer.text.endswith("\n```")
    assert [citation.region.symbol.path for citation in answer.citations] == ["checked"]


def test_a_test_that_may_run_holds_what_was_seen(on_disk):
    answer = asked(on_disk, "write a test for `checked`", run=True)
    assert "does now: in the sandbox each gave the same 4 times, and the whole file passed" in answer.text
    assert "from shop.money import checked" in answer.text
    assert "assert checked(3) == 3" in answer.text


def test_what_no_test_can_be_written_for_is_said_with_the_reason(on_disk):
    answer = asked(on_disk, "write a test for `orders`")
    assert answer.text.startswith("I can write no test for `orders` in orders.py")
    assert "it is no function, method or class of Python that a test could call [1]." in answer.text
    assert not asked(on_disk, "write a test for `launch_rocket`").found


def test_of_several_places_with_one_name_the_first_is_tested_and_that_is_said(on_disk):
    answer = asked(on_disk, "write tests for `report`")
    assert answer.text.endswith("2 places define that name. Bound the question to a file with @ for another [1].")
