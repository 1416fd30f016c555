"""Small copies of pictures, and the colours of boxes."""

import hashlib

import pytest
from PIL import Image

from deepseek_mm.errors import TransientError
from deepseek_mm.storage.file_store import FileStore
from index import Source
from ui.pictures import INKS, PagePictures, blank, ink, shrink


def contrast_with_white(colour: str) -> float:
    """WCAG 2.2: (1.05) / (L + 0.05), L the relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


@pytest.mark.parametrize("colour", INKS)
def test_a_white_number_can_be_read_on_every_ink(colour):
    assert contrast_with_white(colour) >= 4.5


def test_neighbouring_numbers_have_different_inks_and_the_table_starts_over():
    assert len(set(INKS)) == len(INKS)
    assert ink(1) == ink(len(INKS) + 1) == INKS[0]
    assert all(ink(n) != ink(n + 1) for n in range(1, 20))


@pytest.mark.parametrize(
    ("size", "longest", "result"),
    [((4000, 3000), 512, (512, 384)), ((300, 200), 512, (300, 200)), ((10_000, 2), 100, (100, 1))],
)
def test_a_copy_keeps_its_shape_and_never_grows(size, longest, result):
    assert shrink(Image.new("L", size), longest).size == result


def test_a_copy_is_rgb_and_the_original_stays(tmp_path):
    image = Image.new("RGBA", (20, 10), (255, 0, 0, 255))
    copy = shrink(image, 512)
    assert (copy.mode, copy.getpixel((0, 0))) == ("RGB", (255, 0, 0))
    copy.putpixel((0, 0), (0, 0, 0))
    assert image.getpixel((0, 0)) == (255, 0, 0, 255)


def test_a_plate_says_what_it_is_told():
    assert blank("gone").size == (384, 288)
    assert len(blank("gone").getcolors(1000)) > 1
    assert len(blank("").getcolors()) == 1


class SharedHouse:
    """Servers of one library, each with a folder of its own, of which only the first has the photo."""

    def __init__(self, tmp_path):
        (tmp_path / "shared").mkdir()
        self.store, self.drawn = FileStore(f"file://{tmp_path}/shared"), []
        self.source = Source(path="/photos/red.png", digest=hashlib.sha256(b"red").hexdigest(), width_px=9, height_px=9)
        self.one, self.other = (PagePictures(tmp_path / name, getattr(self, name)) for name in ("draw", "refuse"))
        self.one.shared = self.other.shared = self.store

    def draw(self, source, page):
        self.drawn.append(source.path)
        return Image.new("RGB", (9, 9), "red")

    def refuse(self, source, page):
        raise OSError("not on this machine")


def token_of(address: str) -> str:
    return address.rpartition("/")[2]


def test_a_copy_that_one_server_made_is_shown_by_another_at_the_same_address(tmp_path):
    house = SharedHouse(tmp_path)
    address = house.one.address(house.source)
    assert address == house.other.address(house.source)
    made = house.one.file(token_of(address)).read_bytes()
    assert house.other.file(token_of(address)).read_bytes() == made
    assert house.drawn == ["/photos/red.png"]
    house.store.remove(house.source.digest)
    assert house.other.file(token_of(house.other.address(house.source, px=96))) is None
    assert not list((tmp_path / "shared" / "small").rglob("*.jpg"))


def test_a_store_that_is_away_leaves_each_server_to_itself(tmp_path):
    house = SharedHouse(tmp_path)
    (tmp_path / "shared").rename(tmp_path / "away")
    with pytest.raises(TransientError):
        house.store.share_key()
    token = token_of(house.one.address(house.source))
    assert house.one.file(token).read_bytes()
    assert house.other.file(token) is None  # a key of its own


def test_without_a_store_nothing_is_shared(tmp_path):
    house = SharedHouse(tmp_path)
    house.one.shared = None
    house.one.file(token_of(house.one.address(house.source)))
    assert not list((tmp_path / "shared").iterdir())
