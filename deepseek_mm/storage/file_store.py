"""Files that several machines share, by the checksum of their bytes: in a folder that all see, or in an S3 bucket.

Below the root that `storage.files` names lie

    files/ab/ab12...    the bytes with this SHA-256, hexadecimal: written once, whole or not at all
    small/ab12.../NAME  small copies of them, by the first 16 digits; they can be made again
    key                 what signs addresses

What is read is compared with its checksum. Whatever the store refuses is a TransientError with a next step: it says
nothing of a file, and the same goes once the store is there again. Keys of a bucket are read as every program of AWS
reads them (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials), and are kept nowhere by us.
"""

import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote

from deepseek_mm.errors import BadFile, MissingPackage, NothingThere, TransientError
from deepseek_mm.storage_config import FOLDER_URL, StorageConfig

FILES, SMALL, KEY = "files", "small", "key"
DIGEST = re.compile("[0-9a-f]{64}")
PREFIX_CHARS = 16  # of a digest, by which small copies are kept
BLOCK_BYTES = 1 << 20
CONNECT_S, READ_S, TRIES = 5, 60, 2  # of a bucket's server
KEY_BYTES = 32
NO_KEYS = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials"


class FileStore:
    """One store, safe in many threads. MissingPackage where the extra `cluster` is not installed."""

    def __init__(self, url: str, endpoint: str = "") -> None:
        """`url` as `storage.files` has it; `endpoint` is where another server than Amazon's answers."""
        self.url, self._is_folder = url.rstrip("/"), url.startswith(FOLDER_URL)
        self._fs = open_folder() if self._is_folder else open_bucket(endpoint)
        self._root = unquote(self.url.removeprefix("file://")) if self._is_folder else self.url.removeprefix("s3://")

    @classmethod
    def of(cls, storage: StorageConfig) -> "FileStore | None":
        """The store that the settings name; None where files lie in the library's folder."""
        return cls(storage.files, storage.files_endpoint) if storage.files else None

    @property
    def signs(self) -> bool:
        """Whether it gives addresses of its own from which whoever has one may read."""
        return not self._is_folder

    def check(self) -> None:
        """See that a file can be kept, read and removed there. TransientError says why not."""
        digest = hashlib.sha256(secrets.token_bytes(KEY_BYTES)).hexdigest()
        self.save_copy(digest, "check", b"check")
        found = self.load_copy(digest, "check")
        self.remove(digest)
        if found != b"check":
            raise TransientError(f"{self.url} gave back something else than was put there. Name another place")

    def write_once(self, digest: str, data: IO[bytes]) -> bool:
        """Keep these bytes, if they are not there yet; whether they were new. BadFile if theirs is another checksum."""
        if self.has(digest):
            return False
        with tempfile.TemporaryDirectory(prefix="deepseek-mm-") as folder:
            draft = Path(folder) / digest
            if copy_hashed(data, draft) != digest:
                raise BadFile("the file was changed while it was being read. Try again once it rests")
            self._place(draft, self._key(digest))
        return True

    def has(self, digest: str) -> bool:
        """Whether these bytes are there."""
        with self._explaining():
            self._require_folder()
            if self._is_folder:
                return os.path.isfile(self._key(digest))
            bucket, _, key = self._key(digest).partition("/")
            try:  # one request: `exists` would ask for a folder of that name as well
                self._fs.call_s3("head_object", Bucket=bucket, Key=key)
            except FileNotFoundError:
                return False
            return True

    def fetch(self, digest: str, target: Path) -> None:
        """Write the bytes to `target`, whole or not at all. NothingThere if they are not there; TransientError too if
        they are not what was put there.
        """
        draft = target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.draft")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._explaining():
                self._read_into(digest, draft)
            with draft.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != digest:
                raise TransientError(
                    f"the file {digest} in {self.url} is damaged: its checksum is {found}. Delete it there, and add "
                    "the original again, or put it back from a copy of the store"
                )
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)

    def remove(self, digest: str) -> None:
        """Remove these bytes and all small copies of them; what is not there is passed over."""
        copies = self._join(SMALL, digest[:PREFIX_CHARS])
        with self._explaining():
            self._require_folder()
            for key in (self._key(digest), *self._find(copies)):
                with suppress(FileNotFoundError):
                    self._fs.rm_file(key)
            if self._is_folder:
                shutil.rmtree(copies, ignore_errors=True)

    def list_kept(self) -> list[tuple[str, float]]:
        """The checksum of everything that is kept, and when it came, in seconds since 1970."""
        with self._explaining():
            self._require_folder()
            found = self._find(self._join(FILES))
        named = ((key.rpartition("/")[2], row) for key, row in found.items())
        return [(name, came_at(row)) for name, row in named if DIGEST.fullmatch(name)]

    def clear(self) -> None:
        """Remove everything but the key."""
        with self._explaining():
            self._require_folder()
            for key in [*self._find(self._join(FILES)), *self._find(self._join(SMALL))]:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(key)

    def sign(self, digest: str, *, name: str, lives_s: int) -> str:
        """An address from which whoever has it may read the file for so many seconds, as a download of this name."""
        assert self.signs, "a folder gives no addresses"
        how = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        kind = "application/octet-stream"  # never shown as a page, whatever it is
        with self._explaining():
            url: str = self._fs.sign(
                self._key(digest), expiration=lives_s, ResponseContentDisposition=how, ResponseContentType=kind
            )
        return url

    def save_copy(self, digest: str, name: str, data: bytes) -> None:
        """Keep a small copy of these bytes under this name."""
        with tempfile.TemporaryDirectory(prefix="deepseek-mm-") as folder:
            draft = Path(folder) / "copy"
            draft.write_bytes(data)
            self._place(draft, self._join(SMALL, digest[:PREFIX_CHARS], name))

    def load_copy(self, digest: str, name: str) -> bytes | None:
        """The small copy of this name; None if there is none."""
        return self._read_small(self._join(SMALL, digest[:PREFIX_CHARS], name))

    def share_key(self) -> bytes:
        """The key that signs addresses, alike for all who use the store; whoever asks first draws it."""
        key = self._join(KEY)
        if (found := self._read_small(key)) is None:
            with tempfile.TemporaryDirectory(prefix="deepseek-mm-") as folder:
                draft = Path(folder) / "key"
                draft.write_bytes(secrets.token_bytes(KEY_BYTES))
                self._place(draft, key, anew=False)
            found = self._read_small(key)
        if found is None or len(found) != KEY_BYTES:
            raise TransientError(f"the key in {self.url} cannot be read. Delete {KEY} there: a new one is drawn")
        return found

    def _read_small(self, key: str) -> bytes | None:
        with self._explaining(), suppress(FileNotFoundError):
            self._require_folder()
            data: bytes = self._fs.cat_file(key)
            return data
        return None

    def _read_into(self, digest: str, draft: Path) -> None:
        self._require_folder()
        try:
            self._fs.get_file(self._key(digest), str(draft))
        except FileNotFoundError as error:
            if self._is_lost_bucket(error):
                raise
            raise NothingThere(f"{self.url} does not have the file {digest}. Add the original again") from None

    def _place(self, draft: Path, key: str, *, anew: bool = True) -> None:
        """Have a file lie there, whole or not at all; not `anew`, one that is there stays."""
        with self._explaining():
            self._require_folder()
            if self._is_folder:
                place_in_folder(draft, Path(key), anew=anew)
            elif anew:
                self._fs.put_file(str(draft), key)  # a bucket shows nothing before it has all
            else:
                with suppress(FileExistsError):
                    self._fs.pipe_file(key, draft.read_bytes(), mode="create")

    def _find(self, folder: str) -> dict[str, Any]:
        """Every file below, with what is told of it."""
        if self._is_folder and not os.path.isdir(folder):
            return {}
        found: dict[str, Any] = self._fs.find(folder, detail=True)
        return found

    def _key(self, digest: str) -> str:
        return self._join(FILES, digest[:2], digest)

    def _join(self, *parts: str) -> str:
        return "/".join((self._root, *parts))

    def _require_folder(self) -> None:
        """A folder is never made: where a drive is not mounted, files would lie under its place."""
        if self._is_folder and not os.path.isdir(self._root):
            raise TransientError(f"storage.files names {self._root}, and no folder is there. Mount it, or make it")

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Whatever goes wrong with the store, as an error that names the next step."""
        try:
            yield
        except (TransientError, NothingThere):
            raise
        except Exception as error:  # botocore, aiohttp and asyncio have families of their own
            if isinstance(error, FileNotFoundError) and not self._is_lost_bucket(error):
                raise
            raise TransientError(f"files cannot be kept at {self.url}: {explain_refusal(error, self.url)}") from error

    def _is_lost_bucket(self, error: FileNotFoundError) -> bool:
        return not self._is_folder and "bucket" in str(error).lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusalText:
    """What a kind of error says, and what to do."""

    kinds: tuple[str, ...]  # names of classes, the error's own or one that it comes of
    says: str


REFUSALS = (
    RefusalText(
        kinds=("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"),
        says=f"there are no keys. {NO_KEYS}",
    ),
    RefusalText(
        kinds=("PermissionError",),
        says=f"the keys are refused, or may not do this. {NO_KEYS}, and let them read, write, list and delete there",
    ),
    RefusalText(
        kinds=("FileNotFoundError", "NoSuchBucket"),
        says="there is no such bucket. Make it, or name another: storage.files=s3://BUCKET/PREFIX",
    ),
    RefusalText(
        kinds=("EndpointConnectionError", "HTTPClientError", "ConnectTimeoutError", "ReadTimeoutError", "TimeoutError"),
        says="its server does not answer. Start it, or say where it is: storage.files_endpoint=http://HOST:9000",
    ),
)


def explain_refusal(error: BaseException, url: str) -> str:
    """What a store's error means for whoever runs the program."""
    names = {kind.__name__ for kind in type(error).__mro__}
    for refusal in REFUSALS:
        if not names.isdisjoint(refusal.kinds):
            return refusal.says
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{said}. Look at the server, or make some room, and try again"


