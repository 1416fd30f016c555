"""Files of the page: an id is worth something to its own session only, for a while, and a path never is."""

import os

import pytest
from door_help import Clock

from ui.gateway.files import FileLimits, FileRegistry, NoSuchFile

LIMITS = FileLimits(files=3, size_bytes=100, idle_s=60.0)


class Place:
    """A registry with a clock, and uploads in it."""

    def __init__(self, root) -> None:
        self.clock = Clock()
        self.files = FileRegistry(root, LIMITS, now_s=self.clock)

    def upload(self, session: str = "mine", content: bytes = b"x", name: str = "a.png"):
        path = self.files.make_folder() / "sha" / name
        path.parent.mkdir()
        path.write_bytes(content)
        return self.files.add(session, path, is_upload=True)

    def has(self, file, session: str = "mine") -> bool:
        try:
            return self.files.find(session, file.id) == file
        except NoSuchFile:
            return False


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "page")


def test_an_id_is_random_and_only_its_own_session_finds_the_file(place):
    one, other = place.upload(), place.upload()
    assert one.id != other.id
    assert len(one.id) == 32
    assert (place.has(one), place.has(one, "others"), place.has(one, "")) == (True, False, False)


@pytest.mark.parametrize("said", [None, 7, "", "/etc/passwd", "../a", ["x"], {"id": 1}, "x" * 32, True])
def test_what_is_no_id_finds_nothing_and_the_next_step_is_said(place, said):
    place.upload()
    with pytest.raises(NoSuchFile, match="Upload it again"):
        place.files.find("mine", said)


def test_not_even_the_path_of_an_own_file_finds_it(place):
    file = place.upload()
    for said in (str(file.path), file.name, f"/{file.id}", f"{file.id}/"):
        with pytest.raises(NoSuchFile):
            place.files.find("mine", said)


def test_only_plain_files_below_the_root_are_registered(place, tmp_path):
    (tmp_path / "secret").write_text("s")
    root = place.files.root
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "inside").write_text("x")
    (root / "link-inside").symlink_to(root / "inside")
    (root / "elsewhere").symlink_to(tmp_path)
    bad = [tmp_path / "secret", root / "link", root / "link-inside", root / "elsewhere" / "secret", root, root / "gone"]
    bad += [root / ".." / "secret", root / "inside" / ".." / ".." / "secret", root / "nul\0"]
    for path in bad:
        with pytest.raises(NoSuchFile):
            place.files.add("mine", path)
    assert place.files.add("mine", root / "inside").name == "inside"


def test_a_file_that_became_a_link_is_not_followed(place, tmp_path):
    file = place.upload()
    (tmp_path / "secret").write_text("s")
    file.path.unlink()
    file.path.symlink_to(tmp_path / "secret")
    assert not place.has(file)


def test_the_same_file_keeps_its_id_in_a_session_and_has_another_in_another(place):
    file = place.upload()
    assert place.files.add("mine", file.path) == file
    assert place.files.add("others", file.path).id != file.id


def test_of_too_many_files_those_used_longest_ago_go_with_their_folders(place):
    first, second, third = (place.upload() for _ in range(3))
    assert place.has(first)  # and so it was used
    fourth = place.upload()
    assert [place.has(each) for each in (first, second, third, fourth)] == [True, False, True, True]
    assert not second.path.parent.parent.exists()
    assert place.has(place.upload("others"), "others")  # each session for itself


def test_too_many_bytes_are_too_many_files(place):
    first, second = place.upload(content=b"x" * 60), place.upload(content=b"x" * 60)
    assert (place.has(first), place.has(second)) == (False, True)
    large = place.upload(content=b"x" * 500)  # one alone always stays
    assert (place.has(second), place.has(large)) == (False, True)


def test_what_nobody_used_for_long_is_forgotten_and_removed(place):
    old, used = place.upload(), place.upload()
    place.clock.now_s += 40
    assert place.has(used)
    place.clock.now_s += 40
    assert (place.has(old), place.has(used)) == (False, True)
    assert not old.path.exists()


def test_a_copy_of_the_server_is_forgotten_and_stays_on_the_disk(place):
    path = place.files.root / "shared" / "a.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    copy = place.files.add("mine", path)
    place.clock.now_s += 100
    assert not place.has(copy)
    assert path.exists()


def test_a_library_behind_a_link_has_a_page_too(tmp_path):
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "linked")
    files = FileRegistry(tmp_path / "linked" / "page")
    path = tmp_path / "linked" / "page" / "a.png"
    path.parent.mkdir()
    path.write_bytes(b"x")
    assert files.add("mine", path).path == path
