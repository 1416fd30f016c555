"""How much one person may ask and upload a day, where the house sets a limit; owners have none.

A day is one of this machine's calendar. Callers without an account are nobody that could be counted: keys of the house
and people of this machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.config import AccountsConfig
from deepseek_mm.errors import Busy, NothingThere

MB = 1_000_000
ASKS, UPLOADED = "asks", "uploaded bytes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quotas:
    """The limits, and the accounts that are counted; None where there are no accounts."""

    accounts: Accounts | None = None
    limits: AccountsConfig = AccountsConfig()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def limits_uploads(self) -> bool:
        """Whether there is a limit of what is uploaded."""
        return bool(self.limits.quota_upload_mb) and self.accounts is not None

    def is_counted(self, caller: Caller) -> bool:
        """Whether it is a person with limits; an owner has none, also with a key of few rights."""
        if self.accounts is None or not caller.user:
            return False
        try:
            return self.accounts.find(caller.user).role != "owner"
        except NothingThere:  # removed a moment ago
            return False

    def count_asks(self, caller: Caller, number: int = 1) -> None:
        """So many questions more of this caller. Busy, and nothing is counted, if that is more than a day's."""
        most = self.limits.quota_asks_a_day
        told = f"{most} questions are all that you may ask a day"
        self._count(caller, ASKS, number, most, told)

    def count_upload(self, caller: Caller, num_bytes: int) -> None:
        """So many bytes more that this caller has sent. Busy, and nothing is counted, if that is more than a day's."""
        most = self.limits.quota_upload_mb
        told = f"{most} MB are all that you may upload a day"
        self._count(caller, UPLOADED, num_bytes, most * MB, told)

    def _count(self, caller: Caller, kind: str, amount: int, most: int, told: str) -> None:
        if not most or self.accounts is None or not self.is_counted(caller):
            return
        now = self.now().astimezone()
        if self.accounts.count_usage(caller.user, f"{now:%Y-%m-%d}", kind, amount, most=most):
            return
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        left_s = int((midnight - now).total_seconds()) + 1
        told = f"{told}. The next day begins at {midnight:%Y-%m-%d %H:%M}; an owner of this house can raise the limit"
        raise Busy(told, retry_after_s=left_s)
