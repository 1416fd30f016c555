"""Repositories that are named by an address: git fetches them into the library's folder, and they are indexed there.

Nothing else here uses a network, and this only when somebody names an address. Only the latest state is fetched. The
first time a folder is made beside its final name and then renamed, so a kill leaves no half of it.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from deepseek_mm.errors import LibraryError

FOLDER = "repositories"  # in the library's folder
ADDRESS = re.compile(r"(?:https?|ssh|git|file)://\S+|[\w.-]+@[\w.-]+:\S+")
PASSWORD = re.compile(r"//[^@/\s]*:[^@/\s]*@")
SAFE = {"GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file", "GIT_TERMINAL_PROMPT": "0"}  # no programs, no questions
PATIENCE_S = 1_800.0
OTHERWISE = "or clone it yourself and index the folder"


def is_address(text: str) -> bool:
    """Whether this names a repository elsewhere rather than a path."""
    return ADDRESS.fullmatch(text) is not None


def fetched(address: str, data: Path) -> Path:
    """The folder in which the repository's latest state lies. LibraryError says why it cannot be had."""
    if PASSWORD.search(address):
        raise LibraryError(
            "an address with a password would be kept. Put it into git's credential store, and leave it out"
        )
    if shutil.which("git") is None:
        raise LibraryError(f"git is not installed, and {address} needs it. Install git, {OTHERWISE}")
    stem = re.split(r"[/:]", address.rstrip("/"))[-1].removesuffix(".git") or "repository"
    folder = data.absolute() / FOLDER / f"{stem}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    if folder.is_dir():
        _git(address, "-C", str(folder), "fetch", "--quiet", "--depth", "1", "origin", "HEAD")
        _git(address, "-C", str(folder), "reset", "--quiet", "--hard", "FETCH_HEAD")
        return folder
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _git(address, "clone", "--quiet", "--depth", "1", "--", address, str(draft))
        os.replace(draft, folder)
    except OSError as error:
        if isinstance(error, LibraryError):
            raise
        raise LibraryError(f"{address} cannot be kept in {folder}: {error.strerror}. Free some space") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _git(address: str, *words: str) -> None:
    command = ["git", "-c", "core.hooksPath=/dev/null", *words]
    try:
        done = subprocess.run(
            command,
            env=os.environ | SAFE,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LibraryError(f"{address} did not come within {PATIENCE_S:.0f} s. Try again, {OTHERWISE}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"git ended with {done.returncode}"]
        raise LibraryError(f"{address} cannot be fetched: {said[-1]}. Check the address and the network, {OTHERWISE}")
