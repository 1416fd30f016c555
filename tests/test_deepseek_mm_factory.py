"""Where parts are joined: folders that cannot be used, a store for every space, and the order of the work."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from fakes import ColourSpace

from deepseek_mm import factory
from deepseek_mm import load as public_load
from deepseek_mm.config import Config, LMConfig, cache_folder
from deepseek_mm.errors import LibraryError
from deepseek_mm.factory import make_folder, open_store, own_words
from deepseek_mm.types import Question


class OtherSpace(ColourSpace):
    name, fingerprint = "others", "f" * 64


def test_a_folder_that_is_a_file_cannot_be_a_library(tmp_path):
    (tmp_path / "library").write_text("a file")
    with pytest.raises(LibraryError, match=r"library cannot be used.*--data FOLDER"):
        make_folder(tmp_path / "library")


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryError):
        make_folder(tmp_path / "file" / "library")


def test_a_usable_folder_is_made_and_left_empty(tmp_path):
    make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_words_in_the_librarys_folder_are_added_to_those_that_can_be_named(tmp_path):
    assert own_words(tmp_path) == ()
    (tmp_path / "labels.txt").write_bytes("\ufeff# mine\nwindmill\n\ncaf\u00e9\n".encode() + b"\xff\n")
    assert own_words(tmp_path) == ("windmill", "caf\u00e9", "\ufffd")


def test_every_space_has_a_store_of_its_own(tmp_path):
    config = Config(data=tmp_path)
    with open_store(config, ColourSpace()), open_store(config, OtherSpace()):
        assert sorted(folder.name for folder in (tmp_path / "spaces").iterdir()) == [
            f"colours-{ColourSpace.fingerprint[:8]}",
            "others-ffffffff",
        ]


def test_the_cache_lies_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_MM_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


def test_load_joins_the_parts_in_order_and_the_assistant_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("deepseek_mm.factory.open_space", lambda config, **_: ColourSpace())
    said: list[str] = []
    config = replace(Config(data=tmp_path / "library"), lm=LMConfig(name="none"))
    with public_load(config, progress=said.append) as assistant:
        answer = assistant.ask(Question(text="is there a kite?"))
    assert (answer.found, "no photos in the library yet" in answer.text) == (False, True)
    order = [next(n for n, line in enumerate(said) if word in line) for word in ("space", "eyes", "library", "history")]
    assert order == sorted(order)


def test_requests_are_understood_by_the_trained_model_where_it_comes_along():
    given = []
    silent = SimpleNamespace(lm=SimpleNamespace(name="none"))
    factory.open_request_model(SimpleNamespace(understand_with=given.append, config=silent))
    assert [type(model).__name__ for model in given] == ["RequestModel"]
