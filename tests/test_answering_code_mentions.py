"""What an unfinished @ may become, and the questions that a box begins with."""

from pathlib import Path

import pytest
from code_house import put_code
from index_help import open_store

from deepseek_mm.answering.code.mentions import mentions
from deepseek_mm.answering.code.suggestions import is_telling, questions_to_try
from deepseek_mm.answering.code.tracebacks import crash_of


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("code"), dim=32) as store:
        put_code(store, Path("/repo"))
        yield store


def proposed(store, text: str) -> list[str]:
    return [each.insert for each in mentions(text, store)]


def test_an_at_sign_proposes_names_and_files_that_begin_so(store):
    assert proposed(store, "who calls @rou") == ["@rounded"]
    assert proposed(store, "explain @mon") == ["@money", "@money.py"]
    assert proposed(store, "@Order.") == ["@Order.total"]
    assert proposed(store, "nothing of it") == proposed(store, "me@rou") == []


def test_a_file_whose_name_another_one_has_is_proposed_with_its_folder(store):
    assert proposed(store, "@orders.p") == ["@shop/orders.py", "@web/orders.py"]
    assert proposed(store, "@web/") == ["@web/orders.py"]


def test_what_is_taken_is_the_whole_box_with_room_for_the_next_word(store):
    (taken,) = mentions("who calls @rou", store)
    assert (taken.text, taken.help) == ("who calls @rounded ", "")
    (file,) = [each for each in mentions("@mon", store) if each.insert == "@money.py"]
    assert file.help == "/repo/shop"


def test_questions_to_try_are_about_what_is_called_most_and_one_is_a_traceback(store):
    who, explain, where, test, crash = questions_to_try(store)
    assert test == "Write a test for `checked`"
    assert (who, explain) == ("Who calls `checked`?", "Explain `Order.total`")
    assert where.endswith("defined?")
    assert crash_of(crash).frames[0].path == "/repo/shop/money.py"


def test_names_that_are_everyday_words_are_asked_about_last(store):
    everyday, telling, method = (store.symbols(name)[0] for name in ("report", "checked", "Order.total"))
    assert [is_telling(region) for region in (everyday, telling, method)] == [False, True, True]


def test_a_library_without_code_has_no_questions_to_try(tmp_path):
    with open_store(tmp_path) as store:
        assert questions_to_try(store) == ()
