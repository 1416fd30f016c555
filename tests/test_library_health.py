"""The health of a library: what failed, what is gone, how large it is, and proof that something is deleted."""

from types import SimpleNamespace

import pytest
from library_help import House, paint

from deepseek_mm.errors import BadFile
from deepseek_mm.jobs import Failed
from deepseek_mm.library.health import CHUNK_BYTES, count_in, failures, part_of


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / "photos")


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    yield house
    house.close()


def test_a_library_is_well_until_a_file_fails_or_goes_and_says_which(house, photos):
    (photos / "broken.png").write_text("no picture")
    house.done(house.library.add([photos]))
    (photos / "red.png").unlink()
    health = house.library.health()
    assert health.is_well  # files that fail are told, and are no fault of the index
    assert (health.store.recall, health.num_problems, health.gone, health.num_failed) == (1.0, 0, 1, 1)
    assert health.failed[0].item.endswith("broken.png")
    sizes = {each.name: each.size_bytes for each in health.sizes}
    assert sizes["index"] > 10_000
    assert sizes["history"] > 0


def test_a_deleted_files_name_stands_nowhere_once_its_undo_is_over(house, photos):
    house.done(house.library.add([photos]))
    path = str(photos / "red.png")
    assert any(each.path.endswith("store.db") for each in house.library.find_traces(path))
    house.library.take_out([path])
    assert [each.path for each in house.library.find_traces(path) if "/trash/" in each.path]
    assert house.library.health().in_trash == 1
    house.library.purge(older_s=-1)
    assert house.library.find_traces(path) == []
    assert house.library.health().in_trash == 0


def test_a_text_too_short_to_mean_anything_is_refused(house):
    with pytest.raises(BadFile, match="'ab' is too short to be looked for"):
        house.library.find_traces("ab")


def test_bytes_are_counted_across_the_pieces_that_a_file_is_read_in(tmp_path):
    file = tmp_path / "large"
    file.write_bytes(b"x" * (CHUNK_BYTES - 3) + b"needle" + b"x" * CHUNK_BYTES + b"needle")
    assert count_in(file, b"needle") == 2
    assert count_in(tmp_path / "gone", b"needle") == 0


def test_each_failed_file_is_told_once_and_not_when_it_is_known_by_now():
    jobs = SimpleNamespace(
        find=lambda kinds, limit: [SimpleNamespace(id=2, num_failed=2), SimpleNamespace(id=1, num_failed=2)],
        failures=lambda job, limit: [Failed(item="/a", reason=f"in {job}"), Failed(item=f"/{job}", reason="x")],
    )
    assert [(each.item, each.reason) for each in failures(jobs, {"/2": None})] == [("/a", "in 2"), ("/1", "x")]


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("spaces/a/store.db", "index"),
        ("spaces/a/store.db-wal", "log"),
        ("spaces/a/vectors.faiss", "vectors"),
        ("spaces/a/note", "other"),
        ("history.db-wal", "history"),
        ("uploads/1.png", "uploads"),
        ("added/x/1.png", "uploads"),
        ("trash/0.db", "trash"),
        ("backups/a.deepseek-mm", "backups"),
        ("page/pictures/a.jpg", "page"),
        ("jobs.db", "other"),
    ],
)
def test_every_file_of_the_folder_belongs_to_a_part(path, part):
    from pathlib import PurePath

    assert part_of(PurePath(path)) == part
