"""A real page with a real library of painted photos behind its real door; keys with any rights, browsers on paper."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from door_help import HERE
from fakes import Parrot
from fastapi import FastAPI
from page_events import PageClient, page_of
from plan_help import planned_in
from rag_house import build
from serve_help import As
from starlette.testclient import TestClient

import app
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import ServeConfig
from ui.gateway.events import GuardedBlocks

ALL = ("ask", "library", "settings", "page", "run")


@dataclass(frozen=True, kw_only=True)
class GuardedHouse:
    """The page behind its door."""

    data: Path
    assistant: Assistant
    keys: Keys
    inside: FastAPI  # the app without the door
    first: TestClient  # runs the app for all others

    def page(self, language: str = "en") -> GuardedBlocks:
        return page_of(self.inside, language)

    def browser(self, rights: Sequence[str] = ALL, *, language: str = "en") -> PageClient:
        """A browser of somebody with a new key of these rights, on an open page."""
        key = self.keys.add(f"k{len(self.keys.all())}", rights)
        return PageClient(client=self.client(key), page=self.page(language), language=language)

    def local(self) -> TestClient:
        """A browser of somebody on this machine, where nobody needs a key."""
        client = TestClient(As(self.inside), base_url=HERE)
        client.portal = self.first.portal
        return client

    def client(self, key: str) -> TestClient:
        """Another browser; all share one running app."""
        client = TestClient(self.first.app, base_url=HERE, headers={"Authorization": f"Bearer {key}"})
        client.portal = self.first.portal
        return client


@contextmanager
def guarded_house(place: Path, **serve: object) -> Iterator[GuardedHouse]:
    """The house at this place, its server running."""
    assistant = build(place / "library", lm=Parrot("A kite [1]."), home="spaces/colours")
    assistant.config = replace(assistant.config, serve=ServeConfig(keys="always", **serve))
    assistant.planned = planned_in(place / "engines")
    assistant.library.start()
    inside = app.build_app(assistant).app
    keys = Keys(assistant.config.data)
    with TestClient(guard_app(inside, assistant.config, keys), base_url=HERE) as first:
        yield GuardedHouse(data=assistant.config.data, assistant=assistant, keys=keys, inside=inside, first=first)
    assistant.close()
