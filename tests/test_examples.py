"""The bundled pictures: credited, licensed, readable, small, and none of those that may not be shown."""

import hashlib
import re
import tarfile
from pathlib import Path

import pytest

from deepseek_mm.config import ParseConfig
from deepseek_mm.parse.document import read_photo

ROOT = Path(__file__).parent.parent
PHOTOS = ROOT / "examples" / "photos"
PRIVATE = [ROOT.parent / "shared" / "data" / f"{name}.tar" for name in ("flickr8k", "coco_vqa", "daquar")]
FREE = {"public domain", "no known copyright restrictions"}


def credits() -> dict[str, list[str]]:
    """File name -> what, author, source, licence."""
    lines = (PHOTOS / "CREDITS.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {name: rest for name, *rest in rows[1:]}


def pictures() -> list[Path]:
    return sorted(path for path in PHOTOS.iterdir() if path.suffix in (".jpg", ".png"))


def test_every_picture_has_a_row_of_credits_and_every_row_a_picture():
    assert [path.name for path in pictures()] == list(credits())
    assert all(all(row) and len(row) == 4 for row in credits().values())


def test_every_licence_that_is_named_lies_beside_the_pictures():
    for name, row in credits().items():
        link = re.fullmatch(r"\[(.+)\]\((LICENSE\..+)\)", row[-1])
        assert row[-1] in FREE or link, name
        if link:
            text = (PHOTOS / link[2]).read_text(encoding="utf-8")
            assert len(text) > 1_000
            assert link[1].split()[-1] in text  # the licence's version, or its name


def test_every_picture_opens_and_is_small_enough_for_a_page():
    for path in pictures():
        photo = read_photo(path, max_pixels=ParseConfig().max_pixels)
        assert max(photo.image.size) <= 1024, path.name
        assert min(photo.image.size) >= 180, path.name


def test_there_are_many_kinds_and_the_folder_stays_light():
    assert 55 <= len(pictures()) <= 80
    assert len({path.name.split("-")[0].split(".")[0] for path in pictures()}) >= 40
    assert sum(path.stat().st_size for path in PHOTOS.iterdir()) <= 9_000_000


def test_no_picture_is_there_twice():
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in pictures()]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("archive", PRIVATE, ids=lambda path: path.stem)
def test_no_picture_comes_from_a_set_that_may_not_be_shown(archive):
    if not archive.is_file():
        pytest.skip(f"{archive} is not on this machine, so there is nothing to compare with")
    ours = {path.stat().st_size: path.read_bytes() for path in pictures()}
    with tarfile.open(archive) as tar:
        suspects = [member for member in tar if member.size in ours]
        same = [member.name for member in suspects if tar.extractfile(member).read() == ours[member.size]]
    assert same == []
