"""A question stays with the photos that are spoken of, unless it names what only others of the library show."""

import pytest

from deepseek_mm.answering.photo_focus import stays_with
from deepseek_mm.retrieval.photo_finder import PhotoMatch, Witnesses
from deepseek_mm.types import Act
from index import Source

CAT, SKIRT = Source(id=1, path="/photos/cat.jpg"), Source(id=2, path="/photos/skirt.jpg")


class Finder:
    """Knows how well each photo fits."""

    def __init__(self, cat: float, skirt: float, presence: float = 0.0, *, called: bool = False) -> None:
        self.matches = [
            PhotoMatch(source=CAT, relevance=cat, witnesses=Witnesses(presence=presence)),
            PhotoMatch(source=SKIRT, relevance=skirt, witnesses=Witnesses(fully=float(called))),
        ]

    def find_photos(self, act, most, *, among=()):
        fitting = [match for match in self.matches if not among or match.source.id in among]
        return sorted(fitting, key=lambda match: -match.relevance)[:most]


def look(text, subject="", **more):
    return Act(kind="look", text=text, subject=subject, scope="found", **more)


@pytest.mark.parametrize(
    ("act", "finder", "stays"),
    [
        (look("what colour is the skirt?", "the skirt"), Finder(0.1, 0.9), False),  # only the other photo shows one
        (look("what colour is the skirt?", "the skirt"), Finder(0.1, 0.3), True),  # no photo does
        (look("what colour is the skirt?", "the skirt"), Finder(0.6, 0.9), True),  # this one does as well
        (look("what is on the table?", "the table"), Finder(0.1, 0.9, presence=0.5), True),  # seen here
        (look("how much is the skirt?", "the skirt"), Finder(0.1, 0.95, presence=0.5, called=True), False),  # called so
        (look("how much is the skirt?", "the skirt"), Finder(0.1, 0.95, presence=0.8, called=True), True),
        (look("which skirt has flowers?"), Finder(0.1, 0.6), False),  # its words name it, though no part was marked
        (look("what is in the background?"), Finder(0.1, 0.05), True),
        (look("is there a table?", "the table"), Finder(0.1, 0.9, presence=0.5), False),  # asked of the library
        (look("is there a table in it?", "the table"), Finder(0.1, 0.9), True),
        (look("what colour is her skirt?", "skirt", reference="her"), Finder(0.1, 0.9), True),
        (look("what is this?"), Finder(0.1, 0.9), True),
    ],
)
def test_what_is_named_is_looked_for_elsewhere_only_where_the_photo_lacks_it(act, finder, stays):
    assert stays_with(finder, act, [CAT.id]) is stays


def test_without_photos_that_are_spoken_of_there_is_nothing_to_leave():
    assert stays_with(Finder(0.1, 0.9), look("the skirt?", "the skirt"), [])
