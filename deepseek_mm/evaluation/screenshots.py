"""`eval screenshot`: pictures of code that is installed here, drawn, and looked for in a library of that code.

Which packages are searched and which pictures are drawn is written down in `screenshots.json`: editors, terminals and
pages in Chromium, plots by their own program. Sources lie in one folder as they are installed, without tests. Counted
is how often the right file is the first, or among the first five, by kind of picture.
"""

import ast
import html
import inspect
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image

from deepseek_mm.errors import BadFile, MissingPackage, NothingThere
from deepseek_mm.parse.packages import SKIPPED, InstalledPackage
from deepseek_mm.types import Found, Query
from index import Filter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = frozenset([".html", ".css", ".js", ".md", ".j2"])  # what a package's pages are made of
MOST_BYTES = 200_000  # of such a file; a larger one was made by a program
BUILT = frozenset(["assets", "node", "node_modules"])  # folders of what a program packed
LIST = Path(__file__).with_name("screenshots.json")  # packages, and the screenshots themselves
MARK = ".copied"  # in the folder once it is whole


def list_packages(file: Path = LIST) -> list[str]:
    """Names of the packages that are searched."""
    return list(json.loads(file.read_text(encoding="utf-8"))["packages"])


def read_licences(names: Sequence[str], installed: Iterable[InstalledPackage]) -> dict[str, str]:
    """Package -> its licence as it names it. MissingPackage for one that is not installed, or may not be read."""
    found = {package.name: package.licence for package in installed}
    for name in names:
        if name not in found:
            raise MissingPackage(name, needed_for="eval screenshot", extra="dev")
    return {name: found[name] for name in names}


def copy_sources(names: Sequence[str], installed: Iterable[InstalledPackage], folder: Path) -> int:
    """Copy the packages' sources below `folder`, once; returns how many files lie there."""
    if not (folder / MARK).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        for package in installed:
            for source, place in list_files(package) if package.name in names else ():
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, folder / place)
        (folder / MARK).touch()
    return sum(path.is_file() and path.name != MARK for path in folder.rglob("*"))


def list_files(package: InstalledPackage) -> Iterator[tuple[Path, Path]]:
    """Each file, and its path from the folder of installed packages on."""
    told = distribution(package.name)
    for file in told.files or []:
        path = Path(str(told.locate_file(file)))
        if not (SKIPPED | BUILT).isdisjoint(file.parts) or ".." in file.parts:
            continue
        page = file.suffix in PAGES and path.is_file() and path.stat().st_size <= MOST_BYTES
        if page or (file.suffix == ".py" and path.is_file()):
            yield path, Path(*file.parts)


NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def open_chromium() -> Iterator["Browser"]:
    """A browser without a window. MissingPackage or NothingThere say what to install."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise MissingPackage("playwright", needed_for="a browser to measure and to shoot with", extra="dev") from error
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise NothingThere("no chromium on the PATH. Install it with: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGS)
        try:
            yield browser
        finally:
            browser.close()


Kind = Literal["editor", "page", "plot", "error"]
KINDS: tuple[Kind, ...] = ("editor", "page", "plot", "error")
WAIT_S = 120.0  # for a program that draws or fails
SIZE = {"width": 1000, "height": 700}
HEIGHT_PX = 900  # of a page, at most
HTML, PLOT = "print(html)", "plt.gcf().savefig(OUT, dpi=100)"
PLOTTED = "import matplotlib.pyplot as plt, numpy as np\nplt.show = lambda *a, **k: None\n"
PAGE = "<!doctype html><meta charset=utf-8><style>{style}</style><body>{body}"
TERMINAL = "body{{background:{back};color:{fore};margin:12px}}pre{{font:{size}px {font};white-space:pre-wrap}}"
DOCS = "body{{font:{size}px {font};margin:24px;max-width:760px}}pre{{white-space:pre-wrap;font:inherit}}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Screenshot:
    """One screenshot, and the file that it should lead to."""

    split: str  # test or dev
    kind: Kind
    file: str  # from the folder of installed packages on
    symbol: str = ""  # what an editor shows, docs describe, or whose examples are drawn: "Graph.add_node"
    line: int = 0  # an editor's first line from the symbol's first on, or of the file where no symbol is named
    code: str = ""  # makes `html`, or fails
    style: str = "default"  # of pygments; of a terminal "dark" or "light"
    font: str = "DejaVu Sans Mono"
    size: int = 14  # of its letters, in pixels
    lines: int = 32  # that an editor shows

    @property
    def name(self) -> str:
        """As a file's name: the same for the same shot."""
        told = "-".join(filter(None, [self.kind, *Path(self.file).with_suffix("").parts[-2:], self.symbol]))
        return f"{self.split}-{told}.png"


