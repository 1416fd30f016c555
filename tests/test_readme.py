"""The README tells the truth: its commands run, its snippet runs, its tree and its links are there."""

import io
import re
import shlex
import shutil
from pathlib import Path

import pytest

from deepseek_mm.__main__ import COMMANDS, build_parser, main
from deepseek_mm.terminal import Desk

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
QUIET = {"DEEPSEEK_MM_LM__NAME": "none"}  # the words of the language model are tested elsewhere
PHOTOS = ("cap-yellow.jpg", "cat.jpg", "shirt-red-turkiye.jpg", "shirt-turquoise.jpg")


def blocks(kind: str) -> list[str]:
    """The fenced blocks whose first line is exactly this."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.M | re.S)


def commands(kind: str) -> list[str]:
    return [line for block in blocks(kind) for line in block.splitlines() if line.startswith("python -m deepseek_mm")]


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder like a clone's, with a few of the bundled photos."""
    photos = tmp_path / "examples" / "photos"
    photos.mkdir(parents=True)
    for name in PHOTOS:
        shutil.copy(ROOT / "examples" / "photos" / name, photos)
    shutil.copy(ROOT / "examples" / "rules.txt", photos.parent)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_that_are_marked_to_run_do_run(clone):
    assert len(commands("bash run")) >= 7
    for line in commands("bash run"):
        out, err = io.StringIO(), io.StringIO()
        code = main(shlex.split(line)[3:], Desk(out=out, err=err, environ=QUIET, cwd=clone))
        assert code == 0, (line, out.getvalue(), err.getvalue())
        assert out.getvalue(), line


@pytest.mark.parametrize("line", commands("bash"))
def test_the_commands_that_need_more_than_a_clone_are_at_least_understood(line):
    assert build_parser().parse_args(shlex.split(line)[3:]).command is not None


def test_the_python_snippet_runs_and_prints_what_was_found(clone, capsys):
    main(["index", "examples/photos"], Desk(out=io.StringIO(), err=io.StringIO(), environ=QUIET, cwd=clone))
    (snippet,) = blocks("python run")
    exec(compile(snippet, "README.md", "exec"), {"__name__": "readme"})
    assert "cap-yellow.jpg" in capsys.readouterr().out


def test_every_command_is_named_in_the_readme_or_its_help():
    told = README + "".join(command.help for command in COMMANDS)
    assert [command.name for command in COMMANDS if command.name not in told] == []


def test_the_tree_names_what_is_there_and_nothing_else():
    (tree,) = (block for block in blocks("text") if block.startswith("app.py"))
    named, parent = [], ""
    for line in tree.splitlines():
        name = line.split()[0]
        parent = parent if line.startswith(" ") else name
        named.append(name if name == parent else parent + name)
    folders = {f"{p.relative_to(ROOT)}/" for p in (ROOT / "deepseek_mm").iterdir() if p.is_dir() and p.name[0] != "_"}
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert {name for name in named if name.startswith("deepseek_mm/") and name != "deepseek_mm/"} == folders


def test_every_make_target_and_every_file_that_is_named_exists():
    targets = re.findall(r"`?make (\w+)", "\n".join(blocks("bash")) + "\n".join(re.findall(r"`make [^`]+`", README)))
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in targets if f"\n{target}:" not in makefile] == []
    files = re.findall(r"`([\w/.-]+\.(?:md|py))`|\]\(([\w/.-]+)\)", README)
    names = [name for pair in files for name in pair if name]
    homes = (ROOT, ROOT / "deepseek_mm" / "rag", ROOT / "tests")
    assert [name for name in names if not any((home / name).exists() for home in homes)] == []
