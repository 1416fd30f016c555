"""Everything that should not be handed in: a clear sentence each, and afterwards the library is as it was.

Files are in test_bad_library.py, disks and folders in test_bad_places.py, databases in test_bad_databases.py; the port
that is taken and the second page on one library in test_app.py and test_ui_*.py. docs/bad_inputs.md lists them all.
"""

import io
import json
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import ColourSpace, picture
from rag_house import build, paint, put

from deepseek_mm.__main__ import main
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config
from deepseek_mm.errors import BadPicture, BadQuestion, LibraryError, NothingThere
from deepseek_mm.factory import load, make_folder
from deepseek_mm.terminal import Desk
from deepseek_mm.types import Query, Question
from index import IndexProblem
from index.store import RegionStore

SCRIPT = "<script>alert(1)</script>"
GOOD = "Is there a kite?"


def png_claiming(width: int, height: int) -> bytes:
    """A whole PNG file of a few bytes whose header promises any size."""

    def chunk(name: bytes, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def truncated_jpeg() -> bytes:
    file = io.BytesIO()
    picture("green", size=(640, 480), patch="red").save(file, "JPEG")
    return file.getvalue()[: len(file.getvalue()) // 2]


BAD_FILES = {  # name -> bytes, what the message says of it, what it says to do
    "letter.jpg": (SCRIPT.encode(), "is no picture: it begins with b'<script>alert(1)", "Use a JPEG or PNG file"),
    "empty.png": (b"", "is empty: 0 bytes", "Copy it again"),
    "half.jpg": (truncated_jpeg(), "is damaged or cut short", "Copy it again"),
    "bomb.png": (png_claiming(12_000, 12_000), "144,000,000 pixels", "raise parse.max_pixels"),
}


@pytest.fixture
def house(tmp_path):
    """A library with two photos and one answered question, which must all be there when the test is over."""
    with build(tmp_path / "data") as assistant:
        put(assistant, paint(tmp_path / "photos", "a.png", "red"), paint(tmp_path / "photos", "b.png", "green"))
        first = assistant.ask(Question(text=GOOD))
        assert first.found
        yield assistant
        assert assistant.ask(Question(text=GOOD)).text == first.text
    with build(tmp_path / "data") as assistant:
        assert {source.name for source in assistant.store.sources(limit=9)} >= {"a.png", "b.png"}
        assert assistant.history.turns(first.conversation, session="")[0].question == GOOD


def questions(assistant: Assistant) -> int:
    return len(assistant.history.conversations(session="", limit=99))


def command(tmp_path: Path, *words: str, opener=None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command over the same library."""
    out, err = io.StringIO(), io.StringIO()
    opener = opener or (lambda config, progress: build(config.data))
    desk = Desk(out=out, err=err, load=opener, environ={}, cwd=tmp_path)
    code = main([*words, "--data", str(tmp_path / "data")], desk)
    return code, out.getvalue(), err.getvalue()


# questions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\0\0", "\u200b"])
def test_an_empty_question_is_refused_with_an_example_and_leaves_no_trace(house, text):
    with pytest.raises(BadQuestion, match=r"the question is empty\. Type one, for example: "):
        house.ask(Question(text=text))
    with pytest.raises(BadQuestion, match=r"the search is empty\. Type some words"):
        house.find(Query(text=text), k=3)
    assert questions(house) == 1


def test_a_question_of_a_hundred_thousand_characters_is_refused_by_its_length(house):
    with pytest.raises(BadQuestion) as caught:
        house.ask(Question(text="kite " * 20_000))
    assert "100,000 characters, and rag.max_question_chars allows 4,000" in str(caught.value)
    assert "raise rag.max_question_chars" in str(caught.value)
    assert questions(house) == 1


def test_one_bad_question_among_many_stops_them_all_before_the_first(house):
    with pytest.raises(BadQuestion):
        house.ask_many([Question(text="Is there a sun?"), Question(text="")])
    assert questions(house) == 1


def test_a_search_of_a_hundred_thousand_characters_ends(house):
    assert house.find(Query(text="kite " * 20_000), k=1).matches[0].region.source.name == "a.png"


@pytest.mark.parametrize(
    "text", [f"{SCRIPT} {GOOD}", "kite'; DROP TABLE turns; --", "kite \ud800?", "kite \x1b[31m\0?"]
)
def test_script_and_odd_characters_in_a_question_are_only_letters(house, text):
    answer = house.ask(Question(text=text))
    assert "\0" not in answer.text
    assert "\x1b" not in answer.text
    (turn,) = house.history.turns(answer.conversation, session="")
    assert turn.question.isprintable()
    assert turn.answer.state == "done"


def test_a_conversation_that_does_not_exist_is_named_and_not_begun(house):
    with pytest.raises(NothingThere, match="12345"):
        house.ask(Question(text=GOOD, conversation=12345))
    assert questions(house) == 1


@pytest.mark.parametrize(
    ("words", "said"), [(("ask", ""), "the question is empty"), (("search", " "), "a search needs words")]
)
def test_the_command_line_says_it_on_standard_error_and_ends_with_two(house, tmp_path, words, said):
    code, out, err = command(tmp_path, *words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


# pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_picture_that_comes_with_a_question_is_refused_and_not_kept(house, tmp_path, name):
    data, what, advice = BAD_FILES[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadPicture) as caught:
        house.ask(Question(text=GOOD, image_path=str(tmp_path / name), image_name=name))
    assert what in str(caught.value)
    assert advice in str(caught.value)
    assert [path for path in (tmp_path / "data" / "uploads").rglob("*") if path.is_file()] == []
    assert questions(house) == 1


@pytest.mark.parametrize("name", BAD_FILES)
def test_asking_about_a_bad_picture_on_the_command_line_says_what_is_wrong(house, tmp_path, name):
    data, what, advice = BAD_FILES[name]
    (tmp_path / name).write_bytes(data)
    code, out, err = command(tmp_path, "ask", GOOD, "--image", str(tmp_path / name))
    assert (code, out) == (2, "")
    assert what in err
    assert advice in err
    assert "Traceback" not in err


def test_indexing_lists_each_bad_file_with_its_reason_and_reads_the_others(house, tmp_path):
    for name, (data, *_) in BAD_FILES.items():
        (tmp_path / "photos" / name).write_bytes(data)
    paint(tmp_path / "photos", "c.png", "blue")
    code, out, err = command(tmp_path, "index", str(tmp_path / "photos"), "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["added"], report["unchanged"]) == (1, 2)
    assert [Path(failure["path"]).name for failure in report["failed"]] == sorted(BAD_FILES)
    for name, (_, what, advice) in BAD_FILES.items():
        reason = next(failure["reason"] for failure in report["failed"] if failure["path"].endswith(name))
        assert what in reason
        assert advice in reason
        assert what in err
    assert "DecompressionBomb" not in err


def test_a_folder_that_is_not_there_or_has_no_picture_is_named(house, tmp_path):
    (tmp_path / "nothing").mkdir()
    for folder, said in (("hoilday", "no file or folder at"), ("nothing", "nothing to read in")):
        code, out, err = command(tmp_path, "index", str(tmp_path / folder))
        assert (code, out) == (2, "")
        assert said in err
        assert str(tmp_path / folder) in err


def test_a_name_that_is_no_text_or_steers_a_terminal_is_shown_in_plain_letters(house, tmp_path):
    for name in (os.fsdecode(b"caf\xe9.png"), "\x1b]0;owned\x07\u202egnp.png"):
        (tmp_path / "photos" / name).write_text("no picture")
    code, out, err = command(tmp_path, "index", str(tmp_path / "photos"))
    assert code == 0
    assert "2 not read" in out
    assert "caf\\udce9.png' is not valid UTF-8. Rename the file" in err
    assert "\\x1b]0;owned\\x07\\u202egnp.png is no picture" in err
    assert "\x1b" not in (out + err).encode().decode()  # which a terminal's own encoding takes
    _, out, _ = command(tmp_path, "index", str(tmp_path / "photos"), "--json")
    names = {Path(failure["path"]).name for failure in json.loads(out.encode())["failed"]}
    assert names == {os.fsdecode(b"caf\xe9.png"), "\x1b]0;owned\x07\u202egnp.png"}


def test_script_in_a_file_name_is_only_a_name(house, tmp_path):
    name = "<img src=x onerror=alert(1)>.png"
    paint(tmp_path / "photos", name, "yellow")
    assert command(tmp_path, "index", str(tmp_path / "photos"))[0] == 0
    hit = house.find(Query(text="sun"), k=1).matches[0]
    assert hit.region.source.name == name
    answer = house.ask(Question(text=GOOD, image=picture("red"), image_name=f"../../{SCRIPT}.png"))
    kept = [path for path in (tmp_path / "data" / "uploads").rglob("*") if path.is_file()]
    assert len(kept) == 1  # below uploads, whatever folders the name tried to climb to
    assert house.history.turns(answer.conversation, session="")[0].answer.state == "done"


# libraries -------------------------------------------------------------------------------------------------------


def test_an_index_of_another_space_is_never_mixed_and_the_rebuild_is_named(house, tmp_path):
    other = {"space_name": "colours", "fingerprint": "f" * 64, "dim": ColourSpace.dim, "config": Config().index}
    with pytest.raises(IndexProblem, match="two spaces never mix") as caught:
        RegionStore(tmp_path / "data" / "space", **other)
    assert "python -m deepseek_mm index --rebuild" in str(caught.value)

    def opener(config, progress):
        return RegionStore(config.data / "space", **other)

    code, out, err = command(tmp_path, "search", "kite", opener=opener)
    assert (code, out) == (2, "")
    assert "index --rebuild" in err


@pytest.mark.parametrize("folder", ["/proc/library", "/sys/library"])
def test_a_library_where_nothing_can_be_written_is_refused_before_any_model_is_loaded(folder):
    """The kernel's own folders refuse even root, whom a mode of 0555 does not stop."""
    with pytest.raises(LibraryError) as caught:
        load(replace(Config(), data=Path(folder)))
    message = str(caught.value)
    assert message.startswith(f"the library's folder {folder} cannot be used: ")
    assert message.endswith("Choose another one with DATA=FOLDER or --data FOLDER, or make this one writable")


def test_a_file_where_the_library_should_be_is_left_as_it_is(tmp_path):
    (tmp_path / "data").write_text("my diary")
    code, out, err = command(tmp_path, "search", "kite", opener=lambda config, progress: load(config))
    assert (code, out) == (2, "")
    assert "cannot be used: " in err
    assert (tmp_path / "data").read_text() == "my diary"
    with pytest.raises(LibraryError):
        make_folder(tmp_path / "data" / "deeper")
