"""Calls that follow each other, in any order: what one has made the next finds, and what is gone is gone.

A model of what there is (photos, collections, stars, albums, conversations, saved searches) goes along; after every
call the lists are compared with it, and every answer with what OpenAPI says. A few runs in `make test`, many in the
campaign.
"""

import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serve_help import As
from service import STRANGER, house_in

from deepseek_mm.api.app import build_api

CHECKS = [response_schema_conformance, content_type_conformance, status_code_conformance]
RUNS, STEPS = (60, 40) if os.environ.get("CAMPAIGN") else (3, 12)
PHOTOS = st.integers(1, 4)  # the fourth is none
NAMES = st.sampled_from(("Summer", "Trip"))
NONE = 999


class CallsThatFollow(RuleBasedStateMachine):
    """The API over three photos, and what there should be."""

    def __init__(self) -> None:
        super().__init__()
        self.room = ExitStack()
        self.here: dict[int, str] = dict.fromkeys((1, 2, 3), "library")  # photo -> collection
        self.away: dict[str, dict[int, str]] = {}  # token -> photos that were taken out, with their collections
        self.stars: dict[int, int] = {}
        self.albums: dict[int, tuple[str, list[int]]] = {}
        self.conversations: dict[int, list[int]] = {}  # with their turns
        self.deleted: set[int] = set()
        self.saved: set[int] = set()

    @initialize()
    def open(self) -> None:
        """A house with one conversation."""
        folder = self.room.enter_context(TemporaryDirectory())
        self.house = self.room.enter_context(house_in(Path(folder)))
        api = build_api(self.house.assistant, self.house.file)
        self.room.callback(api.close)
        self.schema = schemathesis.openapi.from_asgi("/openapi.json", As(api.app, STRANGER))
        self.ask()

    def teardown(self) -> None:
        """Let go of it."""
        self.room.close()

    def call(self, method: str, path: str, *, expect: int = 200, body: Any = None, **own: Any) -> Any:
        """The answer, which is what OpenAPI says and has this status."""
        parts = {name: value for name, value in (("path_parameters", own), ("body", body)) if value}
        case = self.schema[path][method].Case(**parts)
        response = case.call()
        case.validate_response(response, checks=CHECKS)
        assert response.status_code == expect, (method, path, parts, response.status_code, response.text)
        return response.json() if response.content and expect != 204 else None

    @rule(photo=PHOTOS, stars=st.integers(0, 5))
    def rate(self, photo: int, stars: int) -> None:
        there = photo in self.here
        self.call("POST", "/photos/rating", body={"sources": [photo], "stars": stars}, expect=200 if there else 404)
        if there:
            self.stars[photo] = stars
            assert self.call("GET", "/photos/{source}/rating", source=photo)["stars"] == stars

    @rule(name=NAMES, photos=st.lists(PHOTOS, min_size=1, max_size=3, unique=True))
    def put_into_album(self, name: str, photos: list[int]) -> None:
        album = self.call("POST", "/albums", body={"name": name, "sources": photos})["id"]
        before = self.albums.get(album, (name, []))[1]
        self.albums[album] = name, [*before, *(each for each in photos if each in self.here and each not in before)]

    @rule(album=st.data())
    @precondition(lambda self: self.albums)
    def delete_album(self, album: Any) -> None:
        number = album.draw(st.sampled_from(sorted(self.albums)))
        self.call("DELETE", "/albums/{album}", album=number)
        self.call("DELETE", "/albums/{album}", album=number, expect=404)
        del self.albums[number]

    @rule(photo=PHOTOS, name=NAMES)
    def collect(self, photo: int, name: str) -> None:
        there = photo in self.here
        body = {"sources": [photo], "name": name}
        self.call("POST", "/library/collections", body=body, expect=200 if there else 404)
        if there:
            self.here[photo] = name

    @rule(old=NAMES, new=NAMES)
    def rename_collection(self, old: str, new: str) -> None:
        there = old in self.here.values()
        self.call("PATCH", "/library/collections", body={"name": old, "new_name": new}, expect=200 if there else 404)
        self.here = {photo: new if name == old else name for photo, name in self.here.items()}

    @rule(photo=PHOTOS)
    def take_out(self, photo: int) -> None:
        there = photo in self.here
        told = self.call("POST", "/library/take-out", body={"sources": [photo]}, expect=200 if there else 404)
        if there:
            self.away[told["token"]] = {photo: self.here.pop(photo)}
            self.call("GET", "/library/sources/{source}", source=photo, expect=404)

    @rule(which=st.data())
    @precondition(lambda self: self.away)
    def put_back(self, which: Any) -> None:
        token = which.draw(st.sampled_from(sorted(self.away)))
        self.call("POST", "/library/put-back", body={"token": token})
        self.here |= self.away.pop(token)

    @rule()
    def ask(self) -> None:
        answer = self.house.asked(who=STRANGER)
        self.conversations[answer.conversation] = [answer.turn]

    @rule(which=st.data())
    @precondition(lambda self: self.conversations.keys() - self.deleted)
    def delete_conversation(self, which: Any) -> None:
        number = which.draw(st.sampled_from(sorted(self.conversations.keys() - self.deleted)))
        self.call("DELETE", "/history/{conversation}", conversation=number)
        self.call("GET", "/history/{conversation}", conversation=number, expect=404)
        self.deleted.add(number)

    @rule(which=st.data())
    @precondition(lambda self: self.deleted)
    def undelete_conversation(self, which: Any) -> None:
        number = which.draw(st.sampled_from(sorted(self.deleted)))
        self.call("POST", "/history/{conversation}/undelete", conversation=number)
        self.deleted.remove(number)

    @rule(which=st.data())
    @precondition(lambda self: self.conversations.keys() - self.deleted)
    def branch(self, which: Any) -> None:
        number = which.draw(st.sampled_from(sorted(self.conversations.keys() - self.deleted)))
        after = {"after": self.conversations[number][0]}
        made = self.call("POST", "/history/{conversation}/branch", conversation=number, body=after, expect=201)["id"]
        turns = self.call("GET", "/history/{conversation}/turns", conversation=made)["turns"]
        self.conversations[made] = [turn["id"] for turn in turns]
        self.call("POST", "/history/{conversation}/branch", conversation=NONE, body=after, expect=404)

    @rule(name=NAMES)
    def save_search(self, name: str) -> None:
        self.saved.add(self.call("POST", "/search/saved", body={"name": name, "text": "red"}, expect=201)["id"])

    @rule(which=st.data())
    @precondition(lambda self: self.saved)
    def forget_search(self, which: Any) -> None:
        number = which.draw(st.sampled_from(sorted(self.saved)))
        self.call("DELETE", "/search/saved/{saved}", saved=number, expect=204)
        self.saved.remove(number)

    @invariant()
    def lists_say_what_there_is(self) -> None:
        """After every call."""
        if not hasattr(self, "schema"):
            return
        listed = {each["id"]: each for each in self.call("GET", "/library/sources")["items"]}
        assert {number: each["collection"] for number, each in listed.items()} == self.here
        counted = Counter(name for name in self.here.values() if name != "library")
        assert {each["name"]: each["sources"] for each in self.call("GET", "/library/collections")} == counted
        albums = {each["id"]: (each["name"], each["sources"]) for each in self.call("GET", "/albums")}
        own = {n: (name, sum(each in self.here for each in inside)) for n, (name, inside) in self.albums.items()}
        assert albums == own
        told = {each["id"] for each in self.call("GET", "/history")["items"]}
        assert told == self.conversations.keys() - self.deleted
        assert {each["id"] for each in self.call("GET", "/search/saved")} == self.saved


CallsThatFollow.TestCase.settings = settings(
    max_examples=RUNS, stateful_step_count=STEPS, deadline=None, derandomize=not os.environ.get("CAMPAIGN"),
    database=None, suppress_health_check=list(HealthCheck),
)  # fmt: skip
TestCallsThatFollow = CallsThatFollow.TestCase
