"""A small hub on loopback, of the real one's HTTP shape, which fails in whatever way it is told to.

It counts what was asked and the bytes that it gave, so that "nothing is downloaded twice" can be tested. Large files
lie behind a redirect to another host, as they do on the real hub; that host gets no token.
"""

import hashlib
import json
import re
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

LARGE = (".safetensors", ".gguf", ".bin")
API = re.compile(r"/api/models/(?P<name>[^/]+/[^/]+)(?:/(?P<what>revision|tree)/(?P<revision>[^/?]+))?")
RESOLVE = re.compile(r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
CDN = re.compile(r"/cdn/(?P<digest>[0-9a-f]{64})")
PAGE = 3  # files on a page of a list
CHUNK = 16_384
TOKEN = "hf_of_a_test"


@dataclass(kw_only=True)
class Fault:
    """How requests go wrong whose path holds `on`: a status, or what becomes of the bytes."""

    on: str = ""
    status: int = 0
    retry_after: str = ""
    breaks_at: float = 0.0  # share of the answer's bytes after which the connection is cut
    spoils: bool = False  # one byte is another one
    chunk_s: float = 0.0  # between two chunks
    holds_at: float = 0.0  # share of the bytes after which nothing comes until the faults are cleared
    whole: bool = False  # the range that is asked for is passed over
    times: int = 1


@dataclass(kw_only=True)
class Repository:
    """Commits of one name, and which one its branch has."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    main: str = ""
    private: bool = False  # 401 without the token
    gated: bool = False  # 403 with or without it


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_large(path: str) -> bool:
    return path.endswith(LARGE)


def etag_of(path: str, data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if is_large(path) else git_sha1(data)


class HubServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int = 0):
        super().__init__(("127.0.0.1", port), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.faults: list[Fault] = []
        self.asked: list[str] = []  # METHOD path
        self.sent: Counter[str] = Counter()  # bytes of content, by path in the repository
        self.begun: list[tuple[str, int]] = []  # path in the repository, and the byte that was begun at
        self.tokens: dict[str, set[str]] = {"hub": set(), "cdn": set()}  # what came as Authorization
        self.agents: set[str] = set()
        self.pace_s = 0.0  # between two chunks of large files
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, name: str, files: dict[str, bytes], **options) -> str:
        """A new commit, which the branch has from now on."""
        repository = self.repositories.setdefault(name, Repository())
        told = json.dumps({path: etag_of(path, data) for path, data in sorted(files.items())})
        commit = hashlib.sha1(f"{name} {told} {len(repository.commits)}".encode()).hexdigest()
        repository.commits[commit], repository.main = dict(files), commit
        for option, value in options.items():
            setattr(repository, option, value)
        return commit

    def take_fault(self, path: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.on in path and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def count(self, path: str, num_bytes: int) -> None:
        with self._lock:
            self.sent[path] += num_bytes

    def num_asked(self, part: str) -> int:
        return sum(part in line for line in self.asked)

    def starts(self, path: str) -> list[int]:
        """The bytes at which a file was begun, in their order."""
        return [start for name, start in self.begun if name == path]

    def forget(self) -> None:
        """Count from here on."""
        for counted in (self.asked, self.sent, self.begun, self.faults, self.agents):
            counted.clear()

    def handle_error(self, request, client_address):
        """Nothing on stderr: clients are killed on purpose."""


@contextmanager
def hub_server(port: int = 0):
    server = HubServer(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        """Nothing on stderr."""

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        self.server.asked.append(f"{self.command} {path}")
        self.server.agents.add(self.headers.get("user-agent", ""))
        side = "cdn" if path.startswith("/cdn/") else "hub"
        self.server.tokens[side].add(self.headers.get("authorization", ""))
        fault = None if self.command == "HEAD" else self.server.take_fault(path)
        if fault is not None and fault.status:
            self.refuse(fault.status, "", retry_after=fault.retry_after)
        elif found := API.fullmatch(path):
            self.list(found["name"], found["what"] or "", found["revision"] or "main", parse_qs(parts.query))
        elif found := RESOLVE.fullmatch(path):
            self.resolve(found["name"], found["revision"], found["path"], fault)
        elif found := CDN.fullmatch(path):
            self.give_from_store(found["digest"], fault)
        else:
            self.refuse(404, "")

    def repository(self, name: str, *, content: bool = False) -> Repository | None:
        """None where it was refused."""
        found = self.server.repositories.get(name)
        known = self.headers.get("authorization") == f"Bearer {TOKEN}"
        if found is None:
            self.refuse(404 if known else 401, "RepoNotFound")
        elif found.private and not known:
            self.refuse(401, "RepoNotFound")
        elif found.gated and content and not known:
            self.refuse(401, "GatedRepo")
        elif found.gated and content:
            self.refuse(403, "GatedRepo")
        else:
            return found
        return None

    def commit(self, name: str, revision: str, *, content: bool = False) -> tuple[str, dict[str, bytes]] | None:
        repository = self.repository(name, content=content)
        if repository is None:
            return None
        commit = repository.main if revision == "main" else revision
        if commit not in repository.commits:
            self.refuse(404, "RevisionNotFound")
            return None
        return commit, repository.commits[commit]

    def list(self, name: str, what: str, revision: str, query: dict[str, list[str]]) -> None:
        found = self.commit(name, revision)
        if found is None:
            return
        commit, files = found
        if what == "tree":
            self.list_tree(files, int(query.get("cursor", ["0"])[0]))
            return
        siblings = [
            {"rfilename": path} | (blob_of(path, data) if "blobs" in query else {}) for path, data in files.items()
        ]
        self.reply(200, {"id": name, "sha": commit, "private": False, "tags": [], "siblings": siblings})

    def list_tree(self, files: dict[str, bytes], cursor: int) -> None:
        rows = [{"type": "file", "path": path, **row_of(path, data)} for path, data in sorted(files.items())]
        folders = sorted({path.rpartition("/")[0] for path in files} - {""})
        rows += [{"type": "directory", "path": folder, "oid": "0" * 40, "size": 0} for folder in folders]
        more = {}
        if cursor + PAGE < len(rows):
            path = urlsplit(self.path).path
            more = {"Link": f'<{self.server.url}{path}?recursive=true&cursor={cursor + PAGE}>; rel="next"'}
        self.reply(200, rows[cursor : cursor + PAGE], more)

    def resolve(self, name: str, revision: str, path: str, fault: Fault | None) -> None:
        found = self.commit(name, revision, content=True)
        if found is None:
            return
        commit, files = found
        if path not in files:
            self.refuse(404, "EntryNotFound", {"X-Repo-Commit": commit})
            return
        data, told = files[path], {"X-Repo-Commit": commit}
        if not is_large(path):
            self.give(path, data, fault, told | {"ETag": f'"{git_sha1(data)}"'})
            return
        digest = etag_of(path, data)
        told |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data)), "Content-Length": "0"}
        told |= {
            "Location": f"http://localhost:{self.server.server_port}/cdn/{digest}?name={quote(path)}&signature=secret"
        }
        self.send_response(302)
        self.end_with(told)

    def give_from_store(self, digest: str, fault: Fault | None) -> None:
        for repository in self.server.repositories.values():
            for files in repository.commits.values():
                for path, data in files.items():
                    if is_large(path) and etag_of(path, data) == digest:
                        self.give(path, data, fault, {"ETag": '"of the store"'})
                        return
        self.refuse(404, "")

    def give(self, path: str, data: bytes, fault: Fault | None, told: dict[str, str]) -> None:
        fault = fault or Fault()
        asked = re.match(r"bytes=(\d+)-", self.headers.get("range", ""))
        start = int(asked[1]) if asked and not fault.whole else 0
        if start >= len(data) > 0:
            self.refuse(416, "")
            return
        body = bytearray(data[start:])
        if fault.spoils and body:
            body[len(body) // 2] ^= 1
        self.send_response(206 if start else 200)
        ranged = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        self.end_with(told | ranged | {"Content-Length": str(len(body)), "Accept-Ranges": "bytes"})
        if self.command == "HEAD":
            return
        self.server.begun.append((path, start))
        cut = int(len(body) * fault.breaks_at) if fault.breaks_at else len(body)
        for begin in range(0, cut, CHUNK):
            piece = bytes(body[begin : min(cut, begin + CHUNK)])
            self.wfile.write(piece)
            self.server.count(path, len(piece))
            while fault.holds_at and begin > len(body) * fault.holds_at and self.server.faults:
                time.sleep(0.01)
            if pause_s := fault.chunk_s or (self.server.pace_s if is_large(path) else 0.0):
                time.sleep(pause_s)
        if fault.breaks_at:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(2)

    def refuse(self, status: int, why: str, told: dict[str, str] | None = None, *, retry_after: str = "") -> None:
        extra = {"X-Error-Code": why} if why else {}
        extra |= {"Retry-After": retry_after} if retry_after else {}
        self.reply(status, {"error": why or "no"}, (told or {}) | extra)

    def reply(self, status: int, value: object, told: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.end_with({"Content-Type": "application/json", "Content-Length": str(len(body)), **(told or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def end_with(self, told: dict[str, str]) -> None:
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()


def row_of(path: str, data: bytes) -> dict[str, object]:
    """A file in a list: of a large one git knows a pointer only."""
    if not is_large(path):
        return {"oid": git_sha1(data), "size": len(data)}
    digest = etag_of(path, data)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n".encode()
    large = {"oid": digest, "size": len(data), "pointerSize": len(pointer)}
    return {"oid": git_sha1(pointer), "size": len(data), "lfs": large}


def blob_of(path: str, data: bytes) -> dict[str, object]:
    """The same as /api/models/NAME?blobs=true has it."""
    row = row_of(path, data)
    told: dict[str, object] = {"size": row["size"], "blobId": row["oid"]}
    if "lfs" in row:
        told["lfs"] = {"size": len(data), "sha256": etag_of(path, data), "pointerSize": row["lfs"]["pointerSize"]}
    return told
