"""Fetches pictures and pages from public addresses that somebody names.

The name is resolved once, every address of it must be public, and the connection goes to an address that was checked,
so a name that means something else a moment later (DNS rebinding) changes nothing. TLS and the Host header still speak
of the name. Each redirect is a new address and is checked as the first one was. What comes is limited in bytes, in
kind, and in time: one deadline for all of it, so a server that drips gains nothing by dripping. Compressed answers are
not asked for and not taken. No cookies, no credentials, no proxy.

What a page embeds is not fetched. A page says in its first line where it was saved from, as browsers write it.
"""

import mimetypes
import posixpath
import queue
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from deepseek_mm.addresses import is_public, resolve_here
from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import BadFile, BadPicture, DeepSeekMMError, Forbidden, TooLarge

PORTS = {"http": 80, "https": 443}
MOST_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
MOST_CHARS = 2_000  # of an address
SHOWN_CHARS = 80  # of it in a message
HEADERS = (("User-Agent", "deepseek-mm"), ("Accept-Encoding", "identity"))
PICTURES = ("image/",)  # kinds that are taken as pictures, by how they begin
PAGE = "text/html"
FILES = (*PICTURES, PAGE, "application/xhtml+xml", "application/pdf", "text/plain", "text/markdown")
ENDINGS = {"text/markdown": ".md", "application/xhtml+xml": ".xhtml"}  # that Python's table may lack
LINK = re.compile(r"https?://\S+", re.IGNORECASE)
CHARSET = re.compile(r"charset=\"?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)
NAME_CHARS = 120  # of a file
NO_NAME = re.compile(r"[^\w.,()+ -]+")  # what no name of a file needs
Resolve = Callable[[str, int], Sequence[str]]  # host and port -> its IP addresses
Connect = Callable[[str, int, float], httpcore.NetworkStream]  # an IP address, a port, seconds -> a connection


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchedFile:
    """What lay at an address."""

    name: str  # for a file, with the ending of its kind
    data: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchTarget:
    """An address that has been looked at, not yet resolved."""

    url: str
    scheme: str
    host: str  # as sent: a name in ASCII, or an IP address
    port: int
    path: str  # with its query

    @property
    def origin(self) -> str:
        """For a message: where, not what."""
        return f"{self.scheme}://{self.host}"[:SHOWN_CHARS]


def connect_there(address: str, port: int, timeout_s: float) -> httpcore.NetworkStream:
    """A connection to another machine; one that leads back to this machine is refused before a byte is sent."""
    stream = httpcore.SyncBackend().connect_tcp(address, port, timeout=timeout_s)
    here, there = (stream.get_extra_info(name) for name in ("client_addr", "server_addr"))
    if here and there and here[0] == there[0]:
        stream.close()
        raise Forbidden("the address is one of this machine's own. Send the file itself instead")
    return stream


class Fetcher:
    """Fetches by address, within the limits of `serve`."""

    def __init__(
        self,
        serve: ServeConfig,
        *,
        resolve: Resolve = resolve_here,
        connect: Connect = connect_there,
    ) -> None:
        self._serve, self._resolve, self._connect = serve, resolve, connect

    def fetch(self, url: str) -> bytes:
        """The picture at the address. Forbidden, TooLarge, BadPicture or BadFile says why it was not fetched."""
        return self._follow(url, PICTURES)[0]

    def fetch_file(self, url: str) -> FetchedFile:
        """The picture, page or document at the address. Raises what `fetch` raises."""
        data, said, last = self._follow(url, FILES)
        kind = kind_of(said)
        head = head_page(last, said) if kind == PAGE else ""
        return FetchedFile(name=name_file(last, kind), data=head.encode() + data)

    def _follow(self, url: str, kinds: Sequence[str]) -> tuple[bytes, str, str]:
        """What lies at the address or where it leads to, what it is said to be, and where that was."""
        until_s = time.monotonic() + self._serve.fetch_s
        for _ in range(MOST_REDIRECTS + 1):
            target = parse_target(url)
            data, told = self._once(target, kinds, until_s)
            if data is not None:
                return data, told, url
            url = told
        raise BadFile(f"{target.origin} leads on more than {MOST_REDIRECTS} times. Name the last address")

    def _once(self, target: FetchTarget, kinds: Sequence[str], until_s: float) -> tuple[bytes | None, str]:
        """What is there with what it is said to be, or nothing with the address where it says that it is."""
        backend = PinnedBackend(target, self._addresses(target, until_s), self._connect, until_s)
        try:
            with (
                httpcore.ConnectionPool(max_connections=1, network_backend=backend) as pool,
                pool.stream("GET", _url(target), headers=_headers(target, kinds)) as response,
            ):
                if response.status in REDIRECTS:
                    return None, urljoin(target.url, _header(response, "location"))
                self._check(response, target, kinds)
                return self._read(response.iter_stream(), target), _header(response, "content-type")
        except DeepSeekMMError:
            raise
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise deadline_error(target, self._serve.fetch_s) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
            raise BadFile(f"{target.origin} did not answer as it should ({type(error).__name__}). Check it") from error

    def _addresses(self, target: FetchTarget, until_s: float) -> Sequence[str]:
        """Its addresses, all of them public."""
        found = resolve_in_time(lambda: self._resolve(target.host, target.port), target, until_s, self._serve.fetch_s)
        if not found or not all(is_public(address.partition("%")[0]) for address in found):
            raise Forbidden(
                f"{target.origin} does not lead to a public address only, and nothing is fetched from another. "
                "Send the file itself instead"
            )
        return found

    def _check(self, response: httpcore.Response, target: FetchTarget, kinds: Sequence[str]) -> None:
        """Refuse what is not of these kinds, not whole, packed, or too large."""
        said, coding = _header(response, "content-type"), _header(response, "content-encoding")
        length, most = _header(response, "content-length"), self._serve.fetch_bytes
        if response.status != 200:
            raise BadFile(f"{target.origin} answers with status {response.status}. Open it in a browser to see why")
        if not kind_of(said).startswith(tuple(kinds)):
            raise not_wanted(target, said, kinds)
        if coding.lower() not in ("", "identity"):
            raise BadPicture(f"{target.origin} sends it packed ({coding[:20]!r}), unasked. Send the file itself")
        if length.isdecimal() and int(length[:20]) > most:
            raise too_large(target, most)

    def _read(self, parts: Iterable[bytes], target: FetchTarget) -> bytes:
        data = bytearray()
        for part in parts:
            data += part
            if len(data) > self._serve.fetch_bytes:
                raise too_large(target, self._serve.fetch_bytes)
        return bytes(data)


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to addresses that were checked, whatever name is asked for, and until the deadline only."""

    def __init__(self, target: FetchTarget, addresses: Sequence[str], connect: Connect, until_s: float) -> None:
        self._target, self._addresses, self._connect, self._until_s = target, addresses, connect, until_s

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """To the first of the addresses that answers."""
        assert (host, port) == (self._target.host, self._target.port), "only what was checked is connected to"
        for address in self._addresses[:-1]:
            try:
                return self._to(address, port)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._to(self._addresses[-1], port)

    def _to(self, address: str, port: int) -> httpcore.NetworkStream:
        return DeadlineStream(self._connect(address, port, seconds_left(self._until_s)), self._until_s)


class DeadlineStream(httpcore.NetworkStream):
    """A connection whose every wait ends at the same moment."""

    def __init__(self, stream: httpcore.NetworkStream, until_s: float) -> None:
        self._stream, self._until_s = stream, until_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at most so much."""
        return self._stream.read(max_bytes, seconds_left(self._until_s))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send it."""
        self._stream.write(buffer, seconds_left(self._until_s))

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same, encrypted, with the certificate checked against the name."""
        return DeadlineStream(
            self._stream.start_tls(ssl_context, server_hostname, seconds_left(self._until_s)), self._until_s
        )

    def get_extra_info(self, info: str) -> Any:
        """As the connection says."""
        return self._stream.get_extra_info(info)


def parse_target(url: str) -> FetchTarget:
    """The address in its parts. Forbidden if it is not plain http or https at its usual port."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS.get(parts.scheme, 0)
        host = host if ":" in host else host.encode("idna").decode("ascii")
    except ValueError:
        host, port = "", 0
    plain = len(url) <= MOST_CHARS and url.isascii() and url.isprintable() and not set(' \\"<>') & set(url)
    if not host or not plain or parts.scheme not in PORTS or "@" in parts.netloc:
        raise Forbidden(
            f"{url[:SHOWN_CHARS]!r} is no address to fetch from. Take one such as https://example.org/a.jpg"
        )
    if port != PORTS[parts.scheme]:
        raise Forbidden(f"{parts.scheme}://{host}:{port} is not at port {PORTS[parts.scheme]}, and no other is used")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return FetchTarget(url=url, scheme=parts.scheme, host=host, port=port, path=path)


def resolve_in_time(
    resolve: Callable[[], Sequence[str]], target: FetchTarget, until_s: float, limit_s: float
) -> Sequence[str]:
    """The addresses of a name. The system's resolver knows no deadline, so it runs in a thread that is left behind."""
    said: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            said.put(resolve())
        except (OSError, ValueError):  # no such name
            said.put([])

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = said.get(timeout=seconds_left(until_s))
    except (queue.Empty, httpcore.ReadTimeout) as error:
        raise deadline_error(target, limit_s) from error
    if not found:
        raise BadFile(f"{target.origin} is not known: no such name. Check how it is spelled, and the network")
    return found


def seconds_left(until_s: float) -> float:
    """Seconds until the deadline. httpcore.ReadTimeout if it has passed."""
    left = until_s - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is over")
    return left


def deadline_error(target: FetchTarget, limit_s: float) -> BadFile:
    """It took too long."""
    return BadFile(f"{target.origin} took longer than serve.fetch_s allows, {limit_s:g} s. Send the file itself")


def not_wanted(target: FetchTarget, said: str, kinds: Sequence[str]) -> DeepSeekMMError:
    """It is of another kind."""
    if kinds is PICTURES:
        return BadPicture(f"{target.origin} sends {said[:40]!r}, no picture. Name the address of the picture itself")
    return BadFile(f"{target.origin} sends {said[:40]!r}, neither a picture nor a page. Save it and add the file")


def is_link(text: str) -> bool:
    """Whether this is an address to fetch from rather than a path."""
    return LINK.fullmatch(text) is not None


def kind_of(said: str) -> str:
    """The kind that a Content-Type names, without what it says besides."""
    return said.lower().partition(";")[0].strip()


def head_page(url: str, said: str) -> str:
    """What is written above a page: where it was saved from, and in which encoding it came, if that was said."""
    coding = CHARSET.search(said)
    meta = f'<meta charset="{coding[1]}">\n' if coding else ""
    return f"<!-- saved from url=({len(url):04}){url} -->\n{meta}"


def name_file(url: str, kind: str) -> str:
    """A name for what was fetched: the address's last part or its host, with an ending that fits the kind."""
    parts = urlsplit(url)
    last = NO_NAME.sub(" ", unquote(posixpath.basename(parts.path.rstrip("/")))).strip(" .")
    stem, ending = posixpath.splitext(last or parts.hostname or "page")
    if mimetypes.guess_type(f"x{ending}")[0] != kind:
        stem, ending = stem + ending, ENDINGS.get(kind) or mimetypes.guess_extension(kind) or ""
    return stem[:NAME_CHARS] + ending.lower()


def too_large(target: FetchTarget, most: int) -> TooLarge:
    """It has too many bytes."""
    return TooLarge(f"{target.origin} sends more than serve.fetch_bytes allows, {most:,}. Send a smaller file")


def _url(target: FetchTarget) -> httpcore.URL:
    return httpcore.URL(
        scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
    )


def _headers(target: FetchTarget, kinds: Sequence[str]) -> list[tuple[str, str]]:
    host = f"[{target.host}]" if ":" in target.host else target.host
    accept = ", ".join(f"{kind}*" if kind.endswith("/") else kind for kind in kinds)
    return [("Host", host), *HEADERS, ("Accept", accept), ("Connection", "close")]


def _header(response: httpcore.Response, name: str) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name.encode()), "")
