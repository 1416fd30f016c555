"""Passwords of people: hashed with Argon2id, so that whoever steals the file has to try each guess dearly.

An unknown name costs the same verification as a wrong password, so that how long an answer takes tells nobody which
names there are. Parameters are argon2-cffi's defaults (RFC 9106's second choice: 64 MiB, 3 passes); a hash that was
made with others is made anew at the next login.
"""

import secrets
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from deepseek_mm.errors import BadQuestion

FEWEST_CHARS, MOST_CHARS = 10, 1_000
AT_ONCE = 2  # each takes 64 MiB, and anybody may type a password


class Passwords:
    """Makes hashes, and verifies them."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher, self._room = hasher or PasswordHasher(), BoundedSemaphore(AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))  # of a password that nobody has

    def hash(self, password: str) -> str:
        """What is kept of it. BadQuestion if it is too short, or endless."""
        if not FEWEST_CHARS <= len(password) <= MOST_CHARS:
            raise BadQuestion(
                f"a password has at least {FEWEST_CHARS} characters, and at most {MOST_CHARS}. Three or four words do"
            )
        with self._room:
            return self._hasher.hash(password)

    def verify(self, password: str, kept: str | None) -> bool:
        """Whether it is the one whose hash is kept; with None, of an unknown name, it never is, at the same cost."""
        try:
            with self._room:
                self._hasher.verify(kept or self._nobody, password[: MOST_CHARS + 1])
        except (VerificationError, InvalidHashError):
            return False
        return bool(kept)

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)
