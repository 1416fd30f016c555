"""A server of another machine, by its address and this user's key for it.

Keys lie in a file of this user that nobody else may read, a table for each address; DEEPSEEK_MM_KEY beats it. A key
goes to the address that it was kept for and to no other: redirects are not followed, no proxy is used, and over https
the certificate is checked. It appears in no message.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from deepseek_mm.accounts.host_keys import ADD, check_key, keyring_file, read_keyring
from deepseek_mm.api.origins import is_loopback
from deepseek_mm.errors import BadQuestion, NothingThere
from deepseek_mm.settings import KEY_VARIABLE
from deepseek_mm.storage.files import atomic_write

OWNER_ONLY = 0o600
FAR_S = 10.0  # to connect, at the least
PORTS = {"http": 80, "https": 443}
EXAMPLE = "https://photos.example:7860"


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteServer:
    """Where it is, and what is shown there."""

    scheme: str
    host: str
    port: int
    token: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """Its address without a path, and without a port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == PORTS[self.scheme] else f":{self.port}")

    @property
    def is_open(self) -> bool:
        """Whether a key would travel so that others on the way can read it."""
        return self.scheme == "http" and not is_loopback(self.host)

    def open_connection(self, timeout_s: float) -> HTTPConnection:
        """One that is not connected yet; its certificate will be checked by the authorities of this machine, or by
        those that SSL_CERT_FILE names.
        """
        wait_s = max(timeout_s, FAR_S)
        if self.scheme == "https":
            return HTTPSConnection(self.host, self.port, timeout=wait_s, context=ssl.create_default_context())
        return HTTPConnection(self.host, self.port, timeout=wait_s)


def parse_address(address: str) -> RemoteServer:
    """The server at an address as somebody types it, without a key. BadQuestion says how it is written."""
    try:
        parts = urlsplit(address.strip())
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host, parts = None, None, urlsplit("")
    plain = not (parts.username or parts.password or parts.query or parts.fragment) and parts.path in ("", "/")
    if parts.scheme not in PORTS or not host or not plain:
        shown = address.rpartition("@")[2][:80]
        raise BadQuestion(f"{shown!r} is no address of a server. Write it without a name, key or path, as {EXAMPLE}")
    return RemoteServer(scheme=parts.scheme, host=host, port=port or PORTS[parts.scheme])


def find_key(server: RemoteServer, environ: Mapping[str, str]) -> str:
    """The key for this server: of the variable, else of the file; empty where there is none. LibraryError, BadQuestion
    say what is wrong with it.
    """
    given = environ.get(KEY_VARIABLE, "").strip()
    return check_key(given) if given else read_keyring(environ).get(server.url, "")


def keep_key(server: RemoteServer, key: str, environ: Mapping[str, str]) -> Path:
    """Keep the key for this server, in place of one that is there; the file. BadQuestion if it can be none."""
    return write_keyring(read_keyring(environ) | {server.url: check_key(key.strip())}, environ)


def forget_key(server: RemoteServer, environ: Mapping[str, str]) -> Path:
    """Forget it; the file. NothingThere if there is none."""
    kept = read_keyring(environ)
    if kept.pop(server.url, None) is None:
        raise NothingThere(f"no key is kept for {server.url}. See all with: python -m deepseek_mm hosts list")
    return write_keyring(kept, environ)


def write_keyring(kept: Mapping[str, str], environ: Mapping[str, str]) -> Path:
    """The file, whole and for its owner alone."""
    import tomlkit  # here, because a question does not wait for it

    file = keyring_file(environ)
    document = tomlkit.document()
    document.add(tomlkit.comment("keys for servers of other machines: python -m deepseek_mm hosts"))
    for address, key in kept.items():
        document.add(tomlkit.key([address]), tomlkit.item({"key": key}))
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)  # the rights of a file that is there would stay
    atomic_write(file, tomlkit.dumps(document).encode(), mode=OWNER_ONLY)
    os.chmod(file, OWNER_ONLY)
    return file


def explain_silence(server: RemoteServer, error: Exception) -> str:
    """Why a server of another machine gave no answer, and what to look at."""
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {server.url} is not to be trusted ({error.__cause__.verify_message}). If an authority"
            " of your own signs it, name that one's file: SSL_CERT_FILE=ca.pem"
        )
    return f"{server.url} does not answer ({error}). See whether it can be reached: curl {server.url}/health/live"


def explain_key(server: RemoteServer) -> str:
    """What to do where a server lets nobody in without a key that it knows."""
    what = "does not know this key" if server.token else "wants a key"
    make = "python -m deepseek_mm keys add NAME --rights ask"
    return f"{server.url} {what}. Make one there with: {make}, and keep it here with: {ADD} {server.url}"
