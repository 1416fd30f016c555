"""Bytes of a file are read if they are worth it, and otherwise it is said why not."""

import hashlib
import os
import threading

import pytest
from made_files import CONFIG, picture_bytes, read, refusal, written, zip_bytes

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, BadPicture, NothingThere
from deepseek_mm.parse.document import absolute, open_file, stat_file

OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def test_a_file_is_its_bytes_their_hash_and_its_place_and_time(tmp_path):
    path = written(tmp_path / "a.txt", "some words")
    file = open_file(path, CONFIG)
    assert (file.path, file.data, file.size_bytes) == (str(path), b"some words", 10)
    assert file.digest == hashlib.sha256(b"some words").hexdigest()
    assert (file.size_bytes, file.modified_ns) == stat_file(path)
    assert (file.format.name, file.format.kind) == ("text", "document")


def test_size_and_time_are_known_without_reading_and_nothing_is_known_of_what_is_not_there(tmp_path):
    path = written(tmp_path / "a.png", b"x" * 5)
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    assert stat_file(path) == (5, 1_700_000_000_123_456_789)
    assert stat_file(tmp_path / "b.png") is None
    assert stat_file(path / "below" / "a" / "file") is None
    assert stat_file("a\0b") is None


def test_a_member_of_an_archive_has_its_own_bytes_and_the_time_of_the_archive(tmp_path):
    path = written(tmp_path / "a.zip", zip_bytes({"in/b.txt": b"words in a box"}))
    file = open_file(f"{path}!/in/b.txt", CONFIG)
    assert (file.path, file.data) == (f"{path}!/in/b.txt", b"words in a box")
    assert (file.size_bytes, file.modified_ns) == (14, path.stat().st_mtime_ns) == stat_file(f"{path}!/in/b.txt")
    assert stat_file(f"{path}!/in/c.txt") is None
    with pytest.raises(NothingThere, match=r"no file in/c\.txt in .*a\.zip\. Check the name"):
        open_file(f"{path}!/in/c.txt", CONFIG)


def test_a_folder_whose_name_looks_like_an_archives_mark_is_a_folder(tmp_path):
    (tmp_path / "a.zip!").mkdir()
    written(tmp_path / "a.zip", zip_bytes({"a.txt": b"other words"}))
    path = written(tmp_path / "a.zip!" / "a.txt", "words")
    assert open_file(path, CONFIG).data == b"words"


def test_relative_paths_become_absolute_and_a_name_that_is_no_text_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("a/../b.txt") == str(tmp_path / "b.txt")
    with pytest.raises(BadFile, match=r"the name '.*caf\\udce9\.png' is not valid UTF-8\. Rename the file"):
        absolute(os.fsdecode(b"caf\xe9.png"))


@pytest.mark.parametrize(
    "name",
    [
        "\u732b \u0438 \u05d7\u05ea\u05d5\u05dc \U0001f408.txt",
        "two\nlines\ttab.txt",
        "n" * 251 + ".txt",
        " .txt",
        "%2e%2e.txt",
        "-rf.txt",
    ],
)
def test_any_name_that_a_disk_can_hold_is_read(tmp_path, name):
    assert len(name.encode()) <= 255
    source, pieces = read(written(tmp_path / name, "words"))
    assert (source.path, source.name, pieces[0].text) == (str(tmp_path / name), name, "words")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", b"", "is empty: 0 bytes. Copy it again from where it came"),
        ("a.png", b"GARBAGE", "is no picture: it begins with b'GARBAGE'. Use a JPEG or PNG file"),
        ("a.pdf", b"<html>", "is no PDF: it begins with b'<html>'. Give it its right ending"),
        ("a.docx", b"words", "is no Word document: it begins with b'words'. Give it its right ending"),
        ("a.docx", OLD_WORD, "is locked with a password, or an old .doc file. Save it as .docx without a password"),
        ("a.xyz", b"words", "is of no kind that is read: it begins with b'words'. Save it as a picture, PDF or text"),
        (
            "noending",
            b"words",
            "is of no kind that is read: it begins with b'words'. Save it as a picture, PDF or text",
        ),
    ],
)
def test_a_file_that_is_not_read_says_what_it_is_and_what_to_do(tmp_path, name, data, said):
    path = written(tmp_path / name, data)
    assert refusal(path) == f"{path} {said}"


