"""What of a repository is read, compared with git where git has a say; secrets leave no trace but their count."""

import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from made_files import CONFIG
from pathspec import GitIgnoreSpec
from test_parse_code_languages import file_of

from deepseek_mm.errors import NothingThere
from deepseek_mm.parse.folder import find_files
from deepseek_mm.parse.repository import bound_steps, has_token, in_words, is_left_out, why_content

IGNORES = {
    ".gitignore": "# made\n*.log.txt\n/build/\n!keep.log.txt\ndeep/**\n!deep/kept.py\nspaced\\ name.py\n[bad\n"
    "**/tmp/*.py\n",
    "sub/.gitignore": "!special.log.txt\n/only_here.py\nx?.py\n",
    ".git/info/exclude": "private/\n",
}
FILES = (
    "a.py", "a.log.txt", "keep.log.txt", "build/out.py", "sub/build/kept.py", "deep/gone.py", "deep/kept.py",
    "spaced name.py", "sub/special.log.txt", "sub/other.log.txt", "sub/only_here.py", "only_here.py", "sub/xa.py",
    "sub/xab.py", "private/p.py", "sub/tmp/t.py", "sub/tmp/more/t.py", "deep/more/x.py",
)  # fmt: skip
KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA" * 8
TOKEN = "AKIA" + "Z7QK3M5N8P2R4T6V"


def wrote(folder: Path, files) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def read_and_left(folder: Path):
    found = find_files([folder], CONFIG)
    names = [os.path.relpath(path, folder) for path in found.files]
    return names, {os.path.relpath(path, folder): reason for path, reason in found.left_out}


@pytest.fixture
def repository(tmp_path):
    return wrote(tmp_path / "repo", dict.fromkeys(FILES, "x = 1\n") | IGNORES)


@pytest.mark.skipif(shutil.which("git") is None, reason="compared with git itself")
def test_what_gitignore_names_is_left_out_exactly_as_git_leaves_it_out(repository):
    shutil.move(repository / ".git", repository.parent / "exclude")
    git = ["git", "-C", str(repository)]
    subprocess.run([*git, "init", "-q"], check=True)
    shutil.copy(repository.parent / "exclude" / "info" / "exclude", repository / ".git" / "info" / "exclude")
    listed = subprocess.run([*git, "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True)
    theirs = {name for name in listed.stdout.splitlines() if not name.endswith(".gitignore")}
    names, left = read_and_left(repository)
    assert set(names) == theirs
    assert {"build", "private", "deep/gone.py"} <= set(left)
    assert set(left.values()) == {"ignored"}


def test_a_folder_inside_a_repository_obeys_the_rules_above_it(repository):
    names, _ = read_and_left(repository / "sub")
    assert "special.log.txt" in names
    assert not {"other.log.txt", "only_here.py", "xa.py"} & set(names)


def test_a_folder_that_is_ignored_is_read_all_the_same_by_whoever_names_it(tmp_path):
    wrote(tmp_path, {".git/HEAD": "", ".gitignore": "/env\n", "env/.gitignore": "*\n", "env/lib/pkg/a.py": "x = 1\n"})
    wrote(tmp_path, {"b.py": "x = 1\n"})
    assert read_and_left(tmp_path)[0] == ["b.py"]
    assert read_and_left(tmp_path / "env" / "lib")[0] == ["pkg/a.py"]


def test_rules_above_a_folder_that_is_in_no_repository_say_nothing(tmp_path):
    wrote(tmp_path, {".gitignore": "*.py\n", "inner/a.py": "x = 1\n"})
    assert read_and_left(tmp_path / "inner")[0] == ["a.py"]


def test_a_repository_inside_another_one_has_its_own_rules_alone(tmp_path):
    wrote(tmp_path, {".git/HEAD": "", ".gitignore": "*.go\n", "in/.git/HEAD": "", "in/.gitignore": "*.rs\n"})
    wrote(tmp_path, {"in/a.go": "x", "in/a.rs": "x", "a.go": "x", "b.py": "x"})
    assert read_and_left(tmp_path)[0] == ["b.py", "in/a.go"]


def test_vendored_folders_are_left_out_of_projects_and_of_nothing_else(tmp_path):
    code = {"vendor/a.py": "x", "third_party/b.py": "x", "dist/c.js": "x", "env/pyvenv.cfg": "", "env/lib/d.py": "x"}
    project = wrote(tmp_path / "project", code | {"pyproject.toml": "a = 1", "src/vendor/e.py": "x", "src/f.py": "x"})
    names, left = read_and_left(project)
    assert names == ["pyproject.toml", "src/f.py"]
    assert left == dict.fromkeys(["dist", "env", "third_party", "vendor", "src/vendor"], "vendored")
    photos = wrote(tmp_path / "photos", {"vendor/a.txt": "x", "dist/b.txt": "x", "node_modules/c.js": "x"})
    assert read_and_left(photos) == (["dist/b.txt", "vendor/a.txt"], {"node_modules": "vendored"})


@pytest.mark.parametrize(
    "name",
    [
        "package-lock.json",
        "pnpm-lock.yaml",
        "jquery.min.js",
        "site-min.css",
        "api_pb2.py",
        "api_pb2_grpc.pyi",
        "a.pb.go",
    ],
)
def test_lock_files_and_what_tools_write_are_generated_by_their_names(tmp_path, name):
    wrote(tmp_path, {name: "x", "package.json": "{}", "admin.js": "x"})
    assert read_and_left(tmp_path) == (["admin.js", "package.json"], {name: "generated"})


@pytest.mark.parametrize(
    "name", [".env", ".env.production", "server.pem", "id_ed25519", ".netrc", "credentials.json", "secrets.yaml"]
)
def test_files_that_are_named_like_secrets_are_left_out_and_told(tmp_path, name):
    wrote(tmp_path, {name: "SECRET=1", ".env.example": "SECRET=", "credentials.py": "x", "key.py": "x"})
    assert read_and_left(tmp_path) == (["credentials.py", "key.py"], {name: "secret"})


def test_submodules_and_links_are_told_and_worktrees_are_read(tmp_path):
    repo = wrote(tmp_path / "repo", {".git/HEAD": "", "a.py": "x", "sub/b.py": "x", "tree/c.py": "x"})
    wrote(repo, {"sub/.git": "gitdir: ../.git/modules/sub\n", "tree/.git": "gitdir: /r/.git/worktrees/tree\n"})
    (repo / "loop").symlink_to(repo)
    assert read_and_left(repo) == (["a.py", "tree/c.py"], {"sub": "submodule", "loop": "link"})


def test_a_folder_of_which_everything_is_left_out_says_why(tmp_path):
    wrote(tmp_path, {"api_pb2.py": "x", "node_modules/a.js": "x"})
    with pytest.raises(NothingThere, match=r"nothing to read in .*\. 1 vendored, 1 generated were left out"):
        find_files([tmp_path], CONFIG)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.py", f"KEY = '''{KEY}'''", "secret"),
        ("a.md", f"Use this key:\n\n{TOKEN}\n", "secret"),
        ("a.yaml", f"aws: {TOKEN}\n", "secret"),
        ("a.py", "token = 'ghp_" + "a1B2" * 9 + "'", "secret"),
        ("a.py", "HEAD = '-----BEGIN PRIVATE KEY-----'\nDOC = 'AKIAIOSFODNN7EXAMPLE'", None),
        ("a.py", "# Code generated by protoc. DO NOT EDIT.\nx = 1", "generated"),
        ("a.ts", "/* eslint-disable */\n/**\n * @generated\n */\nlet x;", "generated"),
        ("a.py", 'MARK = "DO NOT EDIT"\n', None),
        ("a.py", "x = 1\n" * 300 + "# DO NOT EDIT below\n", None),
        ("a.md", "# How\nDO NOT EDIT this by hand\n", None),
        ("a.js", "function a(){return 1};" * 400, "generated"),
        ("a.js", "function a() {\n  return 1;\n}\n" * 400, None),
        ("a.json", "[1, 2]" * 1_000, None),
    ],
)
def test_what_a_file_holds_tells_secrets_and_generated_code(name, text, reason):
    assert why_content(file_of(name, text.encode())) == reason


