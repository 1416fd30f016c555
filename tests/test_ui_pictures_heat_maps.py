"""Heat maps behind addresses: drawn when asked for, forgotten in time, never an error on the page."""

import io

from fakes import picture
from PIL import Image
from rag_house import build, paint, put
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deepseek_mm.errors import NothingThere
from deepseek_mm.types import Query
from index import Region, Source
from ui.pictures import KEPT, HeatMaps, make_heat_maps

REGION = Region(source=Source(path="/a/kite.jpg"), box_px=(0, 0, 9, 9))


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def token(address: str) -> str:
    return address.rsplit("/", 1)[1]


def test_an_address_draws_the_search_and_the_photo_that_it_was_made_for():
    asked = []

    def make(query, region):
        asked.append((query.text, region))
        return Image.new("RGBA", (20, 10))

    heats = HeatMaps(make)
    address = heats.address(Query(text="red"), REGION)
    assert asked == []  # nothing is drawn until the browser wants it
    answer = TestClient(Starlette(routes=[heats.route()])).get(address)
    assert (answer.headers["content-type"], opened(answer.content).size) == ("image/png", (20, 10))
    assert asked == [("red", REGION)]


def test_an_unknown_address_and_a_photo_that_is_gone_are_clear_pictures():
    def make(query, region):
        raise NothingThere("gone")

    heats = HeatMaps(make)
    for name in ("made-up", token(heats.address(Query(text="red"), REGION))):
        assert opened(heats.png(name)).getpixel((0, 0)) == (0, 0, 0, 0)


def test_only_the_newest_addresses_are_remembered_so_memory_is_bounded():
    heats = HeatMaps(lambda query, region: Image.new("RGBA", (2, 2)))
    names = [token(heats.address(Query(image=picture("red")), REGION)) for _ in range(KEPT + 1)]
    assert opened(heats.png(names[0])).size == (1, 1)
    assert opened(heats.png(names[1])).size == (2, 2)
    assert len(set(names)) == len(names)


def test_over_a_library_the_red_corner_of_a_photo_is_hot_for_red(tmp_path):
    with build(tmp_path / "data") as house:
        put(house, paint(tmp_path / "photos", "a.png", "green", patch="red"))
        heats = make_heat_maps(house)
        (source,) = house.store.sources(limit=1)
        image = opened(heats.png(token(heats.address(Query(text="red"), Region(source=source, box_px=(0, 0, 9, 9))))))
    assert image.getpixel((5, 5))[3] > 150
    assert image.getpixel((image.width - 5, image.height - 5))[3] == 0
