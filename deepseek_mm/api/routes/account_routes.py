"""/accounts: a person's own account, and the people of the house for those who manage them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from deepseek_mm.accounts.keys import MOST_DAYS, Key
from deepseek_mm.accounts.passwords import MOST_CHARS
from deepseek_mm.accounts.permissions import RIGHTS, Right
from deepseek_mm.accounts.records import Role
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Administrator, Asker, OurServices, Page, Paged
from deepseek_mm.api.schemas import Body, Number, Record, Text, Typed

Password = Annotated[Typed, Field(max_length=MOST_CHARS, examples=["correct horse battery"])]
Name = Annotated[Typed, Field(max_length=100, examples=["Ben"])]
KeyName = Annotated[Typed, Path(max_length=100, examples=["laptop"])]
UserId = Annotated[Typed, Path(max_length=100, description="id of an account", examples=["mF1n0cTQ4vP2S5h0d8yZxA"])]


WithData = Annotated[bool, Query(description="delete conversations, searches, tasks and uploads of the person, too")]


class OwnAccountOut(Record):
    """Who asks."""

    name: Text = Field(description="of the person, or of the key", examples=["Anna"])
    role: str = Field(description='"" of somebody without an account', examples=["owner"])
    rights: list[Right] = Field(examples=[["ask", "page"]])
    user: str = Field(description='id of the account; "" without one', examples=["mF1n0cTQ4vP2S5h0d8yZxA"])


class PasswordChangeIn(Body):
    """Another password of one's own."""

    current: Password
    new: Password


class LoginOut(Record):
    """A browser in which the caller is logged in."""

    id: int = Field(examples=[3])
    begun_at: datetime
    ends_at: datetime
    address: str = Field(description="where it came from", examples=["192.168.1.20"])
    browser: Text = Field(description="as it calls itself", examples=["Mozilla/5.0 (X11; Linux x86_64)"])
    current: bool = Field(default=False, description="whether this request comes from it")


class EndedLoginsOut(BaseModel):
    """How many browsers were logged out."""

    ended: int = Field(examples=[2])


class KeyOut(BaseModel):
    """A key of the caller; itself it is never shown again."""

    name: str = Field(examples=["laptop"])
    rights: list[Right] = Field(examples=[["ask", "page"]])
    made_at: datetime
    ends_at: datetime | None = Field(description="null: never")

    @classmethod
    def of(cls, key: Key) -> Self:
        """As JSON says it."""
        return cls(**values_of(key))


class KeyIn(Body):
    """A key that is wanted."""

    name: Annotated[Typed, Field(max_length=100, examples=["laptop"])]
    rights: list[Right] = Field(min_length=1, max_length=len(RIGHTS), examples=[["ask", "page"]])
    days: int = Field(default=90, ge=0, le=MOST_DAYS, description="until it ends; 0 is never")


class MadeKeyOut(KeyOut):
    """A new key."""

    key: str = Field(description="shown this once", examples=["dsmm_..."])


class UserOut(Record):
    """Somebody with an account."""

    id: str = Field(examples=["mF1n0cTQ4vP2S5h0d8yZxA"])
    name: Text = Field(examples=["Ben"])
    role: Role
    made_at: datetime
    is_disabled: bool = Field(description="nobody comes in with it; what belongs to it stays")


class LeftoverOut(Record):
    """Where something that was deleted still stands."""

    path: Text = Field(description='a file of the library\'s folder; "words" is the index of words')
    count: int


class ErasureOut(Record):
    """What was deleted with an account."""

    conversations: int = Field(examples=[12])
    questions: int = Field(examples=[80])
    searches: int = Field(description="that were saved")
    tasks: int
    files: int = Field(description="pictures that came with questions and nobody else's name")
    sought: list[Text] = Field(description="what was looked for afterwards, in every file of the library's folder")
    leftovers: list[LeftoverOut] = Field(description="where that still stands: empty proves that it is gone")


class RemovedAccountOut(Record):
    """Whose account is gone, and what went with it."""

    user: UserOut
    keys: int = Field(examples=[1])
    report: ErasureOut | None = Field(description="null where no data was to be deleted")


class UserIn(Body):
    """An account that is wanted."""

    name: Name
    role: Role = "member"
    password: Password


class UserChangeIn(Body):
    """What of an account is to be otherwise; null stays."""

    role: Role | None = None
    password: Password | None = None
    is_disabled: bool | None = None


