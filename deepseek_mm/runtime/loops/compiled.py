"""Compile a function for this processor when it is first called, and keep the result for the next start.

numba looks whether a file has changed since, and not at the files that it calls into. So what it keeps lies under a
name that all of this package has a part in.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from deepseek_mm.config import cache_folder

Function = TypeVar("Function", bound=Callable[..., Any])
Array = Any  # numba knows an array's kind when it compiles


def kept_in() -> Path:
    """The folder of what was compiled from this version of the package."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return cache_folder() / "loops" / digest.hexdigest()[:16]


def compiled(function: Function) -> Function:
    """The function as machine code; other threads may run beside it."""
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(FOLDER)
    try:
        return cast(Function, numba.njit(nogil=True, cache=True, error_model="numpy")(function))
    finally:
        settings.CACHE_DIR = before


FOLDER = kept_in()
