"""Classes of shelves as words of the vocabulary."""

import pytest

from deepseek_mm.train.shelves import CLOTHES, GROCERIES, KIND_OF, STORE, shelf_of_clothes, shelf_of_grocery
from deepseek_mm.vision.vocabulary import read_names


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("dataset/test/Fruit/Melon/Cantaloupe/Cantaloupe_012.jpg", ("fruit", "melon", "cantaloupe")),
        ("dataset/train/Vegetables/Pepper/Red-Bell-Pepper/x.jpg", ("vegetable", "bell pepper", "red bell pepper")),
        ("dataset/val/Vegetables/Leek/Leek_011.jpg", ("vegetable", "leek")),
        ("dataset/test/Packages/Oat-Milk/Oatly/x.jpg", ("carton", "milk carton", "oatly")),
        ("sample_images/natural/Banana.jpg", ()),
    ],
)
def test_a_grocery_shows_the_words_of_its_folders(path, shows):
    assert shelf_of_grocery(path).shows == shows
    assert shelf_of_grocery(path).may_show == STORE


def test_clothes_lie_somewhere_and_are_not_told_from_their_likes():
    shelf = shelf_of_clothes("outwear")
    assert shelf.shows == ("jacket",)
    assert {"coat", "cardigan", "wall"} <= set(shelf.may_show)


def test_every_word_that_is_shown_is_a_word_of_the_vocabulary():
    shown = {word for shelf in CLOTHES.values() for word in shelf.shows}
    assert shown | set(KIND_OF.values()) | set(GROCERIES.values()) <= set(read_names()) | {"orange"}
