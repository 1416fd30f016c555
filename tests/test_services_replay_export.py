"""What leaves with a bundle: no folder, no key, no address, and no place unless somebody asks for it."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Parrot, picture
from PIL import Image
from rag_house import build, put
from replays import exported, opened, replay

from deepseek_mm.services.replay_export import CitedFiles, name_files, versions_of
from deepseek_mm.sharing.replay_bundle import BundleLimits
from deepseek_mm.types import Question

GPS = 0x8825
SECRETS = {
    "url": "http://alice:hidden@far.example/v1",
    "api_key_env": "ALICE_KEY",
    "api_key_for": "https://far.example",
}


def photograph(path: Path) -> Path:
    """A red photo that says where it was taken."""
    path.parent.mkdir(parents=True)
    exif = Image.Exif()
    exif.get_ifd(GPS).update({1: "S", 2: (33.0, 30.0, 0.0), 3: "E", 4: (151.0, 15.0, 0.0)})
    picture("red").save(path, "JPEG", exif=exif, quality=95)
    return path


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A library in alice's folder, with one question about it and about a picture of the same place."""
    tmp_path = tmp_path_factory.mktemp("asked")
    with build(tmp_path / "alice" / "library", lm=Parrot("It is red [1].")) as assistant:
        photo = photograph(tmp_path / "alice" / "secret-holiday" / "red.jpg")
        put(assistant, photo)
        number = assistant.ask(Question(text="Is there something red?")).conversation
        own = photograph(tmp_path / "alice" / "own" / "mine.jpg")
        assistant.ask(
            Question(text="What colour is it?", image_path=str(own), image_name="mine.jpg", conversation=number)
        )
        assistant.config = replace(assistant.config, lm=replace(assistant.config.lm, **SECRETS))
        yield assistant, number


def coordinates(data: bytes) -> dict:
    with Image.open(io.BytesIO(data)) as image:
        return dict(image.getexif().get_ifd(GPS))


def test_a_bundle_tells_no_folder_no_key_no_address_and_no_place(asked):
    data = exported(*asked)
    folder = asked[0].config.data.parent.parent
    told = (str(folder), "alice", "secret-holiday", "hidden", "ALICE_KEY", "far.example", "deepseek-mm-replay-")
    assert [word for word in told if word.encode() in data] == []
    for order in "<>":  # 151 degrees, as EXIF writes them
        assert struct.pack(f"{order}II", 151, 1) not in data
    (photo,) = opened(data).files.values()
    assert coordinates(photo) == {}


def test_coordinates_go_along_where_somebody_asks_for_it(asked):
    (photo,) = opened(exported(*asked, places=True)).files.values()
    assert coordinates(photo)[4] == (151.0, 15.0, 0.0)


def test_a_photo_without_its_place_is_still_known_as_the_one_of_the_library_and_answers_the_same(asked, tmp_path):
    bundle = opened(exported(*asked))
    (file,) = bundle.manifest.files
    assert file.digest != file.sha256
    with build(tmp_path / "elsewhere", lm=Parrot("It is red [1].")) as other:
        assert [turn.is_same for turn in replay(other, bundle, "bundle")] == [True, True]


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (BundleLimits(max_file_bytes=100), "too large"),
        (BundleLimits(max_files_bytes=100), "too large"),
        (BundleLimits(most_files=0), "too large"),
    ],
)
def test_what_is_too_much_is_left_out_and_named(asked, limits, why):
    assistant, number = asked
    cited = CitedFiles(assistant=assistant, limits=limits)
    cited.collect(assistant.history.turns(number, session=""))
    assert (cited.data, [(each.name, each.why) for each in cited.left_out]) == ({}, [("red.jpg", why)])


def test_files_of_one_name_in_two_folders_stay_apart_and_those_of_one_folder_together():
    cited = CitedFiles(assistant=None, limits=BundleLimits())
    placed = [cited._place(Path(folder), name) for folder, name in (("/a", "x"), ("/b", "x"), ("/a", "y"))]
    assert placed == ["files/0001/x", "files/0002/x", "files/0001/y"]
    cited.data["files/0001/x"] = b""
    assert cited._place(Path("/a"), "x") == "files/0003/x"


def test_a_package_and_weights_that_are_absent_are_left_out_or_unknown(tmp_path):
    assert list(versions_of(["torch", "no-such-package"])) == ["torch"]
    assert name_files("reader", "reader", tmp_path / "nothing").fingerprint == ""
