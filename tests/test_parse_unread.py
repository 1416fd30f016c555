"""Kinds of files that are not read: each has a name and a way to have it read."""

import pytest
from made_files import CONFIG, refusal, written

from deepseek_mm.parse.document import open_file
from deepseek_mm.parse.formats import BY_ENDING as READ
from deepseek_mm.parse.repository import explain, in_words
from deepseek_mm.parse.unread import BY_ENDING, KINDS, explain_unread, is_unread

NO_KIND = "are of no kind that is read; save it as a picture, PDF or text"


def test_no_kind_is_both_read_and_not_read_and_no_ending_has_two_names():
    assert READ.keys().isdisjoint(BY_ENDING)
    assert len(BY_ENDING) == sum(len(kind.endings) for kind in KINDS)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/a/b.PSD", "not read: a Photoshop picture; export it as PNG or JPEG"),
        ("/a/b.dwg", "not read: a CAD drawing; export it as PDF"),
        ("/a/GX01.LRV", "not read: a small copy that a camera keeps of a video; leave it out: the video is read"),
        ("/a/b.AAE", "not read: how Apple Photos has edited the photo beside it; export the edited photo"),
        ("/a/b.doc", "not read: an old Word document; save it as .docx"),
        (
            "/a/b.q7z",
            f"not read: files that end with .q7z {NO_KIND}",
        ),
        ("/a.b/c", f"not read: files without an ending {NO_KIND}"),
    ],
)
def test_a_file_that_is_not_read_is_told_with_what_it_is_and_what_to_do(path, said):
    assert is_unread(path)
    assert explain_unread(path) == explain((path, "unread")) == said


@pytest.mark.parametrize("path", ["/a/b.png", "/a/b.eml", "/a/.b.psd", "/a/Thumbs.db", "/a/Makefile"])
def test_what_is_read_hidden_or_of_the_system_is_not_told_to_be_unread(path):
    assert not is_unread(path)


def test_a_summary_counts_them_by_their_endings_the_most_first():
    left = [(f"/{n}.mp4", "unread") for n in range(3)] + [("/a.psd", "unread"), ("/b", "unread"), ("/c.env", "secret")]
    assert in_words(left) == ("1 likely secrets, 5 of kinds that are not read (3 .mp4, 1 .psd, 1 without an ending)")
    left += [("/d.dwg", "unread")]
    assert in_words(left).endswith("(3 .mp4, 1 .psd, 1 without an ending, ...)")
    assert explain(left[-2]) == "secret"


def test_one_that_is_given_by_its_own_path_is_refused_with_the_same_words(tmp_path):
    path = written(tmp_path / "a.psd", b"8BPS\0\1")
    assert refusal(path) == f"{path} is not read: a Photoshop picture; export it as PNG or JPEG"
    other = written(tmp_path / "a.q7z", b"what?")
    assert "is of no kind that is read: it begins with b'what?'" in refusal(other)
    png = written(tmp_path / "b.psd", b"\x89PNG\r\n\x1a\n")
    assert open_file(png, CONFIG).format.name == "png"
