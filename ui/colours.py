"""Code in colours: keywords, strings, comments, numbers, and what is being defined; everything else stays as it is.

The five classes are styled in `code.css`, for light and dark. Names of languages are ours (see `parse.formats`) or what
a model wrote behind three backquotes.
"""

from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType
from pygments.util import ClassNotFound

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
