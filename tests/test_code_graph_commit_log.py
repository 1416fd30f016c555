"""What earlier commits said and changed, read from git's log, and which pieces their words speak for."""

from deepseek_mm.code_graph.commit_log import MARK, SPLIT, CommitRecord, FileRecord, follow_renames, read_records

LOG = f"""{MARK}a1{SPLIT}carts: empty them

At night.
Signed-off-by: Ann <a@b>\x03

diff --git a/shop/cart.py b/shop/cart.py
index 1..2 100644
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -3 +3,2 @@ def empty(self):
-    return 1
+    return 2
+    # def not_at_the_beginning
@@ -9,2 +9,2 @@ def total(self):
-def paint(x):
-    return x
+async def draw(x):
+    return 2 * x
diff --git a/old.py b/new.py
similarity index 90%
rename from old.py
rename to new.py
diff --git a/blob.bin b/blob.bin
Binary files a/blob.bin and b/blob.bin differ
{MARK}b2{SPLIT}begin\x03

diff --git a/fresh.js b/fresh.js
new file mode 100644
--- /dev/null
+++ b/fresh.js
@@ -0,0 +1,2 @@
+export async function drawHead() {{
+}}
"""


def read(text):
    return list(read_records(text.split("\n")))


def test_a_commit_names_the_functions_that_its_lines_stand_in_or_define():
    first, second = read(LOG)
    assert (first.commit, first.message) == ("a1", "carts: empty them\n\nAt night.")
    cart, moved, blob = first.files
    assert (cart.path, cart.names) == ("shop/cart.py", {"empty", "paint", "draw"})
    assert (moved.before, moved.path, moved.names) == ("old.py", "new.py", frozenset())
    assert blob.names == frozenset()
    assert [(file.path, file.before, file.names) for file in second.files] == [("fresh.js", "", {"drawHead"})]


def test_what_is_cut_off_is_read_as_far_as_it_goes():
    (first,) = read(LOG[: LOG.index("@@ -9")])
    assert first.files[0].names == {"empty"}
    assert read("") == []
    assert read("fatal: no such thing\nat all") == []


def test_a_file_is_known_by_its_name_of_today_through_two_renames():
    def record(commit, before, path):
        return CommitRecord(commit=commit, message="", files=(FileRecord(path=path, before=before, names=frozenset()),))

    records = [record("3", "b.py", "c.py"), record("2", "a.py", "b.py"), record("1", "", "a.py")]
    assert [each.files[0].path for each in follow_renames(records)] == ["c.py"] * 3
    assert follow_renames(records[1:])[1].files[0].path == "b.py"


def test_of_a_commit_of_very_many_files_only_new_names_of_files_are_kept():
    rows = [f"diff --git a/{n}.py b/{n}.py\n@@ -1 +1 @@\n+def f(): ..." for n in range(150)]
    moved = "diff --git a/a.py b/b.py\nrename from a.py\nrename to b.py\n@@ -1 +1 @@\n+def f(): ..."
    (record,) = read("\n".join([f"{MARK}1{SPLIT}all anew\x03", *rows, moved]))
    assert (record.message, record.files) == ("", (FileRecord(path="b.py", before="a.py", names=frozenset()),))


def test_a_message_without_end_is_read_to_its_first_rows():
    (record,) = read(f"{MARK}1{SPLIT}first\n" + "more\n" * 5_000)
    assert record.message.count("\n") == 199
