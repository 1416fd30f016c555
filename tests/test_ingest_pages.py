"""Documents become regions a few pieces at a time, however many they have."""

import weakref

from fakes import ColourSpace, picture

from deepseek_mm.ingest.pages import PIECES, read_leaves
from deepseek_mm.parse.formats import ParsedDocument, Piece
from index import Source


def pages(count: int, alive: list[int]):
    """Pages with pictures, and how many of them are alive whenever one is drawn."""
    drawn: list[weakref.ref] = []
    for number in range(1, count + 1):
        image = picture("red", size=(8, 8))
        drawn.append(weakref.ref(image))
        alive.append(sum(each() is not None for each in drawn))
        yield Piece(kind="page", image=image, page=number)
        del image


def test_of_a_thousand_pages_only_a_few_pictures_are_alive_at_a_time():
    alive: list[int] = []
    document = ParsedDocument(source=Source(path="/a.pdf", kind="document"), pieces=pages(1_000, alive))
    leaves = read_leaves(document, ColourSpace(), stopping=lambda: False)
    assert [region.page for region in leaves.regions] == list(range(1, 1_001))
    assert leaves.vectors_ND.shape == (1_000, ColourSpace.dim)
    assert max(alive) <= PIECES + 1


def test_a_document_that_is_stopped_is_closed_and_gives_nothing():
    alive: list[int] = []
    document = ParsedDocument(source=Source(path="/a.pdf", kind="document"), pieces=pages(100, alive))
    assert read_leaves(document, ColourSpace(), stopping=lambda: len(alive) > 40) is None
    assert len(alive) == 48  # the batch that was under way
    assert list(document.pieces) == []
