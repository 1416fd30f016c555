"""Repositories that are named by an address: git fetches them into the library's folder, and they are indexed there.

Nothing else here uses a network, and this only when somebody names an address. Only the latest state is fetched. The
first time a folder is made beside its final name and then renamed, so a kill leaves no half of it.

A repository is written by a stranger. It is never asked what git should run or read on this machine: no hooks, no
filters of its attributes (LFS among them), no submodules, no links, which become files that hold their target's name.
Who may fetch at all (credentials, proxies, ssh) stays the user's own configuration.
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
SAFE = {  # no programs, no questions, and nothing that LFS would fetch
    "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
ELSEWHERE = (  # variables that would let git work in another repository than the one named
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_TEMPLATE_DIR", "GIT_ATTR_SOURCE", "GIT_PREFIX",
)  # fmt: skip
PLAIN = {  # of every call, before what any file of configuration says
    "core.hooksPath": "/dev/null",
    "core.symlinks": "false",
    "core.fsmonitor": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "transfer.bundleURI": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
NO_ATTRIBUTES = "* -filter -ident -text !working-tree-encoding\n"  # wins over the repository's own
PATIENCE_S = 1_800.0
OTHERWISE = "or clone it yourself and index the folder"


def is_address(text: str) -> bool:
    """Whether this names a repository elsewhere rather than a path."""
    return ADDRESS.fullmatch(text) is not None


def fetch_repository(address: str, data: Path) -> Path:
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
        _check_out(address, folder, "FETCH_HEAD")
        return folder
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _git(address, "clone", "--quiet", "--depth", "1", "--no-checkout", "--template=", "--", address, str(draft))
        _check_out(address, draft, "HEAD")
        os.replace(draft, folder)
    except OSError as error:
        if isinstance(error, LibraryError):
            raise
        raise LibraryError(f"{address} cannot be kept in {folder}: {error.strerror}. Free some space") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _check_out(address: str, folder: Path, state: str) -> None:
    """The files of a state, as they are stored. Links that an earlier version of this program made become files."""
    attributes = folder / ".git" / "info" / "attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text(NO_ATTRIBUTES)
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        for name in (*folders, *names):
            if (path := Path(here, name)).is_symlink():
                path.unlink()
    _git(address, "-C", str(folder), "reset", "--quiet", "--hard", state)


def _git(address: str, *words: str) -> None:
    settings = [word for name, value in PLAIN.items() for word in ("-c", f"{name}={value}")]
    command = ["git", *settings, *words]
    own = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    try:
        done = subprocess.run(
            command, env=own | SAFE, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise LibraryError(f"{address} did not come within {PATIENCE_S:.0f} s. Try again, {OTHERWISE}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"git ended with {done.returncode}"]
        raise LibraryError(f"{address} cannot be fetched: {said[-1]}. Check the address and the network, {OTHERWISE}")
