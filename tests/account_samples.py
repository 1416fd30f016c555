"""Accounts for tests: passwords that are quick to verify, and a clock that a test sets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argon2 import PasswordHasher

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.passwords import Passwords
from deepseek_mm.accounts.permissions import Caller

SECRET = "correct horse battery"


class Calendar:
    """The time, which passes only when a test says so."""

    def __init__(self) -> None:
        self.at = datetime(2026, 5, 4, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def open_quick(data: Path, calendar: Calendar | None = None) -> Accounts:
    return Accounts(data / "accounts.db", passwords=Passwords(quick_hasher()), now=calendar or Calendar())


class CountedHasher(PasswordHasher):
    """Counts how often a password was verified."""

    num_verified = 0

    def verify(self, *kept_and_password: str) -> bool:
        self.num_verified += 1
        return super().verify(*kept_and_password)


def quick_hasher(**cost: int) -> CountedHasher:
    return CountedHasher(**({"time_cost": 1, "memory_cost": 8, "parallelism": 1} | cost))


def person(accounts: Accounts, name: str, role: str = "member", **more: object) -> Caller:
    """Somebody with an account who has logged in in a browser."""
    user = accounts.add(name, role, SECRET)
    token = accounts.begin_login(user.id, lasts_s=3600, address="192.168.1.20", browser="Firefox")
    login = accounts.find_login(token)[1]
    return replace(user.caller(), login=login, address="192.168.1.20", **more)
