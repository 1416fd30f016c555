"""The command line's way to the running server of the same library and user: a file in its folder, then `/ask`.

The file holds an address on loopback and a token, readable for its owner alone, and is removed when the server ends. A
file that was left behind, copied with a library, or made by somebody else is ignored: its owner, its rights, the
folder that it was made for, and the process that holds the listening socket are looked at. The token counts on
loopback only (`auth_middleware`). The reader imports nothing that takes time.

A question is put to `/ask` over loopback, and its answer is read as it grows. A server that goes away meanwhile is an
error of its own, so that the caller can answer without it.
"""

import base64
import hashlib
import ipaddress
import json
import os
import secrets
import socket
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol

from deepseek_mm.api.tls import PinnedConnection, hash_certificate
from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.errors import BadQuestion, Busy, DeepSeekMMError, LibraryError, ServerError, Unauthorised
from deepseek_mm.shapes import answer_shape
from deepseek_mm.storage.files import atomic_write, read_json
from deepseek_mm.types import Answer, Picture, Question

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
    certificate: str = ""  # SHA-256 of the one that it shows over https; empty of a server that speaks http

    @property
    def url(self) -> str:
        """Its address without a path."""
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def open_connection(self, timeout_s: float) -> HTTPConnection:
        """One that is not connected yet."""
        if self.certificate:
            return PinnedConnection(self.host, self.port, certificate=self.certificate, timeout=timeout_s)
        return HTTPConnection(self.host, self.port, timeout=timeout_s)


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
        certificate=hash_certificate(config.serve),
    )


def find_server(folder: Path, config: Config | None = None) -> LocalServer | None:
    """The running server of this library, if it is this user's and, where settings are given, answers by the same."""
    server = read_private(folder / FILE)
    if server is None or (config is not None and server.settings != digest_settings(config)):
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


CONNECT_S = 2.0
SILENCE_S = 60.0  # without a word, and the server counts as gone; a comment comes every 15 seconds
LOOK_S = 0.05
STREAM = "text/event-stream"
MOST_TOLD_BYTES = 1_000_000  # of a refusal
MOVED = (301, 302, 303, 307, 308)
GONE = (500, 501, 502, 503, 504)  # that say something of the server, and nothing of the question
OURS = tuple(answer_shape(Answer(text="")))  # keys of an answer that the command line tells
TOLD = (
    "number",
    "score",
    "path",
    "kind",
    "box_px",
    "page",
    "at_ms",
    "lines",
    "text",
    "machine_made",
)  # of what is cited
CITED = (*TOLD, "label", "labels", "colours", "symbol")
Shape = dict[str, Any]


class ServerGone(Exception):
    """The server does not answer, or stopped in the middle of an answer."""


class Server(Protocol):
    """A server that can be asked, of this machine or of another one."""

    @property
    def token(self) -> str:
        """What is shown there; empty for nothing."""

    @property
    def url(self) -> str:
        """Its address without a path."""

    def open_connection(self, timeout_s: float) -> HTTPConnection:
        """One that is not connected yet."""


def ask_server(server: Server, question: Question, *, stop: Event) -> Iterator[Shape]:
    """The answer as `answer_shape` tells it, growing; the last one is whole, or `stopped` when `stop` was set.

    BadQuestion or ServerError as the server says it, ServerGone where it does not end its answer.
    """
    so_far = answer_shape(Answer(text="", state="running"))
    try:
        for shape in read_shapes(server, question, so_far, stop):
            yield shape
            so_far = shape
    except DeepSeekMMError:  # the server's own words
        raise
    except (OSError, HTTPException, ValueError, KeyError) as error:
        if not stop.is_set():
            raise ServerGone(str(error)) from error
    if so_far["state"] == "running" and not stop.is_set():
        raise ServerGone("its answer has no end")
    if so_far["state"] == "running":
        yield so_far | {"state": "stopped"}


def read_shapes(server: Server, question: Question, so_far: Shape, stop: Event) -> Iterator[Shape]:
    """What the server says of the answer, event by event, until it ends."""
    connection = server.open_connection(CONNECT_S)
    with closing(connection), hang_up_on(stop, connection):
        for kind, told in read_events(open_stream(connection, server, question)):
            if kind == "text":
                so_far = so_far | {"text": so_far["text"][: told["at"]] + told["text"]}
                yield so_far
            elif kind == "end":
                yield final_shape(told)
                return


