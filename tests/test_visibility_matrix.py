"""Somebody else's things are as if they were not there: every route and every event of the page, for every role.

The cases come from the routes' schemas (`route_cases`) and from the page's own events, so a new one cannot be left out.
Each is tried with what is Anna's and with what is nobody's: the answers are alike, nothing of hers shows, and
afterwards she finds everything as it was. Anna herself sees it in many of them, or the cases would show nothing.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from inspect import getsource
from pathlib import Path
from sys import modules
from typing import Any

import gradio as gr
import pytest
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState
from page_caller import request_of, visitor_here
from page_events import first_value, handler_name
from people_house import SECRET, PeopleHouse, Things, fill, index, people_house, things_of_nobody
from rag_house import paint
from rights_table import rights_of_route, routes_of
from route_cases import VIEWS, RouteCase, list_cases
from starlette.testclient import TestClient

from deepseek_mm.accounts.permissions import Caller
from ui.gateway.events import GuardedBlocks

ON_DISK = ("/library/paths", "/library/watched", "/library/import", "/library/import/preview")  # files, whoever's
OWN_LOGINS = "/accounts/me/logins"  # whoever ends theirs is out
TAKEN = ("POST /library/access", "PATCH /library/collections", "POST /library/files")  # a name can be somebody's
NEUTRAL = "weathervane"  # typed where it may become the name of something that is one's own
OF_THE_HOUSE = ("people_off", "people_on")  # acts of owners that concern everybody: faces are read, or all forgotten
MOST_VIEWS = 200  # of one event
QUICK = r"ui\.(search|photos|library\.library_grid)"
OTHERS = ("Olga", "Ben", "Gus", "a key", "a key of Ben")
PRESSED = re.compile(r'"([a-z][a-z_]{1,20})"')


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("people")


@pytest.fixture(scope="module")
def house(place) -> Iterator[PeopleHouse]:
    with people_house(place) as house:
        yield house


@pytest.fixture(scope="module")
def things(house, place) -> Things:
    return fill(house, place / "photos")


@pytest.fixture(scope="module")
def administrative(house) -> set[str]:
    """What changes the whole house, and is for owners alone."""
    return {
        name for name, route in routes_of(house.inside) if rights_of_route(route) == ["settings"] and name[:4] != "GET "
    }


def client_of(house: PeopleHouse, who: str) -> TestClient:
    if who == "a key":
        return house.client(key=house.keys.add(f"program{len(house.keys.all())}", ("ask", "library", "page")))
    if who == "a key of Ben":
        ben = house.accounts.find_by_name("Ben").id
        return house.client(key=house.keys.add(f"program{len(house.keys.all())}", ("ask", "library"), user=ben))
    return house.client(who)


def send(client: TestClient, case: RouteCase) -> Any:
    sent: dict[str, Any] = {"params": case.query}
    if case.body is not None:
        sent["json"] = case.body
    if case.form is not None:
        sent["files"] = {"files": ("x.png", b"no picture"), "file": ("x.zip", b"no archive")}
        sent["data"] = {name: value for name, value in case.form.items() if isinstance(value, str)}
    return client.request(case.method, case.path, **sent)


def without_own_words(text: str, case: RouteCase, things: Things) -> str:
    """An answer without what the request itself said."""
    sent = json.dumps([case.path, case.query, case.body, case.form])
    for own in (things.path, things.folder, things.collection, *VIEWS, things.word):
        text = text.replace(json.dumps(own)[1:-1], "") if json.dumps(own)[1:-1] in sent else text
    return text


def look(house: PeopleHouse, things: Things) -> list[Any]:
    """All that is Anna's, as she finds it."""
    anna = house.client("Anna")
    paths = (
        f"/library/sources/{things.source}", f"/library/sources/{things.source}/regions", "/people", "/search/saved",
        f"/history/{things.conversation}", "/history", "/photos?view=is:favourite", f"/tasks/{things.task}",
        f"/library/sources?collection={things.collection}",
    )  # fmt: skip
    albums = [each for each in anna.get("/albums").json() if each["id"] == things.album]
    access = [each for each in anna.get("/library/access").json() if each["name"] == things.collection]
    return [*(anna.get(path).json() for path in paths), albums, access]


