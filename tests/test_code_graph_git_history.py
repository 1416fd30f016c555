"""What git tells of lines, and that a repository that a stranger wrote makes it do nothing else."""

import os
import subprocess

import pytest

from deepseek_mm.code_graph import git_history
from deepseek_mm.code_graph.git_history import GitHistory, read_new_lines

PERSON = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "a@b",
}


def git(folder, *words, at=1_700_000_000):
    when = {"GIT_AUTHOR_DATE": f"{at} +0000", "GIT_COMMITTER_DATE": f"{at} +0000"}
    subprocess.run(["git", "-C", str(folder), *words], env=os.environ | PERSON | when, check=True, capture_output=True)


DIFF = "diff --git a/ui/a.py b/ui/a.py\n@@ -3 +3,2 @@ def a():\n-x\n+y\n+z\n@@ -9,2 +9,0 @@\n-x\n-y\n"


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text("def a():\n    return 1\n\n\ndef b():\n    return 2\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin with two")
    (folder / "a.py").write_text("def a():\n    return 1\n\n\ndef b():\n    return 3\n")
    git(folder, "commit", "-q", "-am", "three is right\n\nTwo was a slip.", at=1_700_100_000)
    return folder


def subjects(folder, first, last, *, roots=None):
    changes = GitHistory(roots or [folder]).find_last_changes(str(folder / "a.py"), first, last)
    return [(change.subject, change.lines) for change in changes]


def test_lines_are_told_with_the_commits_that_wrote_them_the_latest_first(repository):
    assert subjects(repository, 5, 6) == [("three is right", 1), ("begin with two", 1)]
    assert subjects(repository, 1, 2) == [("begin with two", 2)]


def test_a_change_has_its_author_date_and_reason(repository):
    change, first = GitHistory([repository]).find_changes(str(repository / "a.py"))
    assert (change.author, change.at.isoformat()) == ("Ann", "2023-11-16T02:00:00+00:00")
    assert (change.subject, change.body) == ("three is right", "Two was a slip.")
    assert first.subject == "begin with two"
    assert change.commit.startswith(change.short)


def test_lines_that_moved_since_the_last_commit_are_found_by_their_text(repository):
    (repository / "a.py").write_text("# new\n# lines\ndef a():\n    return 1\n\n\ndef b():\n    return 3\n")
    assert subjects(repository, 7, 8) == [("three is right", 1), ("begin with two", 1)]
    assert subjects(repository, 1, 2) == []


def test_a_file_that_git_does_not_know_has_no_history(repository):
    (repository / "new.py").write_text("x = 1\n")
    history = GitHistory([repository])
    assert history.find_last_changes(str(repository / "new.py"), 1, 1) == []
    assert history.find_changes(str(repository / "new.py")) == []
    assert history.find_last_changes(str(repository / "a.py"), 0, 1) == []


def test_nothing_outside_the_folders_that_may_be_read_is_asked_about(repository, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    assert subjects(repository, 1, 2, roots=[other]) == []


def test_a_repository_above_the_folder_that_may_be_read_is_not_asked(repository):
    inner = repository / "inner"
    inner.mkdir()
    (inner / "a.py").write_text("x = 1\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "inner")
    assert GitHistory([inner]).find_changes(str(inner / "a.py")) == []
    assert GitHistory([repository]).find_changes(str(inner / "a.py")) != []


def test_a_git_that_is_a_file_pointing_outside_is_left_alone(repository, tmp_path):
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / ".git").write_text(f"gitdir: {repository / '.git'}\n")
    (trap / "a.py").write_text((repository / "a.py").read_text())
    assert GitHistory([trap]).find_changes(str(trap / "a.py")) == []


@pytest.mark.parametrize("name", ["commondir", "objects/info/alternates"])
def test_a_git_that_borrows_from_elsewhere_is_left_alone(repository, name):
    assert subjects(repository, 1, 2)
    (repository / ".git" / name).write_text(str(repository / "elsewhere"))
    assert subjects(repository, 1, 2) == []


def test_a_git_that_is_a_link_is_left_alone(repository, tmp_path):
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / ".git").symlink_to(repository / ".git")
    (trap / "a.py").write_text((repository / "a.py").read_text())
    assert GitHistory([tmp_path]).find_changes(str(trap / "a.py")) == []


