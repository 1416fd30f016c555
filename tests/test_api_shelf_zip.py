"""Chosen files leave as one ZIP."""

import csv
import io
import zipfile

import pytest
from service import house_in


@pytest.fixture
def house(tmp_path):
    with house_in(tmp_path) as house:
        yield house


def test_chosen_files_come_as_a_zip_of_the_originals_and_a_table(house):
    answer = house.caller().post("/library/zip", json={"sources": [1, 2, 1]})
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.read("red.png") == house.photos[0].read_bytes()
    rows = list(csv.DictReader(io.StringIO(archive.read("found.csv").decode("utf-8-sig"))))
    assert [(row["file"], row["problem"]) for row in rows] == [("red.png", ""), ("green.png", "")]
    assert answer.headers["content-disposition"] == 'attachment; filename="found-2.zip"'
    assert list((house.assistant.config.data / "page" / "zips").iterdir()) == []  # nothing stays behind


def test_a_file_that_is_gone_is_named_in_the_table(house):
    house.photos[0].unlink()
    answer = house.caller().post("/library/zip", json={"sources": [1]})
    assert "could not be read any more" in zipfile.ZipFile(io.BytesIO(answer.content)).read("found.csv").decode()
