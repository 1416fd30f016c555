"""Whose collections are, and who may see what is in them, for callers.

A collection of which nothing is said is the house's. Somebody with an account may take one that is the house's, also
before anything is in it, and say who sees it; from then on only they change it. What the person of this machine says
holds for everybody's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.permissions import Caller, requires
from deepseek_mm.accounts.records import CollectionAccess, Visibility
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadQuestion, Conflict, Forbidden
from deepseek_mm.library.index_jobs import normalize_collection
from index import LIBRARY
from index.region import EVERYBODY, LibraryViewer


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnedCollection:
    """A collection as a caller may know of it."""

    name: str
    sources: int  # files in it
    owner: str = ""  # name of whose it is; "" is the house
    visibility: Visibility = "house"
    readers: tuple[str, ...] = ()  # names of people besides the owner, where it is shared; of one's own alone
    is_own: bool = False  # whoever asks may say who sees it


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectionService:
    """The collections of one library."""

    assistant: Assistant

    @requires("ask")
    def list_access(self, caller: Caller) -> list[OwnedCollection]:
        """All that the caller may see, also empty ones of their own, by name."""
        counts = {name: count for name, count in self.assistant.store.collections().items() if name != LIBRARY}
        accounts, viewer = self.assistant.accounts, caller.viewer
        said = accounts.collections.all() if accounts is not None else []
        own = {each.name for each in said if viewer == EVERYBODY or each.owner == caller.user}
        return describe_collections(
            accounts, {name: counts.get(name, 0) for name in sorted(counts.keys() | own)}, viewer
        )

    @requires("library")
    def change_access(
        self, caller: Caller, name: str, *, visibility: str, readers: Sequence[str] = (), owner: str = ""
    ) -> OwnedCollection:
        """Say who may see a collection; `readers` are names of people, `owner` is for the person of this machine alone.

        Forbidden without an account, Conflict if it is somebody else's, NothingThere for an unknown name.
        """
        accounts, clean = self._accounts(), normalize_collection(name)
        if clean in caller.viewer.hidden:
            raise Conflict(f"the collection {clean} is somebody else's. Choose another name")
        if not (caller.local or caller.user):
            raise Forbidden("collections belong to people with an account. Log in with a name and a password")
        if owner and not caller.local:
            raise Forbidden("only the person of this machine gives a collection to somebody. Leave out the owner")
        before = accounts.collections.find(clean)
        whose = accounts.find_by_name(owner).id if owner else (before.owner if before and caller.local else caller.user)
        if not whose:
            raise BadQuestion("nobody has this collection yet. Name its owner")
        ids = tuple(accounts.find_by_name(each).id for each in readers)
        others = [each for each in ids if each != whose]
        accounts.collections.change(clean, owner=whose, visibility=visibility, readers=others, by=caller.user)
        count = self.assistant.store.collections().get(clean, 0)
        return describe_collections(accounts, {clean: count}, caller.viewer)[0]

    def _accounts(self) -> Accounts:
        if self.assistant.accounts is None:
            raise Conflict("nobody has an account here, so every collection is everybody's. Make accounts first")
        return self.assistant.accounts


def describe_collections(
    accounts: Accounts | None, counts: Mapping[str, int], viewer: LibraryViewer
) -> list[OwnedCollection]:
    """Collections that the viewer may see, by name with their number of files; in this order."""
    if accounts is None:
        return [OwnedCollection(name=name, sources=num) for name, num in counts.items()]
    said = {each.name: each for each in accounts.collections.all()}
    names = {user.id: user.name for user in accounts.all()}
    return [_describe(name, num, said.get(name), names, viewer) for name, num in counts.items()]


def _describe(
    name: str, sources: int, said: CollectionAccess | None, names: Mapping[str, str], viewer: LibraryViewer
) -> OwnedCollection:
    if said is None:
        return OwnedCollection(name=name, sources=sources, is_own=bool(viewer.owner) or viewer == EVERYBODY)
    is_own = viewer == EVERYBODY or said.owner == viewer.owner
    return OwnedCollection(
        name=name,
        sources=sources,
        owner=names.get(said.owner, "?"),
        visibility=said.visibility,
        readers=tuple(names[each] for each in said.readers if each in names) if is_own else (),
        is_own=is_own,
    )
