"""The page's parts over real accounts of a small house, without a browser and without a library."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from account_samples import open_quick, person

from deepseek_mm.accounts.keys import Keys
from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.services.account_service import AccountService


@dataclass(frozen=True, kw_only=True)
class AccountHouse:
    """Anna owns it, Ben is a member; both are logged in."""

    service: AccountService
    anna: Caller
    ben: Caller

    @property
    def services(self) -> Any:
        """What handlers of accounts act through."""
        return SimpleNamespace(accounts=self.service)

    def names(self) -> list[str]:
        return sorted(user.name for user in self.service.accounts.all())


@contextmanager
def account_house(folder: Path) -> Iterator[AccountHouse]:
    accounts = open_quick(folder)
    service = AccountService(accounts=accounts, keys=Keys(folder))
    yield AccountHouse(service=service, anna=person(accounts, "Anna", "owner"), ben=person(accounts, "Ben"))
    accounts.close()
