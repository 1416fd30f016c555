"""The table of all kinds of files that are read, and the records that reading them gives.

The steps from a path to pieces are three, so that a caller can stop after each: `document.open_file` reads and hashes
the bytes, `document.parse_file` says what the file is, and its pieces are made one by one when they are asked for.

Pictures and PDFs say themselves what they are, so their first bytes decide whatever the name says. Text does not: there
the ending of the name decides, and `text.decode_text` refuses what is no text after all. What reads a kind of file
stands in a table of `workers.loop`, which only worker processes import.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

from PIL.Image import Image

from deepseek_mm.parse.image_metadata import Camera
from index import Box, Source, Symbol

LONG_SIDE_PX = 1600  # a larger picture is reduced to this, and a page is drawn at it
NOWHERE: Box = (0, 0, 0, 0)  # the box of a text that was not drawn

Kind = Literal["photo", "document", "code", "archive"]
PieceKind = Literal["whole", "page", "text", "code"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A complete picture, a page as a picture, or a passage of text."""

    kind: PieceKind
    image: Image | None = None  # upright RGB, long side at most LONG_SIDE_PX
    text: str = ""
    box_px: Box = NOWHERE  # of a photo in the original's pixels, of a page and its texts in those of the page's picture
    page: int = 0  # from 1; 0 where there are no pages
    lines: tuple[int, int] = (0, 0)  # first and last, from 1; (0, 0) where unknown
    symbol: Symbol | None = None  # what a piece of code defines, or the section that a text is in
    at_ms: int = 0  # of a picture of a video, from its start


@dataclass(frozen=True, kw_only=True, slots=True)
class FileHead:
    """What a file says of itself, without its pieces."""

    width_px: int = 0  # of a picture, upright; a document has no size of its own
    height_px: int = 0
    camera: Camera = Camera()
    note: str = ""
    duration_ms: int = 0  # of a video


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents(FileHead):
    """What a reader makes of a file's bytes."""

    pieces: Iterator[Piece]


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A kind of file: what it is called, and how it is told from others."""

    name: str  # lower case, as Source.format has it
    title: str  # as a person says it: "this is no PDF"
    kind: Kind
    endings: tuple[str, ...]  # of the name, in lower case; a whole name ("makefile") counts as its own ending
    signature: re.Pattern[bytes] | None = None  # matches the first bytes; None where any text will do


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file's bytes and what they are; nothing is decoded."""

    path: str  # absolute; a file in an archive is "/abs/archive.zip!/inner/name.jpg"
    data: bytes  # of a video or a long text that is no member of an archive the first ones alone
    digest: str  # SHA-256 of the whole file, hexadecimal; empty where nobody wants it
    size_bytes: int
    modified_ns: int  # of the archive for a file in one
    format: Format

    @property
    def is_in_memory(self) -> bool:
        """Whether `data` is all of it."""
        return len(self.data) == self.size_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedDocument:
    """A source and its pieces, which are made when they are asked for: drain them, or close the document."""

    source: Source
    pieces: Generator[Piece, None, None]

    def close(self) -> None:
        """Let go of what reading the pieces holds."""
        self.pieces.close()


TIFF = rb"II\*\0|MM\0\*|II\+\0|MM\0\+"
BRAND = rb".{4}ftyp"  # begins what is kept as ISO 14496-12 says: pictures and videos, told apart by what follows
AVIF = rb".{4}ftyp(?:avi[fs]|m[is]f1.{4}(?:.{4}){0,6}avif)"  # by its own brand, or a common one and AVIF among others
EBML = rb"\x1a\x45\xdf\xa3.{0,60}?\x42\x82[\x80-\xff]"  # a Matroska head up to the name of its kind
MP4 = rb"(?:iso|mp4|avc|hvc|hev|av01|dash|MSNV|3g[pr2]|f4v|XAVC|mmp4|cmf)"  # how its brands begin
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


RAWS = {  # what cameras keep of a picture before it is developed: name -> endings, and how such a file begins
    "dng": ((".dng",), TIFF),
    "nef": ((".nef", ".nrw"), TIFF),
    "arw": ((".arw", ".sr2", ".srf"), TIFF),
    "pentax": ((".pef",), TIFF),
    "srw": ((".srw",), TIFF),
    "cr2": ((".cr2",), TIFF),
    "cr3": ((".cr3",), BRAND + rb"crx "),
    "orf": ((".orf",), rb"IIR[OS]|MMOR|II\*\0"),
    "rw2": ((".rw2",), rb"IIU\0"),
    "raf": ((".raf",), rb"FUJIFILMCCD-RAW"),
}


