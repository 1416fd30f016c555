"""People over HTTP: off until switched on, named, merged, told apart, deleted; switching off deletes everything."""

import numpy as np
import pytest
from service import house_in

from index.people import NewFace


@pytest.fixture
def house(tmp_path):
    """Red and green are photos of one person, blue of another."""
    with house_in(tmp_path) as house:
        people = house.assistant.store.people
        for source, person in ((1, 0), (2, 0), (3, 1)):
            vector = np.eye(2, 4, dtype=np.float32)[person]
            people.add(source, [NewFace(box=(0.1, 0.2, 0.5, 0.6), score=0.9, vector_D=vector)])
        people.group(0.5)
        yield house


def test_people_are_named_merged_told_apart_and_deleted(house):
    me = house.caller()
    told = me.get("/people").json()
    (anna,) = told["people"]
    assert (told["enabled"], told["waiting"]) == (False, 0)
    assert anna | {"id": 0, "cover": 0} == {"id": 0, "name": "", "sources": 2, "cover": 0, "box": [0.1, 0.2, 0.5, 0.6]}
    assert me.patch(f"/people/{anna['id']}", json={"name": "Anna"}).json()["name"] == "Anna"
    other = me.get("/photos/3/faces").json()[0]["person"]
    assert me.patch(f"/people/{other}", json={"name": "anna"}).status_code == 409
    assert me.post(f"/people/{anna['id']}/merge", json={"other": other}).json()["sources"] == 3
    assert [photo["id"] for photo in me.get("/photos", params={"view": "person:Anna"}).json()["items"]] == [3, 2, 1]
    assert me.delete(f"/people/{anna['id']}/photos", params={"sources": [3]}).json() == {"faces": 1}
    assert [face["name"] for face in me.get("/photos/1/faces").json()] == ["Anna"]
    assert me.delete(f"/people/{anna['id']}").json()["sources"] == 2
    assert me.get("/photos/1/faces").json() == []
    assert me.delete(f"/people/{anna['id']}").status_code == 404


def test_switching_on_says_how_many_photos_wait_and_switching_off_how_many_faces_are_deleted(house):
    me = house.caller()
    assert me.post("/people/enabled").json() == {"waiting": 0}
    assert me.get("/people").json()["enabled"]
    assert me.delete("/people/enabled").json() == {"faces": 3}
    assert me.get("/people").json() == {"enabled": False, "waiting": 0, "people": []}
    assert me.post("/people/enabled").json() == {"waiting": 3}
    assert me.delete("/people/enabled").json() == {"faces": 0}
