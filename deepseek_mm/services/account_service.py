"""Accounts, for callers: what belongs to a person's own account, and the people of the house for those who manage it.

What is a person's own is read with any login or key of theirs. It is changed by somebody who logged in: a key that
was stolen makes no other keys and shuts nobody out. Everything that is changed is written into the audit log.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.guesses import Guesses
from deepseek_mm.accounts.keys import Key, KeyRing
from deepseek_mm.accounts.permissions import RIGHTS, Caller, Right, requires, requires_by_default
from deepseek_mm.accounts.quotas import Quotas
from deepseek_mm.accounts.records import AuditEntry, Login, User
from deepseek_mm.errors import BadQuestion, Busy, Conflict, Forbidden
from deepseek_mm.services.account_erasure import AccountErasure, ErasureReport

FREE_PASSWORDS = 10  # wrong ones of somebody who changes theirs, before each makes the next wait
SWITCH_ON = "--set accounts.mode=people"


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnAccount:
    """Who somebody is here."""

    name: str
    role: str  # "" without an account
    rights: tuple[Right, ...]
    user: str = ""  # id of the account; "" without one


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeKey:
    """A new key, which is seen this once."""

    key: Key
    secret: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovedAccount:
    """Whose account is gone, and what went with it."""

    user: User
    keys: int
    report: ErasureReport | None = None  # of the person's data, where that was deleted too


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class AccountService:
    """The accounts of one house; None of both where nobody logs in."""

    accounts: Accounts | None = None
    keys: KeyRing | None = None
    quotas: Quotas = Quotas()
    erasure: AccountErasure | None = None  # None where there is no library
    guesses: Guesses = field(default_factory=lambda: Guesses(free=FREE_PASSWORDS))

    def describe_me(self, caller: Caller) -> OwnAccount:
        """Name, role and rights of whoever asks, with an account or without."""
        rights = tuple(right for right in RIGHTS if right in caller.rights)
        if not caller.user or self.accounts is None:
            return OwnAccount(name=caller.name, role="", rights=rights)
        user = self.accounts.find(caller.user)
        return OwnAccount(name=user.name, role=user.role, rights=rights, user=user.id)

    def change_password(self, caller: Caller, current: str, new: str) -> None:
        """Another password; other browsers are logged out. Forbidden for a wrong current one, Busy for too many."""
        accounts, user = self._require_login(caller)
        if wait_s := self.guesses.wait_s("", user.id):
            raise Busy(f"too many wrong passwords. Wait {wait_s} s, and try again", retry_after_s=wait_s)
        if not accounts.verify_password(user.id, current):
            self.guesses.count("", user.id)
            accounts.note(user.name, "password change refused", address=caller.address)
            raise Forbidden("the current password is another one. Type the one that you log in with")
        self.guesses.forget("", user.id)
        accounts.change(user.id, password=new, keep_login=caller.login)
        accounts.note(user.name, "password changed", address=caller.address)

    def list_logins(self, caller: Caller) -> list[Login]:
        """Where the caller is logged in, newest first."""
        accounts, user = self._find_own(caller)
        return accounts.list_logins(user.id)

    def end_login(self, caller: Caller, login: int) -> None:
        """Log the caller out of one browser. NothingThere if it is none of theirs."""
        accounts, user = self._require_login(caller)
        accounts.end_one_login(user.id, login)
        accounts.note(user.name, "logged out of a browser", address=caller.address)

    def end_other_logins(self, caller: Caller) -> int:
        """Log the caller out everywhere else; returns of how many browsers."""
        accounts, user = self._require_login(caller)
        ended = accounts.end_logins(user.id, keep=caller.login)
        accounts.note(user.name, "logged out everywhere else", address=caller.address)
        return ended

    def list_keys(self, caller: Caller) -> list[Key]:
        """The caller's own keys, oldest first."""
        _, user = self._find_own(caller)
        return self._keys().list_of(user.id)

    def make_key(self, caller: Caller, name: str, rights: Collection[str], *, lasts_days: int = 0) -> MadeKey:
        """A key that is the caller, as far as these rights go; with 0 it never ends. Forbidden for more rights."""
        accounts, user = self._require_login(caller)
        if beyond := [right for right in rights if right in RIGHTS and right not in user.rights]:
            raise Forbidden(f"you have not the right {', '.join(beyond)} yourself. Leave it out")
        keys = self._keys()
        secret = keys.add(name, rights, user=user.id, lasts_days=lasts_days)
        accounts.note(user.name, "key made", target=f"{name} {','.join(rights)}", address=caller.address)
        return MadeKey(key=next(key for key in keys.list_of(user.id) if key.name == name), secret=secret)

    def remove_key(self, caller: Caller, name: str) -> None:
        """Nobody comes in with it any more. NothingThere."""
        accounts, user = self._require_login(caller)
        self._keys().remove(name, user=user.id)
        accounts.note(user.name, "key removed", target=name, address=caller.address)

    def count_upload(self, caller: Caller, num_bytes: int) -> None:
        """So many bytes that the caller has sent. Busy if that is more than they may a day."""
        self.quotas.count_upload(caller, num_bytes)

    @requires("settings")
    def list_people(self, caller: Caller) -> list[User]:
        """Everybody with an account, oldest first."""
        return self._require_manager(caller).all()

    @requires("settings")
    def add_person(self, caller: Caller, name: str, role: str, password: str) -> User:
        """Give somebody an account. BadQuestion or Conflict says what is wrong with it."""
        accounts = self._require_manager(caller)
        made = accounts.add(name, role, password)
        self._note(caller, "account made", f"{made.name} {made.role}")
        return made

    @requires("settings")
    def change_person(
        self, caller: Caller, user: str, *, role: str | None = None, password: str | None = None,
        is_disabled: bool | None = None,
    ) -> User:  # fmt: skip
        """Another role or password, or whether they may come in. Conflict if nobody would be left who manages."""
        accounts, given = self._require_manager(caller), (role, password, is_disabled)
        if all(each is None for each in given):
            raise BadQuestion("nothing is to be changed. Say a role, a password, or whether the account is disabled")
        mine = caller.login if user == caller.user else 0
        changed = accounts.change(user, role=role, password=password, is_disabled=is_disabled, keep_login=mine)
        said = ("role changed", "password changed", "account disabled" if is_disabled else "account enabled")
        for action in [action for action, value in zip(said, given, strict=True) if value is not None]:
            told = f"{changed.name} {changed.role}" if action == "role changed" else changed.name
            self._note(caller, action, told)
        return changed

    @requires("settings")
    def remove_person(self, caller: Caller, user: str, *, data: bool = False) -> RemovedAccount:
        """Forget an account with its logins and keys, and with `data` everything that belongs to the person: then it is
        proven that nothing is left. Conflict if nobody would be left who manages.
        """
        accounts, report = self._require_manager(caller), None
        if data and self.erasure is not None:
            shut_out = accounts.change(user, is_disabled=True)  # nothing new comes while it is deleted
            report = self.erasure.erase(shut_out.caller().session)
        gone = accounts.remove(user, may_be_last=False)
        keys = self._keys().remove_all(gone.id)
        self._note(caller, "account removed with its data" if report else "account removed", gone.name)
        if report is not None and self.erasure is not None:
            report = replace(report, leftovers=self.erasure.find_leftovers(report))
        return RemovedAccount(user=gone, keys=keys, report=report)

    @requires("settings")
    def list_audit(
        self, caller: Caller, *, limit: int, offset: int = 0, name: str = ""
    ) -> tuple[Sequence[AuditEntry], int]:
        """Who did what, newest first, of one person or key or of everybody; and how many entries there are."""
        accounts = self._require_manager(caller)
        return accounts.audit(limit=limit, offset=offset, name=name), accounts.count_audit(name)

    def _require_accounts(self) -> Accounts:
        if self.accounts is None:
            raise Conflict(f"nobody has an account here, and nobody logs in. To give people accounts: {SWITCH_ON}")
        return self.accounts

    def _keys(self) -> KeyRing:
        assert self.keys is not None, "where there are accounts there are keys"
        return self.keys

    def _find_own(self, caller: Caller) -> tuple[Accounts, User]:
        """The accounts, and the caller's own."""
        accounts = self._require_accounts()
        if not caller.user:
            raise Forbidden(f"{caller.name!r} is no person with an account. Log in with a name and a password")
        return accounts, accounts.find(caller.user)

    def _require_login(self, caller: Caller) -> tuple[Accounts, User]:
        """The same of somebody who did not come with a key."""
        found = self._find_own(caller)
        if not caller.login:
            raise Forbidden("a key may not change the account that it belongs to. Log in with a name and a password")
        return found

    def _require_manager(self, caller: Caller) -> Accounts:
        """The accounts, for those who may manage them."""
        accounts = self._require_accounts()
        if not caller.local and not caller.user:
            raise Forbidden(f"the key {caller.name!r} is nobody's, so it may not manage people. Log in as an owner")
        return accounts

    def _note(self, caller: Caller, action: str, target: str) -> None:
        self._require_accounts().note(caller.name, action, target=target, address=caller.address)
