"""What of a repository is copied for its tests: plain files that may be seen, code first, and no link is followed."""

import os

from deepseek_mm.answering.code_edits import repository_copy
from deepseek_mm.answering.code_edits.repository_copy import copy_repository, find_repository


def test_plain_files_are_copied_and_links_hidden_and_made_ones_are_not(tmp_path):
    root = tmp_path / "shop"
    for name in ("a.py", "data/x.csv", ".env", "__pycache__/a.pyc", "node_modules/b.js"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (tmp_path / "secret").write_text("secret")
    os.symlink(tmp_path / "secret", root / "link.py")
    os.symlink(tmp_path, root / "folder")
    os.mkfifo(root / "pipe.py")
    read = copy_repository(root)
    assert read.files == {"a.py": b"a.py", "data/x.csv": b"data/x.csv"}
    assert read.left_out == 2  # the link and the pipe


def test_what_may_not_be_seen_and_what_has_no_room_is_left_out(tmp_path, monkeypatch):
    for name in ("a.py", "b.py", "big.csv"):
        (tmp_path / name).write_text("x" * 10)
    assert set(copy_repository(tmp_path, lambda path: not path.endswith("b.py")).files) == {"a.py", "big.csv"}
    monkeypatch.setattr(repository_copy, "MOST_BYTES", 20)
    read = copy_repository(tmp_path)
    assert (set(read.files), read.left_out) == ({"a.py", "b.py"}, 1)


def test_the_repository_of_a_file_is_the_nearest_folder_that_is_marked(tmp_path):
    inner = tmp_path / "app" / "src" / "app"
    inner.mkdir(parents=True)
    (tmp_path / "app" / "pyproject.toml").write_text("")
    assert find_repository(inner / "a.py") == tmp_path / "app"
