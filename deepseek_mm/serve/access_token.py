"""An access token: with `--token` whoever asks on this machine shows it, so that its other accounts are shut out.

Loopback keeps other machines out and no account of this one. The token stands in the address that is printed at the
start: opening it logs the browser in, and a program sends it as `Authorization: Bearer TOKEN`. Who has it is the person
at this machine, with all rights. It is drawn anew at each start, or comes from a variable; never from the command line,
which every account can read (`ps`).
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.serve.credentials import PREFIX, SECRET_BYTES, needs_keys
from deepseek_mm.settings import TOKEN_VARIABLE

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


def choose_token(asked: str | None, environ: Mapping[str, str], serve: ServeConfig) -> str:
    """The token of this run, "" for none: from the variable, else a new one if `asked` for by the flag alone.

    `asked` is None without the flag, and what stands behind it otherwise. ConfigError says what cannot be used.
    """
    given = environ.get(TOKEN_VARIABLE, "")
    if asked:
        raise ConfigError(READABLE)
    if asked is None and not given:
        return ""
    if needs_keys(serve):
        raise ConfigError(
            "an access token is for a server that only this machine reaches, and here callers need keys (serve.host, "
            f"serve.hosts or serve.keys say so). Leave out --token and {TOKEN_VARIABLE}, or those settings"
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
