"""Screenshots made here: an editor's view, a page, a plot, an error, each of code that is installed.

Chromium shoots what pygments colours, what a template gives, and a terminal with a real traceback; matplotlib draws
what a docstring's examples draw. No title bar or tab names the file: only what the code itself shows can lead to it.
"""

import ast
import html
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepseek_mm.errors import BadFile, MissingPackage
from deepseek_mm.evaluation.chromium import open_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

Kind = Literal["editor", "page", "plot", "error"]
KINDS: tuple[Kind, ...] = ("editor", "page", "plot", "error")
ROWS = Path(__file__).with_name("screenshots.json")
WAIT_S = 120.0  # for a program that draws or fails
SIZE = {"width": 1000, "height": 700}
HEIGHT_PX = 900  # of a page, at most
HTML, PLOT, ERROR = "print(html)", "plt.gcf().savefig(OUT, dpi=100)", ""
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


def read_shots(split: str, file: Path = ROWS) -> list[Screenshot]:
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
    """What Chromium is given."""
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
        raise BadFile(f"there is no {shot.file} in {sources}. Another version of the package was listed: {ROWS.name}")
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
        raise BadFile(f"{shot.file} has no {shot.symbol}. Another version of the package was listed: {ROWS.name}")
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
