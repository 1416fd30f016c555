"""TLS by files: the server's certificate and key, looked at before anything is opened with them.

A connection of the command line on this machine knows its server's certificate by its hash: the certificate is made out
to the name that others call the server by, and it may be of an authority that nobody here knows.
"""

import hashlib
import ssl
import stat
from http.client import HTTPSConnection
from pathlib import Path

from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import ConfigError

FOR_OTHERS = stat.S_IRWXO | stat.S_IWGRP  # a group of its own may read the key, as Debian's ssl-cert does
END = "-----END CERTIFICATE-----"


class WrongCertificate(OSError):
    """Whoever listens there is not the server that was announced."""


def check_certificate(serve: ServeConfig) -> None:
    """ConfigError says which file cannot be used and what to do; nothing where none is named."""
    if not serve.tls_cert:
        return
    for name, file in (("serve.tls_cert", serve.tls_cert), ("serve.tls_key", serve.tls_key)):
        check_readable(name, Path(file))
    if Path(serve.tls_key).stat().st_mode & FOR_OTHERS:
        raise ConfigError(f"others may use the key {serve.tls_key}. Take that away with: chmod 600 {serve.tls_key}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(serve.tls_cert, serve.tls_key, refuse_password)
    except ConfigError:
        raise
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            detail = f"serve.tls_key={serve.tls_key} is the key of another certificate than {serve.tls_cert}"
            raise ConfigError(f"{detail}. Name the two that were made together") from error
        detail = f"serve.tls_cert={serve.tls_cert} and serve.tls_key={serve.tls_key} are no certificate and key in PEM"
        raise ConfigError(f"{detail} ({error.reason or 'damaged'}). Name fullchain.pem and privkey.pem") from error


def check_readable(name: str, file: Path) -> None:
    """ConfigError if the setting names no file that this program may read."""
    try:
        with file.open("rb"):
            return
    except OSError as error:
        raise ConfigError(
            f"{name}={file} cannot be read: {error.strerror}. Name a file in PEM that is there"
        ) from error


def refuse_password() -> str:
    """A key that needs a password would have a server wait for somebody to type it."""
    raise ConfigError("serve.tls_key needs a password. Keep it without one: openssl pkey -in KEY -out KEY.plain")


def hash_certificate(serve: ServeConfig) -> str:
    """SHA-256 of the server's own certificate, the first of its file; empty without one."""
    if not serve.tls_cert:
        return ""
    first = Path(serve.tls_cert).read_text().partition(END)[0]
    begin = first.index("-----BEGIN CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first[begin:] + END)).hexdigest()


class PinnedConnection(HTTPSConnection):
    """A connection to the server with one certificate, whatever name that is made out to."""

    def __init__(self, host: str, port: int, *, certificate: str, timeout: float) -> None:
        """`certificate` is its SHA-256."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is compared with the one expected
        super().__init__(host, port, timeout=timeout, context=context)
        self._certificate = certificate

    def connect(self) -> None:
        """WrongCertificate, before anything is sent, where another one is shown."""
        super().connect()
        shown = self.sock.getpeercert(binary_form=True)
        if hashlib.sha256(shown or b"").hexdigest() != self._certificate:
            self.close()
            raise WrongCertificate("another certificate is shown there than this library's server has")
