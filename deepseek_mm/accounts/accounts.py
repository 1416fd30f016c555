"""The people of a house: who has an account, with which role, where they are logged in, and what they did.

A login is a random token in the browser's cookie; its hash is kept here, so that logins outlive a restart, can be seen
and ended on every device, and end with the account. Times come from the machine's clock: a login that is older than it
may be is over, whatever the clock did meanwhile.
"""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain, count

from sqlalchemy import ColumnElement, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from deepseek_mm.accounts.collection_access import CollectionAccessList
from deepseek_mm.accounts.key_logins import TOKEN_BYTES, hash_token
from deepseek_mm.accounts.passwords import Passwords
from deepseek_mm.accounts.records import (
    ROLES,
    AccountsBase,
    AuditEntry,
    AuditRow,
    IdentityRow,
    Login,
    LoginRow,
    Role,
    UsageRow,
    User,
    UserRow,
    add_collections,
    add_identities_and_usage,
    create_tables,
)
from deepseek_mm.errors import BadQuestion, Conflict, NothingThere
from deepseek_mm.storage.database import DatabaseOwner
from deepseek_mm.storage.places import Place, open_database
from deepseek_mm.storage.schema import LibraryErrors, Migration, Schema, convert

ACCOUNTS = Schema(
    create=create_tables,
    metadata=AccountsBase.metadata,
    on_server=True,
    oldest="0001",
    errors=LibraryErrors(noun="list of accounts"),
    migrations=(
        Migration(revision="0002", apply=add_collections),
        Migration(revision="0003", apply=add_identities_and_usage),
    ),
)
NAME = re.compile(r"\w[\w .@'-]{0,39}")
UNNAMEABLE = re.compile(r"[^\w .@'-]|^\W+")
LONGEST_GIVEN = 30  # letters of a name that a provider gives, with room for a number
ID_BYTES = 16
LOGIN = (  # looked for with every request
    select(UserRow, LoginRow.id)
    .join(LoginRow, LoginRow.user_id == UserRow.id)
    .where(LoginRow.digest == bindparam("digest"), LoginRow.ends_at > bindparam("now"), UserRow.is_disabled.is_(False))
)
MOST_AUDITED = 100_000  # the oldest go first
BROWSER_CHARS, TARGET_CHARS = 120, 200
SEE = "python -m deepseek_mm users list"