def open_stream(connection: HTTPConnection, server: Server, question: Question) -> HTTPResponse:
    """The events of the answer. BadQuestion, Busy or ServerError by what the server says."""
    asked: Shape = {"question": question.text, "about": question.about, "run": question.run}
    asked |= {} if question.conversation is None else {"conversation": question.conversation}
    asked |= {"pictures": list(map(encode_picture, pictures))} if (pictures := question.pictures) else {}
    headers = {"Accept": STREAM, "Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {server.token}"} if server.token else {}
    connection.connect()
    connection.sock.settimeout(SILENCE_S)
    connection.request("POST", "/ask", json.dumps(asked).encode(), headers)
    response = connection.getresponse()
    if response.status == 200:
        return response
    body = response.read(MOST_TOLD_BYTES)
    if response.status in GONE:
        raise ServerGone(f"it answers {response.status}")
    if response.status in MOVED:
        place = response.headers.get("Location", "elsewhere")[:200]
        raise ServerError(f"{server.url} leads to {place}, and nothing is sent there. Name that address if it is yours")
    try:
        problem = json.loads(body)
    except ValueError:
        raise ServerError(f"{server.url} answers {response.status}, as no server of this program does") from None
    raise refusal(response.status, problem)


def encode_picture(picture: Picture) -> str:
    """The file of a picture as a data URL. NothingThere or BadFile if it cannot be read any more."""
    data = Path(picture.path).read_bytes()
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"  # what it is its first bytes say


def request_json(server: Server, method: str, path: str, sent: Shape | None = None, *, wait_s: float) -> Shape:
    """What the server says to one request. ServerGone where it says nothing, else the error of its refusal."""
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {server.token}"} if server.token else {}
    try:
        with closing(server.open_connection(wait_s)) as connection:
            connection.request(method, path, json.dumps(sent).encode() if sent else None, headers)
            response = connection.getresponse()
            told: Shape = json.loads(response.read(MOST_TOLD_BYTES))
    except (OSError, HTTPException, ValueError) as error:
        raise ServerGone(str(error)) from error
    if not 200 <= response.status < 300:
        raise refusal(response.status, told)
    return told


def refusal(status: int, problem: Mapping[str, Any]) -> Exception:
    """The error that a problem of the server stands for."""
    detail = str(problem.get("detail", f"the server answers {status}"))
    if status == 429:
        return Busy(detail, retry_after_s=1)
    if status == 401:
        return Unauthorised(detail)
    return BadQuestion(detail) if status == 422 else ServerError(detail)


def read_events(lines: Iterable[bytes]) -> Iterator[tuple[str, Shape]]:
    """Kind and value of server-sent events; comments and ids are passed over."""
    kind, data = "", ""
    for line in lines:
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        if name == "event":
            kind = value.removeprefix(" ")
        elif name == "data":
            data += value.removeprefix(" ")
        elif not name and not value and kind:
            yield kind, json.loads(data)
            kind, data = "", ""


def final_shape(task: Mapping[str, Any]) -> Shape:
    """The answer of a task that has ended. ServerError says why it failed, ServerGone that it was taken away."""
    if task["state"] == "failed":
        raise ServerError(task["error"])
    result = task["result"]
    if not result:
        raise ServerGone("the task was cancelled")
    citations = [{name: cited[name] for name in CITED} for cited in result["citations"]]
    return {name: result[name] for name in OURS} | {"citations": citations}


@contextmanager
def hang_up_on(stop: Event, connection: HTTPConnection) -> Iterator[None]:
    """Within the block, `stop` ends the connection at once: nothing more is read, and the server cancels the answer."""
    over = Event()

    def watch() -> None:
        while not over.is_set():
            if stop.wait(LOOK_S) and connection.sock is not None:
                try:
                    connection.sock.shutdown(socket.SHUT_RDWR)
                except OSError:  # it has ended by itself
                    return
                return

    watcher = Thread(target=watch, name="hang-up", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
