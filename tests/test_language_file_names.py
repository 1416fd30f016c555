"""Words of names of files: those that people gave, and none that a camera gave."""

import pytest

from deepseek_mm.language.file_names import words_of_folder, words_of_name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("red-kite.jpg", "red kite"),
        ("IMG_1234-red-kite.jpg", "red kite"),
        ("RedKiteOverBeach2.png", "red kite over beach"),
        ("beach2.jpg", "beach"),
        ("USATrip.jpg", "usa trip"),
        ("M\u00fcller Stra\u00dfe.jpg", "m\u00fcller stra\u00dfe"),
        ("\u732b.jpg", "\u732b"),
        ("notes", "notes"),
    ],
)
def test_the_words_that_somebody_gave_a_file_are_told_apart(name, words):
    assert words_of_name(name) == words


@pytest.mark.parametrize(
    "name",
    [
        "IMG_1234.jpg",
        "DSC00012.JPG",
        "PXL_20230401_121212.jpg",
        "0d047b70-c53a-463d-946f-c8758c2af391.jpg",
        "COCO_val2014_000000015157.jpg",
        "102351840_323e3de834.jpg",
        "2023-01-02.png",
    ],
)
def test_names_that_cameras_and_programs_give_have_no_words(name):
    assert words_of_name(name) == ""


def test_a_folder_that_somebody_named_has_words_and_one_of_a_camera_has_none():
    assert words_of_folder("/home/ada/Holiday in Rome 2023/IMG_1.jpg") == "holiday in rome"
    assert words_of_folder("/home/ada/DCIM/IMG_1.jpg") == ""