class Accounts(DatabaseOwner):
    """The accounts of a library. LibraryError, here and later, if their database cannot be used."""

    def __init__(
        self,
        place: Place,
        *,
        passwords: Passwords | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(open_database(place, ACCOUNTS))
        self.collections = CollectionAccessList(self._database)
        self._passwords, self._now = passwords or Passwords(), now

    def all(self) -> list[User]:
        """Everybody, oldest first."""
        with self._database.reading() as session:
            return [user_of(row) for row in session.scalars(select(UserRow).order_by(UserRow.made_at, UserRow.id))]

    def find(self, user_id: str) -> User:
        """The person with this id. NothingThere if there is none any more."""
        with self._database.reading() as session:
            return user_of(_row(session, user_id))

    def find_by_name(self, name: str) -> User:
        """The person of this name, whatever its capitals. NothingThere if there is none."""
        with self._database.reading() as session:
            row = session.scalar(select(UserRow).where(UserRow.known_as == name.strip().casefold()))
            if row is None:
                raise NothingThere(f"there is nobody called {name!r}. See all with: {SEE}")
            return user_of(row)

    def add(self, name: str, role: str, password: str) -> User:
        """Make an account. BadQuestion or Conflict says what is wrong with it."""
        name = " ".join(name.split())
        if not NAME.fullmatch(name):
            raise BadQuestion(f"{name[:60]!r} is no name. Take up to 40 letters, digits and . _ - @ such as: Anna")
        row = UserRow(id=secrets.token_urlsafe(ID_BYTES), name=name, known_as=name.casefold(), role=check_role(role))
        row.password, row.made_at = self._passwords.hash(password), self._now()
        with self._database.writing() as session:
            if session.scalar(select(UserRow.id).where(UserRow.known_as == row.known_as)):
                raise Conflict(f"there is somebody called {name!r} already. Take another name")
            session.add(row)
            session.flush()
            return user_of(row)

    def change(
        self,
        user_id: str,
        *,
        role: str | None = None,
        password: str | None = None,
        is_disabled: bool | None = None,
        keep_login: int = 0,
    ) -> User:
        """What is given is changed; a new password, or being disabled, ends all logins but `keep_login`.

        Conflict if nobody would be left who may change settings.
        """
        kept = None if password is None else self._passwords.hash(password)
        with self._database.writing() as session:
            row = _row(session, user_id)
            row.role = row.role if role is None else check_role(role)
            row.password = row.password if kept is None else kept
            row.is_disabled = row.is_disabled if is_disabled is None else is_disabled
            _check_owner_left(session)
            if kept is not None or row.is_disabled:
                session.execute(delete(LoginRow).where(LoginRow.user_id == user_id, LoginRow.id != keep_login))
            return user_of(row)

    def remove(self, user_id: str, *, may_be_last: bool = True) -> User:
        """Forget an account with its logins. Conflict if nobody would be left who may change settings: `may_be_last`
        says whether it may be the only account, which leaves a house without any.
        """
        with self._database.writing() as session:
            row = _row(session, user_id)
            gone = user_of(row)
            session.delete(row)
            session.flush()
            if not may_be_last or session.scalar(select(func.count(UserRow.id))):
                _check_owner_left(session)
        self._database.cut_log()
        return gone

    def find_identity(self, issuer: str, subject: str) -> User | None:
        """The person whom an OpenID provider knows as this subject; None if nobody came in so yet."""
        with self._database.reading() as session:
            found = session.get(IdentityRow, (issuer, subject))
            return None if found is None else user_of(_row(session, found.user_id))

    def add_identity(self, issuer: str, subject: str, name: str, role: str) -> User:
        """Make an account without a password for whom a provider knows as this subject; where somebody else has the
        name already it gets a number.
        """
        plain = " ".join(UNNAMEABLE.sub(" ", name).split())[:LONGEST_GIVEN] or "Guest"
        user_id = secrets.token_urlsafe(ID_BYTES)
        with self._database.writing() as session:
            taken = set(session.scalars(select(UserRow.known_as)))
            numbered = (f"{plain} {number}" for number in count(2))
            free = next(each for each in chain([plain], numbered) if each.casefold() not in taken)
            row = UserRow(id=user_id, name=free, known_as=free.casefold(), role=check_role(role))
            row.password, row.made_at = "", self._now()
            session.add(row)
            session.flush()
            session.add(IdentityRow(issuer=issuer, subject=subject, user_id=user_id))
            session.flush()
            return user_of(row)

    def verify_password(self, user_id: str, password: str) -> bool:
        """Whether it is this person's."""
        with self._database.reading() as session:
            kept = _row(session, user_id).password
        return self._passwords.verify(password, kept)

    def verify(self, name: str, password: str) -> User | None:
        """Whose name and password these are; None, at the same cost, if they are nobody's."""
        with self._database.reading() as session:
            row = session.scalar(select(UserRow).where(UserRow.known_as == " ".join(name.split()).casefold()))
            kept, user = (row.password, user_of(row)) if row else (None, None)
        fits = self._passwords.verify(password, kept)
        if not fits or user is None or user.is_disabled:
            return None
        if kept and self._passwords.is_outdated(kept):
            with self._database.writing() as session:
                session.execute(
                    update(UserRow).where(UserRow.id == user.id).values(password=self._passwords.hash(password))
                )
        return user

    def begin_login(self, user_id: str, *, lasts_s: float, address: str = "", browser: str = "") -> str:
        """The token of a new login, which is seen this once."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._now()
        row = LoginRow(
            digest=hash_token(token).hex(), user_id=user_id, begun_at=now, ends_at=now + timedelta(seconds=lasts_s)
        )
        row.address, row.browser = address, browser[:BROWSER_CHARS]
        with self._database.writing() as session:
            session.execute(delete(LoginRow).where(LoginRow.ends_at <= now))
            _row(session, user_id)
            session.add(row)
        return token

    def find_login(self, token: str) -> tuple[User, int] | None:
        """Who is logged in with this token, and the id of that login; None if nobody is, or not any more."""
        with self._database.reading() as session:
            found = session.execute(LOGIN, {"digest": hash_token(token).hex(), "now": self._now()}).first()
            return None if found is None else (user_of(found[0]), found[1])

    def list_logins(self, user_id: str) -> list[Login]:
        """Where this person is logged in, newest first."""
        query = select(LoginRow).where(LoginRow.user_id == user_id, LoginRow.ends_at > self._now())
        with self._database.reading() as session:
            return [convert(row, Login) for row in session.scalars(query.order_by(LoginRow.id.desc()))]

    def end_login(self, token: str) -> None:
        """Log out this browser."""
        with self._database.writing() as session:
            session.execute(delete(LoginRow).where(LoginRow.digest == hash_token(token).hex()))

    def end_logins(self, user_id: str, *, keep: int = 0) -> int:
        """Log this person out everywhere, but where the login `keep` is; returns of how many browsers."""
        with self._database.writing() as session:
            ended = delete(LoginRow).where(LoginRow.user_id == user_id, LoginRow.id != keep).returning(LoginRow.id)
            return len(session.scalars(ended).all())

    def end_one_login(self, user_id: str, login: int) -> None:
        """Log this person out of one browser. NothingThere if it is none of theirs."""
        with self._database.writing() as session:
            ended = delete(LoginRow).where(LoginRow.user_id == user_id, LoginRow.id == login).returning(LoginRow.id)
            if not session.scalars(ended).all():
                raise NothingThere(f"there is no login {login} of yours. List them: GET /accounts/me/logins")

    def count_usage(self, user_id: str, day: str, kind: str, amount: int, *, most: int) -> bool:
        """Whether so much more of one thing stays within `most` on this day; then it is counted. Days before go."""
        mine = (UsageRow.user_id == user_id) & (UsageRow.kind == kind)
        with self._database.writing(synced=False) as session:
            session.execute(delete(UsageRow).where(mine, UsageRow.day != day))
            row = session.get(UsageRow, (user_id, day, kind))
            used = row.amount if row is not None else 0
            if used + amount > most:
                return False
            if row is None and session.get(UserRow, user_id) is not None:
                session.add(UsageRow(user_id=user_id, day=day, kind=kind, amount=amount))
            elif row is not None:
                row.amount = used + amount
            return True

    def note(self, name: str, action: str, *, target: str = "", address: str = "") -> None:
        """Write down that somebody did something; never what they asked or were answered."""
        row = AuditRow(at=self._now(), name=name, action=action, target=target[:TARGET_CHARS], address=address)
        with self._database.writing(synced=False) as session:
            session.add(row)
            session.flush()
            session.execute(delete(AuditRow).where(AuditRow.id <= row.id - MOST_AUDITED))

    def audit(self, *, limit: int, offset: int = 0, name: str = "") -> list[AuditEntry]:
        """What was done, newest first: by one person or key, or to it; or by everybody."""
        query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit).offset(offset)
        query = query.where(_concerns(name)) if name else query
        with self._database.reading() as session:
            return [convert(row, AuditEntry) for row in session.scalars(query)]

    def count_audit(self, name: str = "") -> int:
        """How many entries `audit` has of one person or key, or of everybody."""
        query = select(func.count(AuditRow.id))
        with self._database.reading() as session:
            return session.scalar(query.where(_concerns(name)) if name else query) or 0


def check_role(role: str) -> Role:
    """The role of this name. BadQuestion if it is none."""
    found = next((each for each in ROLES if each == role), None)
    if found is None:
        raise BadQuestion(f"{role[:40]!r} is no role. Take one of: {', '.join(ROLES)}")
    return found


def user_of(row: UserRow) -> User:
    """A row as the record that leaves this folder."""
    return convert(row, User)


def _row(session: Session, user_id: str) -> UserRow:
    row = session.get(UserRow, user_id)
    if row is None:
        raise NothingThere(f"there is no such account. See all with: {SEE}")
    return row


def _concerns(name: str) -> ColumnElement[bool]:
    """Of entries of the audit: whether somebody did it, or it was done to them."""
    is_target = (AuditRow.target == name) | AuditRow.target.startswith(f"{name} ", autoescape=True)
    return (AuditRow.name == name) | is_target


def _check_owner_left(session: Session) -> None:
    owners = (UserRow.role == "owner") & UserRow.is_disabled.is_(False)
    if not session.scalar(select(func.count(UserRow.id)).where(owners)):
        raise Conflict("nobody would be left who may change settings. Make somebody else an owner first")