def photo(name: str, title: str, endings: tuple[str, ...], signature: bytes) -> Format:
    """A row for a kind of picture file."""
    pattern = re.compile(signature, re.DOTALL)
    return Format(name=name, title=title, kind="photo", endings=endings, signature=pattern)


def code(language: str, endings: tuple[str, ...]) -> Format:
    """A row for a language."""
    return Format(name=language, title=language, kind="code", endings=endings)


def zip_document(name: str, title: str, endings: tuple[str, ...]) -> Format:
    """A row for a document that is a zip archive inside."""
    return Format(name=name, title=title, kind="document", endings=endings, signature=re.compile(rb"PK\x03\x04"))


FORMATS = (
    photo("jpeg", "JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), rb"\xff\xd8\xff"),
    photo("png", "PNG", (".png", ".apng"), rb"\x89PNG\r\n\x1a\n"),
    photo("webp", "WebP", (".webp",), rb"RIFF.{4}WEBP"),
    photo("gif", "GIF", (".gif",), rb"GIF8[79]a"),
    photo("bmp", "BMP", (".bmp", ".dib"), rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}"),
    photo("tiff", "TIFF", (".tif", ".tiff"), TIFF),
    photo("avif", "AVIF", (".avif", ".avifs"), AVIF),
    photo("heic", "HEIC", (".heic", ".heif", ".hif"), rb".{4}ftyp(?:he[iv][cxms]|m[is]f1)"),
    photo("mov", "QuickTime video", (".mov", ".qt"), BRAND + rb"qt  |\0.{3}(?:moov|mdat|wide|free|skip)"),
    photo("m4v", "M4V video", (".m4v",), BRAND + rb"M4V"),
    photo("mp4", "MP4 video", (".mp4", ".3gp", ".3g2"), BRAND + MP4),
    photo("webm", "WebM video", (".webm",), EBML + rb"webm"),
    photo("mkv", "Matroska video", (".mkv",), EBML + rb"matroska"),
    *(photo(name, f"{name.upper()} raw picture", *row) for name, row in RAWS.items()),
    photo("avi", "AVI video", (".avi",), rb"RIFF.{4}AVI "),
    Format(
        name="pdf", title="PDF", kind="document", endings=(".pdf",), signature=re.compile(rb"(?:\xef\xbb\xbf)?\s*%PDF-")
    ),
    zip_document("docx", "Word document", (".docx", ".docm", ".dotx")),
    zip_document("pptx", "PowerPoint presentation", (".pptx", ".pptm", ".ppsx")),
    zip_document("xlsx", "Excel workbook", (".xlsx", ".xlsm")),
    zip_document("odt", "OpenDocument text", (".odt", ".ott")),
    zip_document("epub", "EPUB book", (".epub",)),
    Format(name="rtf", title="rich text", kind="document", endings=(".rtf",), signature=re.compile(rb"\s*\{\\rtf")),
    Format(name="eml", title="e-mail", kind="document", endings=(".eml",)),
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
TOLD_BY_NAME = tuple(name for name, (_, begin) in RAWS.items() if begin == TIFF)
BY_CONTENT = tuple(r for r in FORMATS if (r.kind == "photo" and r.name not in TOLD_BY_NAME) or r.name == "pdf")


def format_of(head: bytes, path: str) -> Format | None:
    """What a file is, by its first bytes or else by its name; None if it is nothing that is read."""
    named = named_format(path)
    if named is not None and named.name in RAWS and named.signature is not None and named.signature.match(head):
        return named  # most raw files are TIFF files inside, and only their names tell
    for row in BY_CONTENT:
        if row.signature is not None and row.signature.match(head):
            return row
    if named is None or (named.signature is not None and not named.signature.match(head)):
        return None
    return named


def named_format(path: str) -> Format | None:
    """What a file is called."""
    name = path.rpartition("/")[2].lower()
    stem, dot, ending = name.rpartition(".")
    return BY_ENDING.get(dot + ending if stem else ending)
