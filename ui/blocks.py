"""The text of an answer in pieces: sentences, code within them, and whole blocks of code that can be copied and run.

A block stands between lines of three backquotes, a piece of code within a sentence between single ones.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from ui.colours import highlight_code
from ui.html import copier
from ui.words import Words

FENCED = re.compile(r"^[ \t]*```[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
QUOTED = re.compile(r"`[^`\n]+`")
SENTENCE = re.compile(r".*?[.!?](?:\s*\[\d{1,4}\])*(?:\s+|$)|.+", re.DOTALL)  # with the numbers behind it
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


def block(each: CodeBlock, key: str, words: Words, *, runs: bool) -> str:
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


def run_words(words: Words) -> str:
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