def test_no_program_that_the_repository_names_is_run(repository, tmp_path):
    mark, program = tmp_path / "mark", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    for name in (
        "core.fsmonitor", "core.pager", "diff.external", "gpg.program", "core.sshCommand", "filter.x.clean",
        "filter.x.smudge", "filter.x.process", "diff.x.textconv", "diff.x.command", "core.editor",
    ):  # fmt: skip
        git(repository, "config", name, str(program))
    git(repository, "config", "log.showSignature", "true")
    git(repository, "config", "filter.x.required", "true")
    git(repository, "config", "blame.ignoreRevsFile", "/etc/passwd")
    (repository / ".gitattributes").write_text("*.py filter=x diff=x\n")
    (repository / ".git" / "info").mkdir(exist_ok=True)
    (repository / ".git" / "info" / "attributes").write_text("*.py filter=x diff=x\n")
    for hook in ("post-index-change", "pre-commit", "reference-transaction"):
        (repository / ".git" / "hooks" / hook).write_text(program.read_text())
        (repository / ".git" / "hooks" / hook).chmod(0o755)
    (repository / "a.py").write_text("# changed\n" + (repository / "a.py").read_text())
    mark.unlink(missing_ok=True)  # what the set-up itself may have run
    assert subjects(repository, 6, 7) == [("three is right", 1), ("begin with two", 1)]
    assert GitHistory([repository]).find_changes(str(repository / "a.py"))
    assert GitHistory([repository]).measure_activity(str(repository))
    assert GitHistory([repository]).read_commits(str(repository))
    assert not mark.exists()


def test_a_path_that_looks_like_an_option_or_a_pattern_is_a_path(repository):
    for name in ("--output=x", ":(top)a.py", "*.py"):
        (repository / name).write_text("x = 1\n")
        assert GitHistory([repository]).find_changes(str(repository / name)) == []
    assert not (repository / "x").exists()


def test_what_takes_too_long_or_says_too_much_tells_nothing(repository, monkeypatch):
    monkeypatch.setattr(git_history, "MOST_BYTES", 40)
    assert subjects(repository, 1, 2) == []
    monkeypatch.undo()
    monkeypatch.setattr(git_history, "PATIENCE_S", 0.05)
    with subprocess.Popen(["sleep", "30"], stdout=subprocess.PIPE) as process:
        assert git_history.read_bounded(process) is None
    assert process.returncode < 0


def test_files_that_changed_lately_are_the_busiest(repository):
    (repository / "b.py").write_text("x = 1\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "another")
    activity = GitHistory([repository]).measure_activity(str(repository), half_life=1)
    assert GitHistory([repository]).find_fresh_lines(str(repository))[0][1] == {}  # no five commits
    assert read_new_lines(DIFF) == {"ui/a.py": {3, 4, 9}}
    assert activity == {str(repository / "b.py"): 1.0, str(repository / "a.py"): 0.75}


def heads(history, folder):
    return [
        (
            record.message.partition("\n")[0],
            [(os.path.basename(file.path), sorted(file.names)) for file in record.files],
        )
        for record in history.read_commits(str(folder))
    ]


def test_commits_tell_which_functions_they_changed_and_only_new_ones_are_read_later(repository, monkeypatch):
    history = GitHistory([repository])
    assert heads(history, repository) == [
        ("three is right", [("a.py", ["b"])]),
        ("begin with two", [("a.py", ["a", "b"])]),
    ]
    git(repository, "mv", "a.py", "c.py")
    git(repository, "commit", "-q", "-m", "another name")
    asked = []
    read = GitHistory._read_log
    monkeypatch.setattr(
        GitHistory, "_read_log", lambda self, top, words: asked.append(words[-1]) or read(self, top, words)
    )
    for _ in range(2):
        assert heads(history, repository)[1:] == [
            ("three is right", [("c.py", ["b"])]), ("begin with two", [("c.py", ["a", "b"])])
        ]  # fmt: skip
    assert [each.endswith("..HEAD") for each in asked] == [True]
    git(repository, "reset", "-q", "--hard", "HEAD~2")
    assert heads(history, repository) == [("begin with two", [("a.py", ["a", "b"])])]
    assert asked[1:] == ["HEAD"]


def test_a_log_that_is_cut_off_goes_on_the_next_time(repository, monkeypatch):
    (repository / "a.py").write_text("def c(): ...\n")
    git(repository, "commit", "-q", "-am", "c alone", at=1_700_200_000)
    history = GitHistory([repository])
    words = ["log", "-1", "-p", "-U0", "--format=%x01%H%x02%B%x03", "HEAD"]
    monkeypatch.setattr(git_history, "MOST_LOG", len(history._ask(repository, words)) + 80)  # into the second commit
    told = [[message for message, _ in heads(history, repository)] for _ in range(4)]
    assert told == [["c alone"], ["c alone", "three is right"], *[["c alone", "three is right", "begin with two"]] * 2]


def test_a_commit_that_is_too_large_to_be_read_is_not_tried_again(repository, monkeypatch):
    monkeypatch.setattr(git_history, "MOST_LOG", 1)
    assert heads(GitHistory([repository]), repository) == []
    monkeypatch.setattr(GitHistory, "_read_log", None)
    assert heads(GitHistory([repository]), repository) == []


def test_a_repository_is_found_where_it_may_be_read(repository):
    assert GitHistory([repository]).find_top(str(repository / "a.py")) == str(repository)
    assert GitHistory([repository]).find_top("/") == ""


def test_a_folder_without_commits_has_no_log(tmp_path):
    git(tmp_path, "init", "-q")
    assert GitHistory([tmp_path]).read_commits(str(tmp_path)) == ()
    assert GitHistory([tmp_path / "none"]).read_commits(str(tmp_path)) == ()