def read_shots(split: str, file: Path = LIST) -> list[Screenshot]:
    """The screenshots of one split, in order."""
    return [Screenshot(**row) for row in json.loads(file.read_text(encoding="utf-8"))["shots"] if row["split"] == split]


def draw_screenshots(shots: Sequence[Screenshot], sources: Path, folder: Path) -> Iterator[Path]:
    """Every shot's picture below `folder`, drawn unless it lies there. BadFile names what cannot be drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        page: Page | None = None
        for shot in shots:
            file = folder / shot.name
            if not file.exists() and shot.kind == "plot":
                run_program(PLOTTED + join_examples(read_source_text(shot, sources), shot) + PLOT, shot, out=file)
            elif not file.exists():
                page = page or stack.enter_context(open_chromium()).new_page(viewport=SIZE)  # type: ignore[arg-type]
                take_screenshot(page, make_page(shot, sources), file)
            yield file


def take_screenshot(page: "Page", text: str, file: Path) -> None:
    """A picture of this page, as high as it is, up to `HEIGHT_PX`."""
    page.set_content(text, wait_until="load")
    high = min(HEIGHT_PX, int(page.evaluate("Math.ceil(document.body.getBoundingClientRect().bottom) + 12")))
    page.screenshot(path=file, clip={"x": 0, "y": 0, "width": SIZE["width"], "height": max(high, 60)}, full_page=True)


def make_page(shot: Screenshot, sources: Path) -> str:
    """The HTML that Chromium draws."""
    if shot.kind == "editor":
        return make_editor_page(read_source_text(shot, sources), shot)
    if shot.kind == "error":
        dark = shot.style == "dark"
        style = TERMINAL.format(
            back="#1e1e1e" if dark else "#fff", fore="#ddd" if dark else "#222", size=shot.size, font=shot.font
        )
        return PAGE.format(style=style, body=f"<pre>{html.escape(run_program(shot.code, shot))}</pre>")
    if shot.code:
        return run_program(shot.code + "\n" + HTML, shot)
    return make_docs_page(read_source_text(shot, sources), shot)


def read_source_text(shot: Screenshot, sources: Path) -> str:
    """The text of the file. BadFile where the package has it no more."""
    path = sources / shot.file
    if not path.is_file():
        raise BadFile(f"there is no {shot.file} in {sources}. Another version of the package was listed: {LIST.name}")
    return path.read_text(encoding="utf-8")


def make_editor_page(source: str, shot: Screenshot) -> str:
    """Some lines of a file, coloured, with their numbers."""
    try:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import get_lexer_for_filename
    except ImportError as error:
        raise MissingPackage("pygments", needed_for="eval screenshot", extra="dev") from error
    first = shot.line + (find_definition(source, shot).lineno if shot.symbol else 0)
    text = "\n".join(source.split("\n")[max(0, first - 1) : first - 1 + shot.lines])
    css = f"body{{margin:0}}.highlight,table{{width:100%}}pre{{font:{shot.size}px/1.4 {shot.font};margin:0}}"
    made = HtmlFormatter(style=shot.style, full=True, linenos="table", linenostart=first, cssstyles="padding:6px")
    lexer = get_lexer_for_filename(shot.file, stripnl=False)
    coloured: str = highlight(text, lexer, made)
    return coloured.replace("</head>", f"<style>{css}</style></head>")


def make_docs_page(source: str, shot: Screenshot) -> str:
    """A page of documentation: name, parameters, docstring."""
    node = find_definition(source, shot)
    name = html.escape(shot.symbol)
    taken = html.escape(ast.unparse(node.args)) if not isinstance(node, ast.ClassDef) else ""
    told = html.escape(inspect.cleandoc(ast.get_docstring(node) or ""))
    body = f"<h1>{name}</h1><p><code>{name}({taken})</code></p><pre>{told}</pre>"
    return PAGE.format(style=DOCS.format(size=shot.size, font=shot.font), body=body)


def find_definition(source: str, shot: Screenshot) -> Any:
    """The definition that the shot names. BadFile where the file has it no more."""
    nodes: list[Any] = [ast.parse(source)]
    for part in shot.symbol.split("."):
        nodes = [
            one for node in nodes for one in ast.walk(node) if one is not node and getattr(one, "name", "") == part
        ]
    if not nodes:
        raise BadFile(f"{shot.file} has no {shot.symbol}. Another version of the package was listed: {LIST.name}")
    return nodes[0]


def join_examples(source: str, shot: Screenshot) -> str:
    """The examples of a docstring, as one program."""
    import doctest

    told = ast.get_docstring(find_definition(source, shot)) or ""
    return "".join(example.source for example in doctest.DocTestParser().get_examples(told))


def run_program(code: str, shot: Screenshot, out: Path | None = None) -> str:
    """What a program of the list prints, or how it fails where it should. BadFile where it does not."""
    env = os.environ | {"MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}
    code = f"OUT = {str(out)!r}\n{code}" if out else code
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT_S, env=env, check=False
    )
    if (done.returncode != 0) != (shot.kind == "error"):
        raise BadFile(f"the program of {shot.name} went wrong: {(done.stderr or done.stdout or 'no error')[-300:]}")
    return done.stderr if shot.kind == "error" else done.stdout


FIRST = 5
CODE = Filter(source_kinds=("code",))


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenshotScore:
    """How one kind of picture did."""

    shots: int
    top1: float  # share whose file came first
    top5: float  # or among the first five


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenshotReport:
    """All kinds of pictures."""

    kinds: Mapping[str, ScreenshotScore]
    files: int  # among which they were looked for
    seconds: float  # a picture takes, reading included
    missed: tuple[str, ...]  # pictures whose file is not among the first five

    def table(self) -> str:
        """A table for people."""
        lines = [f"{name:<10}{way.shots:>6}{way.top1:>8.3f}{way.top5:>8.3f}" for name, way in self.kinds.items()]
        told = [f"not among the first {FIRST}: {name}" for name in self.missed]
        head = f"{'':<10}{'shots':>6}{'top 1':>8}{'top 5':>8}"
        return "\n".join([head, *lines, f"{self.files} files, {self.seconds:.1f} s a picture", *told])

    def json(self) -> str:
        """The figures as one line of JSON."""
        kinds = {name: {"shots": way.shots, "top1": way.top1, "top5": way.top5} for name, way in self.kinds.items()}
        told = {"files": self.files, "seconds": round(self.seconds, 2), "missed": list(self.missed), "kinds": kinds}
        return json.dumps({"top1": kinds["all"]["top1"], "top5": kinds["all"]["top5"], **told})


def evaluate_screenshots(
    find: Callable[..., Found],
    shots: Sequence[tuple[Screenshot, Path]],
    sources: Path,
    files: int,
    note: Callable[[str], None] = lambda text: None,
) -> ScreenshotReport:
    """Search for every picture among the files below `sources`, which are in the library that `find` searches."""
    began, places = time.monotonic(), []
    for shot, picture in shots:
        with Image.open(picture) as opened:
            query = Query(image=opened.convert("RGB"))
        found = [match.region.source.path for match in find(query, k=FIRST, where=CODE).matches]
        wanted = str((sources / shot.file).absolute())
        places.append(found.index(wanted) if wanted in found else FIRST)
        note(f"{shot.name}: {places[-1] + 1 if places[-1] < FIRST else 'missed'}")
    by_kind = {kind: [n for (shot, _), n in zip(shots, places, strict=True) if shot.kind == kind] for kind in KINDS}
    return ScreenshotReport(
        kinds={name: score_places(some) for name, some in (*by_kind.items(), ("all", places)) if some},
        files=files,
        seconds=(time.monotonic() - began) / max(1, len(shots)),
        missed=tuple(shot.name for (shot, _), n in zip(shots, places, strict=True) if n == FIRST),
    )


def score_places(places: Sequence[int]) -> ScreenshotScore:
    """Of places from 0; `FIRST` stands for none."""
    return ScreenshotScore(
        shots=len(places),
        top1=round(sum(n == 0 for n in places) / len(places), 4),
        top5=round(sum(n < FIRST for n in places) / len(places), 4),
    )
