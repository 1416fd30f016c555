"""Texts for a graph: the files of a folder, or files that the library knows, as their readers give them."""

import hashlib
import os
from pathlib import Path

from deepseek_mm.code_graph.outlines import LANGUAGES
from deepseek_mm.code_graph.records import PYTHON, SourceText
from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.parse.document import open_file
from deepseek_mm.parse.formats import named_format
from deepseek_mm.parse.workers.client import read_code_outline, read_letters
from index import Source

MOST_BYTES = 2_000_000  # of one file
LEFT_OUT = frozenset(["__pycache__", "node_modules", "site-packages"])


def read_folder(folder: Path) -> list[SourceText]:
    """The code below a folder of one's own, as it lies there: links and names with a dot are left out."""
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        for name in sorted(names):
            source = read_text(Path(here, name), folder)
            if source is not None:
                found.append(source)
    return found


def read_text(path: Path, folder: Path) -> SourceText | None:
    """One file; None for a link, another kind, what is no text, or too much of it."""
    language = language_of(path.name)
    if language is None or path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
        return None
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    digest = hashlib.sha256(data).hexdigest()
    return SourceText(path=path.relative_to(folder).as_posix(), text=text, digest=digest, language=language)


def language_of(name: str) -> str | None:
    """The language of a file's name, if the graph knows it."""
    known = named_format(name)
    language = known.name if known is not None else ""
    return language if language == PYTHON or language in LANGUAGES else None


def can_be_linked(source: Source) -> bool:
    """Whether a file that the library knows is code that the graph may tell of."""
    known = source.format == PYTHON or source.format in LANGUAGES
    return source.kind == "code" and known and source.size_bytes <= MOST_BYTES and source.path.isprintable()


def read_known(source: Source, config: ParseConfig) -> SourceText | None:
    """A file that the library knows, through the workers that read it within bounds; None where it is gone.

    Its path is absolute. A file that changed since it was read has the digest of what is there now.
    """
    try:
        file = open_file(source.path, config)
        text = read_letters(file, config)
        outline = read_code_outline(file, config) if source.format != PYTHON else ""
    except (DeepSeekMMError, OSError):
        return None
    return SourceText(path=source.path, text=text, digest=file.digest, language=source.format, outline=outline)