@pytest.mark.parametrize(
    "who",
    ["Ben", *(pytest.param(who, marks=pytest.mark.campaign(times=1, only=True)) for who in OTHERS if who != "Ben")],
)
def test_no_route_tells_or_changes_anything_of_somebody_elses(house, things, place, administrative, who):
    before, client, num = look(house, things), client_of(house, who), 0
    document = house.inside.openapi()
    pairs = zip(list_cases(document, things), list_cases(document, things_of_nobody(place / "photos")), strict=True)
    for case, absent in pairs:
        route = f"{case.method} {re.sub('[0-9a-f]{32}|[0-9]+', '*', case.path)}"
        if (
            case.path in ON_DISK
            or case.path.startswith(OWN_LOGINS)
            or route in {re.sub(r"\{\w+\}", "*", name) for name in administrative}
        ):
            continue
        told, of_nobody = send(client, case), send(client, absent)
        num += 2
        said = without_own_words(told.text, case, things)
        at = said.casefold().find(SECRET)
        assert at < 0, (case.name, said[max(0, at - 400) : at + 400])
        assert told.status_code < 500, (case.name, told.text[:500])
        if route not in TAKEN and case.about != "nothing":
            assert told.status_code == of_nobody.status_code, (case.name, told.text[:500], of_nobody.text[:500])
    for each in client.get("/search/saved").json():  # the next one may be the same person with a key
        client.delete(f"/search/saved/{each['id']}")
    for each in client.get("/albums").json():
        client.delete(f"/albums/{each['id']}")
    assert num > 350
    assert look(house, things) == before


def test_tools_for_agents_tell_nothing_of_it_and_tell_her(house, things):
    def call(who: str, tool: str, **arguments: Any) -> str:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        told = house.client(who).post("/mcp", json=body, headers={"Accept": "application/json, text/event-stream"})
        assert told.status_code == 200, told.text
        return told.text.casefold()

    region = f"{things.source}.{things.region}"
    for tool, arguments in (
        ("search", {"words": SECRET}),
        ("ask", {"question": "Which photos are green?"}),
        ("read_region", {"region": region}),
        ("list_collections", {}),
        ("detect", {"region": region, "things": ["kite"]}),
        ("point", {"region": region, "things": ["kite"]}),
    ):
        assert SECRET not in call("Ben", tool, **arguments), tool
    assert SECRET in call("Anna", "list_collections")
    assert SECRET in call("Anna", "read_region", region=region)


def test_she_who_has_it_sees_it_in_many_answers(house, things, administrative):
    client, shown = client_of(house, "Anna"), set()
    for case in list_cases(house.inside.openapi(), things):
        if case.method == "GET" and not case.path.endswith("/events"):
            told = send(client, case)
            if SECRET in without_own_words(told.text, case, things).casefold():
                shown.add(case.path)
    assert len(shown) > 14, sorted(shown)


def test_without_an_account_on_this_machine_everything_is_seen(house, things):
    assert things.collection in [each.name for each in house.services.collections.list_access(house.caller("Anna"))]
    assert things.collection not in [each.name for each in house.services.collections.list_access(house.caller("Ben"))]


def values_of(event: BlockFunction, typed: str) -> list[Any]:
    """What a browser sends of the event's inputs, its text fields filled in."""
    return [typed if type(block).__name__ == "Textbox" else first_value(block) for block in event.inputs]


def pressed_acts(event: BlockFunction) -> list[str]:
    """Words that a button of an event may say that it does: every short word that its module has in quotes."""
    takes_press = any(getattr(kind, "__name__", "") == "Press" for kind in _hints(event).values())
    handler = handler_of(event)
    words = set(PRESSED.findall(getsource(modules[handler.__module__]))) if takes_press else set()
    return sorted(words - {*OF_THE_HOUSE})


