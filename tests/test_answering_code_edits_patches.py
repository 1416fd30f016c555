"""Patches as models write them: placed by their lines, never guessed."""

import pytest

from deepseek_mm.answering.code_edits.patches import BadPatch, apply_parts, draw_diff, read_patch

TEXT = "def one():\n    return 1\n\n\ndef two():\n    return 2\n\n\ndef also_two():\n    return 2\n"
BLOCK = "shop/a.py\n```python\n<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n```\n"


def applied(patch, text=TEXT):
    (file,) = read_patch(patch)
    return apply_parts(text, file)


@pytest.mark.parametrize(
    "patch",
    [
        "--- a/shop/a.py\n+++ b/shop/a.py\n@@ -1,2 +1,2 @@\n def one():\n-    return 1\n+    return 11\n",
        "--- shop/a.py\n+++ shop/a.py\n@@ -77,9 +77,9 @@ def one\n def one():\n-    return 1\n+    return 11\n \n",
        BLOCK.format("def one():\n    return 1", "def one():\n    return 11"),
        BLOCK.format("def one():  \n    return 1\n", "def one():\n    return 11\n"),
        "```diff\n--- a/shop/a.py\r\n+++ b/shop/a.py\r\n@@ -1 +1 @@\r\n-    return 1\r\n+    return 11\r\n```",
    ],
    ids=["exact", "wrong numbers", "block", "spaces at ends", "in fences, other line ends"],
)
def test_a_patch_lands_where_its_lines_stand(patch):
    assert read_patch(patch)[0].name == "shop/a.py"
    assert applied(patch) == TEXT.replace("return 1\n", "return 11\n")


def test_of_lines_that_stand_twice_the_number_decides_and_without_one_nothing_is_guessed():
    hunk = "--- a/a.py\n+++ b/a.py\n@@ -{} +9 @@\n-    return 2\n+    return 3\n"
    assert applied(hunk.format(6)).count("def two():\n    return 3") == 1
    assert applied(hunk.format(9)).endswith("def also_two():\n    return 3\n")
    with pytest.raises(BadPatch, match=r"stand 2 times in shop/a.py \(lines 6, 10\)"):
        applied(BLOCK.format("    return 2", "    return 3"))


def test_several_files_and_parts_in_one_patch_and_new_ones_from_nothing():
    new = "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,2 @@\n+A = 1\n+B = 2\n"
    first, second = read_patch(
        BLOCK.format("    return 1", "    return 5") + "new.py\n" + BLOCK[9:].format("", "A = 1")
    )
    assert (first.name, second.name, apply_parts(None, second)) == ("shop/a.py", "new.py", "A = 1\n")
    assert applied(new, None) == "A = 1\nB = 2\n"
    two = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-def one():\n+def uno():\n@@ -5 +5 @@\n-def two():\n+def due():\n"
    assert applied(two).split("\n")[::4][:2] == ["def uno():", "def due():"]


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("please change it", "this is no patch"),
        ("x" * 200_001, "200,001 characters"),
        (BLOCK.format("    return 7", ""), "do not stand in shop/a.py"),
        (BLOCK.format("", "x = 1"), "is there already"),
        ("--- a/a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-def one():\n", "files are not removed"),
        ("<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE", "names no file"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(patch, why):
    with pytest.raises(BadPatch, match=why):
        applied(patch)


def test_a_diff_of_what_was_applied_gives_the_same_text_again():
    after = TEXT.replace("return 1\n", "return 11\n").removesuffix("\n")
    diff = draw_diff("shop/a.py", TEXT, after)
    assert diff.endswith("\\ No newline at end of file\n")
    assert applied(diff).rstrip("\n") == after
    assert draw_diff("new.py", None, "A = 1\n") == "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+A = 1\n"
