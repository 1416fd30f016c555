"""Faces are read once somebody has switched that on, photo by photo, and never otherwise."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import COLOURS, picture
from library_help import House, paint

from deepseek_mm.vision.faces.face_reader import FoundFace
from index import Filter
from index.people import FACES_MARK

FACES = {COLOURS[name]: n for n, name in enumerate(("red", "green", "blue"))}


class ColourFaces:
    """Takes the colour of a picture's corner for a person; yellow is nobody."""

    def __init__(self) -> None:
        self.looked = 0

    def read(self, image) -> list[FoundFace]:
        self.looked += 1
        person = FACES.get(image.convert("RGB").getpixel((0, 0)))
        vector = np.eye(3, 4, dtype=np.float32) + np.float32(0.37)
        return [FoundFace(box=(0.1, 0.1, 0.5, 0.5), score=0.9, vector_D=vector[person])] if person is not None else []


def switch(house: House, on: bool) -> None:
    config = house.library.config
    house.library.config = replace(config, people=replace(config.people, enabled=on))


def faces_of(house: House) -> dict[str, int]:
    sources = house.store.sources(Filter(), limit=99)
    found = house.store.people.faces_of([source.id for source in sources])
    return {source.name: len(found[source.id]) for source in sources if source.id in found}


def run(house: House) -> str:
    house.library.faces.begin()
    (job,) = house.library.jobs.find(kinds=("read faces",), states=("waiting", "running"), limit=1)
    return house.done(job).message


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    house.library.faces.opens = lambda limits: reader
    reader = house.reader = ColourFaces()
    house.done(house.library.add([paint(tmp_path / "photos")]))
    yield house
    house.close()


def test_no_face_is_read_before_somebody_switches_that_on(house):
    house.library.faces.begin()
    assert house.library.jobs.find(kinds=("read faces",), limit=1) == []
    assert house.reader.looked == 0
    assert faces_of(house) == {}


def test_every_photo_is_looked_at_once_and_a_new_one_in_the_pass_behind_its_own_indexing(house, tmp_path):
    switch(house, True)
    assert run(house) == "4 photos looked at, 3 faces found"
    assert faces_of(house) == {"red.png": 1, "green.png": 1, "blue.png": 1}
    picture("red", size=(40, 40)).save(tmp_path / "photos" / "again.png")
    house.done(house.library.add([tmp_path / "photos"]))
    jobs = house.library.jobs.find(kinds=("read faces",), limit=9)
    assert house.done(jobs[0]).message == "1 photos looked at, 1 faces found"
    assert house.reader.looked == 5
    (person,) = house.store.people.list_people()
    assert (person.sources, person.cover.name) in {(2, "red.png"), (2, "again.png")}


def test_what_was_taken_out_loses_its_faces_at_once_and_they_are_read_anew_when_it_comes_back(house, tmp_path):
    switch(house, True)
    run(house)
    taken = house.library.take_out([tmp_path / "photos" / "red.png"])
    assert faces_of(house) == {"green.png": 1, "blue.png": 1}
    red = np.array([1.37, 0.37, 0.37, 0.37], np.float32).tobytes()
    assert not [file for file in (tmp_path / "library").rglob("*") if file.is_file() and red in file.read_bytes()]
    house.library.put_back(taken.token)
    (job,) = house.library.jobs.find(kinds=("read faces",), states=("waiting", "running", "done"), limit=1)
    house.done(job)
    assert faces_of(house)["red.png"] == 1


def test_forgetting_a_photo_forgets_its_face_and_moving_it_does_not(house, tmp_path):
    switch(house, True)
    run(house)
    (tmp_path / "photos" / "red.png").rename(tmp_path / "photos" / "moved.png")
    house.done(house.library.add([tmp_path / "photos"], forget=True))
    assert faces_of(house)["moved.png"] == 1
    house.library.forget([tmp_path / "photos" / "moved.png"])
    assert faces_of(house) == {"green.png": 1, "blue.png": 1}


def test_a_pass_that_is_switched_off_keeps_nothing_more(house):
    class Last(ColourFaces):
        def read(self, image):
            switch(house, False)
            return super().read(image)

    house.library.faces.reader = Last()
    switch(house, True)
    assert run(house) == "0 photos looked at, 0 faces found"
    assert faces_of(house) == {}
    assert house.store.num_without_mark(FACES_MARK, where=Filter()) == 4


def test_a_file_that_cannot_be_read_is_told_and_stays_for_another_time(house, tmp_path):
    switch(house, True)
    (tmp_path / "photos" / "red.png").write_text("no picture any more")
    house.library.faces.begin()
    (job,) = house.library.jobs.find(kinds=("read faces",), states=("waiting", "running"), limit=1)
    job = house.done(job)
    assert list(house.failed(job)) == [str(tmp_path / "photos" / "red.png")]
    assert house.library.faces.num_waiting() == 1