def test_pictures_are_never_searched_for_tokens():
    assert why_content(file_of("a.jpg", TOKEN.encode())) is None


def test_a_path_is_left_out_where_a_walk_would_pass_over_it(repository):
    wrote(repository, {"node_modules/in/a.js": "x", ".env": "x"})
    names, _ = read_and_left(repository)
    paths = [*FILES, "node_modules/in/a.js", ".env", "build", "sub"]
    kept = [name for name in paths if not is_left_out(str(repository / name), str(repository))]
    assert sorted(kept) == sorted([*names, "sub"])


def test_reasons_are_counted_in_a_fixed_order():
    left = [("/a", "secret"), ("/b", "ignored"), ("/c", "ignored"), ("/d", "empty")]
    assert in_words(left) == "2 by .gitignore, 1 likely secrets, 1 empty"
    assert in_words([]) == ""


FOLDERS = ("a", "b", "*", "a*", "*a", "a*b", "*a*", "?", "a?b", "[ab]", "**", "a*b*a", "b*", "a**b", "[a/b]*a", "\\a*b")


def test_rules_that_never_look_for_another_way_leave_out_exactly_what_the_plain_ones_do():
    chance = random.Random(31)
    rules = ["/".join(chance.choices(FOLDERS, k=chance.randint(1, 5))) + chance.choice(["", "/"]) for _ in range(400)]
    found = [GitIgnoreSpec.from_lines([rule], backend="simple").patterns for rule in rules]
    plain = [pattern.regex for (pattern,) in found if pattern.regex is not None]
    for pattern in plain:
        bound = re.compile(bound_steps(pattern.pattern))
        for _ in range(20):
            path = "/".join("".join(chance.choices("ab", k=chance.randint(1, 4))) for _ in range(chance.randint(1, 6)))
            one, other = pattern.search(path), bound.search(path)
            assert (one and one.groupdict()) == (other and other.groupdict()), (pattern.pattern, path)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("/".join(["**/a"] * 20) + "/**/b", "/".join("a" * 60) + "/c.txt"),
        ("*a" * 30 + "*b", "a" * 200 + ".txt"),
        ("a?*" * 30 + "b", "a" * 200 + ".txt"),
    ],
)
def test_rules_that_were_made_to_take_for_ever_are_followed_at_once(tmp_path, rule, path):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("words")
    (tmp_path / ".gitignore").write_text(f"{rule}\n")
    began_s = time.monotonic()
    assert [Path(file).name for file in find_files([tmp_path], CONFIG).files] == [Path(path).name]
    assert time.monotonic() - began_s < 5


def test_a_token_is_found_wherever_it_begins_and_zeros_cost_next_to_nothing():
    assert has_token(bytes(999_990) + b" ghp_" + b"a" * 36 + bytes(999_990))
    began_s = time.process_time()
    assert not has_token(bytes(50_000_000))
    assert time.process_time() - began_s < 1
