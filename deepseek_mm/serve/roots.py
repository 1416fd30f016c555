"""Which paths of this machine a caller may name: somebody on this machine any, everybody else none."""

import os
from pathlib import Path

from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import Forbidden
from deepseek_mm.serve.who import LOCAL, Who


def allowed(path: str, who: Who, serve: ServeConfig) -> Path:
    """The path, absolute. Forbidden if this caller may not name it."""
    if who != LOCAL:
        raise Forbidden(f"the key {who.name!r} may not name paths of the server. Upload the files to /library/files")
    return Path(os.path.abspath(os.path.expanduser(path)))
