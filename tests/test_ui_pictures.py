"""Addresses of pictures: signed, made once, and honest when a picture is gone."""

import base64
import threading

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from deepseek_mm.errors import NothingThere
from index import Source
from ui.pictures import LARGE_PX, PATH, THUMB_PX, TINY_PX, PagePictures, shares

RED = Source(path="/photos/red.jpg", digest="abc", width_px=4000, height_px=3000)


class Camera:
    """Half red, half blue, reduced to 1600 x 1200; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def __call__(self, source: Source, page: int) -> Image.Image:
        self.asked.append((source.path, page))
        if "gone" in source.path:
            raise NothingThere(f"no photo at {source.path}")
        image = Image.new("RGB", (1600, 1200), (220, 0, 0))
        image.paste((0, 0, 220), (800, 0, 1600, 1200))
        return image


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def pictures(tmp_path, camera) -> PagePictures:
    return PagePictures(tmp_path / "pictures", camera)


def token(address: str) -> str:
    return address.removeprefix(f"{PATH}/")


@pytest.mark.parametrize("px", [TINY_PX, THUMB_PX, LARGE_PX])
def test_an_address_leads_to_a_copy_of_the_wanted_size(pictures, px):
    with Image.open(pictures.file(token(pictures.address(RED, px=px)))) as image:
        assert (image.format, max(image.size)) == ("JPEG", min(px, 1600))


def test_a_part_is_cut_where_the_box_lies_on_the_original(pictures):
    path = pictures.file(token(pictures.address(RED, px=TINY_PX, box=(3000, 0, 4000, 1000))))
    with Image.open(path) as image:
        assert image.size == (96, 96)  # a quarter of the width by a third of the height
        red, _, blue = image.convert("RGB").getpixel((5, 5))
    assert blue > 180
    assert red < 40


def test_a_copy_is_made_once_and_survives_a_restart(pictures, camera, tmp_path):
    address = pictures.address(RED)
    first = pictures.file(token(address))
    again = PagePictures(tmp_path / "pictures", camera)
    assert again.address(RED) == address  # the key was kept
    assert again.file(token(address)) == first
    assert len(camera.asked) == 1


def test_changed_bytes_have_another_address(pictures):
    assert pictures.address(RED) != pictures.address(Source(path=RED.path, digest="other"))


@pytest.mark.parametrize("spoil", ["flip", "body", "empty", "text", "other key"])
def test_an_address_that_is_not_ours_shows_nothing(pictures, camera, tmp_path, spoil):
    good = token(pictures.address(RED))
    body, signature = good.split(".")
    forged = base64.urlsafe_b64encode(b'["/etc/passwd","",0,512,null]').rstrip(b"=").decode()
    other = token(PagePictures(tmp_path / "other", camera).address(RED))
    bad = {"flip": f"{body}.{signature[::-1]}", "body": f"{forged}.{signature}", "empty": "", "text": "a.b.c",
           "other key": other}[spoil]  # fmt: skip
    assert pictures.file(bad) is None
    assert camera.asked == []


def test_the_key_is_readable_by_its_owner_only(pictures, tmp_path):
    pictures.address(RED)
    assert (tmp_path / "pictures" / "key").stat().st_mode & 0o077 == 0


def test_many_pages_that_sign_at_once_agree_on_one_key(tmp_path, camera):
    made: list[str] = []
    start = threading.Barrier(8)

    def sign() -> None:
        one = PagePictures(tmp_path / "pictures", camera)
        start.wait()
        made.append(one.address(RED))

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1


def test_the_server_answers_with_the_picture_or_a_plate_that_is_not_kept(pictures):
    app = FastAPI()
    app.router.routes.append(pictures.route())
    with TestClient(app) as client:
        good = client.get(pictures.address(RED))
        gone = client.get(pictures.address(Source(path="/photos/gone.jpg")))
        bad = client.get(f"{PATH}/guess.guess")
    assert (good.headers["content-type"], "immutable" in good.headers["cache-control"]) == ("image/jpeg", True)
    for plate in (gone, bad):
        assert (plate.status_code, plate.headers["content-type"]) == (200, "image/png")
        assert plate.headers["cache-control"] == "no-store"


def test_the_size_of_a_page_is_looked_up_once_and_that_of_a_photo_never(pictures, camera):
    bill = Source(path="/docs/bill.pdf", kind="document")
    assert pictures.size(bill, 2) == pictures.size(bill, 2) == (1600, 1200)
    assert pictures.size(RED) == (4000, 3000)
    assert camera.asked == [("/docs/bill.pdf", 2)]
    assert pictures.size(Source(path="/photos/gone.jpg")) == (0, 0)


@pytest.mark.parametrize(
    ("box", "size", "share"),
    [
        ((0, 0, 50, 100), (100, 200), (0.0, 0.0, 0.5, 0.5)),
        ((-10, -10, 500, 500), (100, 200), (0.0, 0.0, 1.0, 1.0)),
        ((60, 0, 40, 100), (100, 200), None),
        ((200, 0, 300, 100), (100, 200), None),
        ((0, 0, 50, 100), (0, 0), None),
    ],
)
def test_a_box_becomes_shares_of_the_sides_cut_to_the_picture(box, size, share):
    assert shares(box, size) == share


def test_a_picture_that_cannot_be_opened_is_shown_in_another_size_where_one_was_made(pictures):
    served = FastAPI()
    served.router.routes.append(pictures.route())
    assert pictures.file(token(pictures.address(RED, px=THUMB_PX))) is not None
    pictures._picture = lambda source, page: (_ for _ in ()).throw(NothingThere("the drive is not there"))
    with TestClient(served) as client:
        large = client.get(pictures.address(RED, px=LARGE_PX))
        assert (large.headers["content-type"], large.headers["cache-control"]) == ("image/jpeg", "no-store")
        never = client.get(pictures.address(Source(path="/photos/new.jpg", digest="x"), px=LARGE_PX))
        assert never.headers["content-type"] == "image/png"
