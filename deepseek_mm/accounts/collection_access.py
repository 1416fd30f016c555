"""Who may see which collection of the library: all of the house, named people, or its owner alone.

What is closed to somebody is for them as if it were not there: the store leaves it out of every query (`index.region`).
A collection of which nothing is said is the house's. Whose owner's account is gone stays closed: what somebody kept to
themselves does not become everybody's with them.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.accounts.records import (
    VISIBILITIES,
    CollectionAccess,
    CollectionRow,
    ReaderRow,
    UserRow,
    Visibility,
)
from deepseek_mm.errors import BadQuestion, Conflict, NothingThere
from deepseek_mm.storage.database import Database
from index.region import EVERYBODY, LIBRARY, UPLOADS, LibraryViewer

Known = dict[str, CollectionAccess]
ACCESS = (
    select(CollectionRow.name, CollectionRow.owner, CollectionRow.visibility, ReaderRow.user_id)
    .outerjoin(ReaderRow, ReaderRow.collection == CollectionRow.name)
    .order_by(CollectionRow.name, ReaderRow.user_id)
)


class CollectionAccessList:
    """What is said of collections, in the file of the accounts; any number of threads may use it at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[CollectionAccess]:
        """All of which something is said, by name."""
        return list(self._database.read(_read_all).values())

    def find(self, name: str) -> CollectionAccess | None:
        """What is said of this collection; None if it is the house's."""
        return self._database.read(_read_all).get(name)

    def viewer_of(self, caller: Caller) -> LibraryViewer:
        """What the caller sees: all of it on this machine, from elsewhere what is open to the account, if it is one."""
        if caller.local:
            return EVERYBODY
        known = self._database.read(_read_all).values()
        hidden = frozenset(each.name for each in known if not each.is_open_to(caller.user))
        return LibraryViewer(owner=caller.user, hidden=hidden)

    def change(
        self, name: str, *, owner: str, visibility: str, readers: Sequence[str] = (), by: str = ""
    ) -> CollectionAccess:
        """Say who may see a collection. `by` is the account that says so; "" is the person of this machine.

        BadQuestion for an unknown visibility or readers where it is not shared, Conflict if it is somebody else's,
        NothingThere for an unknown account.
        """
        if name in (LIBRARY, UPLOADS):
            raise BadQuestion(f"{name} is no collection that somebody can have. Name another")
        kept = check_visibility(visibility)
        if bool(readers) != (kept == "shared"):
            raise BadQuestion("a shared collection needs readers, and others have none. Name people, or choose another")
        with self._database.writing() as session:
            before = _read_all(session).get(name)
            if before is not None and by and before.owner != by:
                raise Conflict(f"the collection {name} is somebody else's. Choose another name")
            for user_id in (owner, *readers):
                if session.get(UserRow, user_id) is None:
                    raise NothingThere(f"there is no account {user_id!r}. See all with: GET /accounts/users")
            session.execute(delete(ReaderRow).where(ReaderRow.collection == name))
            session.merge(CollectionRow(name=name, owner=owner, visibility=kept))
            session.flush()
            session.add_all(ReaderRow(collection=name, user_id=each) for each in dict.fromkeys(readers))
            session.flush()
            return _read_all(session)[name]

    def forget_owner(self, owner: str) -> None:
        """What is said of an account's collections is forgotten, so they are the house's."""
        with self._database.writing() as session:
            session.execute(delete(CollectionRow).where(CollectionRow.owner == owner))

    def rename(self, old: str, new: str) -> None:
        """What is said of the one is said of the other, unless something is said of that already."""
        with self._database.writing() as session:
            if session.get(CollectionRow, new) is None:
                session.execute(update(CollectionRow).where(CollectionRow.name == old).values(name=new))
            else:
                session.execute(delete(CollectionRow).where(CollectionRow.name == old))


def check_visibility(visibility: str) -> Visibility:
    """The visibility of this name. BadQuestion if it is none."""
    found = next((each for each in VISIBILITIES if each == visibility), None)
    if found is None:
        raise BadQuestion(f"{visibility[:40]!r} is no visibility. Take one of: {', '.join(VISIBILITIES)}")
    return found


def _read_all(session: Session) -> Known:
    """One look, for it is made with every request."""
    known: Known = {}
    for name, owner, visibility, reader in session.connection().execute(ACCESS):
        before = known[name].readers if name in known else ()
        readers = before if reader is None else (*before, reader)
        known[name] = CollectionAccess(name=name, owner=owner, visibility=check_visibility(visibility), readers=readers)
    return known
