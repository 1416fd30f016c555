"""A backup takes a new name or the place of an older backup, and never that of anything else."""

import errno
import os
import zipfile
from pathlib import Path

import pytest
from library_help import House

from deepseek_mm.errors import BadFile, Conflict
from deepseek_mm.library import backup
from deepseek_mm.library.backup import BACKUP, FORMAT, MANIFEST, BackupTarget

DIARY = b"dear diary"


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    yield house
    house.close()


def bundle_at(path: Path, manifest: str = f'{{"format": "{FORMAT}"}}', name: str = MANIFEST) -> Path:
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr(name, manifest)
    return path


def test_a_file_that_is_no_backup_is_refused_at_once_and_stays_as_it_is(house, tmp_path):
    (tmp_path / "diary").write_bytes(DIARY)
    with pytest.raises(Conflict, match="not overwritten. Name another, or move"):
        house.library.backup(tmp_path / "diary")
    assert (tmp_path / "diary").read_bytes() == DIARY


def test_a_file_that_came_after_the_job_was_written_down_stays_as_it_is_too(house, tmp_path):
    (tmp_path / "diary").write_bytes(DIARY)
    job = house.done(house.library.jobs.add(BACKUP, {"file": str(tmp_path / "diary")}))
    assert (job.state, (tmp_path / "diary").read_bytes()) == ("failed", DIARY)
    assert "it is no backup of this program" in job.message
    assert [path.name for path in tmp_path.iterdir() if "draft" in path.name] == []


def test_an_older_backup_makes_room_for_a_newer_one(house, tmp_path):
    older = bundle_at(tmp_path / "all.backup").read_bytes()
    assert house.done(house.library.backup(tmp_path / "all.backup")).state == "done"
    assert (tmp_path / "all.backup").read_bytes() != older
    assert house.done(house.library.restore(tmp_path / "all.backup")).state == "done"


@pytest.mark.parametrize("at_once", [True, False])
def test_what_takes_the_place_of_an_older_backup_meanwhile_stays(tmp_path, monkeypatch, at_once):
    if not at_once:
        monkeypatch.setattr(backup, "exchange", lambda one, other: False)
    target = BackupTarget.of(bundle_at(tmp_path / "all.backup"), tmp_path / "library")
    (tmp_path / "new").write_bytes(DIARY)
    os.replace(tmp_path / "new", tmp_path / "all.backup")
    (tmp_path / "all.draft").write_bytes(b"the backup")
    with pytest.raises(Conflict):
        target.publish(tmp_path / "all.draft")
    assert (tmp_path / "all.backup").read_bytes() == DIARY
    assert (tmp_path / "all.draft").read_bytes() == b"the backup"


@pytest.mark.parametrize("links", [True, False])
def test_what_comes_to_a_free_name_meanwhile_stays(tmp_path, monkeypatch, links):
    def refuse(one, other):
        raise OSError(errno.EPERM, "no links on this disk")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    target = BackupTarget.of(tmp_path / "all.backup", tmp_path / "library")
    (tmp_path / "all.draft").write_bytes(b"the backup")
    (tmp_path / "all.backup").write_bytes(DIARY)
    with pytest.raises(Conflict, match="was left there"):
        target.publish(tmp_path / "all.draft")
    assert (tmp_path / "all.backup").read_bytes() == DIARY
    (tmp_path / "all.backup").unlink()
    target.publish(tmp_path / "all.draft")
    assert (tmp_path / "all.backup").read_bytes() == b"the backup"
    assert not (tmp_path / "all.draft").exists()


def test_a_backup_is_written_through_no_link_and_over_no_folder_pipe_or_device(tmp_path):
    library, aim = tmp_path / "library", tmp_path / "aim"
    (tmp_path / "folder").mkdir()
    aim.write_bytes(DIARY)
    (tmp_path / "link").symlink_to(aim)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "by-link").symlink_to(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    for path in ("link", "dangling", "folder", "pipe", "by-link/all.backup", "/dev/null"):
        with pytest.raises(BadFile, match="Name another"):
            BackupTarget.of(tmp_path / path, library)
    assert aim.read_bytes() == DIARY


def test_a_draft_is_not_written_where_something_lies_already(tmp_path):
    target, aim = BackupTarget.of(tmp_path / "all.backup", tmp_path / "library"), tmp_path / "aim"
    aim.write_bytes(DIARY)
    (tmp_path / "draft").symlink_to(aim)
    with pytest.raises(FileExistsError):
        target.open_draft(tmp_path / "draft")
    assert aim.read_bytes() == DIARY


@pytest.mark.parametrize(
    "name", ["history.db", "jobs.db", "jobs.db-wal", "keys.json", "new.backup", "spaces/all.backup"]
)
def test_no_backup_is_written_among_the_librarys_own_files(house, name):
    with pytest.raises(Conflict, match="Name a file elsewhere, or none"):
        house.library.backup(house.config.data / name)


def test_backups_without_a_name_lie_in_the_librarys_own_folder(house):
    (house.config.data / "backups").mkdir()
    assert house.done(house.library.backup(house.config.data / "backups" / "one.deepseek-mm")).state == "done"


@pytest.mark.parametrize(
    ("manifest", "name"),
    [
        ('{"format": "someone else\'s"}', MANIFEST),
        ("[" * 100_000, MANIFEST),
        ("[]", MANIFEST),
        ("no json", MANIFEST),
        ("{}", "photo.jpg"),
    ],
)
def test_an_archive_of_others_is_no_backup(tmp_path, manifest, name):
    bundle_at(tmp_path / "photos.zip", manifest, name)
    with pytest.raises(Conflict):
        BackupTarget.of(tmp_path / "photos.zip", tmp_path / "library")


def test_an_archive_whose_manifest_cannot_be_unpacked_is_no_backup(tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(MANIFEST, "{}" * 9)
    whole = path.read_bytes()
    begin = whole.index(MANIFEST.encode()) + len(MANIFEST)
    path.write_bytes(whole[:begin] + b"\xff" * 5 + whole[begin + 5 :])
    with pytest.raises(Conflict):
        BackupTarget.of(path, tmp_path / "library")


def test_half_a_backup_is_no_backup_that_may_be_overwritten(tmp_path):
    whole = bundle_at(tmp_path / "all.backup").read_bytes()
    (tmp_path / "all.backup").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Conflict):
        BackupTarget.of(tmp_path / "all.backup", tmp_path / "library")
