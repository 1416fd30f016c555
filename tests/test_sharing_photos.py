"""Small copies of cited photos."""

import io

from fakes import picture
from PIL import Image

from deepseek_mm.errors import BadFile
from deepseek_mm.sharing.files import ExportLimits, PhotoCopies, shrunk
from index import Region, Source

BOX = (0, 0, 1, 1)


def album(image: Image.Image, asked: list) -> PhotoCopies:
    return PhotoCopies(lambda source, page: asked.append((source.path, page)) or image, ExportLimits(side_px=100))


def test_a_copy_is_small_and_says_how_large_the_photo_is_in_whose_pixels_boxes_are():
    asked: list = []
    source = Source(path="/a.jpg", width_px=4000, height_px=2000)
    copy = album(picture(size=(1600, 800)), asked).copy(source)
    assert (copy.width_px, copy.height_px, copy.of_px) == (100, 50, (4000, 2000))
    small = Image.open(io.BytesIO(copy.jpeg))
    assert (small.format, small.size) == ("JPEG", (100, 50))


def test_a_page_is_measured_by_its_own_picture_since_a_document_has_no_size():
    copy = album(picture(size=(200, 400)), []).copy(Source(path="/a.pdf", kind="document", width_px=9, height_px=9), 3)
    assert (copy.width_px, copy.height_px, copy.of_px) == (50, 100, (200, 400))


def test_a_photo_is_read_once_however_often_it_is_cited():
    asked: list = []
    pictures, source = album(picture(), asked), Source(path="/a.jpg")
    assert pictures.copy(source) is pictures.copy(source)
    pictures.copy(source, 2)
    assert asked == [("/a.jpg", 0), ("/a.jpg", 2)]


def test_a_photo_that_is_gone_or_damaged_has_no_copy():
    def gone(source, page):
        raise BadFile("no such file. Look elsewhere")

    assert PhotoCopies(gone, ExportLimits()).copy(Source(path="/a.jpg")) is None


def test_a_passage_of_text_is_not_looked_for_as_a_picture():
    document, photo = Source(path="/a.txt", kind="document"), Source(path="/a.jpg")
    assert not Region(source=document, kind="text", box_px=BOX).is_drawn
    assert Region(source=document, kind="text", box_px=BOX, page=2).is_drawn
    assert Region(source=photo, kind="text", box_px=BOX).is_drawn


def test_a_picture_is_never_enlarged_nor_shrunk_to_nothing():
    assert shrunk(picture(size=(30, 20)), 100).size == (30, 20)
    assert shrunk(picture(size=(5000, 2)), 100).size == (100, 1)
