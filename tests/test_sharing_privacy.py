"""What is shared tells neither a folder of this machine nor where a photo was taken, unless somebody asks for it."""

import io
import json
import struct
import zipfile
import zlib
from base64 import b64decode
from dataclasses import replace

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sharing_help import Home, cite, keep, photo, talk, upload

from deepseek_mm.history import Turn
from deepseek_mm.sharing import privacy
from deepseek_mm.sharing.privacy import remove_coordinates, shorten_paths
from deepseek_mm.sharing.zip_export import pack_chosen
from deepseek_mm.types import Check

GPS = 0x8825
ORIENTATION, MAKER = 0x0112, 0x010F
PLACE = {1: "S", 2: (33.0, 30.0, 0.0), 3: "E", 4: (151.0, 15.0, 0.0), 29: "2021:07:04"}
XMP = (
    b'<x:xmpmeta><rdf:Description exif:GPSLatitude="33,30.0S" exif:Flash="1"/>'
    b"<exif:GPSLongitude>151,15E</exif:GPSLongitude></x:xmpmeta>"
)


def located(kind: str, **more) -> bytes:
    """A picture that says where it was taken."""
    image, exif, out = Image.new("RGB", (64, 48), "teal"), Image.Exif(), io.BytesIO()
    exif[MAKER], exif[ORIENTATION] = "Camera", 6
    exif.get_ifd(GPS).update(PLACE)
    image.save(out, kind, exif=exif, **more)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_coordinates_are_gone_and_pixels_and_other_fields_stay(kind):
    before = located(kind)
    after = remove_coordinates(before)
    assert len(after) == len(before)
    with Image.open(io.BytesIO(before)) as one, Image.open(io.BytesIO(after)) as other:
        assert one.getexif().get_ifd(GPS)[2] == (33.0, 30.0, 0.0)
        assert dict(other.getexif().get_ifd(GPS)) == {}
        assert (other.getexif()[MAKER], other.getexif()[ORIENTATION]) == ("Camera", 6)
        assert one.tobytes() == other.tobytes()
    for order in "<>":
        assert struct.pack(f"{order}II", 151, 1) not in after


@pytest.mark.parametrize("order", ["<", ">"])
def test_coordinates_of_a_bare_tiff_structure_in_either_order_are_gone(order):
    first, block, values = 8, 26, 64  # where each begins
    data = bytearray(128)
    data[:8] = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", first)
    struct.pack_into(f"{order}HHHII", data, first, 1, GPS, 4, 1, block)
    struct.pack_into(f"{order}HHHI4sHHII", data, block, 2, 1, 2, 2, b"S", 2, 5, 3, values)
    struct.pack_into(f"{order}6I", data, values, 33, 1, 30, 1, 0, 1)
    after = remove_coordinates(bytes(data))
    assert after[block:] == bytes(128 - block)
    assert after[:block] == data[:block]


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_coordinates_in_xmp_are_gone_too(kind):
    chunks = PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
    data = remove_coordinates(located(kind, **({"pnginfo": chunks} if kind == "PNG" else {"xmp": XMP})))
    assert b"33,30.0S" not in data
    assert b"151,15E" not in data
    assert b'exif:Flash="1"' in data
    Image.open(io.BytesIO(data)).load()


@pytest.mark.parametrize("is_packed", [False, True])
def test_coordinates_that_a_png_holds_in_digits_or_compressed_are_gone_and_other_texts_stay(is_packed):
    exif, out = Image.Exif(), io.BytesIO()
    exif.get_ifd(GPS).update(PLACE)
    raw = exif.tobytes().hex()
    texts = PngInfo()
    texts.add_text("Raw profile type exif", f"\nexif\n{len(raw) // 2:8}\n{raw}\n", zip=is_packed)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=is_packed)
    texts.add_text("Title", "a kite", zip=is_packed)
    Image.new("RGB", (64, 48), "teal").save(out, "PNG", pnginfo=texts)
    opened = Image.open(io.BytesIO(remove_coordinates(out.getvalue())))
    opened.load()
    assert dict(opened.getexif().get_ifd(GPS)) == {}
    assert "33,30" not in str(opened.text)
    assert (opened.text["Title"], opened.getpixel((9, 9))) == ("a kite", (0, 128, 128))


@pytest.mark.parametrize(
    "said",
    [
        b'<d drone-dji:GpsLatitude="+48.137" a="1"/>',
        b'<d drone-dji:GpsLongtitude="+48.137" a="1"/>',
        b"<d x:Latitude = '48.137' a='1'/>",
        b"<x:Longitude>48.137</x:Longitude>",
    ],
)
def test_coordinates_in_schemas_of_other_makers_are_gone(said):
    assert remove_coordinates(said) == said.replace(b"+", b" ").replace(b"48.137", b"      ")


