"""Handlers of accounts: what there is, and what a press does; plain functions, tested without a browser."""

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm import Caller, RemovedAccount, Right
from ui import edges
from ui.accounts.account_html import (
    MOST_AUDITED,
    AccountView,
    AuditView,
    PeopleView,
    render_secret,
    say_role,
)
from ui.edges import ActionResult, Handlers
from ui.words import UiTexts, count_noun


@dataclass(frozen=True, kw_only=True)
class AccountHandlers(Handlers):
    """One's own account."""

    def look(self, caller: Caller) -> AccountView:
        """Everything as it stands; of somebody without an account only who it is."""
        accounts = self.services.accounts
        me = accounts.describe_me(caller)
        if not me.user:
            return AccountView(me=me)
        logins, keys = accounts.list_logins(caller), accounts.list_keys(caller)
        return AccountView(me=me, logins=logins, keys=keys, current=caller.login)

    def change_password(self, caller: Caller, current: object, new: object) -> ActionResult:
        """Another password, where the current one is right."""

        def change() -> str:
            self.services.accounts.change_password(caller, str(current or ""), str(new or ""))
            return self.words.password_saved

        return self.say(change)

    def press(self, caller: Caller, act: str, what: str) -> ActionResult | None:
        """A button of a login or a key; both come from the browser."""
        accounts, words = self.services.accounts, self.words

        def end_login() -> str:
            accounts.end_login(caller, edges.number(what))
            return words.login_ended

        def remove_key() -> str:
            accounts.remove_key(caller, what)
            return words.key_removed.format(name=what)

        acts = {
            "end_login": end_login,
            "end_others": lambda: count_noun(words.logins_ended, accounts.end_other_logins(caller)),
            "remove_key": remove_key,
        }
        return self.say(acts[act]) if act in acts else None

    def make_key(
        self, caller: Caller, name: object, rights: Sequence[Right], days: object
    ) -> tuple[ActionResult | None, str]:
        """A new key as HTML that shows it once; or what is wrong."""
        made = ""

        def make() -> str:
            nonlocal made
            lasts = edges.number(str(days))
            key = self.services.accounts.make_key(caller, str(name or "").strip(), rights, lasts_days=lasts)
            made = render_secret(key.key.name, key.secret, self.words)
            return key.key.name

        said = self.say(make)
        return (said if said.wrong else None), made


@dataclass(frozen=True, kw_only=True)
class PeopleHandlers(Handlers):
    """The people of the house, for those who manage them."""

    def look(self, caller: Caller, *, opened: str = "", asks: str = "") -> PeopleView:
        """Everybody, and what is asked about one of them."""
        people = self.services.accounts.list_people(caller)
        return PeopleView(people=people, me=caller.user, opened=opened, asks=asks)

    def list_audit(self, caller: Caller, name: object, first: int = 0) -> AuditView:
        """A part of what was done."""
        said = str(name or "").strip()
        entries, total = self.services.accounts.list_audit(caller, limit=MOST_AUDITED, offset=first, name=said)
        return AuditView(entries=entries, first=first, total=total)

    def add(self, caller: Caller, name: object, role: object, password: object) -> ActionResult:
        """Give somebody an account."""

        def add() -> str:
            made = self.services.accounts.add_person(caller, str(name or ""), str(role), str(password or ""))
            return self.words.person_added.format(name=made.name, role=say_role(made.role, self.words))

        return self.say(add)

    def press(self, caller: Caller, act: str, what: str, text: str) -> ActionResult | None:
        """A button of a person; all of it comes from the browser."""
        accounts, words = self.services.accounts, self.words
        user, _, role = what.partition(" ")

        def give_role() -> str:
            changed = accounts.change_person(caller, user, role=role)
            return words.person_changed.format(name=changed.name, role=say_role(changed.role, words))

        def give_password() -> str:
            changed = accounts.change_person(caller, user, password=text)
            return words.person_new_password.format(name=changed.name)

        def let_in(may: bool) -> str:
            changed = accounts.change_person(caller, user, is_disabled=not may)
            return (words.person_let_in if may else words.person_shut_out).format(name=changed.name)

        acts = {
            "role": give_role,
            "set_password": give_password,
            "disable": lambda: let_in(False),
            "enable": lambda: let_in(True),
            "remove_sure": lambda: say_removed(accounts.remove_person(caller, user), words),
            "remove_all": lambda: say_removed(accounts.remove_person(caller, user, data=True), words),
        }
        return self.say(acts[act]) if act in acts else None


def say_removed(removed: RemovedAccount, words: UiTexts) -> str:
    """Whose account is gone, what went with it, and whether anything is still found."""
    said, report = words.person_removed.format(name=removed.user.name), removed.report
    if report is None:
        return said
    counts = (
        count_noun(words.erased_conversations, report.conversations),
        count_noun(words.erased_searches, report.searches),
        count_noun(words.erased_tasks, report.tasks),
        count_noun(words.erased_files, report.files),
        count_noun(words.erased_keys, removed.keys),
    )
    places = words.join(sorted({found.path for found in report.leftovers}))
    proof = words.erased_left.format(places=places) if places else words.erased_proof.format(n=len(report.sought))
    between = " " if words.language == "en" else ""
    return between.join((said, words.erased.format(what=words.join(counts)), proof))
