"""`library`: every word of it, on a small library of painted photos."""

import json

import pytest
from fakes import picture
from library_help import paint
from test_main_index import Shop


@pytest.fixture
def shop(tmp_path):
    paint(tmp_path / "photos")
    shop = Shop(tmp_path)
    assert shop("index", str(tmp_path / "photos")) == 0
    return shop


def test_a_check_of_a_sound_library_says_so_and_ends_well(shop):
    assert shop("library", "verify") == 0
    assert shop.out == "everything agrees\n"


def test_a_check_that_finds_something_is_exit_code_one_and_names_it(shop):
    (shop.folder / "photos" / "red.png").unlink()
    assert shop("library", "verify", "--json") == 1
    report = json.loads(shop.out)
    assert (report["state"], report["num_failed"]) == ("done", 1)
    assert report["failed"] == [
        {"path": str(shop.folder / "photos" / "red.png"), "reason": "It is not there any more."}
    ]
    assert shop("library", "repair", "--forget") == 0
    assert shop("library", "verify") == 0


def test_a_backup_comes_back_after_everything_was_deleted(shop):
    backup = str(shop.folder / "all.backup")
    assert shop("library", "backup", backup) == 0
    assert "holds 4 files" in shop.out
    assert shop("library", "delete-everything") == 2
    assert "--yes" in shop.err
    assert shop.stored() == 4
    assert shop("library", "delete-everything", "--yes") == 0
    assert shop.stored() == 0
    assert shop("library", "restore", backup) == 0
    assert shop.stored() == 4
    assert shop("search", "red", "--json", "-k", "1") == 0


def test_a_file_is_taken_out_and_one_that_is_unknown_is_not(shop):
    red = str(shop.folder / "photos" / "red.png")
    assert shop("library", "forget", red) == 0
    assert shop.out.startswith("1 paths were taken out")
    assert shop("library", "forget", red) == 1
    assert shop.stored() == 3


def test_folders_are_watched_listed_and_watched_no_longer(shop):
    photos = str(shop.folder / "photos")
    assert shop("library", "watch", photos) == 0
    shop("library", "watched")
    assert shop.out == f"{photos}\n"
    assert shop("library", "unwatch", photos) == 0
    assert shop("library", "unwatch", photos) == 1
    shop("library", "watched")
    assert shop.out == ""


def test_jobs_are_listed_and_what_failed_in_one_is_done_again(shop):
    (shop.folder / "photos" / "broken.png").write_text("no picture")
    shop("index", str(shop.folder / "photos"))
    shop("library", "jobs", "--json")
    jobs = json.loads(shop.out)["jobs"]
    (failed,) = [job for job in jobs if job["num_failed"]]
    shop("library", "jobs")
    assert f"1 failed  Index {shop.folder / 'photos'}: 0 added, 0 replaced, 4 unchanged, 1 not read" in shop.out
    picture("white").save(shop.folder / "photos" / "broken.png")
    assert shop("library", "retry", str(failed["id"])) == 0
    assert shop.out == "1 added, 0 replaced, 0 unchanged\n"
    assert shop("library", "retry", str(jobs[-1]["id"])) == 0
    assert "nothing failed" in shop.out


def test_a_job_that_waits_is_cancelled_by_its_number(shop):
    shop("library", "watch", str(shop.folder / "photos"))
    shop("library", "jobs", "--json")
    number = json.loads(shop.out)["jobs"][0]["id"]
    assert shop("library", "cancel", str(number)) == 0
    shop("library", "watched")
    assert shop.out == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("backup",), "library backup needs FILE"),
        (("verify", "x"), "library verify takes nothing"),
        (("cancel", "first"), "'first' is no number of a job"),
        (("cancel", "999"), "999"),
        (("restore", "nowhere.backup"), "no backup at nowhere.backup"),
        (("watch", "nowhere"), "is no folder"),
    ],
)
def test_a_word_that_lacks_what_it_needs_is_a_user_error_with_the_next_step(shop, words, told):
    assert shop("library", *words) == 2
    assert told in shop.err.splitlines()[-1]


def test_a_search_is_bounded_by_collection_label_type_and_folder(shop):
    photos = shop.folder / "photos"
    shop("index", str(photos / "red.png"), "--collection", "Warm")

    def names(*words: str) -> set[str]:
        shop("search", "red", "--json", *words)
        return {match["path"].rsplit("/")[-1] for match in json.loads(shop.out)["hits"]}

    assert names() == {"red.png", "green.png", "blue.png", "yellow.png"}
    assert names("--collection", "Warm") == {"red.png"}
    assert names("--type", "PNG", "--folder", str(photos)) == names()
    assert names("--type", "pdf") == names("--folder", "/nowhere") == set()


def test_the_health_of_the_index_is_told_and_a_text_that_is_still_there_is_exit_code_one(shop):
    assert shop("library", "health") == 0
    assert "ok    recall@10 1.000 over 8 searches" in shop.out
    red = str(shop.folder / "photos" / "red.png")
    assert shop("library", "health", "--gone", red, "--json") == 1
    assert [each["path"].rsplit("/", 1)[1] for each in json.loads(shop.out)["found"]][:1] == ["store.db"]
    assert shop("library", "health", "--gone", "/nowhere/at/all.png") == 0
