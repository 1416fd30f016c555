"""People with an account, where they are logged in, and what they did, as records and as rows of one SQLite file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Connection, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from deepseek_mm.accounts.permissions import RIGHTS, Caller, Right
from deepseek_mm.storage.schema import COLUMNS

USER_SESSION = "user:"  # how the session of an account begins
Role = Literal["owner", "member", "guest"]
ROLES: tuple[Role, ...] = get_args(Role)
RIGHTS_OF: Mapping[Role, frozenset[Right]] = {
    "owner": frozenset(RIGHTS),
    "member": frozenset(("ask", "library", "page")),
    "guest": frozenset(("ask", "page")),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """One person with an account."""

    id: str  # random; conversations and keys belong to it, not to the name
    name: str
    role: Role
    made_at: datetime
    is_disabled: bool = False

    @property
    def rights(self) -> frozenset[Right]:
        """What their role allows."""
        return RIGHTS_OF[self.role]

    def caller(self) -> Caller:
        """The person as a caller, with one session on every device."""
        return Caller(name=self.name, rights=self.rights, session=f"{USER_SESSION}{self.id}", user=self.id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A browser in which somebody is logged in."""

    id: int
    user_id: str
    begun_at: datetime
    ends_at: datetime
    address: str
    browser: str  # as it calls itself, shortened


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """Who did what, when and from where; never with which words."""

    id: int
    at: datetime
    name: str  # of the user or the key, as it was then
    action: str
    target: str
    address: str


Visibility = Literal["house", "shared", "private"]
VISIBILITIES: tuple[Visibility, ...] = get_args(Visibility)


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectionAccess:
    """Whose a collection is, and who may see what is in it."""

    name: str  # of the collection
    owner: str  # id of an account
    visibility: Visibility  # to all of the house, to its readers, or to its owner alone
    readers: tuple[str, ...] = ()  # ids of accounts, besides the owner

    def is_open_to(self, user_id: str) -> bool:
        """Whether this account may see it; "" is nobody with an account."""
        named = self.readers if self.visibility == "shared" else ()
        return self.visibility == "house" or (bool(user_id) and user_id in (self.owner, *named))


class AccountsBase(DeclarativeBase):
    """Maps Python's types to columns, alike in every version of SQLAlchemy."""

    type_annotation_map = COLUMNS


class UserRow(AccountsBase):
    """One account."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    known_as: Mapped[str] = mapped_column(unique=True)  # the name without capitals
    role: Mapped[str]
    password: Mapped[str]  # Argon2's hash
    made_at: Mapped[datetime]
    is_disabled: Mapped[bool] = mapped_column(default=False)


class LoginRow(AccountsBase):
    """One login, found by the hash of what its cookie holds."""

    __tablename__ = "logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    begun_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str]
    browser: Mapped[str]


class AuditRow(AccountsBase):
    """One thing that somebody did."""

    __tablename__ = "audit"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    name: Mapped[str]
    action: Mapped[str]
    target: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")


class CollectionRow(AccountsBase):
    """Whose a collection is. One that is not here is the house's; one whose owner's account is gone stays closed."""

    __tablename__ = "collections"

    name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    visibility: Mapped[str]


class ReaderRow(AccountsBase):
    """Somebody who may see a collection of another one."""

    __tablename__ = "collection_readers"

    collection: Mapped[str] = mapped_column(
        ForeignKey("collections.name", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)


class IdentityRow(AccountsBase):
    """A person as an OpenID provider knows them."""

    __tablename__ = "identities"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class UsageRow(AccountsBase):
    """How much one person has used of one thing on one day."""

    __tablename__ = "usage"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)  # 2026-11-30, of this machine's calendar
    kind: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[int]


def add_identities_and_usage(connection: Connection) -> None:
    """Bring a file of revision 0002 up to 0003: logins by a provider, and what quotas count."""
    tables = [IdentityRow.metadata.tables[name] for name in ("identities", "usage")]
    AccountsBase.metadata.create_all(connection, tables=tables)


def create_tables(connection: Connection) -> None:
    """Make all tables in an empty file."""
    AccountsBase.metadata.create_all(connection)


def add_collections(connection: Connection) -> None:
    """An older file gets the tables of who may see which collection."""
    for table in (CollectionRow, ReaderRow):
        AccountsBase.metadata.tables[table.__tablename__].create(connection, checkfirst=True)
