"""API keys and the access token: how they are made, stored as hashes, and compared.

A key is 256 random bits, so nobody can find it by trying, and a slow hash as for passwords would guard nothing: its
work is to make the few billion passwords that people choose dear to try, and 2^256 keys are dear already. BLAKE2b with
a salt of each key's own is enough, and quick enough for every request.

The file of keys is read again whenever it has changed, so keys are made and removed while the server runs, by any
process. Whoever changes it holds a lock beside it, and it is written whole.

Loopback keeps other machines out and no account of this one. With `--token` the access token stands in the address that
is printed at the start: opening it logs the browser in, and a program sends it as `Authorization: Bearer TOKEN`. Who
has it is the person at this machine, with all rights. It is drawn anew at each start, or comes from a variable; never
from the command line, which every account can read (`ps`)."""

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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from deepseek_mm.accounts.permissions import RIGHTS, USUAL, Caller, Right
from deepseek_mm.api.origins import is_loopback
from deepseek_mm.config import AccountsConfig, ServeConfig
from deepseek_mm.errors import BadQuestion, ConfigError, Conflict, LibraryError, NothingThere
from deepseek_mm.settings import TOKEN_VARIABLE
from deepseek_mm.storage.files import atomic_write, read_json

FILE = "keys.json"  # in the library's folder
FIRST = "first"  # name of the key that is made when one is needed and there is none
PREFIX = "dsmm_"  # a key is known by it wherever it turns up, in a log for example
SECRET_BYTES, SALT_BYTES, ID_BYTES = 32, 16, 16
DAY_S, MOST_DAYS = 86_400, 36_500
LONGEST = 200  # characters of what is looked at as a key
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


class Keys:
    """The keys of the library at `data`. LibraryError, here and later, if their file cannot be used."""

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
            if any(key.name == name for key in self.all()):
                raise Conflict(f"there is a key {name!r} already. Take another name, or first: {REMOVE} {name}")
            self._write((*self.all(), made))
        return secret

    def remove(self, name: str) -> Key:
        """Forget a key, from the next request on. NothingThere if there is none of this name."""
        with self._alone():
            gone = next((key for key in self.all() if key.name == name), None)
            if gone is None:
                raise NothingThere(f"there is no key {name!r}. See all with: python -m deepseek_mm keys list")
            self._write([key for key in self.all() if key is not gone])
        return gone

    def _write(self, keys: Sequence[Key]) -> None:
        text = json.dumps({"keys": [as_row(key) for key in keys]}, indent=1)
        atomic_write(self.path, text.encode(), mode=OWNER_ONLY)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One change at a time, of all threads and processes."""
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


REMOVE = "python -m deepseek_mm keys remove"


def needs_keys(serve: ServeConfig, accounts: AccountsConfig | None = None) -> bool:
    """Whether callers need a key or a login: always if that is set, else when others than this machine's people can
    reach it.

    Further names in `api.origins` say that it is called from elsewhere, through a proxy for example.
    """
    if accounts is not None and accounts.mode == "people":
        return True
    return serve.keys == "always" or not is_loopback(serve.host) or bool(serve.hosts.strip())


def first_key(keys: Keys, serve: ServeConfig, accounts: AccountsConfig | None = None) -> str | None:
    """The text of a new key with the usual rights, to be shown once, where one is needed and there is none; or None."""
    return keys.add(FIRST, USUAL) if needs_keys(serve, accounts) and not keys.all() else None


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


PARAMETER = "token"  # of the address that is printed
LOGIN_ID = "token"  # the key's id of logins that began with the token; keys have longer ones
FEWEST_CHARS, MOST_CHARS = 32, 200
PLAIN = re.compile(r"[A-Za-z0-9._~-]*")  # what an address may hold as it is
MAKE = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
READABLE = (
    "a token on the command line can be read by every account of this machine (ps). Write --token alone, or put the "
    f"token into the variable {TOKEN_VARIABLE}"
)


class AccessToken:
    """The token, as a hash."""

    def __init__(self, secret: str) -> None:
        self._digest = hash_token(secret)

    def fits(self, shown: str) -> bool:
        """Whether it is this one, in a time that does not depend on how much of it is right."""
        return hmac.compare_digest(self._digest, hash_token(shown))


def choose_token(
    asked: str | None, environ: Mapping[str, str], serve: ServeConfig, accounts: AccountsConfig | None = None
) -> str:
    """The token of this run, "" for none: from the variable, else a new one if `asked` for by the flag alone.

    `asked` is None without the flag, and what stands behind it otherwise. ConfigError says what cannot be used.
    """
    given = environ.get(TOKEN_VARIABLE, "")
    if asked:
        raise ConfigError(READABLE)
    if asked is None and not given:
        return ""
    if needs_keys(serve, accounts):
        raise ConfigError(
            "an access token is for a server that only this machine reaches, and here callers need keys (serve.host, "
            f"serve.hosts, serve.keys or accounts.mode say so). Leave out --token and {TOKEN_VARIABLE}, or those"
        )
    check_token(given)
    return given or PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def check_token(given: str) -> None:
    """ConfigError if a token that somebody chose can be guessed, or does not fit into an address; "" is none."""
    if not PLAIN.fullmatch(given):
        raise ConfigError(f"{TOKEN_VARIABLE} may hold only a-z A-Z 0-9 . _ ~ and -. Make one: {MAKE}")
    if given and not FEWEST_CHARS <= len(given) <= MOST_CHARS:
        raise ConfigError(
            f"{TOKEN_VARIABLE} has {len(given)} characters, and a token has {FEWEST_CHARS} to {MOST_CHARS}. "
            f"Make one: {MAKE}"
        )


def hash_token(shown: str) -> bytes:
    """32 bytes; what is shown has any length."""
    return hashlib.blake2b(shown.encode(errors="replace"), digest_size=32, person=b"deepseek-mm tok").digest()
