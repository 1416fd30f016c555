"""Which files of a folder become texts."""

import os

from deepseek_mm.code_graph.sources import MOST_BYTES, read_folder, read_known
from deepseek_mm.config import ParseConfig
from index import Source


def test_code_below_a_folder_is_read_with_its_path_and_language(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "a.py").write_text("x = 1\n")
    (tmp_path / "pkg" / "b.ts").write_text("const x = 1\n")
    (tmp_path / "notes.md").write_text("# no code\n")
    found = read_folder(tmp_path)
    assert [(source.path, source.language) for source in found] == [("pkg/a.py", "python"), ("pkg/b.ts", "typescript")]
    assert found[0].text == "x = 1\n"


def test_links_and_loops_of_them_are_passed_over(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "b.py").symlink_to(tmp_path / "a.py")
    assert [source.path for source in read_folder(tmp_path)] == ["a.py"]


def test_what_is_no_text_or_far_too_long_is_passed_over(tmp_path):
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "huge.py").write_bytes(b"#" * (MOST_BYTES + 1))
    os.mkfifo(tmp_path / "pipe.py")
    assert read_folder(tmp_path) == []


def test_known_files_are_read_by_the_workers_and_missing_ones_left_out(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    known = [
        Source(path=str(tmp_path / name), kind="code", format="python", digest="0", size_bytes=6)
        for name in ("a.py", "gone.py")
    ]
    photo = Source(path=str(tmp_path / "a.jpg"), kind="photo", format="jpeg")
    (found,) = read_known([*known, photo], ParseConfig())
    assert (found.path, found.text.strip(), len(found.digest)) == (str(tmp_path / "a.py"), "x = 1", 64)
