"""What is asked of a hub over HTTP: which files a commit has, and the bytes of one from any place on.

Two addresses, as every hub and mirror of that kind has them: /api/models/NAME/... lists, /NAME/resolve/COMMIT/FILE
gives, mostly by leading on to where the bytes lie. The token goes to the hub alone, never where it leads.

What may go well the next time is a HubTrouble; any other error is final.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import httpx
from huggingface_hub import constants

from deepseek_mm.addresses import is_this_machine
from deepseek_mm.config import HubConfig
from deepseek_mm.errors import Forbidden, NothingThere, ServerError
from deepseek_mm.hub import HubFile
from deepseek_mm.models.hub_token import hub_address, read_token
from deepseek_mm.models.pinned_transport import PinnedTransport
from deepseek_mm.storage.files import parse_json

AGENT = "deepseek-mm"  # and nothing about the machine
DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}")
MOST_FILES = 20_000  # of a repository
MOST_LISTED_BYTES = 64_000_000
ADDRESSES_LOGGED = ("httpx", "httpcore")  # loggers that would tell where bytes lie, with the signature that opens it
LATER = (408, 425, 429)  # and whatever begins with 5
GIVE_TOKEN = "give a token that may read it: python -m deepseek_mm models token"
RANGE_START = re.compile(r"bytes (\d+)-")


def is_offline() -> bool:
    """Whether this process was told to ask no hub at all."""
    return constants.HF_HUB_OFFLINE


class HubTrouble(ServerError):
    """The hub did not do what it was asked to, and may the next time."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryListing:
    """The files of one commit."""

    commit: str
    files: Mapping[str, HubFile]  # by path


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteStream:
    """The rest of a file."""

    start: int  # bytes of the file before it: fewer than were asked for where the hub cannot begin there
    chunks: Iterator[bytes]


