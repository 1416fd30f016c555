"""API keys: how they are made, stored as hashes, compared and taken back.

A key is 256 random bits, so nobody can find it by trying, and a slow hash as for passwords would guard nothing: its
work is to make the few billion passwords that people choose dear to try, and 2^256 keys are dear already. BLAKE2b with
a salt of each key's own is enough, and quick enough for every request.

The file of keys is read again whenever it has changed, so keys are made and removed while the server runs, by any
process. Whoever changes it holds a lock beside it, and it is written whole.
"""

import base64
import binascii
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from deepseek_mm.accounts.guesses import FREE_TRIES, Clock, GuessCounter, Guesses
from deepseek_mm.accounts.key_logins import KeyLogins, Logins
from deepseek_mm.accounts.permissions import RIGHTS, Caller, Right
from deepseek_mm.errors import BadQuestion, Conflict, LibraryError, NothingThere
from deepseek_mm.storage.files import atomic_write, read_json

FILE = "keys.json"  # in the library's folder
PREFIX = "dsmm_"  # a key is known by it wherever it turns up, in a log for example
SECRET_BYTES, SALT_BYTES, ID_BYTES = 32, 16, 16
DAY_S, MOST_DAYS = 86_400, 36_500
MOST_KEYS = 50  # of one person: each is compared with what a caller shows
LONGEST = 200  # characters of what is looked at as a key
REMOVE = "python -m deepseek_mm keys remove"
PERSON = b"deepseek-mm key"  # so that the same bytes hashed for another purpose give another hash
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
OWNER_ONLY = 0o600
State = tuple[int, int, int]  # of the file: inode, bytes, time of change


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """What is kept of a key."""

    id: str  # random; conversations and tasks belong to it, not to the name
    name: str
    rights: frozenset[Right]
    salt: bytes
    digest: bytes
    made_s: float  # since 1970, by this machine's clock; shown, never compared
    user: str = ""  # id of the account whose key it is; "" of the house's own
    ends_s: float | None = None  # since 1970: nobody comes in with it from then on

    def fits(self, secret: str) -> bool:
        """Whether it is this key, in a time that does not depend on how much of it is right."""
        return hmac.compare_digest(self.digest, digest_of(secret, self.salt))

    def who(self, owner: Caller | None = None) -> Caller:
        """The caller who has it: with an account's `owner` that person, as far as the key allows."""
        if owner is not None:
            return replace(owner, rights=owner.rights & self.rights)
        return Caller(name=self.name, rights=self.rights, session=f"key:{self.id}")


class KeyRing(ABC):
    """The keys of a library. LibraryError, here and later, if what keeps them cannot be used."""

    _now_s: Callable[[], float] = staticmethod(time.time)

    @abstractmethod
    def all(self) -> tuple[Key, ...]:
        """Every key, oldest first, as it is known now."""

    def count_guesses(self, kind: str, clock: Clock, *, free: int = FREE_TRIES) -> GuessCounter:
        """Wrong tries of one kind, of which `free` cost nothing."""
        return Guesses(clock, free=free)

    def keep_logins(self, clock: Clock, *, lasts_s: float) -> KeyLogins:
        """Browsers that have shown a key, for so long."""
        return Logins(clock, lasts_s=lasts_s)

    @abstractmethod
    def _write(self, keys: Sequence[Key]) -> None:
        """These are all keys from now on."""

    @abstractmethod
    def _alone(self) -> AbstractContextManager[None]:
        """One change at a time, of all threads and processes."""

    def find(self, secret: str) -> Key | None:
        """The key that is shown; every one is compared, so the time does not tell which one it is nearest to."""
        if len(secret) > LONGEST:
            return None
        return next(iter([key for key in self._valid() if key.fits(secret)]), None)

    def by_id(self, number: str) -> Key | None:
        """The key with this id; None if it was removed."""
        return next((key for key in self._valid() if key.id == number), None)

    def _valid(self) -> Iterator[Key]:
        now_s = self._now_s()
        return (key for key in self.all() if key.ends_s is None or now_s < key.ends_s)

    def add(self, name: str, rights: Collection[str], *, user: str = "", lasts_days: float = 0) -> str:
        """Make a key and return it: the only time that it is seen. With a `user` it is an account's; it ends after
        `lasts_days`, or with 0 never. BadQuestion or Conflict says what is wrong.
        """
        if not NAME.fullmatch(name):
            raise BadQuestion(f"{name!r} is no name for a key. Take up to 40 of a-z A-Z 0-9 . _ - such as: laptop")
        unknown = [right for right in rights if right not in RIGHTS]
        if unknown or not rights:
            raise BadQuestion(f"{','.join(rights) or 'nothing'} are no rights. Take some of: {','.join(RIGHTS)}")
        if not 0 <= lasts_days <= MOST_DAYS:
            raise BadQuestion(f"a key lasts from a moment to {MOST_DAYS} days, or with 0 for ever, not {lasts_days:g}")
        secret, salt = PREFIX + secrets.token_urlsafe(SECRET_BYTES), secrets.token_bytes(SALT_BYTES)
        made = Key(
            id=secrets.token_urlsafe(ID_BYTES),
            name=name,
            rights=frozenset(cast("Collection[Right]", rights)),
            salt=salt,
            digest=digest_of(secret, salt),
            made_s=self._now_s(),
            user=user,
            ends_s=self._now_s() + DAY_S * lasts_days if lasts_days else None,
        )
        with self._alone():
            mine = self.list_of(user)
            if any(key.name == name for key in mine):
                raise Conflict(f"there is a key {name!r} already. Take another name, or first: {REMOVE} {name}")
            if user and len(mine) >= MOST_KEYS:
                raise Conflict(f"one person has at most {MOST_KEYS} keys. Remove one that is not needed any more")
            self._write((*self.all(), made))
        return secret

    def list_of(self, user: str) -> list[Key]:
        """The keys of one account, also those that are over; with "" the house's own."""
        return [key for key in self.all() if key.user == user]

    def remove(self, name: str, *, user: str = "") -> Key:
        """Forget a key of an account, or with "" one of the house's own, from the next request on. NothingThere."""
        with self._alone():
            gone = next((key for key in self.list_of(user) if key.name == name), None)
            if gone is None:
                raise NothingThere(f"there is no key {name!r}. See all with: python -m deepseek_mm keys list")
            self._write([key for key in self.all() if key.id != gone.id])
        return gone

    def remove_all(self, user: str) -> int:
        """Forget every key of an account; returns how many."""
        with self._alone():
            gone = self.list_of(user)
            if gone:
                self._write([key for key in self.all() if key not in gone])
        return len(gone)

    def take_over(self, keys: Sequence[Key]) -> None:
        """Have the keys of another place as well, those of the same name but once."""
        with self._alone():
            mine = self.all()
            known = {(key.user, key.name) for key in mine}
            self._write((*mine, *(key for key in keys if (key.user, key.name) not in known)))