class AuditEntryOut(Record):
    """Who did what, when and from where; never with which words."""

    at: datetime
    name: Text = Field(description="of the person or the key, as it was then", examples=["Anna"])
    action: str = Field(examples=["role changed"])
    target: Text = Field(description="whom or what it was done to", examples=["Ben member"])
    address: str = Field(examples=["192.168.1.20"])


router = APIRouter(tags=["accounts"], responses=DECLARED, prefix="/accounts")


@router.get("/me", name="me")
def show_me(services: OurServices, caller: Asker) -> OwnAccountOut:
    """Your name, role and rights."""
    return OwnAccountOut.of(services.accounts.describe_me(caller))


@router.post("/me/password", status_code=204)
def change_password(services: OurServices, asked: PasswordChangeIn, caller: Asker) -> None:
    """Give yourself another password; your other browsers are logged out."""
    services.accounts.change_password(caller, asked.current, asked.new)


@router.get("/me/logins", name="logins")
def list_logins(services: OurServices, caller: Asker) -> list[LoginOut]:
    """Where you are logged in, newest first."""
    found = map(LoginOut.of, services.accounts.list_logins(caller))
    return [each.model_copy(update={"current": each.id == caller.login}) for each in found]


@router.delete("/me/logins")
def end_other_logins(services: OurServices, caller: Asker) -> EndedLoginsOut:
    """Log out everywhere else."""
    return EndedLoginsOut(ended=services.accounts.end_other_logins(caller))


@router.delete("/me/logins/{login}", status_code=204)
def end_login(services: OurServices, login: Number, caller: Asker) -> None:
    """Log out of one browser."""
    services.accounts.end_login(caller, login)


@router.get("/me/keys", name="keys")
def list_keys(services: OurServices, caller: Asker) -> list[KeyOut]:
    """Your keys, oldest first."""
    return list(map(KeyOut.of, services.accounts.list_keys(caller)))


@router.post("/me/keys", status_code=201)
def make_key(services: OurServices, asked: KeyIn, caller: Asker) -> MadeKeyOut:
    """A key that is you, as far as its rights go. It is shown this once."""
    made = services.accounts.make_key(caller, asked.name, asked.rights, lasts_days=asked.days)
    return MadeKeyOut(key=made.secret, **values_of(made.key))


@router.delete("/me/keys/{name}", status_code=204)
def remove_key(services: OurServices, name: KeyName, caller: Asker) -> None:
    """Let nobody in with it any more."""
    services.accounts.remove_key(caller, name)


@router.get("/users", name="users")
def list_people(services: OurServices, caller: Administrator) -> list[UserOut]:
    """Everybody with an account, oldest first."""
    return list(map(UserOut.of, services.accounts.list_people(caller)))


@router.post("/users", status_code=201)
def add_person(services: OurServices, asked: UserIn, caller: Administrator) -> UserOut:
    """Give somebody an account."""
    return UserOut.of(services.accounts.add_person(caller, asked.name, asked.role, asked.password))


@router.patch("/users/{user}")
def change_person(services: OurServices, user: UserId, asked: UserChangeIn, caller: Administrator) -> UserOut:
    """Another role or password, or whether they may come in."""
    changed = services.accounts.change_person(
        caller, user, role=asked.role, password=asked.password, is_disabled=asked.is_disabled
    )
    return UserOut.of(changed)


@router.delete("/users/{user}")
def remove_person(
    services: OurServices, user: UserId, caller: Administrator, data: WithData = False
) -> RemovedAccountOut:
    """Forget an account with its logins and keys; with `data` everything that belongs to the person, with a proof."""
    return RemovedAccountOut.of(services.accounts.remove_person(caller, user, data=data))


@router.get("/audit", name="audit")
def list_audit(
    services: OurServices,
    page: Paged,
    caller: Administrator,
    name: Annotated[Typed, Query(max_length=100, description="of a person or key; empty is everybody")] = "",
) -> Page[AuditEntryOut]:
    """Who did what, newest first."""
    found, total = services.accounts.list_audit(caller, limit=page.limit, offset=page.offset, name=name)
    return Page[AuditEntryOut].of(page, list(map(AuditEntryOut.of, found)), total)


def values_of(key: Key) -> dict[str, Any]:
    """What is told of a key."""
    return {
        "name": key.name,
        "rights": [right for right in RIGHTS if right in key.rights],
        "made_at": datetime.fromtimestamp(key.made_s, UTC),
        "ends_at": None if key.ends_s is None else datetime.fromtimestamp(key.ends_s, UTC),
    }
