"""Who needs a key at all, the first one that is made, and the access token of this machine.

Loopback keeps other machines out and no account of this one. With `--token` the access token stands in the address that
is printed at the start: opening it logs the browser in, and a program sends it as `Authorization: Bearer TOKEN`. Who
has it is the person at this machine, with all rights. It is drawn anew at each start, or comes from a variable; never
from the command line, which every account can read (`ps`)."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from deepseek_mm.accounts.keys import PREFIX, SECRET_BYTES, KeyRing
from deepseek_mm.accounts.permissions import USUAL
from deepseek_mm.api.origins import is_loopback
from deepseek_mm.config import AccountsConfig, ServeConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.settings import TOKEN_VARIABLE

FIRST = "first"  # name of the key that is made when one is needed and there is none


def needs_keys(serve: ServeConfig, accounts: AccountsConfig | None = None) -> bool:
    """Whether callers need a key or a login: always if that is set, else when others than this machine's people can
    reach it.

    Further names in `serve.hosts` say that it is called from elsewhere, through a proxy for example.
    """
    if accounts is not None and accounts.mode == "people":
        return True
    return serve.keys == "always" or not is_loopback(serve.host) or bool(serve.hosts.strip())


def first_key(keys: KeyRing, serve: ServeConfig, accounts: AccountsConfig | None = None) -> str | None:
    """The text of a new key with the usual rights, to be shown once, where one is needed and there is none; or None."""
    return keys.add(FIRST, USUAL) if needs_keys(serve, accounts) and not keys.all() else None


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
