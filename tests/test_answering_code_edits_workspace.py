"""The copy that a model changes: bytes it does not touch stay as they are, and what is no text is left alone."""

import pytest

from deepseek_mm.answering.code_edits import workspace
from deepseek_mm.answering.code_edits.workspace import EditWorkspace, draw_changes
from deepseek_mm.errors import BadFile, BadQuestion

BLOCK = "{}\n<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n"


def over(tmp_path, **files: bytes) -> EditWorkspace:
    for name, data in files.items():
        (tmp_path / f"{name}.py").write_bytes(data)
    return EditWorkspace(root=tmp_path, known=frozenset(str(tmp_path / f"{name}.py") for name in files))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a = 1\r\nb = 2\r\n", b"a = 3\r\nb = 2\r\n"),
        (b"\xef\xbb\xbfx = 0\na = 1\nb = 2", b"\xef\xbb\xbfx = 0\na = 3\nb = 2"),
        (b"a = 1\nb = 2\r\n", b"a = 3\nb = 2\r\n"),
        ("a = 1\n# caf\u00e9\n".encode(), "a = 3\n# caf\u00e9\n".encode()),
    ],
    ids=["windows", "mark at the beginning, no last newline", "mixed", "letters"],
)
def test_all_bytes_but_the_changed_lines_stay(tmp_path, before, after):
    space = over(tmp_path, a=before)
    space.apply(BLOCK.format("a.py", "a = 1", "a = 3"))
    (change,) = space.list_changes()
    assert (change.before, change.after) == (before, after)
    assert "-a = 1" in draw_changes([change])
    assert (tmp_path / "a.py").read_bytes() == before


@pytest.mark.parametrize("data", [b"a = 1\0\n", b"\xff\xfea = 1\n", b"x" * 600_000], ids=["zero", "no UTF-8", "large"])
def test_what_is_no_text_or_too_large_is_neither_read_nor_changed(tmp_path, data):
    space = over(tmp_path, a=data)
    for act in (lambda: space.read("a.py"), lambda: space.apply(BLOCK.format("a.py", "a = 1", "a = 3"))):
        with pytest.raises(BadFile):
            act()
    assert space.list_changes() == ()


def test_signs_that_turn_the_direction_of_text_are_not_added(tmp_path):
    space = over(tmp_path, a="a = 1  # \u202e\n".encode(), b=b"b = 1\n")
    space.apply(BLOCK.format("a.py", "a = 1  # \u202e", "a = 2  # \u202e"))  # it was there
    with pytest.raises(BadQuestion, match="direction"):
        space.apply(BLOCK.format("b.py", "b = 1", "b = 2  # \u2066"))


def test_of_a_patch_for_several_files_all_fits_or_nothing_is_changed(tmp_path):
    space = over(tmp_path, a=b"a = 1\n", b=b"b = 1\n")
    with pytest.raises(BadQuestion):
        space.apply(BLOCK.format("a.py", "a = 1", "a = 3") + BLOCK.format("b.py", "not there", "b = 3"))
    assert space.list_changes() == ()
    space.apply(BLOCK.format("a.py", "a = 1", "a = 3") + BLOCK.format("b.py", "b = 1", "b = 3"))
    space.apply(BLOCK.format("a.py", "a = 3", "a = 1"))  # and back
    assert [each.name for each in space.list_changes()] == ["b.py"]


def test_no_more_files_and_bytes_are_changed_than_a_person_can_look_at(tmp_path, monkeypatch):
    space = over(tmp_path, a=b"a = 1\n", b=b"b = 1\n")
    monkeypatch.setattr(workspace, "MOST_CHANGED", 1)
    space.apply(BLOCK.format("a.py", "a = 1", "a = 3"))
    with pytest.raises(BadQuestion, match="1 files"):
        space.apply(BLOCK.format("b.py", "b = 1", "b = 3"))
    monkeypatch.setattr(workspace, "MOST_BYTES", 10)
    with pytest.raises(BadQuestion, match="10 are taken"):
        space.apply(BLOCK.format("a.py", "a = 3", "a = 'a long text'"))