def handler_of(event: BlockFunction) -> Any:
    handler = event.fn
    while hasattr(handler, "func"):
        handler = handler.func
    return handler


def _hints(event: BlockFunction) -> dict[str, Any]:
    return getattr(handler_of(event), "__annotations__", {})


@dataclass(frozen=True, kw_only=True)
class EventCase:
    """What somebody does on the page."""

    caller: Caller
    state: SessionState  # one for all cases of an event, as for a browser that stays open
    typed: str  # into every field
    act: str  # of a button
    what: str


async def happen(page: GuardedBlocks, event: BlockFunction, case: EventCase) -> str:
    """All that an event brings, as text."""
    caller, typed = case.caller, case.typed
    sent = {"index": 0, "value": typed, "selected": True, "act": case.act, "what": case.what, "text": typed}
    pressed = gr.EventData(None, sent)
    request = request_of(caller, visitor_here(caller))
    own = {"request": request, "state": case.state, "session_hash": caller.name}
    told, iterator = "", None
    try:
        for _ in range(MOST_VIEWS):
            done = await page.process_api(event, values_of(event, typed), event_data=pressed, iterator=iterator, **own)
            told += json.dumps(done["data"], default=repr)
            iterator = done.get("iterator")
            if not done.get("is_generating"):
                break
    except Exception as error:  # noqa: BLE001  a refusal is an answer as well
        told += repr(error)
    return told


def events_of(page: GuardedBlocks) -> list[BlockFunction]:
    return [event for event in page.fns.values() if event.fn is not None]


def try_events(
    house: PeopleHouse, things: Things, who: str, *, presses: bool = False, language: str = "en", of: str = "ui."
) -> tuple[int, int]:
    """How many cases there were, and in how many of them something of Anna's shows beside what was typed."""
    page, num, shown = house.page("Ben", language).page, 0, 0
    whats = (str(things.source), things.collection, str(things.album), str(things.conversation), things.path)
    for event in [each for each in events_of(page) if re.match(of, handler_of(each).__module__)]:
        acts = pressed_acts(event) if presses else []
        state = SessionState(page)
        word = SECRET if re.match(QUICK, handler_of(event).__module__) else NEUTRAL
        cases = [("", "", str(things.source)), (word, "", things.collection)]
        for typed, act, what in [*cases, *((NEUTRAL, act, what) for act in acts for what in whats)]:
            case = EventCase(caller=house.caller(who), state=state, typed=typed, act=act, what=what)
            told = asyncio.run(happen(page, event, case))
            for own in (things.collection, things.path, typed):
                told = told.replace(own, "") if own and who != "Anna" else told
            num += 1
            shown += SECRET in told.casefold()
            assert who == "Anna" or SECRET not in told.casefold(), (handler_name(event), act, what, told[:3000])
    return num, shown


def test_no_event_of_the_tabs_where_files_are_shown_tells_anything_of_somebody_elses(house, things):
    """The quick ones; all of them, with their buttons, are tried in the campaign."""
    before = look(house, things)
    num, _ = try_events(house, things, "Ben", of=QUICK)
    assert num > 40
    assert look(house, things) == before
    assert try_events(house, things, "Anna", of=QUICK)[1] > 5


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("who", ["Olga", "Ben", "Gus"])
def test_nor_does_any_button(house, things, who, language):
    before = look(house, things)
    num, _ = try_events(house, things, who, presses=True, language=language)
    assert num > 1000
    assert look(house, things) == before


