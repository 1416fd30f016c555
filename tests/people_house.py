"""A house of several people: one of them has a photo, a document and code in a collection of her own.

Everything of hers carries the word SECRET somewhere: in its name, its text, what she says of it, asks or calls it.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from account_samples import SECRET as PASSWORD
from account_samples import open_quick
from door_help import HERE
from fakes import Parrot
from fastapi import FastAPI
from page_events import PageClient, page_of
from plan_help import planned_in
from rag_house import build, paint
from starlette.testclient import TestClient

import app
from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.app import build_api
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.login import COOKIE
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import AccountsConfig, ServeConfig
from deepseek_mm.services import Services
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.types import Question
from index.people import NewFace
from index.region import LibraryViewer

SECRET = "zebrafinch"  # stands in everything that is somebody's own
DAYS = 365.0 * 86_400
ROLES = {"Anna": "member", "Olga": "owner", "Ben": "member", "Gus": "guest"}


@dataclass(frozen=True, kw_only=True)
class Things:
    """What is Anna's, by the names that routes have for it, as strings and numbers."""

    source: int
    region: int
    path: str
    folder: str
    collection: str
    album: int
    person: int
    conversation: int
    turn: int
    task: str
    job: int
    saved: int
    word: str = SECRET  # that stands in all of it


def things_of_nobody(photos: Path) -> Things:
    """The same kinds of names, of which nothing is there."""
    nowhere, number = str(photos / "nowhere"), 999_999
    return Things(
        source=number, region=number, path=f"{nowhere}/nothing.png", folder=nowhere, collection="nobodys collection",
        album=number, person=number, conversation=number, turn=number, task="0" * 32, job=number, saved=number,
        word="nothingatall",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PeopleHouse:
    """The page and the API behind their door, with accounts."""

    assistant: Assistant
    services: Services
    accounts: Accounts
    keys: Keys
    inside: FastAPI
    first: TestClient
    tokens: dict[str, str] = field(default_factory=dict)

    def caller(self, name: str) -> Caller:
        """Somebody with an account, as the door makes them."""
        caller = self.accounts.find_by_name(name).caller()
        return replace(caller, viewer=self.accounts.collections.viewer_of(caller))

    def client(self, name: str = "", *, key: str = "") -> TestClient:
        """A new browser of somebody who is logged in, or a program with a key."""
        client = TestClient(
            self.first.app, base_url=HERE, headers={"Authorization": f"Bearer {key}"} if key else {},
            raise_server_exceptions=False, follow_redirects=False,
        )  # fmt: skip
        client.portal = self.first.portal
        if name:
            user = self.accounts.find_by_name(name)
            client.cookies.set(COOKIE, self.accounts.begin_login(user.id, lasts_s=DAYS))
        return client

    def page(self, name: str, language: str = "en") -> PageClient:
        """An open page of somebody."""
        return PageClient(client=self.client(name), page=page_of(self.inside, language), language=language)


@contextmanager
def people_house(place: Path) -> Iterator[PeopleHouse]:
    """The house at this place, its server running, with what is Anna's still to be made."""
    photos = place / "photos"
    serve = ServeConfig(roots=str(photos))
    assistant = build(place / "library", lm=Parrot("A kite [1]."), home="spaces/colours")
    assistant.config = replace(assistant.config, serve=serve, accounts=AccountsConfig(mode="people"))
    assistant.planned = planned_in(place / "engines")
    with closing(assistant), closing(open_quick(assistant.config.data)) as accounts:
        for name, role in ROLES.items():
            accounts.add(name, role, PASSWORD)
        assistant.library.start()
        keys = Keys(assistant.config.data)
        built = build_api(assistant, SettingsFile.of(assistant.config), accounts=accounts, keys=keys)
        app.put_page(built)
        inside = built.app
        guarded = guard_app(inside, assistant.config, keys, accounts=accounts)
        with TestClient(guarded, base_url=HERE) as first:
            yield PeopleHouse(
                assistant=assistant, services=built.services, accounts=accounts, keys=keys, inside=inside, first=first
            )


def fill(house: PeopleHouse, photos: Path) -> Things:
    """A red photo of everybody's, and what is Anna's."""
    anna, services, store = house.caller("Anna"), house.services, house.assistant.store
    index(house, anna, [str(paint(photos / "open", "red.png", "red"))])
    own = paint(photos / SECRET, f"{SECRET}.png", "green", patch="blue")
    (own.parent / f"{SECRET}.md").write_text(f"# The {SECRET}\n\nA {SECRET} sings in the green garden.\n")
    (own.parent / f"{SECRET}.py").write_text(f"def {SECRET}_helper(x):\n    return {SECRET}_helper(x)\n")
    collection = f"{SECRET} collection"
    services.collections.change_access(anna, collection, visibility="private")
    job = index(house, house.caller("Anna"), [str(own.parent)], collection)
    anna = house.caller("Anna")
    (source,) = [each.id for each in store.sources(limit=99) if each.path == str(own)]
    services.library.describe(anna, source, f"A {SECRET} in the garden")
    album = services.photos.put_into_album(anna, f"{SECRET} album", [source]).id
    services.photos.rate(anna, [source], is_favourite=True, stars=5)
    store.people.add(source, [NewFace(box=(0.1, 0.1, 0.3, 0.3), score=0.9, vector_D=np.eye(1, 8, dtype=np.float32)[0])])
    store.people.group(0.5)
    (person,) = store.people.list_people() or [store.people.find(1)]
    services.people.name_person(anna, person.id, f"{SECRET} person")
    answer = services.answers.ask(anna, Question(text=f"Where is the {SECRET}?"))
    saved = house.client("Anna").post("/search/saved", json={"name": f"{SECRET} search", "text": SECRET}).json()
    task = house.client("Anna").post("/infer", json={"kind": "search", "input": {"text": SECRET}}).json()
    return Things(
        source=source, region=store.regions_of([source])[source][0].id, path=str(own), folder=str(own.parent),
        collection=collection, album=album, person=person.id, conversation=answer.conversation, turn=answer.turn,
        task=task["task_id"], job=job, saved=saved["id"],
    )  # fmt: skip


def index(house: PeopleHouse, caller: Caller, paths: list[str], collection: str = "") -> int:
    """Take files in and wait for it: the job's id."""
    job = house.services.library.add(caller, paths, collection=collection)
    *_, last = house.services.library.follow_job(caller, job.id)
    assert last.state == "done", last.message
    return job.id


def viewer_of(house: PeopleHouse, name: str) -> LibraryViewer:
    """What somebody sees."""
    return house.caller(name).viewer
