"""The table of all kinds of files that are read: the one place to look, or to add to.

Pictures and PDFs say themselves what they are, so their first bytes decide whatever the name says. Text does not: there
the ending of the name decides, and `text.decode_text` refuses what is no text after all. What reads a kind of file
stands in the table of `readers`, which only worker processes import.
"""

import re

from deepseek_mm.parse.nouns import Format

AVIF = rb".{4}ftyp(?:avi[fs]|m[is]f1.{4}(?:.{4}){0,6}avif)"  # by its own brand, or a common one and AVIF among others
LANGUAGES = {  # name -> endings
    "python": (".py", ".pyi"),
    "javascript": (".js", ".mjs", ".cjs", ".jsx"),
    "typescript": (".ts", ".tsx", ".mts"),
    "go": (".go",),
    "rust": (".rs",),
    "java": (".java",),
    "kotlin": (".kt", ".kts"),
    "c": (".c", ".h"),
    "cpp": (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".cu"),
    "csharp": (".cs",),
    "swift": (".swift",),
    "ruby": (".rb",),
    "php": (".php",),
    "bash": (".sh", ".bash", ".zsh"),
    "sql": (".sql",),
    "css": (".css", ".scss"),
    "lua": (".lua",),
    "r": (".r",),
    "json": (".json", ".jsonl"),
    "yaml": (".yaml", ".yml"),
    "toml": (".toml",),
    "ini": (".ini", ".cfg"),
    "xml": (".xml",),
    "make": ("makefile", ".mk"),
    "docker": ("dockerfile",),
}


def photo(name: str, title: str, endings: tuple[str, ...], signature: bytes) -> Format:
    """A row for a kind of picture file."""
    pattern = re.compile(signature, re.DOTALL)
    return Format(name=name, title=title, kind="photo", endings=endings, signature=pattern)


def code(language: str, endings: tuple[str, ...]) -> Format:
    """A row for a language."""
    return Format(name=language, title=language, kind="code", endings=endings)


FORMATS = (
    photo("jpeg", "JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), rb"\xff\xd8\xff"),
    photo("png", "PNG", (".png", ".apng"), rb"\x89PNG\r\n\x1a\n"),
    photo("webp", "WebP", (".webp",), rb"RIFF.{4}WEBP"),
    photo("gif", "GIF", (".gif",), rb"GIF8[79]a"),
    photo("bmp", "BMP", (".bmp", ".dib"), rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}"),
    photo("tiff", "TIFF", (".tif", ".tiff"), rb"II\*\0|MM\0\*|II\+\0|MM\0\+"),
    photo("avif", "AVIF", (".avif", ".avifs"), AVIF),
    photo("heic", "HEIC", (".heic", ".heif", ".hif"), rb".{4}ftyp(?:he[iv][cxms]|m[is]f1)"),
    Format(
        name="pdf",
        title="PDF",
        kind="document",
        endings=(".pdf",),
        signature=re.compile(rb"(?:\xef\xbb\xbf)?\s*%PDF-"),
    ),
    Format(
        name="docx",
        title="Word document",
        kind="document",
        endings=(".docx",),
        signature=re.compile(rb"PK\x03\x04"),
    ),
    Format(
        name="zip",
        title="zip archive",
        kind="archive",
        endings=(".zip",),
        signature=re.compile(rb"PK(?:\x03\x04|\x05\x06)"),
    ),
    Format(
        name="text",
        title="text",
        kind="document",
        endings=(".txt", ".text", ".log", ".rst", ".csv", ".tsv", ".tex", ".srt", ".vtt", "readme", "license"),
    ),
    Format(name="markdown", title="Markdown", kind="document", endings=(".md", ".markdown", ".mdx")),
    Format(name="html", title="HTML", kind="document", endings=(".html", ".htm", ".xhtml")),
    Format(name="notebook", title="Jupyter notebook", kind="code", endings=(".ipynb",)),
    *(code(name, endings) for name, endings in LANGUAGES.items()),
)
BY_NAME = {row.name: row for row in FORMATS}
BY_ENDING = {ending: row for row in FORMATS for ending in row.endings}
BY_CONTENT = tuple(row for row in FORMATS if row.kind == "photo" or row.name == "pdf")


def format_of(head: bytes, path: str) -> Format | None:
    """What a file is, by its first bytes or else by its name; None if it is nothing that is read."""
    for row in BY_CONTENT:
        if row.signature is not None and row.signature.match(head):
            return row
    named = named_format(path)
    if named is None or (named.signature is not None and not named.signature.match(head)):
        return None
    return named


def named_format(path: str) -> Format | None:
    """What a file is called."""
    name = path.rpartition("/")[2].lower()
    stem, dot, ending = name.rpartition(".")
    return BY_ENDING.get(dot + ending if stem else ending)
