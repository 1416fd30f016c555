"""Kinds of files that are not read: what each is called, and what to save it as so that it is.

A file whose ending is in no table is not read either. What systems lay beside files for themselves is nobody's file,
and is passed over without a word.
"""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from deepseek_mm.parse.formats import named_format


@dataclass(frozen=True, slots=True)
class UnreadKind:
    """One kind of file."""

    title: str  # as a person says it, after "this is"
    step: str  # what to do
    endings: tuple[str, ...]


KINDS = (
    UnreadKind("a Photoshop picture", "export it as PNG or JPEG", (".psd", ".psb")),
    UnreadKind("a picture of another program", "export it as PNG or JPEG", (".xcf", ".kra", ".afphoto", ".sketch")),
    UnreadKind("a drawing of lines", "export it as PNG or PDF", (".svg", ".svgz", ".ai", ".eps", ".ps", ".odg")),
    UnreadKind("a CAD drawing", "export it as PDF", (".dwg", ".dxf", ".stp", ".step", ".stl", ".skp", ".blend")),
    UnreadKind(
        "a raw picture of a rare camera", "export it as DNG or JPEG",
        (".raw", ".x3f", ".mrw", ".3fr", ".iiq", ".rwl"),
    ),
    UnreadKind("another kind of picture", "save it as PNG or JPEG", (".jxl", ".jp2", ".ico", ".icns", ".tga", ".exr")),
    UnreadKind(
        "a video of another kind", "save it as MP4",
        (".wmv", ".mpg", ".mpeg", ".flv", ".vob", ".ogv", ".m2ts"),
    ),
    UnreadKind("a small copy that a camera keeps of a video", "leave it out: the video is read", (".thm", ".lrv")),
    UnreadKind(
        "sound", "write down what is said as text",
        (".mp3", ".wav", ".flac", ".m4a", ".ogg", ".opus", ".aac", ".wma", ".aiff", ".mid"),
    ),
    UnreadKind("an old Word document", "save it as .docx", (".doc", ".dot", ".wpd", ".wps")),
    UnreadKind("an old presentation", "save it as .pptx", (".ppt", ".pps", ".odp")),
    UnreadKind("a spreadsheet", "save it as .csv", (".xls", ".xlsb", ".ods", ".numbers")),
    UnreadKind("a text of another program", "save it as .docx or PDF", (".pages", ".one", ".pub", ".indd", ".xps")),
    UnreadKind("a book of another kind", "save it as .epub or PDF", (".mobi", ".azw", ".azw3", ".djvu", ".fb2")),
    UnreadKind("mail of another kind", "save each mail as .eml", (".msg", ".mbox", ".pst", ".ost")),
    UnreadKind("a calendar or an address", "save it as text", (".ics", ".vcf")),
    UnreadKind(
        "a program", "leave it out",
        (".exe", ".dll", ".so", ".msi", ".app", ".apk", ".jar", ".deb", ".rpm", ".o", ".a", ".class", ".pyc"),
    ),
    UnreadKind("a database", "export its tables as .csv", (".db", ".sqlite", ".sqlite3", ".mdb", ".accdb", ".parquet")),
    UnreadKind("how Apple Photos has edited the photo beside it", "export the edited photo", (".aae",)),
    UnreadKind("a font", "leave it out", (".ttf", ".otf", ".woff", ".woff2")),
    UnreadKind(
        "an archive of another kind", "unpack it, or pack it as .zip",
        (".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".iso", ".dmg"),
    ),
)  # fmt: skip
BY_ENDING = {ending: kind for kind in KINDS for ending in kind.endings}
BESIDE = ".xmp"  # ends the name of what is read with the photo beside it
SYSTEM = frozenset(["thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "autorun.inf"])  # nobody's files
MOST_ENDINGS = 3  # in one summary


def is_unread(path: str) -> bool:
    """Whether files of this name are not read, and somebody may miss it."""
    name = path.rpartition("/")[2]
    nobodys = name.startswith(".") or name.lower() in SYSTEM or name.lower().endswith(BESIDE)
    return not nobodys and named_format(path) is None


def ending_of(path: str) -> str:
    """The ending of a name in lower case: ".psd"; "" where it has none."""
    return os.path.splitext(path.rpartition("/")[2])[1].lower()


def explain_unread(path: str) -> str:
    """Why a file of this name is not read, and what to do: "a Photoshop picture; export it as PNG or JPEG"."""
    ending = ending_of(path)
    kind = BY_ENDING.get(ending)
    if kind is not None:
        return f"not read: {kind.title}; {kind.step}"
    named = f"files that end with {ending} are" if ending else "files without an ending are"
    return f"not read: {named} of no kind that is read; save it as a picture, PDF or text"


def count_endings(paths: Iterable[str]) -> str:
    """How many of which ending, the most first: "2 .psd, 1 .dwg"."""
    counts = Counter(ending_of(path) or "without an ending" for path in paths).most_common()
    said = [f"{count} {ending}" for ending, count in counts[:MOST_ENDINGS]]
    return ", ".join([*said, "..."] if counts[MOST_ENDINGS:] else said)
