"""A server's start and end: the library's lock, the listening socket, and answers that stop when the program does."""

import asyncio
import fcntl
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.keys import KeyRing
from deepseek_mm.addresses import read_networks
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.credentials import PARAMETER, first_key, needs_keys
from deepseek_mm.api.lifecycle import GracefulShutdown
from deepseek_mm.api.limits import RequestLimiter, SlowClientProtocol
from deepseek_mm.api.logs import configure_logging
from deepseek_mm.api.tls import check_certificate
from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.database_places import place_of
from deepseek_mm.errors import CannotListen, LibraryError

if TYPE_CHECKING:
    from deepseek_mm.api.app import Api

CUT_S = 3  # until answers are cut that did not end when the server did
TIDY_S = 300.0  # between two rounds of letting go what was deleted


class ApiServer(uvicorn.Server):
    """Uvicorn, which also stops the answers under way as soon as it is told to end, and tells whoever waits."""

    hush: Callable[[], object]
    graceful: GracefulShutdown

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop them in a thread: this signal may have interrupted whoever holds their lock.

        What then does not end in time is cut, and not reported as the error it looks like.
        """
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        threading.Thread(target=self.hush, daemon=True).start()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Nobody new comes in, and whoever waits is told."""
        ending = asyncio.create_task(self.graceful.end_all())
        await super().shutdown(sockets)
        ending.cancel()


def build_server(app: ASGIApp, serve: ServeConfig, *, hush: Callable[[], object], room: RequestLimiter) -> ApiServer:
    """What answers requests until it is told to end; `hush` then stops the answers under way."""
    graceful = GracefulShutdown(app)
    config = uvicorn.Config(
        graceful,
        http=partial(SlowClientProtocol, serve, room),  # type: ignore[arg-type]  # called as the class is
        log_level="warning",
        access_log=False,
        proxy_headers=bool(serve.proxies),
        forwarded_allow_ips=[str(each) for each in read_networks("serve.proxies", serve.proxies)],
        timeout_graceful_shutdown=CUT_S,
        server_header=False,
        ssl_certfile=serve.tls_cert or None,
        ssl_keyfile=serve.tls_key or None,
    )
    server = ApiServer(config)
    server.hush, server.graceful = hush, graceful
    return server


def run_api(
    api: "Api",
    sock: socket.socket,
    *,
    say: Callable[[str], None],
    note: str,
    hush: Callable[[], object],
    tokens: tuple[str, str] = ("", ""),
) -> None:
    """Answer until a signal comes: the log is written, and what can go is let go of.

    `note` stands behind the address; `hush` stops the answers under way when the end comes. Of the `tokens` the first
    is to be shown by whoever asks, and stands in the address; the second is the command line's.
    """
    config, token, doors = api.assistant.config, tokens[0], api.services.accounts
    with configure_logging(config), closing(api), keep_tidy(api.tidy):
        api.start()
        api.warm_up()
        say(f"ready: {format_address(sock, config.serve)}{token_suffix(token)}  ({note})")
        app = guard_app(api.app, config, doors.keys, accounts=doors.accounts, tokens=tokens)
        build_server(app, config.serve, hush=hush, room=api.room).run(sockets=[sock])


def open_keys(config: Config, say: Callable[[str], None], accounts: Accounts | None, keys: KeyRing) -> KeyRing:
    """The keys of the library; a first one, where callers need one and there is neither one nor anybody who can log in
    by name, is made and shown once.
    """
    if accounts is not None and accounts.all():
        return keys
    if made := first_key(keys, config.serve, config.accounts):
        say(f"key (shown this once, to log in with; it may do everything): {made}")
    return keys


@contextmanager
def open_accounts(config: Config, say: Callable[[str], None]) -> Iterator[Accounts | None]:
    """The accounts of the library, where callers need a login; None elsewhere."""
    if not needs_keys(config.serve, config.accounts):
        yield None
        return
    with closing(Accounts(place_of(config, "accounts"))) as accounts:
        if config.accounts.mode == "people" and not accounts.all():
            say("nobody has an account yet. Make one: python -m deepseek_mm users add NAME --role owner")
        yield accounts


