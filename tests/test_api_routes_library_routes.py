"""What the Library tab does, over HTTP, on a real library of painted photos."""

import io
import json
import re
from dataclasses import replace

import pytest
from export_samples import said_by_google, small_photo, write_all
from PIL import Image
from serve_help import As
from service import STRANGER, house_in
from starlette.testclient import TestClient

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.library.dropped_files import FOLDER


@pytest.fixture
def house(tmp_path):
    with house_in(tmp_path) as house:
        yield house


@pytest.fixture
def me(house):
    return house.caller()


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A house that nobody changes."""
    with house_in(tmp_path_factory.mktemp("still")) as house:
        yield house


@pytest.fixture
def reader(still):
    return still.caller()


def names(answer) -> list[str]:
    return [item["name"] for item in answer.json()["items"]]


def test_the_library_says_how_much_of_each_kind_it_holds(reader):
    told = reader.get("/library").json()
    assert (told["photos"], told["documents"], told["busy"]) == (3, 0, False)
    assert told["formats"] == [{"name": "png", "sources": 3}]


def test_files_come_page_by_page_in_the_order_that_was_asked_for(reader):
    address, small = "/library/sources/1/picture", {"px": 32}
    first = reader.get(address, params=small)
    assert first.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(first.content)).size == (32, 24)
    has_it = {"If-None-Match": first.headers["etag"]}
    again = reader.get(address, params=small, headers=has_it)
    assert (again.status_code, again.content) == (304, b"")
    assert reader.get(address, params={"px": 16}, headers=has_it).status_code == 200


def test_a_part_of_a_picture_is_cut_out_by_its_box(reader):
    part = reader.get("/library/sources/1/picture", params={"box": "0,0,16,48"})
    assert Image.open(io.BytesIO(part.content)).size == (16, 48)
    assert reader.get("/library/sources/1/picture", params={"box": "9,9,9,9"}).status_code == 422


def test_an_uploaded_page_is_never_shown_as_one(house, me):
    sent = me.post("/library/files", files={"files": ("evil.html", b"<p>Hello kite</p><script>alert(1)</script>")})
    assert sent.status_code == 202
    house.work(sent.json())
    (source,) = (each for each in me.get("/library/sources").json()["items"] if each["name"] == "evil.html")
    file = me.get(f"/library/sources/{source['id']}/file")
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"].startswith("attachment;")
    assert file.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in file.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name", ["../../evil.png", "/no/such/evil.png", "..\\evil.png", "e\u202evil.png", "x" * 300 + ".png"]
)
def test_an_upload_lies_in_the_librarys_own_folder_whatever_it_is_called(house, name):
    me, photo = house.caller(STRANGER), house.photos[0].read_bytes() + b"other"
    job = me.post("/library/files", files={"files": (name, photo)}).json()
    assert job["title"].startswith(f"Index {house.assistant.config.data.absolute() / FOLDER}")
    kept = [path for path in house.folder.rglob("*.png") if path not in house.photos]
    assert [len(kept), kept[0].read_bytes()] == [1, photo]  # and no second one where its name would lead
    assert kept[0].is_relative_to(house.assistant.config.data / FOLDER)
    assert not list(house.folder.glob("**/upload-*"))


def test_paths_are_taken_in_for_callers_on_this_machine_only(house, me):
    more = house.folder / "more"
    more.mkdir()
    Image.new("RGB", (32, 32), "yellow").save(more / "sun.png")
    asked = {"paths": [str(more)], "collection": "Sky"}
    refused = house.caller(STRANGER).post("/library/paths", json=asked)
    assert (refused.status_code, refused.json()["type"][-9:]) == (403, "forbidden")
    assert house.work(me.post("/library/paths", json=asked).json())["state"] == "done"
    assert me.get("/library/collections").json() == [{"name": "Sky", "sources": 1}]
    assert me.post("/library/paths", json={"paths": ["/no/such"]}).status_code == 404


def test_a_folder_is_watched_until_it_is_no_longer(house, me):
    folder = str(house.folder / "photos")
    assert me.post("/library/watched", json={"folder": folder}).json()["kind"] == "watch"
    assert me.get("/library/watched").json() == [{"folder": folder}]
    assert me.delete("/library/watched", params={"folder": folder}).status_code == 200
    assert me.get("/library/watched").json() == []
    assert me.delete("/library/watched", params={"folder": folder}).status_code == 409


def test_collections_are_filled_renamed_and_left(me):
    assert me.post("/library/collections", json={"sources": [1, 2], "name": "Sky"}).json() == {"sources": 2}
    assert names(me.get("/library/sources", params={"collection": "Sky"})) == ["green.png", "red.png"]
    assert me.patch("/library/collections", json={"name": "Sky", "new_name": "Air"}).json() == {"sources": 2}
    assert me.post("/library/collections", json={"sources": [1], "name": "library"}).json() == {"sources": 1}
    assert me.get("/library/collections").json() == [{"name": "Air", "sources": 1}]


def test_what_was_taken_out_is_put_back(me):
    taken = me.post("/library/take-out", json={"sources": [1]}).json()
    assert me.get("/library/sources/1").status_code == 404
    assert me.get("/library/taken").json() == [taken]
    assert me.post("/library/put-back", json={"token": taken["token"]}).json() == {"sources": 1}
    assert "red.png" in names(me.get("/library/sources"))
    assert me.post("/library/put-back", json={"token": taken["token"]}).status_code == 404


def test_nothing_chosen_and_nothing_known_are_told_apart(reader):
    assert reader.post("/library/take-out", json={}).status_code == 422
    assert reader.post("/library/take-out", json={"sources": [99]}).status_code == 404
    assert reader.post("/library/take-out", json={"paths": ["/no/such"]}).status_code == 404


def test_a_photo_is_described_in_somebodys_own_words(me):
    told = me.put("/library/sources/1/description", json={"text": "A  kite\nhigh up"})
    assert told.json() == {"text": "A kite high up"}
    assert me.get("/library/sources/1").json()["described"] == "A kite high up"
    assert me.delete("/library/sources/1/description").json() == {"text": ""}
    assert me.get("/library/sources/1").json()["described"] == ""
    assert me.delete("/library/sources/1/description").status_code == 422


def test_a_photo_tells_how_it_was_taken_as_far_as_its_file_says(me):
    known = me.get("/library/sources/1").json()
    assert (known["place"], known["exposure"]["camera"], known["exposure"]["seconds"]) == ("", "", None)


def test_a_check_is_a_job_that_is_followed_to_its_end(house, me):
    job = house.work(me.post("/library/verify").json())
    assert (job["state"], job["num_failed"]) == ("done", 0)
    done = me.get("/library/jobs", params={"state": "done"}).json()["items"]
    assert job["id"] in [each["id"] for each in done]
    assert me.get(f"/library/jobs/{job['id']}/failures").json()["items"] == []
    assert me.post(f"/library/jobs/{job['id']}/retry").status_code == 409


def test_what_failed_is_told_and_tried_again(house, me):
    (house.folder / "bad.jpg").write_bytes(b"\xff\xd8\xff no photo")
    job = house.work(me.post("/library/paths", json={"paths": [str(house.folder / "bad.jpg")]}).json())
    failures = me.get(f"/library/jobs/{job['id']}/failures").json()
    assert [failures["total"], failures["items"][0]["item"]] == [1, str(house.folder / "bad.jpg")]
    assert me.post(f"/library/jobs/{job['id']}/retry").status_code == 202


def test_a_job_that_waits_is_cancelled_for_good(me):
    job = me.post("/library/repair").json()
    assert me.delete(f"/library/jobs/{job['id']}").json()["state"] == "cancelled"


def test_somebodys_questions_are_no_jobs_of_the_library(house, me):
    task = house.assistant.library.jobs.add("ask", {"text": "secret"}, title="secret")
    assert me.get(f"/library/jobs/{task.id}").status_code == 404
    assert me.delete(f"/library/jobs/{task.id}").status_code == 404
    assert me.get("/library/jobs").json()["items"] == []


def test_a_backup_is_made_listed_and_restored(house, me):
    assert house.work(me.post("/library/backup").json())["state"] == "done"
    (backup,) = me.get("/library/backups").json()
    assert re.fullmatch(r"[\d-]+\.deepseek-mm", backup["name"])
    house.assistant.library.forget([house.photos[0]])
    job = house.work(me.post("/library/restore", json={"file": backup["name"]}).json())
    assert (job["state"], house.hushed) == ("done", ["hush"])
    assert me.get("/library").json()["photos"] == 3


def test_a_stranger_writes_and_reads_backups_in_the_librarys_folder_only(still):
    stranger = still.caller(STRANGER)
    assert stranger.post("/library/backup", json={"file": "/tmp/mine"}).status_code == 403
    assert stranger.post("/library/restore", json={"file": "/tmp/mine"}).status_code == 403
    assert stranger.post("/library/restore", json={"file": ".."}).status_code == 404


def test_a_stranger_with_a_shared_folder_overwrites_nothing_in_it_and_restores_nothing_from_it(house):
    shared = house.folder / "shared"
    shared.mkdir()
    (shared / "diary").write_bytes(b"dear diary")
    config = house.assistant.config
    house.assistant.config = replace(config, serve=replace(config.serve, roots=str(shared)))
    stranger = TestClient(As(house._app(), STRANGER))
    over = stranger.post("/library/backup", json={"file": f"{shared}/diary"})
    beside = stranger.post("/library/backup", json={"file": f"{shared}/new.deepseek-mm"})
    restored = stranger.post("/library/restore", json={"file": f"{shared}/diary"})
    assert (over.status_code, beside.status_code, restored.status_code) == (409, 202, 403)
    assert house.work(beside.json())["state"] == "done"
    assert (shared / "diary").read_bytes() == b"dear diary"


def test_everything_is_deleted_only_when_the_words_were_said(house, me):
    assert me.post("/library/delete-everything", json={"confirm": "yes"}).status_code == 422
    assert me.get("/library").json()["photos"] == 3
    assert me.post("/library/delete-everything", json={"confirm": "delete everything"}).json() == {"sources": 0}
    assert house.hushed == ["hush"]


def test_rules_are_kept_once_they_are_understood_and_checked_with_their_boxes(me):
    wrong = me.put("/library/rules", json={"text": "exist(red -> warn"})
    assert (wrong.status_code, "line 1" in wrong.json()["detail"]) == (422, True)
    text = 'exist(red) -> warn "something red"\ncount(unicorn) = 0 -> note "no unicorn"'
    kept = me.put("/library/rules", json={"text": text}).json()
    assert [rule["by_absence"] for rule in kept["rules"]] == [False, True]
    assert me.get("/library/rules").json() == kept
    checked = me.post("/library/rules/check", json={"most": 1}).json()
    assert (checked["photos"], checked["rules"][1]["photos"]) == (3, 3)
    assert [len(checked["cases"]), checked["cases"][0]["held"][-1]["text"]] == [1, "no unicorn"]


@pytest.mark.parametrize(
    ("right", "method", "address", "body"),
    [
        ("ask", "GET", "/library/sources/1/picture", None),
        ("library", "POST", "/library/take-out", {"sources": [1]}),
        ("library", "PUT", "/library/rules", {"text": ""}),
        ("library", "POST", "/library/verify", {}),
        ("settings", "POST", "/library/delete-everything", {"confirm": "delete everything"}),
        ("settings", "POST", "/library/restore", {"file": "x"}),
    ],
)
def test_each_act_needs_its_right(still, right, method, address, body):
    without = replace(LOCAL, name="weak", rights=LOCAL.rights - {right})
    answer = still.caller(without).request(method, address, json=body)
    assert (answer.status_code, f"right '{right}'" in answer.json()["detail"]) == (403, True)


@pytest.mark.parametrize("path", ["a\0b", "", "x" * 5000, "\ud800"])
def test_a_path_that_is_none_is_refused_and_breaks_nothing(reader, path):
    body = json.dumps({"paths": [path]})
    answer = reader.post("/library/paths", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert reader.get("/library/sources", params={"folder": "a\0b"}).status_code == 422


def test_a_number_that_no_file_can_have_is_refused(reader):
    assert reader.get(f"/library/sources/{2**63}").status_code == 422
    assert reader.get(f"/library/sources/{2**53 - 1}").status_code == 404
    assert reader.get(f"/library/jobs/{10**30}").status_code == 422


def test_near_duplicates_are_looked_for_listed_told_apart_and_refused_where_there_are_none(me):
    assert me.get("/library/duplicates").json() == {"items": [], "total": 0, "offset": 0, "next_offset": None}
    job = me.post("/library/duplicates")
    assert (job.status_code, job.json()["kind"]) == (202, "duplicates")
    refused = me.post("/library/duplicates/apart", json={"sources": [998, 999]})
    assert (refused.status_code, "two can be told apart" in refused.json()["detail"]) == (404, True)
    assert me.post("/library/duplicates/apart", json={"sources": [1, 2]}).json() == {"pairs": 1}
    assert me.post("/library/duplicates/apart", json={"sources": [2, 1]}).json() == {"pairs": 0}
    assert me.get("/library/duplicates?keep=prettiest").status_code == 422


def test_the_health_of_the_index_comes_with_proof_that_something_is_gone(reader):
    told = reader.get("/library/health", params={"gone": "/nowhere/at/all.png"}).json()
    assert (told["well"], told["recall_at_10"], told["found"]) == (True, 1.0, [])
    assert told["traces"]["dirty_pages"] == 0
    assert reader.get("/library/health").json()["found"] is None
    assert reader.get("/library/health", params={"gone": "x"}).status_code == 422


def test_a_part_of_a_file_is_sent_where_its_range_is_named(still, reader):
    data = still.photos[0].read_bytes()
    part = reader.get("/library/sources/1/file", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (
        206,
        data[10:20],
        f"bytes 10-19/{len(data)}",
    )
    assert part.headers["content-disposition"].startswith("attachment")
    assert reader.get("/library/sources/1/file").content == data


def test_regions_and_files_say_the_times_of_videos_and_of_photos_none(reader):
    (region, *_) = reader.get("/library/sources/1/regions").json()["items"]
    assert (region["at_ms"], reader.get("/library/sources/1").json()["duration_ms"]) == (0, 0)


def test_an_export_is_looked_at_and_taken_in_by_callers_on_this_machine_only(house, me):
    files = {"a.jpg": small_photo(1), "a.jpg.json": said_by_google(1_556_973_000, favorited=True), "b.jpg.json": "{}"}
    asked = {"paths": [str(write_all(house.folder / "takeout", files))]}
    for route in ("/library/import/preview", "/library/import"):
        assert house.caller(STRANGER).post(route, json=asked).status_code == 403
    told = me.post("/library/import/preview", json=asked).json()
    assert (told["kind"], told["files"], told["new"], told["dates"], told["favourites"]) == ("takeout", 1, 1, 1, 1)
    assert told["left_out"][0]["path"].endswith("/b.jpg.json")
    job = house.work(me.post("/library/import", json=asked).json())
    assert (job["kind"], job["state"], job["result"]["noted"]) == ("import", "done", 1)
    assert me.post("/library/import", json=asked | {"kind": "picasa"}).status_code == 422
    assert me.post("/library/import/preview", json={"paths": ["/no/such"]}).status_code == 404


def test_sidecars_are_written_for_callers_on_this_machine_only(house, me):
    (first, *_) = me.get("/library/sources").json()["items"]
    me.post("/photos/rating", json={"sources": [first["id"]], "stars": 4})
    assert house.caller(STRANGER).post("/library/sidecars", json={}).status_code == 403
    assert list(house.folder.rglob("*.xmp")) == []
    job = house.work(me.post("/library/sidecars", json={"sources": [first["id"]]}).json())
    assert (job["kind"], job["result"]["written"]) == ("write sidecars", 1)
    assert [path.name for path in house.folder.rglob("*.xmp")] == [f"{first['name']}.xmp"]


def test_everything_is_exported_for_callers_on_this_machine_only(house, me):
    asked = {"folder": str(house.folder / "out")}
    assert house.caller(STRANGER).post("/library/export", json=asked).status_code == 403
    job = house.work(me.post("/library/export", json=asked).json())
    assert (job["state"], job["result"]["files"]) == ("done", 3)
    assert (house.folder / "out" / "library.json").is_file()
    assert me.post("/library/export", json={"folder": str(house.folder)}).status_code == 409
