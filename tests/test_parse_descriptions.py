"""What people write about pictures: in the file, or in a line of a document beside it."""

import io
import time

import pytest
from fakes import picture
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from deepseek_mm.parse.descriptions import NAMED, PICTURE_NAME, describe_line, described_files
from deepseek_mm.parse.picture_texts import descriptions_in, without_pixels

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Description><dc:subject><rdf:Bag><rdf:li>kite</rdf:li>'
    b"<rdf:li>beach</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def jpeg(**more) -> bytes:
    data = io.BytesIO()
    picture("red").save(data, "JPEG", **more)
    return data.getvalue()


def test_the_description_of_exif_and_the_keywords_of_xmp_are_read():
    exif = Image.Exif()
    exif[0x010E] = "Grandmother on the pier"
    assert descriptions_in(jpeg(exif=exif, xmp=XMP)) == ("Grandmother on the pier", "kite, beach")


def test_the_description_in_a_png_is_read():
    info, data = PngInfo(), io.BytesIO()
    info.add_text("Description", "rain by month")
    picture("red").save(data, "PNG", pnginfo=info)
    assert descriptions_in(data.getvalue()) == ("rain by month",)


@pytest.mark.parametrize("by_machine", ["OLYMPUS DIGITAL CAMERA", "Created with GIMP", "SAMSUNG", "  "])
def test_what_a_camera_or_a_program_writes_by_itself_is_no_description(by_machine):
    exif = Image.Exif()
    exif[0x010E] = by_machine
    assert descriptions_in(jpeg(exif=exif)) == ()


def test_damaged_bytes_describe_nothing():
    assert descriptions_in(b"\xff\xd8 no picture") == ()


@pytest.mark.parametrize(
    ("line", "file", "text"),
    [
        ("| rocket.jpg | a rocket at dusk | SpaceX |", "rocket.jpg", "a rocket at dusk"),
        ("| 3 | `rocket.jpg` | SpaceX | a rocket at dusk |", "rocket.jpg", "a rocket at dusk"),
        ('rocket.jpg,"a rocket, at dusk",2020', "rocket.jpg", "a rocket, at dusk"),
        ("rocket.jpg: a rocket at dusk", "rocket.jpg", "a rocket at dusk"),
        ("| IMG_0002.jpg | _a rocket_ at dusk |", "IMG_0002.jpg", "a rocket at dusk"),
        ("- **rocket.jpg** - at dusk", "rocket.jpg", "at dusk"),
        ("1. my rocket.png = at dusk", "my rocket.png", "at dusk"),
    ],
)
def test_a_row_or_a_list_line_describes_the_file_that_it_names(line, file, text):
    told = describe_line(line)
    assert told is not None
    assert (told.file, told.text) == (file, text)


@pytest.mark.parametrize("line", ["Look at rocket.jpg now", "rocket.jpg", "| rocket.jpg | 24 |", "a rocket"])
def test_prose_and_bare_names_describe_nothing(line):
    assert describe_line(line) is None


def test_all_cells_of_a_row_are_kept_beside_the_description():
    (told,) = described_files("| file | what |\n|---|---|\n| a.jpg | a red kite | Ada | [CC0](LICENSE) |")
    assert told.cells == ("a red kite", "Ada", "CC0")


def test_the_notes_of_a_png_are_read_without_its_pixels_wherever_they_stand():
    stream = io.BytesIO()
    picture("red").save(stream, "PNG", exif=_noted("a red kite"))
    data = stream.getvalue()
    at, end = data.index(b"eXIf") - 4, data.index(b"IEND") - 4
    size = 12 + int.from_bytes(data[at : at + 4], "big")
    behind = data[:at] + data[at + size : end] + data[at : at + size] + data[end:]
    for each in (data, behind):
        light = without_pixels(each)
        assert len(light) < len(each) + 60
        with Image.open(io.BytesIO(light)) as image:
            assert image.size == (1, 1)
        assert descriptions_in(light) == descriptions_in(each) == ("a red kite",)


def _noted(text: str) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = text
    return exif.tobytes()


@pytest.mark.parametrize(
    "line", ["a b.jpg", "x | a b.JPG: y", "(b.png)", " .jpg", "a .gif", "a/.png x", "a.jpgs", "words", "|.tif"]
)
def test_whether_a_line_has_a_name_is_told_as_the_name_itself_is_found(line):
    assert bool(NAMED.search(line)) == bool(PICTURE_NAME.search(line))


def test_long_passages_without_a_name_cost_what_they_are_long():
    began_s = time.process_time()
    assert described_files(("word " * 150 + "\n") * 5_000) == []
    assert time.process_time() - began_s < 5