def token_suffix(token: str) -> str:
    """What the token, if there is one, adds to the printed address."""
    return f"/?{PARAMETER}={token}" if token else ""


@contextmanager
def keep_tidy(tidy: Callable[[], object]) -> Iterator[None]:
    """Let go of what cannot be undone any more, now and then, as long as the block runs."""
    ended = threading.Event()
    threading.Thread(target=tidy_now_and_then, args=(tidy, ended), name="tidy", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def tidy_now_and_then(tidy: Callable[[], object], ended: threading.Event, *, every_s: float = TIDY_S) -> None:
    """Let go of what cannot be undone any more, as long as it is served."""
    while not ended.wait(every_s):
        try:
            tidy()
        except Exception:
            logging.getLogger(__name__).exception("could not tidy the library")


@contextmanager
def lock_library(data: Path, *, is_shared: bool = False) -> Iterator[bool]:
    """Hold the library for this process, or a shared one together with others. LibraryError names the process that has
    it, or why it cannot be used. Gives whether nobody else has it.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = (data / "lock").open("a+", errors="replace")
    except OSError as error:
        raise LibraryError(
            f"cannot use the library {data}: {error.strerror}. Choose another with DATA=FOLDER"
        ) from error
    with file:
        is_alone = try_lock(file, fcntl.LOCK_EX)
        if not is_alone and not (is_shared and try_lock(file, fcntl.LOCK_SH)):
            file.seek(0)
            raise LibraryError(
                f"the library {data} is served by process {file.read().strip() or 'unknown'} already. "
                "End that one, or serve another library with DATA=FOLDER"
            )
        if is_alone:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        if is_shared:
            fcntl.flock(file, fcntl.LOCK_SH)
        yield is_alone


def try_lock(file: IO[str], kind: int) -> bool:
    """Whether the lock could be had at once."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def open_socket(serve: ServeConfig, *, is_shared: bool = False) -> Iterator[socket.socket]:
    """A listening socket: browsers that come early wait. Where other servers are there for the same library, it does
    not listen yet, so that whoever comes early is sent on to them. CannotListen says who holds the port, if that can be
    seen; ConfigError, which file of TLS cannot be used.
    """
    check_certificate(serve)
    try:
        family, kind, _, _, address = socket.getaddrinfo(serve.host, serve.port, type=socket.SOCK_STREAM)[0]
        sock = hold_address(family, address[:2]) if is_shared else socket.create_server(address[:2], family=family)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio sets it only where a socket names TCP
    except OSError as error:
        raise CannotListen(
            f"cannot listen at {serve.host}:{serve.port}{find_holder(serve.port)}: {error.strerror}. "
            "Choose another with PORT=8000 (or HOST=127.0.0.1)"
        ) from error
    with sock:
        yield sock


def hold_address(family: int, address: tuple[str | int, int | bytes]) -> socket.socket:
    """A socket that nobody is let in at yet. OSError where somebody listens there."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def find_holder(port: int) -> str:
    """Who listens at the port: " (held by process 123, python app.py)", or nothing where /proc does not tell."""
    lines = [line.split() for table in ("tcp", "tcp6") for line in _lines(Path("/proc/net") / table)[1:]]
    inodes = {f"socket:[{w[9]}]" for w in lines if int(w[1].rsplit(":", 1)[1], 16) == port and w[3] == "0A"}
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        try:
            if os.readlink(link) in inodes:
                words = (link.parent.parent / "cmdline").read_bytes().decode(errors="replace").split("\0")
                return f" (held by process {link.parts[2]}, {' '.join(words).strip()[:80]})"
        except OSError:  # gone, or not ours to see
            continue
    return ""


def format_address(sock: socket.socket, serve: ServeConfig) -> str:
    """Where a person on this machine finds it."""
    host, port = sock.getsockname()[:2]
    scheme = "https" if serve.tls_cert else "http"
    return f"{scheme}://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # not Linux
        return []
