"""The README and the pages of docs/ tell the truth: commands run or parse, snippets run, and paths exist."""

import io
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from deepseek_mm.__main__ import build_parser, list_commands, main
from deepseek_mm.terminal import Desk

ROOT = Path(__file__).parent.parent
PAGES = {
    path.relative_to(ROOT): path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
README, USAGE, RESULTS = (PAGES[Path(name)] for name in ("README.md", "docs/usage.md", "docs/results.md"))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
CLAIMS = (README, RESULTS)  # pages with figures of their own
QUIET = {"DEEPSEEK_MM_LM__NAME": "none"}  # the words of the language model are tested elsewhere
PHOTOS = ("cap-yellow.jpg", "cat.jpg", "shirt-red-turkiye.jpg", "shirt-turquoise.jpg")
PROGRAM = "python -m deepseek_mm "
MOST_LINES, MOST_COLUMNS = 180, 160  # of the README


def blocks(kind: str, *pages: str) -> list[str]:
    """The fenced blocks whose first line is exactly this."""
    return [block for page in pages for block in re.findall(rf"^```{kind}\n(.*?)^```$", page, re.M | re.S)]


def commands(kind: str, *pages: str) -> list[str]:
    """The command lines of such blocks, each once."""
    lines = [line for block in blocks(kind, *pages) for line in block.splitlines() if line.startswith(PROGRAM)]
    return list(dict.fromkeys(lines))


def all_commands() -> list[tuple[str, str]]:
    """(page, command line) wherever one stands: in a block, indented, or within backquotes in a sentence or a table."""
    found = {}
    for page, text in PAGES.items():
        for line in re.findall(rf"^\s*({PROGRAM}.+?)(?:\s+#.*)?$", text, re.M):
            found[line] = str(page)
        for line in re.findall(rf"`({PROGRAM}[^`]+)`", text):
            found[line] = str(page)
    return [(page, line) for line, page in found.items() if not line.endswith("--help")]


def figures_and_commands(page: str) -> list[tuple[str, str]]:
    """(number, command) of each row of tables headed "what | number | command"."""
    tables = re.findall(r"^\| what \| number \| command \|\n\|---\|---\|---\|\n((?:\| .+\n)+)", page, re.M)
    rows = [line.strip("| ").split(" | ") for table in tables for line in table.splitlines()]
    return [(number.strip(), command.strip()) for _, number, command in rows]


def paths_named(text: str) -> list[str]:
    """Whatever in backquotes looks like a path of this project."""
    named = re.findall(r"`([\w./-]+)`", text)
    tops = {path.name for path in ROOT.iterdir()}
    return [name for name in named if name.partition("/")[0] in tops and ("/" in name or "." in name)]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A command line, its exit code and what it wrote."""

    line: str
    code: int
    out: str
    err: str


def run_line(line: str, clone: Path) -> Run:
    out, err = io.StringIO(), io.StringIO()
    code = main(shlex.split(line)[3:], Desk(out=out, err=err, environ=QUIET, cwd=clone))
    return Run(line=line, code=code, out=out.getvalue(), err=err.getvalue())


@pytest.fixture(scope="module")
def indexed(tmp_path_factory) -> tuple[Path, Run]:
    """A folder like a clone's, with a few of the bundled photos, after the first command of the README."""
    clone = tmp_path_factory.mktemp("clone")
    photos = clone / "examples" / "photos"
    photos.mkdir(parents=True)
    for name in PHOTOS:
        shutil.copy(ROOT / "examples" / "photos" / name, photos)
    shutil.copy(ROOT / "examples" / "rules.txt", photos.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(clone)
        return clone, run_line(commands("bash run", README)[0], clone)


@pytest.fixture
def clone(indexed, monkeypatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(indexed[0])
    return indexed[0]


@pytest.mark.parametrize(
    ("page", "number"),
    [(README, 5), pytest.param(USAGE, 13, marks=pytest.mark.campaign(times=1, only=True))],
    ids=["README", "usage"],
)
def test_the_commands_that_are_marked_to_run_do_run(clone, indexed, page, number):
    lines = commands("bash run", page)
    assert len(lines) == number
    later = [line for line in lines if line != indexed[1].line]
    for ran in (indexed[1], *(run_line(line, clone) for line in later)):
        assert ran.code == 0, ran
        assert ran.out, ran.line


@pytest.mark.parametrize(("file", "line"), all_commands(), ids=lambda said: said.removeprefix(PROGRAM)[:60])
def test_a_command_of_any_page_is_understood_by_the_command_line(file, line):
    assert build_parser().parse_args(shlex.split(line)[3:]).command is not None


def test_the_readers_of_the_pages_find_commands_in_blocks_and_in_sentences():
    assert {page for page, _ in all_commands()} >= {"docs/usage.md", "docs/results.md", "docs/security.md"}
    assert paths_named("`deepseek_mm/lm/`, `tests/test_<a>.py`, `make run`, `docs/no.md`") == [
        "deepseek_mm/lm/",
        "docs/no.md",
    ]


@pytest.mark.parametrize("file", ["README.md", "docs/usage.md"])
def test_the_python_snippets_run_and_print_what_was_found(file, clone, capsys):
    (snippet,) = blocks("python run", PAGES[Path(file)])
    exec(compile(snippet, file, "exec"), {"__name__": "snippet"})
    said = capsys.readouterr().out
    assert "cat.jpg" in said
    assert ("cap-yellow.jpg" in said) == ("Query" in snippet)


def test_every_command_is_named_in_the_usage():
    named = set(re.findall(r"`(\w+)`", USAGE))
    assert {command.name for command in list_commands()} - named == set()


@pytest.mark.parametrize("text", CLAIMS, ids=["README", "results"])
def test_every_number_stands_beside_a_command(text):
    rows = figures_and_commands(text)
    assert len(rows) >= 12
    assert [row for row in rows if not re.search(r"`[a-z]+ [^`]+`", row[1])] == []


def test_the_twelve_results_of_the_readme_are_among_all_results():
    said = [command.strip("`") for _, command in figures_and_commands(README)]
    known = [command for _, command in figures_and_commands(RESULTS)]
    assert len(said) == 12
    assert [each for each in said if not any(each in command for command in known)] == []


def test_the_tree_names_what_is_there_and_nothing_else():
    (tree,) = (block for block in blocks("text", README) if block.startswith("app.py"))
    named, parent = [], ""
    for line in tree.splitlines():
        name = line.split()[0]
        parent = parent if line.startswith(" ") else name
        named.append(name if name == parent else parent + name)
    folders = {f"{p.relative_to(ROOT)}/" for p in (ROOT / "deepseek_mm").iterdir() if p.is_dir() and p.name[0] != "_"}
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert {name for name in named if name.startswith("deepseek_mm/") and name != "deepseek_mm/"} == folders


def test_a_stranger_reads_the_readme_in_two_minutes():
    lines = README.splitlines()
    assert (len(lines) <= MOST_LINES, max(map(len, lines)) <= MOST_COLUMNS) == (True, True)


def test_every_make_target_that_is_named_exists():
    text = "\n".join((README, USAGE, RESULTS, CONTRIBUTING))
    targets = re.findall(r"^make (\w+)", "\n".join(blocks("bash", text)), re.M) + re.findall(r"`make (\w+)", text)
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in targets if f"\n{target}:" not in makefile] == []
    assert len(set(targets)) > 5


@pytest.mark.parametrize("file", [*map(str, PAGES), "CONTRIBUTING.md"])
def test_every_path_that_a_page_names_exists(file):
    text = (ROOT / file).read_text()
    assert [name for name in paths_named(text) if not (ROOT / name).exists()] == []
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if not ((ROOT / file).parent / link.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("file", [*map(str, PAGES)])
def test_a_link_to_a_heading_leads_to_one(file):
    found = re.findall(r"\]\(([\w./-]*\.md)?#([\w-]+)\)", PAGES[Path(file)])
    pages = [((ROOT / file).parent / other if other else ROOT / file, anchor) for other, anchor in found]
    assert [(str(path), anchor) for path, anchor in pages if anchor not in anchors(path.read_text())] == []


def anchors(text: str) -> set[str]:
    """The names that a page's headings have as addresses, as GitHub makes them."""
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.+)$", text, re.M)}