def test_the_checksums_of_a_png_are_right_afterwards():
    data, at = remove_coordinates(located("PNG")), 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(data[at + 4 : at + 8 + size])
        at += 12 + size


def test_what_holds_no_coordinates_or_is_damaged_stays_as_it_is():
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG")
    for data in (out.getvalue(), b"", b"plain text", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0MM\0*"):
        assert remove_coordinates(data) == data


def test_the_work_on_a_picture_does_not_grow_with_the_structures_that_somebody_wrote_into_it(monkeypatch):
    most, many = 65_535, 3_000
    heads = b"".join(b"Exif\0\0II*\0" + struct.pack("<I", 14 * (many - n) - 6) for n in range(many))
    bomb = heads + struct.pack("<H", most) + bytes(12 * most)  # all of them begin with the same long list
    looked, clear = [], privacy.clear_gps
    monkeypatch.setattr(privacy, "clear_gps", lambda *given: looked.append(clear(*given)) or looked[-1])
    assert remove_coordinates(bomb) == bomb
    assert (len(looked), sum(looked)) == (many, privacy.MOST_ENTRIES)
    entry = struct.pack("<HHII", 1, 1, 2**31 - 1, 26 + 2 + 12 * 9)
    long = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, GPS, 4, 1, 26, 0) + struct.pack("<H", 9) + entry * 9
    cleared = remove_coordinates(long + b"x" * 200_000)
    assert cleared.count(b"x") == 200_000 - privacy.MOST_VALUE_BYTES


def test_paths_become_names_the_longer_first():
    text = "see /a/b.py and /a/b.py.bak, not b.py"
    assert shorten_paths(text, ["/a/b.py", "/a/b.py.bak", "b.py"]) == "see b.py and b.py.bak, not b.py"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "alice-home")


def told(home: Home) -> int:
    """A conversation about a located upload, whose answer names paths."""
    first, second = talk(home)
    mine = upload(home)
    with open(mine.path, "wb") as file:
        file.write(located("JPEG"))
    path = str(photo(home).path)
    answer = replace(
        first.answer,
        text=f"It lies in {path} [2].",
        checks=(Check(claim=f"{path} is there", numbers=(2,), kept=True, reason=f"seen in {path}"),),
    )
    turns: list[Turn] = [replace(first, answer=answer), replace(second, image_path=mine.path, image_name="mine.jpg")]
    return home.history.adopt(turns, title="Kites", pinned=False, session="s")


def everything(data: bytes) -> bytes:
    """The file, and what it holds in base64."""
    files = json.loads(data)["payload"]["files"] if data.startswith(b"{") else {}
    return data + b"".join(b64decode(each) for each in files.values())


@pytest.mark.parametrize("kind", ["json", "html", "markdown"])
def test_an_export_tells_no_folder_and_no_coordinates(home, kind):
    data = everything(home.export(told(home), kind))
    assert b"alice-home" not in data
    assert b"151.25" not in data
    assert b"-33.5" not in data
    for order in "<>":
        assert struct.pack(f"{order}II", 151, 1) not in data
    if kind == "json":
        source = json.loads(home.export(keep(home)))["payload"]["turns"][0]["answer"]["citations"][0]["source"]
        assert (source["path"], source["latitude"], source["longitude"]) == ("kite.png", None, None)
        assert source["taken_at"]


def test_whoever_asks_for_places_gets_them(home):
    data = everything(home.export(told(home), places=True))
    assert str(home.photos / "kite.png").encode() in data
    assert b"151.25" in data
    assert any(struct.pack(f"{order}II", 151, 1) in data for order in "<>")


def test_an_export_without_places_is_taken_in_again_with_its_pictures(home, tmp_path):
    abroad = Home(tmp_path / "abroad")
    first, second = abroad.turns(abroad.door.take_in(home.export(told(home)), session="s"))
    assert first.answer.text == "It lies in kite.png [2]."
    assert Image.open(second.image_path).size == (64, 48)


def test_the_table_of_a_zip_names_folders_only_if_asked(home):
    chosen = [cite(1, photo(home))]
    for places in (False, True):
        *_, last = pack_chosen(chosen, home.data / "zips", picture=home.picture, gone="gone", places=places)
        table = zipfile.ZipFile(last.file).read("found.csv")
        assert (b"alice-home" in table) is places
