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


def code_cache_folder() -> Path:
    """The folder of what was compiled from this version of the package."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return cache_folder() / "loops" / digest.hexdigest()[:16]


def jit(function: Function) -> Function:
    """The function as machine code; other threads may run beside it."""
    return cast(Function, _compile_cached(numba.njit(nogil=True, cache=True, error_model="numpy"), function))


def compile_to_address(signature: Any) -> Callable[[Callable[..., None]], int]:
    """The address of a function as machine code that others call and do not take in.

    Whoever takes a function in compiles it again, and so does everybody above: large ones are better called.
    """

    def compile_function(function: Callable[..., None]) -> int:
        _address_functions.append(_compile_cached(numba.cfunc(signature, cache=True), function))
        return int(_address_functions[-1].address)

    return compile_function


def _compile_cached(make: Callable[[Any], Any], function: Callable[..., Any]) -> Any:
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(FOLDER)
    try:
        return make(function)
    finally:
        settings.CACHE_DIR = before


FOLDER = code_cache_folder()
_address_functions: list[Any] = []  # what is known by its address only must stay
