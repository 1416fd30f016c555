"""`history`: every word of it, on the conversations of the command line."""

import json

import pytest
from library_help import paint
from test_main_index import Shop


@pytest.fixture
def shop(tmp_path):
    paint(tmp_path / "photos")
    shop = Shop(tmp_path)
    assert shop("index", str(tmp_path / "photos")) == 0
    shop("ask", "Is there something red?")
    return shop


def listed(shop: Shop) -> list[dict]:
    assert shop("history", "list", "--json") == 0
    return json.loads(shop.out)["conversations"]


def test_the_conversations_of_the_command_line_are_listed_newest_first(shop):
    shop("ask", "Is there something blue?")
    assert [each["title"] for each in listed(shop)] == ["Is there something blue?", "Is there something red?"]
    assert shop("history", "list") == 0
    assert [line.split("  ")[-2:] for line in shop.out.splitlines()] == [
        ["1 turns", "Is there something blue?"],
        ["1 turns", "Is there something red?"],
    ]


@pytest.mark.parametrize(("ending", "begins"), [("md", "# Is there"), ("html", "<!doctype html>"), ("json", "{")])
def test_a_conversation_is_written_as_the_ending_of_the_file_says(shop, ending, begins):
    file = shop.folder / f"red.{ending}"
    assert shop("history", "export", "1", "--to", str(file)) == 0
    assert shop.out == f"{file}\n"
    assert file.read_text().startswith(begins)


def test_into_a_folder_it_goes_under_its_title_and_as_the_kind_that_is_named(shop):
    assert shop("history", "export", "1", "--to", str(shop.folder), "--kind", "markdown") == 0
    assert shop.out == f"{shop.folder}/Is there something red_.md\n"
    assert shop("history", "export", "1", "--to", str(shop.folder)) == 0
    assert shop.out.endswith("red_.json\n")


def test_what_was_exported_is_taken_in_again_and_exports_equally(shop):
    first, second = shop.folder / "first.json", shop.folder / "second.json"
    shop("history", "export", "1", "--to", str(first))
    assert shop("history", "import", str(first)) == 0
    assert shop.out == "conversation 2\n"
    assert "ask --continue 2" in shop.err
    shop("history", "export", "2", "--to", str(second))
    payloads = [json.loads(file.read_text())["payload"] for file in (first, second)]
    assert payloads[0] == payloads[1]
    assert [each["title"] for each in listed(shop)] == ["Is there something red?"] * 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export",), "history export needs ID"),
        (("list", "x"), "history list takes nothing"),
        (("export", "first"), "'first' is no number of a conversation"),
        (("export", "99", "--kind", "html"), "no conversation 99"),
        (("export", "1", "--to", "red.txt"), "End it in .md, .html, .json or .zip"),
        (("import", "nowhere.json"), "no file at nowhere.json"),
        (("import", "."), "cannot be read"),
        (("import", __file__), "no whole JSON"),
    ],
)
def test_a_word_that_lacks_what_it_needs_is_a_user_error_with_the_next_step(shop, words, told):
    assert shop("history", *words) == 2
    assert told in shop.err.splitlines()[-1]


def test_without_a_history_nothing_is_made_and_the_next_step_is_told(tmp_path):
    shop = Shop(tmp_path)
    assert shop("history", "list") == 2
    assert "Begin one with: python -m deepseek_mm ask QUESTION" in shop.err
    assert not (tmp_path / "library").exists()
