"""Tasks from commits of a repository made for it, and what of a change is found."""

import json
import os
import subprocess

import numpy as np
import pytest

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.code_graphs import commit_tasks
from deepseek_mm.evaluation.code_graphs.code_context import ContextTasks, TreeReader, VectorStore, evaluate_context
from deepseek_mm.evaluation.code_graphs.commit_tasks import (
    changed_pieces,
    find_earlier,
    is_dev,
    list_tasks,
    list_tree,
    measure_activity,
    read_history,
)

PERSON = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b"}
FIRST = "def sort_photos(photos):\n    return photos\n\n\ndef paint(x):\n    return x\n"


class Space:
    """Vectors that say nothing."""

    code_fingerprint = "0" * 64

    def __init__(self):
        self.embedded = 0

    def embed_code(self, texts):
        self.embedded += len(texts)
        return np.ones((len(texts), 2), np.float32)

    def embed_code_questions(self, texts):
        return np.ones((len(texts), 2), np.float32)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    folder = tmp_path / "repository"
    (folder / "ui").mkdir(parents=True)

    def git(*words):
        subprocess.run(["git", "-C", str(folder), *words], env=os.environ | PERSON, check=True, capture_output=True)

    def commit(message, **files):
        for name, text in files.items():
            (folder / "ui" / f"{name}.py").write_text(text)
        git("add", "-A")
        git("commit", "-q", "-m", message)

    git("init", "-q")
    commit("ui: the first of all files", a=FIRST, b="def other(): ...\n")
    commit("ui, page: sort the photos by day", a=FIRST.replace("return photos", "return sorted(photos)"))
    commit("ui: too short", b="def other(): pass\n")
    git("mv", "ui/b.py", "ui/c.py")
    commit("ui: a file has another name now")
    commit("ui: only something that is new", d="def fresh(): ...\n")
    monkeypatch.setattr(commit_tasks, "DEV_SHARE", 0)  # all are reported
    return folder


def test_a_task_is_a_message_without_its_area_and_the_lines_that_changed(repository):
    (task,) = list_tasks(repository, "test", 10)
    assert task.text == "sort the photos by day"
    assert task.changed == (("ui/a.py", ((2, 2),)),)


def test_the_pieces_of_a_task_are_those_before_the_commit(repository):
    (task,) = list_tasks(repository, "test", 10)
    pieces = TreeReader(repository).read(list_tree(repository, task.parent))
    assert "return photos" in pieces[0].text
    assert [pieces[n].name for n in changed_pieces(task, pieces)] == ["sort_photos"]


def test_no_task_is_in_both_parts(repository, monkeypatch):
    monkeypatch.undo()
    tasks = [{task.commit for task in list_tasks(repository, split, 10)} for split in ("dev", "test")]
    assert tasks[0] & tasks[1] == set()
    assert len(tasks[0] | tasks[1]) == 1
    assert {is_dev(commit) for commit in tasks[0]} <= {True}


def test_recall_counts_changed_functions_among_the_first(repository, tmp_path):
    space = Space()
    report = json.loads(evaluate_context(ContextTasks(repository=repository), tmp_path / "work", space).json())
    assert (report["tasks"], report["ours"]["pieces_10"], report["bm25"]["files_30"]) == (1, 1.0, 1.0)
    assert space.embedded == 3


def test_a_text_is_embedded_once_and_kept(tmp_path):
    space = Space()
    VectorStore(tmp_path, space).add({"a": "x", "b": "y"}, lambda text: None)
    again = VectorStore(tmp_path, space)
    again.add({"b": "y", "c": "z"}, lambda text: None)
    assert space.embedded == 3
    assert again.cosines("?", ["c", "a"]).tolist() == [2.0, 2.0]


def test_files_that_changed_lately_count_most(repository):
    activity = measure_activity(repository, "HEAD")
    assert activity["ui/d.py"] == 1.0
    assert activity["ui/a.py"] < 1.0 + activity["ui/d.py"]


def test_a_task_knows_what_earlier_commits_said_and_never_its_own_or_later_ones(repository):
    (task,) = list_tasks(repository, "test", 10)
    history = read_history(repository, "HEAD")
    assert len(history) == 5
    assert [record.message for record in find_earlier(repository, task.parent, history)] == [
        "ui: the first of all files"
    ]
    (first, *_) = find_earlier(repository, "HEAD", history)[-1:]
    assert [(file.path, sorted(file.names)) for file in first.files] == [
        ("ui/a.py", ["paint", "sort_photos"]), ("ui/c.py", ["other"])
    ]  # fmt: skip


def test_a_folder_without_history_is_told(tmp_path):
    with pytest.raises(ConfigError, match="Name a clone with its history"):
        list_tasks(tmp_path, "test", 1)
    with pytest.raises(ConfigError, match="no split"):
        list_tasks(tmp_path, "other", 1)
