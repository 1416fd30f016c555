"""Which files of this machine a caller may name: somebody on it any, others only what lies below the chosen folders.

Links are followed before the path is judged, and the path that comes back has none left, so a link that is put there
afterwards leads nowhere else. Below a folder no link is followed (see parse/links).
"""

import os
from collections.abc import Sequence
from pathlib import Path

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import BadFile, Forbidden, NothingThere

MEMBER = "!/"  # between an archive and a file in it
SHOWN_CHARS = 80


def check_path(path: str, caller: Caller, serve: ServeConfig, *, new: bool = False, own: Path | None = None) -> Path:
    """The path, absolute; for others than this machine's people without links, below one of `serve.roots`, and not in
    the library's `own` folder, where the files of other callers lie.

    Forbidden if it is not theirs to name, whether it exists or not; NothingThere if it is and nothing is there. Of a
    `new` file only the folder has to be there.
    """
    if "\0" in path or not path.isprintable():
        raise BadFile(f"{ascii(path)[:SHOWN_CHARS]} is no path. Take out what cannot be printed")
    if caller.local:
        return Path(os.path.abspath(path))
    found = inside(path, roots_of(serve))
    if found is None:
        raise Forbidden(
            f"{path[:SHOWN_CHARS]!r} lies in none of the folders that callers with a key may name. "
            "Allow its folder where the server is started: --set serve.roots=/FOLDER:/OTHER"
        )
    if own is not None and found.is_relative_to(own.resolve()):
        raise Forbidden(f"{found} lies in the library's own folder. Name another file or folder")
    needed = found.parent if new else Path(str(found).partition(MEMBER)[0])
    if not needed.exists():
        raise NothingThere(f"no file or folder at {needed if new else found}. Check the name")
    return found


def inside(path: str, roots: Sequence[Path]) -> Path | None:
    """The path with its links resolved, if it then lies in or below a root; None otherwise, or if it is relative."""
    if not os.path.isabs(path):
        return None
    try:
        real = Path(path).resolve()
    except (OSError, ValueError, RuntimeError):  # a loop of links, a name that is too long
        return None
    return real if any(real.is_relative_to(root) for root in roots) else None


def roots_of(serve: ServeConfig) -> list[Path]:
    """The folders of the setting, without links; relative ones and those that are not there do not count."""
    named = [Path(name.strip()) for name in serve.roots.split(os.pathsep) if name.strip()]
    return [root.resolve() for root in named if root.is_absolute() and root.is_dir()]
