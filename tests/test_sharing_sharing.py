"""Out and in again: what was exported comes back whole, here and on another machine, or not at all."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from sharing_help import Home, changed, cite, comparable, keep, photo, talk

from deepseek_mm.errors import LibraryError, NothingThere
from deepseek_mm.sharing import ExportLimits
from deepseek_mm.types import Answer, Question
from index import Region

ROOT = Path(__file__).parent.parent


def known(region: Region) -> Region:
    """A library that knows every region, under other numbers."""
    return replace(region, id=77, source=replace(region.source, id=66))


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home", here=known)


@pytest.fixture
def abroad(tmp_path):
    return Home(tmp_path / "abroad")


def test_a_conversation_exported_deleted_and_imported_gives_an_equal_export(home):
    conversation = keep(home)
    before = home.export(conversation, places=True)
    home.history.delete(conversation, session="s")
    for path in home.files():
        (home.data / path).unlink()
    again = home.door.take_in(before, session="s")
    assert again != conversation
    assert comparable(home.export(again, places=True)) == comparable(before)
    assert home.export(again, "html") == home.export(home.door.take_in(before, session="s"), "html")


def test_every_field_of_the_turns_comes_back_apart_from_numbers_and_secrets(home):
    (first, second) = home.turns(keep(home))
    (one, two) = home.turns(home.door.take_in(home.export(first.conversation, places=True), session="s"))
    again = {"id": first.id, "conversation": first.conversation}
    settings = {"encoder": {"name": "clip"}, "rag": first.settings["rag"], "lm": {"name": "smollm2", "sees": False}}
    settings |= {"imported": True}
    assert first.settings != settings
    cited = tuple(
        replace(each, region=replace(each.region, id=77, source=replace(each.region.source, id=66)))
        for each in first.answer.citations
    )
    answer = replace(one.answer, conversation=first.conversation, turn=first.id)
    assert replace(one, **again, answer=answer) == replace(
        first, settings=settings, answer=replace(first.answer, citations=cited)
    )
    assert (two.image_name, two.image_path) == (second.image_name, second.image_path)
    assert two.more == (("lost.png", ""),)  # its bytes were gone when it was exported


def test_on_another_machine_the_photo_is_shown_by_its_small_copy_with_its_box(home, abroad):
    data = home.export(keep(home))
    conversation = abroad.door.take_in(data, session="s")
    first, second = abroad.turns(conversation)
    kite = first.answer.citations[0].region
    assert (kite.id, kite.source.id) == (0, 0)
    assert Path(kite.source.path).is_relative_to(abroad.data / "uploads" / "imported")
    assert (kite.source.width_px, kite.source.height_px, kite.box_px) == (1024, 512, (100, 50, 500, 250))
    with Image.open(kite.source.path) as copy:  # the blue quarter, in which the box lies, and the red beside it
        assert (copy.format, copy.size) == ("JPEG", (1024, 512))
        assert copy.getpixel((300, 150))[2] > 180
        assert copy.getpixel((700, 150))[0] > 180
    assert first.boxes[0].box_px == (10, 20, 200, 300)
    assert kite.source.name == "kite.png"
    assert second.image_path == str(abroad.data / "uploads" / Path(second.image_path).parent.name / "mine.png")
    assert Path(second.image_path).read_bytes() == Path(home.turns(1)[1].image_path).read_bytes()
    assert second.answer.citations[0].region.source.path == second.image_path


def test_a_copy_is_handed_on_unchanged_however_often(home, abroad):
    data = abroad.export(abroad.door.take_in(home.export(keep(home)), session="s"))
    again = abroad.export(abroad.door.take_in(data, session="s"))
    assert comparable(again) == comparable(data)


def test_nothing_of_a_data_folder_nor_of_the_secrets_stands_in_the_file(home):
    data = home.export(keep(home)).decode()
    assert str(home.data) not in data
    assert [word for word in ("alice", "ALICE", "secret") if word in data] == []


def test_a_conversation_belongs_to_the_session_that_exports_or_imports_it(home):
    conversation = keep(home)
    for kind in ("json", "html", "markdown"):
        with pytest.raises(NothingThere):
            home.door.export(conversation, kind, session="t")
    again = home.door.take_in(home.export(conversation), session="t")
    assert [each.id for each in home.history.conversations(session="t", limit=9)] == [again]
    about = home.history.conversations(session="t", limit=9)[0]
    assert (about.title, about.pinned, about.num_turns) == ("Kites: what flies?", True, 2)


def test_each_kind_has_its_ending_and_its_media_type_and_a_name_from_the_title(home):
    conversation = keep(home, title="../\u98ce\u7b5d?")
    told = {kind: home.door.export(conversation, kind, session="s") for kind in ("json", "html", "markdown")}
    assert {kind: (each.name, each.media_type) for kind, each in told.items()} == {
        "json": ("_\u98ce\u7b5d_.json", "application/json"),
        "html": ("_\u98ce\u7b5d_.html", "text/html"),
        "markdown": ("_\u98ce\u7b5d_.md", "text/markdown"),
    }


def test_an_answer_in_the_making_is_exported_as_far_as_it_has_come(home):
    question = Question(text="What flies?", session="s")
    conversation, turn = home.history.begin(question, image_path="", settings={}, fingerprint="")
    home.history.progress(turn, "A red")
    answer = json.loads(home.export(conversation))["payload"]["turns"][0]["answer"]
    assert (answer["text"], answer["state"]) == ("A red", "stopped")


def test_a_page_of_a_document_comes_as_its_picture_with_the_box_shrunk(home, abroad):
    bill = replace(photo(home, "bill.pdf", size=(2048, 1024)), kind="document", format="pdf", width_px=0, height_px=0)
    cited = cite(1, bill, kind="text", page=3, box_px=(200, 100, 400, 300))
    turn = replace(talk(home)[0], answer=Answer(text="So much [1].", citations=(cited,)), boxes=())
    (got,) = abroad.turns(abroad.door.take_in(home.export(keep(home, [turn])), session="s"))
    region = got.answer.citations[0].region
    assert (region.page, region.box_px, region.source.name) == (3, (100, 50, 200, 150), "bill.pdf")
    assert (region.source.width_px, region.source.kind) == (0, "document")
    assert abroad.picture(region.source, 3).size == (1024, 512)


def test_what_cannot_be_written_leaves_no_conversation(home, abroad):
    data = home.export(keep(home))
    (abroad.data / "uploads").write_text("in the way")
    with pytest.raises(LibraryError, match="cannot write"):
        abroad.door.take_in(data, session="s")
    assert abroad.history.conversations(session="s", limit=9) == []


def test_a_bad_picture_in_the_file_leaves_neither_files_nor_conversation(home, abroad):
    def swap(payload: dict) -> None:
        payload["files"] = {digest: "QUJD" for digest in payload["files"]}

    with pytest.raises(ValueError, match="damaged"):
        abroad.door.take_in(changed(home.export(keep(home)), swap), session="s")
    assert abroad.files() == []
    assert abroad.history.conversations(session="s", limit=9) == []


def test_a_picture_larger_than_allowed_is_refused_before_anything_is_kept(home, abroad):
    small = replace(abroad.door, limits=ExportLimits(max_pixels=1000))
    with pytest.raises(ValueError, match=r"pixels, and parse\.max_pixels allows"):
        small.take_in(home.export(keep(home)), session="s")
    assert abroad.files() == []


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = ["tests", "."]
from sharing_help import Home
from deepseek_mm.sharing import sharing

folder, data, after = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
home, written, whole = Home(folder), 0, sharing.atomic_write

def write_some(path, content):
    global written
    if written == after:
        os.kill(os.getpid(), signal.SIGKILL)
    written += 1
    whole(path, content)

sharing.atomic_write = write_some
home.history.adopt = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
home.door.take_in(data.read_bytes(), session="s")
"""


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_kill_in_the_middle_leaves_no_half_conversation_and_no_half_file(home, tmp_path, after):
    file = tmp_path / "talk.json"
    file.write_bytes(home.export(keep(home)))
    words = [sys.executable, "-c", KILLED, str(tmp_path / "killed"), str(file), str(after)]
    assert subprocess.run(words, cwd=ROOT, check=False, timeout=60).returncode == -signal.SIGKILL
    left = sorted((tmp_path / "killed" / "data" / "uploads").rglob("*.png"))
    assert len(left) == after
    for path in left:
        with Image.open(path) as whole:
            whole.load()
    (tmp_path / "killed" / "data").rename(tmp_path / "kept")
    again = Home(tmp_path / "again")
    again.history.exchange(tmp_path / "kept" / "history.db")
    assert again.history.conversations(session="s", limit=9) == []