def test_only_a_file_that_should_be_a_picture_is_a_bad_picture(tmp_path):
    for name, kind in (("a.png", BadPicture), ("a.pdf", BadFile)):
        with pytest.raises(BadFile) as caught:
            open_file(written(tmp_path / name, "words"), CONFIG)
        assert type(caught.value) is kind


def test_an_archive_and_a_folder_are_refused_with_the_command_that_reads_them(tmp_path):
    path = written(tmp_path / "a.zip", zip_bytes({"a.txt": b"words"}))
    assert refusal(path) == f"{path} is an archive. Index what is in it with: python -m deepseek_mm index {path}"
    assert refusal(tmp_path).startswith(f"{tmp_path} is a folder. Index what is in it with: python -m")


def test_what_is_too_large_is_refused_by_its_size(tmp_path):
    path = written(tmp_path / "a.txt", b"x" * 10_000)
    assert open_file(path, ParseConfig(max_bytes=10_000)).size_bytes == 10_000
    for most in (9_999, 4_096, 100):
        assert refusal(path, ParseConfig(max_bytes=most)) == (
            f"{path} has more bytes than parse.max_bytes allows, {most:,}. "
            "Make the file smaller, or raise parse.max_bytes"
        )


def test_no_more_than_a_little_is_read_of_a_file_that_is_too_large_or_of_no_kind(tmp_path):
    for name in ("film.mkv", "film.jpg", "film.txt"):
        with (tmp_path / name).open("wb") as file:
            file.write(b"words")
            file.truncate(1 << 42)  # four terabytes of nothing take no disk
        assert refusal(tmp_path / name, ParseConfig(max_bytes=10**6)).startswith(str(tmp_path / name))


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    said = []
    thread = threading.Thread(target=lambda: said.append(refusal(tmp_path / "a.png")), daemon=True)
    thread.start()
    thread.join(30)
    assert said == [
        f"{tmp_path / 'a.png'} is a pipe or a device, not a file. Save what comes out of it as a file first"
    ]


def test_a_device_that_never_ends_is_refused():
    assert "is a pipe or a device" in refusal("/dev/zero")


def test_a_file_on_a_disk_that_fails_says_so():
    memory = f"/proc/{os.getpid()}/mem"
    assert refusal(memory).startswith(f"{memory} cannot be read: Input/output error. Check its permissions")


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused_with_the_reason(tmp_path):
    path = written(tmp_path / "a.txt", "words")
    path.chmod(0)
    assert refusal(path) == f"{path} cannot be read: Permission denied. Check its permissions and its disk"


@pytest.mark.parametrize("target", ["whole.png", "gone.png", "link.png", "/etc/passwd"])
def test_a_link_is_refused_wherever_it_leads_and_the_next_step_is_named(tmp_path, target):
    written(tmp_path / "whole.png", picture_bytes())
    (tmp_path / "link.png").symlink_to(target)
    assert refusal(tmp_path / "link.png") == (
        f"{tmp_path / 'link.png'} is a link, or lies behind one, and links are not followed. "
        "Name the file that it leads to"
    )


def test_a_file_that_grows_while_it_is_read_is_read_again_next_time(tmp_path, monkeypatch):
    """The time noted is the one before reading, so whatever is written meanwhile makes the file a changed one."""
    path = written(tmp_path / "a.png", picture_bytes())
    os.utime(path, ns=(1, 1_000))
    noted = os.fstat

    def and_then_it_changes(descriptor: int) -> os.stat_result:
        status = noted(descriptor)
        path.write_bytes(path.read_bytes() + b"more")
        return status

    monkeypatch.setattr(os, "fstat", and_then_it_changes)
    file = open_file(path, CONFIG)
    assert (file.size_bytes, file.modified_ns) != stat_file(path)
