"""Why a file matches a search, and searching for a part of a picture, over HTTP."""

import base64
import io

import pytest
from fakes import picture
from PIL import Image
from rag_house import build, paint, put
from serve_help import As
from starlette.testclient import TestClient

from deepseek_mm.api.app import build_api
from deepseek_mm.settings_file import SettingsFile

PHOTOS = (("flag.png", "green", "red"), ("red.png", "red", ""), ("green.png", "green", ""))


@pytest.fixture(scope="module")
def me(tmp_path_factory):
    home = tmp_path_factory.mktemp("why")
    assistant = build(home / "library")
    put(assistant, *(paint(home / "photos", *photo) for photo in PHOTOS))
    api = build_api(assistant, SettingsFile.of(assistant.config))
    yield TestClient(As(api.app), raise_server_exceptions=False)
    api.close()
    assistant.close()


@pytest.fixture(scope="module")
def ids(me) -> dict[str, int]:
    return {item["name"]: item["id"] for item in me.get("/library/sources").json()["items"]}


def url(colour: str) -> str:
    out = io.BytesIO()
    picture(colour).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def nearest(answer) -> str:
    return answer.json()["hits"][0]["path"].rsplit("/", 1)[1]


def test_the_cells_of_a_photo_say_where_the_search_is_in_it(me, ids):
    told = me.post("/search/why", json={"text": "red", "of": ids["flag.png"]}).json()
    assert [[round(cell) for cell in row] for row in told["cells"]] == [[1, 1, 0, 0]] * 2 + [[0] * 4] * 2
    assert told["low"] < told["high"]
    assert told["words"] == []


def test_the_heat_is_a_clear_png_in_the_photos_proportions(me, ids):
    answer = me.post("/search/heat", json={"picture": url("red"), "of": ids["flag.png"]})
    assert answer.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(answer.content))
    assert (image.mode, image.size) == ("RGBA", (288, 216))


def test_a_part_of_a_file_finds_what_shows_the_same_but_not_the_file_itself(me, ids):
    corner = {"source": ids["flag.png"], "box": [0, 0, 32, 24]}
    found = me.post("/search", json=corner)
    assert nearest(found) == "red.png"
    assert "flag.png" not in str(found.json()["hits"])
    assert nearest(me.post("/search", json={"source": ids["flag.png"]})) == "green.png"


def test_the_picture_counts_by_its_weight_beside_the_words(me):
    both = {"text": "green", "picture": url("red")}

    kinds = [me.post("/search", json=both | {"image_weight": w}).json()["hits"][0]["kind"] for w in (5, 0.2)]
    assert kinds == ["part", "whole"]  # of the flag: its red corner, or all of it, which is green for the most part


@pytest.mark.parametrize(
    ("wanted", "status", "said"),
    [
        ({"source": 1, "box": [64, 0, 90, 48]}, 422, "holds nothing of this picture, which is 64 x 48"),
        ({"source": 1, "box": [0, 0, 9]}, 422, "four numbers"),
        ({"text": "red", "box": [0, 0, 9, 9]}, 422, "needs a picture"),
        ({"source": 99}, 404, "no file 99 in the library"),
        ({"text": "red", "image_weight": -1}, 422, "weight -1.0 must be a number from 0 to 10"),
    ],
)
def test_a_box_or_a_weight_that_cannot_be_is_refused_in_a_sentence(me, wanted, status, said):
    answer = me.post("/search", json=wanted)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True)


def test_a_weight_that_is_no_number_never_reaches_the_vectors(me):
    answer = me.post(
        "/search", content='{"text": "red", "image_weight": NaN}', headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422


def test_an_empty_search_or_a_file_that_is_gone_explains_nothing(me, ids):
    assert me.post("/search/why", json={"of": ids["red.png"]}).status_code == 422
    assert me.post("/search/heat", json={"text": "red", "of": 99}).status_code == 404


def test_searches_are_saved_listed_and_deleted_each_by_its_caller(me):
    dogs = {"name": "dogs", "text": "a dog", "filters": {"since": "2024", "kind": "photos"}}
    made = me.post("/search/saved", json=dogs)
    assert (made.status_code, made.json()["filters"]) == (201, {"since": "2024", "kind": "photos"})
    assert me.get("/search/saved").json() == [made.json()]
    assert me.post("/search/saved", json={"name": " "}).status_code == 422
    assert me.delete(f"/search/saved/{made.json()['id']}").status_code == 204
    assert me.delete(f"/search/saved/{made.json()['id']}").status_code == 404


def test_the_box_is_completed_with_operators_and_with_what_this_library_has(me):
    names = [each["insert"] for each in me.get("/search/complete", params={"text": "a dog ty"}).json()]
    assert names == ["type:"]
    told = me.get("/search/complete", params={"text": "a dog type:pn"}).json()
    assert told[0]["text"] == "a dog type:png "
    assert me.get("/search/complete", params={"text": "a dog"}).json() == []
    code = {"text": "explain @no", "about": "code"}
    assert me.get("/search/complete", params=code).json() == []  # there is no code here


def test_the_box_is_taken_apart_and_each_part_comes_with_what_is_left_without_it(me):
    told = me.get("/search/parts", params={"text": "a dog until:2020 - grass"}).json()
    assert told == [
        {"name": "before", "value": "2020", "text": "until:2020", "rest": "a dog - grass"},
        {"name": "away", "value": "grass", "text": "- grass", "rest": "a dog until:2020"},
    ]
    assert me.get("/search/parts", params={"text": "a dog"}).json() == []


def test_what_to_begin_with_is_told_of_each_language(me):
    told = me.get("/search/starters").json()
    assert (told["questions"], told["is_trying"]) == ([], True)  # nobody works on it here
    assert me.get("/search/starters", params={"language": "zh"}).json()["is_trying"]
    assert me.get("/search/starters", params={"language": "tlh"}).status_code == 422