def test_files_that_lie_in_her_collection_stay_there_whoever_indexes_their_folder(house, things, place):
    ben, store = house.caller("Ben"), house.assistant.store
    paint(Path(things.folder), "new.png", "red", patch="green")
    index(house, ben, [things.folder], "Ben's")
    index(house, ben, [things.folder])
    own = {source.name: source.collection for source in store.sources(limit=99)}
    assert own[f"{SECRET}.png"] == own[f"{SECRET}.md"] == things.collection
    assert own["new.png"] == "Ben's"
    Path(things.path).write_bytes(paint(place, "other.png", "blue").read_bytes())
    index(house, ben, [things.folder], "Ben's")
    assert {source.name: source.collection for source in store.sources(limit=99)}[f"{SECRET}.png"] == things.collection


def test_what_is_shared_is_seen_by_those_who_are_named_and_closed_again_at_once(house, place):
    anna = house.caller("Anna")
    index(house, anna, [str(paint(place / "photos" / "shared", "shared.png", "red", patch="blue"))], "Shared")
    ben, gus = house.client("Ben"), house.client("Gus")

    def names(client: TestClient) -> list[str]:
        return [each["name"] for each in client.get("/library/sources?collection=Shared").json()["items"]]

    assert names(gus) == names(ben) == ["shared.png"]
    said = {"name": "Shared", "visibility": "shared", "readers": ["Ben"]}
    told = house.client("Anna").post("/library/access", json=said).json()
    assert (told["owner"], told["readers"], told["is_own"]) == ("Anna", ["Ben"], True)
    assert (names(ben), names(gus)) == (["shared.png"], [])
    refused = ben.post("/library/access", json={"name": "Shared", "visibility": "private"})
    assert (refused.status_code, "somebody else's" in refused.text) == (409, True)
    assert ben.get("/library/access").json()[-1]["readers"] == [], "who else reads it is hers to know"
    house.client("Anna").post("/library/access", json=said | {"visibility": "private", "readers": []})
    assert names(ben) == names(gus) == []


def test_what_changes_the_library_is_noted_with_who_and_from_where_and_never_with_words(house, things):
    client = house.client("Anna")
    said = f"Never to be noted: a {SECRET}"
    source = house.assistant.store.source_at(things.path).id
    assert client.put(f"/library/sources/{source}/description", json={"text": said}).status_code == 200
    client.get("/library/backups")
    last = house.accounts.audit(limit=1, name="Anna")[0]
    assert (last.action, last.target, last.address) == ("library: describe", str(source), "testclient")
    assert SECRET not in repr(house.accounts.audit(limit=99))


def test_what_is_deleted_with_an_account_are_its_ratings_and_closed_files_and_nobody_elses(house, place):
    dora = house.accounts.add("Dora", "member", "a long password")
    caller, store = house.caller("Dora"), house.assistant.store
    closed, opened = (paint(place / "photos" / name, f"{name}.png", "blue", patch=name) for name in ("green", "red"))
    house.services.collections.change_access(caller, "Doras", visibility="private")
    index(house, caller, [str(closed)], "Doras")
    index(house, caller, [str(opened)], "Open")
    own = store.source_at(str(opened)).id
    house.services.photos.rate(caller, [own], stars=5)
    olga = replace(house.caller("Olga"), login=1)
    report = house.services.accounts.remove_person(olga, dora.id, data=True).report
    assert (report.closed, report.ratings, report.leftovers) == (1, 1, ())
    names = {source.name for source in store.sources(limit=99)}
    assert "green.png" not in names
    assert own in {source.id for source in store.sources(limit=99)}
    assert closed.exists()
    assert house.accounts.collections.find("Doras") is None


def test_a_collection_of_an_account_that_is_gone_stays_closed(house, place):
    cleo = house.accounts.add("Cleo", "member", "a long password")
    caller = replace(house.caller("Ben"), user=cleo.id)
    index(house, caller, [str(paint(place / "photos" / "left", "left.png", "green", patch="red"))], "Left")
    house.services.collections.change_access(caller, "Left", visibility="private")
    house.accounts.remove(cleo.id)
    assert "Left" in house.caller("Olga").viewer.hidden