class HubClient:
    """Asks one hub. Close it after use."""

    def __init__(self, environ: Mapping[str, str], config: HubConfig) -> None:
        """NothingThere if this process is to stay offline."""
        if is_offline():
            raise NothingThere(
                "HF_HUB_OFFLINE is set, so no hub is asked. Start without that variable to download models"
            )
        for logger in ADDRESSES_LOGGED:
            logging.getLogger(logger).setLevel(logging.WARNING)
        self.address = hub_address(environ)
        self._transport = PinnedTransport(httpx.URL(self.address))
        token = read_token(environ, self.address)
        self._http = httpx.Client(
            headers={"User-Agent": AGENT, "Accept-Encoding": "identity"}
            | ({"Authorization": f"Bearer {token}"} if token else {}),
            timeout=httpx.Timeout(config.silence_s, connect=config.connect_s),
            follow_redirects=True,
            trust_env=not is_this_machine(httpx.URL(self.address).host),
            event_hooks={"request": [self._check_encrypted, self._transport.check_literal]},
            transport=self._transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def list_files(self, name: str, revision: str) -> RepositoryListing:
        """What a revision has. HubTrouble, NothingThere, Forbidden or ServerError says why that cannot be told."""
        base = f"{self.address}/api/models/{name}"
        told = self._read_json(f"{base}/revision/{quote(revision, safe='')}", name, revision)
        commit = str(told.get("sha")) if isinstance(told, dict) else ""
        if COMMIT.fullmatch(commit) is None:
            raise ServerError(f"{self.address} does not tell which commit {revision} of {name} is. Is it a hub?")
        files = [file_of(row) for row in self._list_rows(f"{base}/tree/{commit}", name) if row.get("type") == "file"]
        return RepositoryListing(commit=commit, files={file.path: file for file in files})

    @contextmanager
    def open_file(self, name: str, commit: str, path: str, start: int) -> Iterator[ByteStream]:
        """The bytes of a file from `start` on. Raises what `list_files` raises, also while they are read."""
        url = f"{self.address}/{name}/resolve/{commit}/{quote(path)}"
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._explain(), self._http.stream("GET", url, headers=headers) as response:
            self._check(response, name, commit, path)
            yield ByteStream(start=_start_of(response, start), chunks=response.iter_bytes())

    def _list_rows(self, url: str, name: str) -> Iterator[Mapping[str, Any]]:
        """Page by page."""
        query, num = "recursive=true", 0
        while query:
            with self._explain():
                response = self._http.get(f"{url}?{query}")
            self._check(response, name, url.rpartition("/")[2])
            rows = _parse(response)
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise ServerError(f"{self.address} does not list the files of {name} as a hub does")
            num += len(rows)
            if num > MOST_FILES:
                raise ServerError(f"{name} has more than {MOST_FILES:,} files, which no model needs. Choose another")
            yield from rows
            following = response.links.get("next", {}).get("url", "")
            query = httpx.URL(following).query.decode() if following else ""

    def _read_json(self, url: str, name: str, revision: str) -> Any:
        with self._explain():
            response = self._http.get(url)
        self._check(response, name, revision)
        return _parse(response)

    def _check_encrypted(self, request: httpx.Request) -> None:
        """A hub that is spoken to in cipher may lead nowhere else than to such."""
        if self.address.startswith("https:") and request.url.scheme != "https":
            raise ServerError(f"{self.address} leads to an address that is not encrypted. Choose another mirror")

    @contextmanager
    def _explain(self) -> Iterator[None]:
        """Errors of the connection as HubTrouble; addresses, which may be signed, stay out of it."""
        try:
            yield
        except httpx.TransportError as error:
            raise HubTrouble(f"the connection to {self.address} failed ({type(error).__name__})") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # the last for a name that can be none
            raise ServerError(f"{self.address} cannot be asked ({type(error).__name__}). Is it a hub?") from None

    def _check(self, response: httpx.Response, name: str, revision: str, path: str = "") -> None:
        """Raise what the status says."""
        status, why = response.status_code, response.headers.get("X-Error-Code", "")
        if status < 400:
            return
        if status in LATER or status >= 500:
            busy, away = f"{self.address} asks for patience", f"{self.address} does not work now"
            told = f"{busy if status == httpx.codes.TOO_MANY_REQUESTS else away} (status {status})"
            raise HubTrouble(told, retry_after_s=_retry_after_s(response))
        if status in (401, 403):
            raise Forbidden(self._explain_refusal(name, gated=why == "GatedRepo" or status == 403))
        if path and why in ("", "EntryNotFound"):
            raise NothingThere(
                f"the hub has no file {path} in commit {revision} of {name} any more. "
                f"Take the newest commit: python -m deepseek_mm models update {name}"
            )
        if why == "RevisionNotFound":
            raise NothingThere(
                f"the hub has no revision {revision} of {name}. "
                f"Take the newest one: python -m deepseek_mm models update {name}"
            )
        raise NothingThere(f"the hub at {self.address} has no model {name} (status {status}). Check the name")

    def _explain_refusal(self, name: str, *, gated: bool) -> str:
        if gated:
            return (
                f"{name} is given to those only who have accepted its terms. Accept them at {self.address}/{name}, "
                f"then {GIVE_TOKEN}"
            )
        return f"the hub has no model {name} for everybody. Check the name; if it is private, {GIVE_TOKEN}"


def file_of(row: Mapping[str, Any]) -> HubFile:
    """A file as the hub lists it. ServerError for a name or a hash that is none."""
    path, size, large = str(row.get("path", "")), row.get("size"), row.get("lfs")
    sha256 = str(large.get("oid", "")) if isinstance(large, dict) else ""
    size_bytes = size if isinstance(size, int) else -1
    file = HubFile(path=path, size_bytes=size_bytes, sha1=str(row.get("oid", "")), sha256=sha256)
    if size_bytes < 0 or not is_plain_path(path) or DIGEST.fullmatch(file.digest) is None:
        raise ServerError(f"the hub lists a file that cannot be one: {ascii(file.path)[:80]}. Nothing was fetched")
    return file


def is_plain_path(path: str) -> bool:
    """Whether a name leads to a place below a folder, and nowhere else."""
    parts = path.split("/")
    plain = path.isprintable() and "\\" not in path and not PurePosixPath(path).is_absolute()
    return plain and all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts)


def _parse(response: httpx.Response) -> Any:
    try:
        if len(response.content) > MOST_LISTED_BYTES:
            raise ValueError("too long")
        return parse_json(response.content)
    except ValueError:
        told = "answers with something else than a hub does. Check HF_ENDPOINT"
        raise ServerError(f"{response.url.host} {told}") from None


def _start_of(response: httpx.Response, asked: int) -> int:
    """Where the bytes begin. HubTrouble for another place than was asked for."""
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    found = RANGE_START.match(response.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != asked:
        raise HubTrouble("the hub gives another part of a file than it was asked for")
    return asked


def _retry_after_s(response: httpx.Response) -> float:
    """How long the hub asks to be left alone: seconds, or until a date."""
    told = response.headers.get("Retry-After", "").strip()
    if told.isdigit():
        return float(told)
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
