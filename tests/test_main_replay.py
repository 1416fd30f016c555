"""`replay` and `history export --kind replay`: a conversation is answered again in this library or an empty one."""

import json

import pytest
from library_help import paint
from test_main_index import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A library of painted photos with one conversation, exported."""
    folder = tmp_path_factory.mktemp("shop")
    paint(folder / "photos")
    shop = Shop(folder)
    assert shop("index", str(folder / "photos")) == 0
    assert shop("ask", "Is there something red?") == 0
    assert shop("ask", "--continue", "1", "Is there something blue?") == 0
    assert shop("history", "export", "1", "--to", str(folder / "red.replay.zip")) == 0
    assert shop.out == f"{folder / 'red.replay.zip'}\n"
    return shop


@pytest.fixture
def bundle(shop) -> str:
    return str(shop.folder / "red.replay.zip")


def test_the_same_library_gives_the_same_answers_and_exit_code_zero(shop, bundle):
    assert shop("replay", bundle) == 0
    lines = shop.out.splitlines()
    assert lines[0].startswith("exported ")
    assert "answering over the library here" in lines
    assert [line for line in lines if "DIFFERENT" in line or "different" in line] == []
    assert lines[-1] == "2 of 2 answers are the same"


def test_an_empty_library_answers_over_the_bundle_s_own_files(bundle, tmp_path):
    elsewhere = Shop(tmp_path)
    assert elsewhere("replay", bundle) == 0
    assert "answering over the bundle's own files" in elsewhere.out.splitlines()
    assert "taking in the bundle's files: 2 of 2" in elsewhere.err
    assert elsewhere.stored() == 0


def test_what_differs_is_marked_word_by_word_with_exit_code_one(bundle, tmp_path):
    elsewhere = Shop(tmp_path)
    assert elsewhere("replay", bundle, "--over", "library") == 1
    assert "[-" in elsewhere.out
    assert "{+" in elsewhere.out
    assert "is not cited any more" in elsewhere.out
    assert elsewhere.out.splitlines()[-1] == "0 of 2 answers are the same"


def test_machines_get_one_json_object(shop, bundle):
    assert shop("replay", bundle, "--json") == 0
    told = json.loads(shop.out)
    assert (told["same"], told["over"], told["models"], told["left_out"]) == (True, "library", [], [])
    assert [turn["question"] for turn in told["turns"]] == ["Is there something red?", "Is there something blue?"]
    assert all(turn["words"] == [["same", turn["before"]]] for turn in told["turns"])


def test_a_bundle_goes_into_a_folder_under_its_title_and_is_taken_in_again(shop, bundle):
    assert shop("history", "export", "1", "--to", str(shop.folder), "--kind", "replay") == 0
    assert shop.out.endswith("Is there something red_.replay.zip\n")
    assert shop("history", "import", bundle) == 0
    assert shop.out == "conversation 2\n"
    assert f"python -m deepseek_mm replay {bundle}" in shop.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("replay", "nowhere.zip"), "no file at nowhere.zip"),
        (("replay", __file__), "is no ZIP"),
        (("history", "export", "99", "--kind", "replay"), "no conversation 99"),
        (("history", "export", "x", "--kind", "replay"), "'x' is no number"),
    ],
)
def test_what_cannot_be_replayed_is_a_user_error_with_the_next_step(shop, words, told):
    assert shop(*words) == 2
    assert told in shop.err.splitlines()[-1]
