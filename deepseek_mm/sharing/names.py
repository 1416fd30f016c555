"""File names that every system takes: no folders, no signs that steer, any script.

Windows is the strictest: it refuses some signs, names such as CON, and a dot or a space at the end. Linux counts bytes
instead of letters, so a name of rare letters is cut earlier.
"""

import re
import unicodedata
from pathlib import PurePosixPath

MAX_LETTERS = 80  # of a name without its ending
MAX_BYTES = 240  # the systems allow 255, with the ending
FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")  # control signs, marks that turn text around, broken letters
PLAIN_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")
JOINERS = "\u200c\u200d"  # unseen, but they spell words of Persian and Hindi


def file_name(title: str, ending: str, *, otherwise: str = "conversation") -> str:
    """The title as a file name with this ending; `otherwise` where nothing of it can stay."""
    seen = "".join(c if c in JOINERS or unicodedata.category(c) not in UNSEEN else " " for c in title)
    stem = trim_stem(FORBIDDEN.sub("_", " ".join(seen.split()))[:MAX_LETTERS])
    stem = trim_stem(stem.encode()[: MAX_BYTES - len(ending)].decode(errors="ignore"))
    if RESERVED.fullmatch(stem):
        stem = f"_{stem}"
    return f"{stem or otherwise}{ending}"


def same_name(name: str) -> str:
    """The name of a file as it is where it is harmless, else the nearest that is; only the last part of a path."""
    last = PurePosixPath(name.replace("\\", "/")).name
    stem, dot, ending = last.rpartition(".")
    if not stem or not PLAIN_ENDING.fullmatch(dot + ending):
        return file_name(last, "", otherwise="picture")
    return file_name(stem, dot + ending, otherwise="picture")


def trim_stem(stem: str) -> str:
    """Without what no name may begin or end with."""
    return stem.strip(" .")
