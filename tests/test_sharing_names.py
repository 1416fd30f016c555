"""File names that every system takes."""

import pytest

from deepseek_mm.sharing.files import file_name, same_name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Kites: what flies?", "Kites_ what flies_.md"),
        ("\u98ce\u7b5d\u5728\u54ea\u91cc", "\u98ce\u7b5d\u5728\u54ea\u91cc.md"),
        ("../../etc/passwd", "_.._etc_passwd.md"),
        ("C:\\Windows\\x", "C__Windows_x.md"),
        ("a\x00b\nc\u202ed", "a b c d.md"),
        ("ends in a dot. ", "ends in a dot.md"),
        ("CON", "_CON.md"),
        ("lpt1.txt", "_lpt1.txt.md"),
        ("", "conversation.md"),
        (" ... ", "conversation.md"),
        ("\u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645", "\u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645.md"),
        ('a<b>"c"|d*', "a_b__c__d_.md"),
    ],
)
def test_a_title_becomes_a_name_that_windows_and_linux_both_take(title, name):
    assert file_name(title, ".md") == name


def test_a_long_title_is_cut_at_eighty_letters_and_never_inside_a_letter():
    assert file_name("x" * 500, ".json") == "x" * 80 + ".json"
    rare = file_name("\U0001f600" * 500, ".json")
    assert rare == "\U0001f600" * 58 + ".json"  # 58 letters of 4 bytes are 232, and 240 - 5 are allowed
    assert len(rare.encode()) <= 255


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("mine.png", "mine.png"),
        ("My (1) picture.JPG", "My (1) picture.JPG"),
        ("../../../home/alice/.ssh/id_rsa", "id_rsa"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/passwd", "passwd"),
        ("..", "picture"),
        ("", "picture"),
        ("nul.png", "_nul.png"),
        (".htaccess", "htaccess"),
        ("a.png\x00.sh", "a.png.sh"),
    ],
)
def test_a_harmless_name_stays_and_a_path_is_cut_to_its_last_part(name, kept):
    assert same_name(name) == kept
    assert same_name(kept) == kept
