"""Things of the library taken along into a question."""

from pathlib import Path

import pytest
from PIL import Image

from deepseek_mm.errors import NothingThere
from index import Region, Source
from ui.layout import entry_about
from ui.region_html import MOST


class Shelf:
    """Gives the picture of any page, but not of what is gone."""

    files = None  # that machines share

    def picture(self, source: Source, page: int = 0) -> Image.Image:
        if "gone" in source.path:
            raise NothingThere(f"no photo at {source.path}")
        return Image.new("RGB", (40, 30), (page, 0, 0))

    def original(self, source: Source) -> bytes:
        return Path(source.path).read_bytes()


def region(path: str, **more) -> Region:
    return Region(source=Source(path=path, kind=more.pop("source_kind", "photo")), box_px=(0, 0, 9, 9), **more)


def test_a_photo_is_copied_byte_by_byte(tmp_path):
    path = tmp_path / "kite.jpg"
    Image.new("RGB", (40, 30)).save(path, exif=b"Exif\x00\x00")
    entry = entry_about(Shelf(), [region(str(path))], tmp_path / "taken")
    (file,) = entry["files"]
    assert Path(file).read_bytes() == path.read_bytes()
    assert file.endswith("/kite.jpg")
    assert entry["text"] == ""


def test_two_photos_of_one_name_do_not_meet(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (40, 30)).save(tmp_path / folder / "kite.jpg")
    regions = [region(str(tmp_path / folder / "kite.jpg")) for folder in ("a", "b")]
    assert len(set(entry_about(Shelf(), regions, tmp_path / "taken")["files"])) == 2


def test_a_page_and_a_file_of_an_archive_become_pictures(tmp_path):
    regions = [
        region("/docs/bill.pdf", page=2, kind="text", source_kind="document"),
        region("/photos.zip!/in/kite.jpg"),
    ]
    files = entry_about(Shelf(), regions, tmp_path)["files"]
    assert [file.rsplit("/", 1)[1] for file in files] == ["bill.png", "kite.jpg"]
    with Image.open(files[0]) as image:
        assert image.getpixel((0, 0)) == (2, 0, 0)


def test_a_text_without_a_picture_is_named_in_the_question(tmp_path):
    code = region("/src/app.py", kind="code", source_kind="code")
    assert entry_about(Shelf(), [code], tmp_path) == {"text": "app.py: ", "files": []}


def test_what_is_gone_is_left_out_and_no_more_than_a_question_may_bring(tmp_path):
    regions = [region("/gone.jpg"), *(region(f"/photos.zip!/{n}.jpg") for n in range(20))]
    assert len(entry_about(Shelf(), regions, tmp_path)["files"]) == MOST - 1
    assert entry_about(Shelf(), [region("/gone.jpg")], tmp_path)["files"] == []


@pytest.mark.parametrize("name", ["..", "a/../../b.jpg"])
def test_a_copy_never_leaves_its_folder(tmp_path, name):
    files = entry_about(Shelf(), [region(f"/photos.zip!/{name}")], tmp_path / "taken")["files"]
    assert all(str(tmp_path / "taken") in file and ".." not in file for file in files)
