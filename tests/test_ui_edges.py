"""Errors, uploads and browsers at the page's edge."""

import logging
from pathlib import Path

import pytest
from PIL import Image

from deepseek_mm import LOCAL
from deepseek_mm.errors import BadPicture, BadQuestion
from index import IndexProblem
from ui.edges import NoSession, new_session, owner, read_upload, sentence, session_of
from ui.edges import split_entry as split
from ui.words import CHINESE, ENGLISH


def test_an_error_that_users_can_fix_is_shown_as_it_is():
    assert sentence(BadQuestion("the question is empty"), ENGLISH) == "the question is empty"
    assert sentence(IndexProblem("the index is damaged"), ENGLISH) == "the index is damaged"


def test_an_error_keeps_its_english_and_is_shown_in_the_language_of_the_page():
    error = BadQuestion("the search is empty. Type some words, for example: a dog on a beach, or add a picture")
    assert sentence(error, CHINESE).startswith("\u641c\u7d22\u662f\u7a7a\u7684")
    assert str(error).startswith("the search is empty")
    assert sentence(OSError(28, "No space left on device"), CHINESE).startswith("\u78c1\u76d8\u5df2\u6ee1")


def test_a_bug_is_logged_in_full_and_shown_as_one_sentence(caplog):
    with caplog.at_level(logging.ERROR):
        said = sentence(KeyError("secret detail"), ENGLISH)
    assert said == ENGLISH.bug
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("kept", [None, "", "short", "x" * 44, "/" * 43, 7, ["a"], "x" * 42 + "\n"])
def test_a_secret_that_is_not_one_never_becomes_a_session(kept):
    assert session_of(kept) is None
    with pytest.raises(NoSession):
        owner(LOCAL, kept, ENGLISH)


def test_a_drawn_secret_is_accepted_and_never_drawn_twice():
    first, second = new_session(), new_session()
    assert session_of(first) == owner(LOCAL, first, ENGLISH).session == first != second


def test_an_entry_is_its_text_and_its_files_in_order():
    assert split({"text": " hi ", "files": ["/a.jpg", "/b.jpg"]}) == ("hi", [Path("/a.jpg"), Path("/b.jpg")])
    assert split({"text": None, "files": []}) == split(None) == split({}) == ("", [])


def test_an_upload_that_is_no_picture_is_refused_by_its_name_only(tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("not a picture")
    with pytest.raises(BadPicture, match=r"notes\.jpg") as caught:
        read_upload(path, max_pixels=10**8)
    assert str(tmp_path) not in str(caught.value)


def test_a_truncated_upload_is_refused(tmp_path):
    path = tmp_path / "half.png"
    Image.effect_noise((300, 300), 50).save(path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(BadPicture):
        read_upload(path, max_pixels=10**8)


def test_an_upload_with_too_many_pixels_is_refused(tmp_path):
    path = tmp_path / "large.png"
    Image.new("1", (12_000, 12_000)).save(path)
    with pytest.raises(BadPicture, match=r"large\.png"):
        read_upload(path, max_pixels=10**8)