class Keys(KeyRing):
    """The keys of the library at `data`, in a file."""

    def __init__(self, data: Path, *, now_s: Callable[[], float] = time.time) -> None:
        self.path, self._now_s = data / FILE, now_s
        self._state: State | None = None
        self._keys: tuple[Key, ...] = ()
        self.all()

    def all(self) -> tuple[Key, ...]:
        """Every key, oldest first, as the file says now."""
        state = state_of(self.path)
        if state != self._state:
            self._keys = read_keys(self.path) if state else ()
            self._state = state
        return self._keys

    def _write(self, keys: Sequence[Key]) -> None:
        text = json.dumps({"keys": [as_row(key) for key in keys]}, indent=1)
        atomic_write(self.path, text.encode(), mode=OWNER_ONLY)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        except OSError as error:
            raise LibraryError(f"cannot write {self.path}: {error.strerror}. Allow writing in its folder") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


def digest_of(secret: str, salt: bytes) -> bytes:
    """What is kept of a key: 32 bytes."""
    return hashlib.blake2b(secret.encode(errors="replace"), digest_size=32, salt=salt, person=PERSON).digest()


def state_of(path: Path) -> State | None:
    """What changes when the file does; None if there is none. LibraryError if others could put keys into it."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LibraryError(f"cannot use the keys at {path}: {error.strerror}. Allow reading them") from error
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LibraryError(f"cannot use the keys at {path}: others may write them. Run: chmod 600 {path}")
    return status.st_ino, status.st_size, status.st_mtime_ns


def read_keys(path: Path) -> tuple[Key, ...]:
    """What the file holds. LibraryError says why it cannot be used: then nobody comes in."""
    try:
        return tuple(of_row(row) for row in read_json(path)["keys"])
    except OSError as error:
        raise LibraryError(f"cannot use the keys at {path}: {error.strerror}. Allow reading them") from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise LibraryError(
            f"cannot use the keys at {path}: the file is damaged ({type(error).__name__}: {error}). "
            f"Move it away and make new keys: mv {path} {path}.damaged"
        ) from error


def as_row(key: Key) -> dict[str, Any]:
    """As it stands in the file."""
    return {
        "id": key.id,
        "name": key.name,
        "rights": [right for right in RIGHTS if right in key.rights],
        "salt": base64.b64encode(key.salt).decode(),
        "digest": base64.b64encode(key.digest).decode(),
        "made_s": key.made_s,
        **({"user": key.user} if key.user else {}),
        **({"ends_s": key.ends_s} if key.ends_s is not None else {}),
    }


def of_row(row: dict[str, Any]) -> Key:
    """Out of the file. ValueError, LookupError or TypeError if it is none."""
    key = Key(
        id=row["id"],
        name=row["name"],
        rights=frozenset(row["rights"]),
        salt=bytes_of(row["salt"], SALT_BYTES),
        digest=bytes_of(row["digest"], 32),
        made_s=float(row["made_s"]),
        user=str(row.get("user", "")),
        ends_s=None if row.get("ends_s") is None else float(row["ends_s"]),
    )
    if not (isinstance(key.id, str) and key.id and NAME.fullmatch(key.name) and key.rights <= set(RIGHTS)):
        raise ValueError(f"{key.name!r} is no key")
    return key


def bytes_of(text: str, size: int) -> bytes:
    """So many bytes out of base64. ValueError if they are not."""
    data = base64.b64decode(text, validate=True)
    if len(data) != size:
        raise binascii.Error(f"{len(data)} bytes instead of {size}")
    return data
