"""`eval people`: pairs are made and counted as they should be."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepseek_mm.evaluation.people.face_pairs import (
    CHANGES,
    area_under_curve,
    evaluate_people,
    pair_distances,
    read_counts,
)
from deepseek_mm.vision.faces.face_reader import FoundFace


class BrightnessReader:
    """Takes a picture's mean brightness for a face, and finds none in a black one."""

    def read(self, image: Image.Image) -> list[FoundFace]:
        level = float(np.asarray(image).mean()) / 100
        vector = np.array([level, 0], np.float32)
        return [FoundFace(box=(0, 0, 1, 1), score=0.9, vector_D=vector)] if level > 0 else []


def test_the_same_person_is_a_photo_with_its_changes_and_others_are_two_photos():
    one, other, third = (np.array([place], np.float32) for place in (0.0, 1.0, 5.0))
    same, others = pair_distances({Path("a"): [one, other], Path("b"): [third]})
    assert same.tolist() == [1.0]
    assert sorted(others.tolist()) == [4.0, 5.0]


def test_the_curve_counts_how_often_the_same_person_is_nearer():
    near, far = np.array([1.0, 3.0], np.float32), np.array([2.0, 4.0], np.float32)
    assert area_under_curve(near, far) == 0.75
    assert area_under_curve(near, near) == 0.5


def test_a_report_counts_faces_that_were_found_missed_and_taken_for_one(tmp_path):
    for name, level in (("a.png", 40), ("b.png", 200), ("c.png", 0), ("d.png", 90)):
        Image.new("RGB", (40, 40), (level, level, level)).save(tmp_path / name)
    report = evaluate_people(BrightnessReader(), tmp_path, {"a.png": 1, "b.png": 1, "c.png": 1}, limit=0.5)
    told = json.loads(report.json())
    assert (told["photos"], told["counted"], told["found"], told["wrong"], told["people"]) == (4, 3, 2, 1, 2)
    assert told["same"] == 2 * len(CHANGES)
    assert told["lost"] == 0
    assert "faces found 2 of 3" in report.table()


def test_counts_stand_for_the_folder_that_they_were_made_of_alone(tmp_path):
    file = tmp_path / "faces.json"
    file.write_text('{"a.jpg": 2}')
    assert read_counts(tmp_path, file) == {}
    (tmp_path / "a.jpg").touch()
    assert read_counts(tmp_path, file) == {"a.jpg": 2}


def test_every_change_keeps_a_picture_a_picture():
    for change in CHANGES.values():
        assert min(change(Image.new("RGB", (60, 40))).size) > 0
    assert CHANGES["half"](Image.new("RGB", (60, 40))).size == (30, 20)


@pytest.mark.parametrize("name", ["astronaut.jpg", "cameraman.jpg", "portrait-grace-hopper.jpg"])
def test_the_bundled_photos_with_faces_are_counted(name):
    counts = read_counts(Path(__file__).parent.parent / "examples" / "photos", Path("examples/faces.json"))
    assert counts[name] == 1
