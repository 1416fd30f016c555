"""Addresses for a few minutes: who gets one, what it gives, and when it ends."""

from dataclasses import replace

import httpx
import pytest
from door_help import House as Doors
from file_store_help import BUCKET, bucket_server, list_bucket
from service import STRANGER, house_in

from deepseek_mm.api.routes.file_address_routes import LIVES_S, SIGNED, AddressSigner, address_routes
from deepseek_mm.errors import NothingThere
from deepseek_mm.storage.file_store import FileStore
from index import Source
from index.region import LibraryViewer

PHOTO = Source(path="/photos/é.png", digest="ab" * 32)


class Clock:
    """Seconds since 1970, as a test wants them."""

    now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


def signer(clock: Clock, key: bytes = b"k" * 32) -> AddressSigner:
    return AddressSigner(draw_key=lambda: key, now_s=clock)


def test_a_token_stands_for_its_file_until_it_ends_at_every_server_with_the_key():
    clock = Clock()
    token = signer(clock).sign(PHOTO, 1_000_300)
    assert signer(clock).read(token) == (PHOTO.path, PHOTO.digest)
    clock.now_s += 301
    with pytest.raises(NothingThere, match="has ended"):
        signer(clock).read(token)


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: "A" + t[1:], lambda t: "", lambda t: ".", lambda t: t + "x"]
)
def test_a_token_that_was_changed_is_none(change):
    clock = Clock()
    with pytest.raises(NothingThere, match="none of this server's"):
        signer(clock).read(change(signer(clock).sign(PHOTO, 1_000_300)))
    with pytest.raises(NothingThere):
        signer(clock).read(signer(clock, b"other" * 8).sign(PHOTO, 1_000_300))


@pytest.fixture
def house(tmp_path):
    with house_in(tmp_path) as made:
        clock = Clock()
        made.clock = clock
        made.app.include_router(address_routes(made.assistant, signer(clock)))
        yield made


def source_of(house, number: int = 0) -> Source:
    return house.assistant.store.source_at(str(house.photos[number]))


def test_an_address_of_this_server_gives_the_file_until_it_ends_or_the_file_goes(house):
    source = source_of(house)
    made = house.caller().get(f"/library/sources/{source.id}/address").json()
    assert made["address"].startswith(SIGNED)
    assert made["ends_at"] == "1970-01-12T13:51:40Z"
    answer = house.caller().get(made["address"])
    assert answer.content == house.photos[0].read_bytes()
    assert answer.headers["content-disposition"].startswith('attachment; filename="red.png"')
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert house.caller().get(made["address"], headers={"Range": "bytes=1-3"}).content == answer.content[1:4]
    house.clock.now_s += LIVES_S + 1
    assert house.caller().get(made["address"]).status_code == 404
    house.clock.now_s -= LIVES_S
    house.assistant.store.remove_places([source.path])
    assert house.caller().get(made["address"]).status_code == 404


def test_nobody_gets_an_address_of_what_they_may_not_see(house):
    source = source_of(house)
    house.assistant.store.collect([source.path], "secret")
    unseeing = replace(STRANGER, viewer=LibraryViewer(hidden=frozenset({"secret"})))
    assert house.caller(unseeing).get(f"/library/sources/{source.id}/address").status_code == 404
    assert house.caller().get(f"/library/sources/{source.id}/address").status_code == 200


def test_a_file_in_a_bucket_gets_an_address_of_the_bucket_once_it_is_there(house):
    store, source = PaperBucket(), source_of(house)
    house.assistant.files = SharedFiles(store)
    assert house.caller().get(f"/library/sources/{source.id}/address").json()["address"].startswith(SIGNED)
    store.kept.add(source.digest)
    made = house.caller().get(f"/library/sources/{source.id}/address").json()
    assert made["address"] == f"https://bucket.example/{source.digest}?red.png&{LIVES_S}"


@pytest.mark.campaign(times=1, only=True)
def test_a_file_in_a_bucket_is_downloaded_from_the_bucket(house):
    with bucket_server() as url:
        store = FileStore(f"s3://{BUCKET}/x", url)
        house.assistant.files = SharedFiles(store)
        source = source_of(house)
        assert house.caller().get(f"/library/sources/{source.id}/address").json()["address"].startswith(SIGNED)
        with house.photos[0].open("rb") as stream:
            store.write_once(source.digest, stream)
        made = house.caller().get(f"/library/sources/{source.id}/address").json()
        assert made["address"].startswith(f"{url}/{BUCKET}/x/files/")
        assert httpx.get(made["address"]).content == house.photos[0].read_bytes()
        assert len(list_bucket(url)) == 1


class PaperBucket:
    """Signs what it has."""

    signs = True

    def __init__(self) -> None:
        self.kept: set[str] = set()

    def has(self, digest: str) -> bool:
        return digest in self.kept

    def sign(self, digest: str, *, name: str, lives_s: int) -> str:
        return f"https://bucket.example/{digest}?{name}&{lives_s}"


class SharedFiles:
    """What an assistant has of a store."""

    def __init__(self, store: FileStore | PaperBucket) -> None:
        self.store = store


def test_an_address_needs_no_key_and_asking_for_one_does(tmp_path):
    doors = Doors(tmp_path)
    assert doors.client().get(SIGNED + "nothing").status_code == 404  # the app behind the door says so
    assert doors.client().get("/signed").status_code == 401
    assert doors.client().get("/library/sources/1/address").status_code == 401
