"""Code as HTML: blocks within an answer, highlighting, and numbered lines of a file.

The five classes are styled in `code.css`, for light and dark. Names of languages are ours (see `parse.formats`) or what
a model wrote behind three backquotes.

A block stands between lines of three backquotes, a piece of code within a sentence between single ones.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType
from pygments.util import ClassNotFound

from deepseek_mm import Listing
from index import Region
from ui.html import copier, hint
from ui.words import UiTexts

KINDS: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "c"),
    (String, "s"),
    (Keyword, "k"),
    (Number, "n"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Decorator, "f"),
)
OTHER_NAMES = {"notebook": "json", "text": ""}
MOST = 200_000  # letters; longer texts stay plain


def highlight_code(code: str, language: str) -> list[str]:
    """The lines as HTML, as many as `code` has."""
    lexer = lexer_of(language) if len(code) <= MOST else None
    if lexer is None:
        return [escape(line) for line in code.split("\n")]
    lines = [""]
    for kind, text in lexer.get_tokens(code):
        name = next((name for of, name in KINDS if kind in of), "")
        first, *others = (f'<i class="{name}">{escape(part)}</i>' if name and part else escape(part)
                          for part in text.split("\n"))  # fmt: skip
        lines[-1] += first
        lines += others
    return (lines + [""] * code.count("\n"))[: code.count("\n") + 1]


def lexer_of(language: str) -> Lexer | None:
    """None of a language that is not known."""
    try:
        return get_lexer_by_name(OTHER_NAMES.get(language, language), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


FENCED = re.compile(r"^[ \t]*```[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
QUOTED = re.compile(r"`[^`\n]+`")
SENTENCE = re.compile(  # with the numbers behind it
    r".*?(?:[.!?](?:\s*\[\d{1,4}\])*(?:\s+|$)|[\u3002\uff01\uff1f][\u3002\u201d\uff09]*(?:\s*\[\d{1,4}\])*\s*)|.+",
    re.DOTALL,
)
LIMITS = ("time", "memory", "disk", "processes", "output")  # as a run names what ended it
RUNNABLE = {"python": "python", "py": "python", "python3": "python", "bash": "bash", "sh": "bash", "shell": "bash"}


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeBlock:
    """Lines of code."""

    language: str  # as it was named; perhaps not at all
    code: str
    whole: bool = True  # False while it is still being written


def pieces(text: str) -> Iterator[str | CodeBlock]:
    """Prose and blocks in their order. A block's fences and the empty lines around it are left out."""
    at = 0
    for found in FENCED.finditer(text):
        if before := text[at : found.start()].strip("\n") if at else text[: found.start()].rstrip("\n"):
            yield before
        yield CodeBlock(language=found[1].lower(), code=found[2].removesuffix("\n"), whole=bool(found[3]))
        at = found.end()
    if rest := text[at:].lstrip("\n") if at else text:
        yield rest


def sentences(text: str) -> list[str]:
    """The text in sentences, each with the numbers and the space that follow it; together they are the text.

    No sentence ends within a piece of code.
    """
    plain = QUOTED.sub(lambda found: "x" * len(found[0]), text)
    return [text[found.start() : found.end()] for found in SENTENCE.finditer(plain)]


def block(each: CodeBlock, key: str, words: UiTexts, *, runs: bool) -> str:
    """A block with its buttons, and room for what it prints; `key` tells it from all others of the page."""
    language = RUNNABLE.get(each.language, "") if runs else ""
    code = "\n".join(highlight_code(each.code, each.language))
    acts = copier(each.code, words.copy, words.copied) if each.whole else ""
    if language and each.whole:
        acts += f'<button type="button" class="small" data-run="{language}">{escape(words.run)}</button>'
    name = f'<span class="hint">{escape(each.language)}</span>' if each.language else ""
    return (
        f'<figure class="program-block" data-key="{escape(key)}"><div class="acts">{name}{acts}</div>'
        f'<pre tabindex="0"><code>{code}</code></pre><div class="ran" role="status"></div></figure>'
    )


def run_words(words: UiTexts) -> str:
    """What `code.js` says of a program that runs, as JSON."""
    told = {
        "run": words.run,
        "again": words.run_again,
        "stop": words.run_stop,
        "running": words.run_under_way,
        "exit": words.run_exit,
        "ended": words.run_ended,
        "limits": dict(zip(LIMITS, words.run_limits, strict=True)),
        "stopped": words.run_stopped,
        "silent": words.run_silent,
        "walls": words.run_walls,
        "holds": words.run_holds,
        "lacks": words.run_lacks,
        "lost": words.run_lost,
    }
    return json.dumps(told)


MOST_CHARS = 2_000  # of one line that is shown
Opened = Callable[[Region], Listing]


def is_listed(region: Region) -> bool:
    """Whether it is lines of a file of code."""
    return region.kind == "code" and region.lines[0] > 0 and not region.page


def listing(region: Region, opened: Listing, words: UiTexts) -> str:
    """The lines; above them what is to be known of them. `viewer.js` scrolls to those that are marked."""
    first, last = opened.cited
    shown = [line if len(line) <= MOST_CHARS else f"{line[:MOST_CHARS]} ..." for line in opened.lines]
    rows = "".join(
        f'<span class="line{" hit" if first <= n <= last else ""}" data-n="{n}">{line}\n</span>'
        for n, line in enumerate(highlight_code("\n".join(shown), region.source.format), start=opened.first)
    )
    end = opened.first + len(shown) - 1
    said = {"changed": words.code_changed, "gone": words.code_gone}.get(opened.state, "")
    if not said and len(shown) < opened.total:
        said = words.code_shown.format(first=opened.first, last=end, total=opened.total)
    look = f'class="listing" style="--wide:{len(str(end))}ch"'
    return (
        f"{hint(said) if said else ''}"
        f'<pre {look} tabindex="0" aria-label="{escape(words.written)}"><code>{rows}</code></pre>'
    )