def open_folder() -> Any:
    """What reads and writes a folder. MissingPackage."""
    try:
        from fsspec.implementations.local import LocalFileSystem  # here: a library in files needs none of it
    except ImportError as error:
        raise MissingPackage("fsspec", needed_for="storage.files", extra="cluster") from error
    return LocalFileSystem()


def open_bucket(endpoint: str) -> Any:
    """What reads and writes buckets; nothing is asked yet. MissingPackage."""
    try:
        from s3fs import S3FileSystem  # here, because it takes half a second and few need it
    except ImportError as error:
        raise MissingPackage("s3fs", needed_for="storage.files", extra="cluster") from error
    config: dict[str, Any] = {
        "connect_timeout": CONNECT_S,
        "read_timeout": READ_S,
        "retries": {"max_attempts": TRIES},
        "signature_version": "s3v4",
    }
    config |= {"s3": {"addressing_style": "path"}} if endpoint else {}  # few other servers know names as hosts
    return S3FileSystem(
        endpoint_url=endpoint or None,
        config_kwargs=config,
        use_listings_cache=False,  # others write there as well
        skip_instance_cache=True,
    )


def copy_hashed(data: IO[bytes], target: Path) -> str:
    """Write all of a stream to a file; returns its SHA-256, hexadecimal."""
    seen = hashlib.sha256()
    with target.open("wb") as out:
        while block := data.read(BLOCK_BYTES):
            seen.update(block)
            out.write(block)
    return seen.hexdigest()


def came_at(row: Mapping[str, Any]) -> float:
    """When a file came, in seconds since 1970: a folder's number, a bucket's date."""
    came = row.get("mtime", row.get("LastModified", 0.0))
    return float(came.timestamp() if isinstance(came, datetime) else came)


def place_in_folder(draft: Path, target: Path, *, anew: bool) -> None:
    """Copy a file to where it is to lie: beside it first, then it is renamed, once the disk has it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.draft")
    try:
        with draft.open("rb") as stream, beside.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
            copy.flush()
            os.fsync(copy.fileno())
        if anew:
            os.replace(beside, target)
        else:
            with suppress(FileExistsError):
                os.link(beside, target)
    finally:
        beside.unlink(missing_ok=True)
