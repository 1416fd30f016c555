"""Where the server of a library listens on this machine, for the command line of the same user: a file in its folder.

The file holds an address on loopback and a token, readable for its owner alone, and is removed when the server ends. A
file that was left behind, copied with a library, or made by somebody else is ignored: its owner, its rights, the
folder that it was made for, and the process that holds the listening socket are looked at. The token counts on
loopback only (`auth_middleware`). The reader imports nothing that takes time.
"""

import hashlib
import ipaddress
import json
import os
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.errors import LibraryError
from deepseek_mm.storage.files import atomic_write, read_json

FILE = "server.json"
MODE = 0o600
SECRET_BYTES = 32
PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalServer:
    """A server of this machine, as its file describes it."""

    host: str  # an address of loopback
    port: int
    token: str
    pid: int
    socket_inode: int  # of the listening socket
    folder: tuple[int, int]  # device and inode of the library's folder
    settings: str  # digest of the settings that answers depend on


def digest_settings(config: Config) -> str:
    """SHA-256 of all settings that an answer may depend on: not where the library lies, nor how it is served."""
    told = repr(replace(config, data=Path(), serve=ServeConfig()))
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()


def identify_folder(folder: Path) -> tuple[int, int]:
    """Device and inode: another folder of the same name, or a copy, has others."""
    found = folder.stat()
    return found.st_dev, found.st_ino


@contextmanager
def announce_server(folder: Path, sock: socket.socket, config: Config) -> Iterator[str]:
    """Write the file for as long as the block runs; gives the token, "" where nothing can be announced.

    `config` is as the settings say it, before anything is opened with it.
    """
    server = describe_server(folder, sock, config)
    file = folder / FILE
    try:
        if server is not None:
            atomic_write(file, json.dumps(asdict(server)).encode(), mode=MODE)
    except LibraryError:  # commands then answer by themselves
        server = None
    if server is None:
        yield ""
        return
    try:
        yield server.token
    finally:
        with suppress(OSError):
            if server.token in file.read_text(errors="replace"):  # not that of a later server
                file.unlink()


def describe_server(folder: Path, sock: socket.socket, config: Config) -> LocalServer | None:
    """What the file says of the server that listens on `sock`; None where loopback does not reach it."""
    host, port = sock.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        address = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
    if not address.is_loopback:
        return None
    return LocalServer(
        host=str(address),
        port=port,
        token=secrets.token_urlsafe(SECRET_BYTES),
        pid=os.getpid(),
        socket_inode=os.fstat(sock.fileno()).st_ino,
        folder=identify_folder(folder),
        settings=digest_settings(config),
    )


def find_server(folder: Path, config: Config) -> LocalServer | None:
    """The running server of this library, if it is this user's and answers by the same settings."""
    server = read_private(folder / FILE)
    if server is None or server.settings != digest_settings(config):
        return None
    try:
        is_ours = identify_folder(folder) == server.folder
    except OSError:
        return None
    return server if is_ours and ipaddress.ip_address(server.host).is_loopback and is_listening(server) else None


def read_private(file: Path) -> LocalServer | None:
    """What the file says; None where it is absent, damaged, another user's, or open to others."""
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            return None
        told = read_json(file)
        return LocalServer(**told | {"folder": tuple(told["folder"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def is_listening(server: LocalServer) -> bool:
    """Whether the process that wrote the file still holds its socket; where /proc does not tell, whether it lives."""
    wanted = f"socket:[{server.socket_inode}]"
    try:
        links = list((PROC / str(server.pid) / "fd").iterdir())
    except FileNotFoundError:
        return not PROC.is_dir() and is_alive(server.pid)
    except OSError:
        return False
    for link in links:
        with suppress(OSError):  # closed meanwhile
            if os.readlink(link) == wanted:
                return True
    return False


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number that this user may signal."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
