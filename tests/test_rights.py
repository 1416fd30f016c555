"""Every action declares the right that it needs, and is refused to every caller who lacks it.

The actions are found in the program itself: a new route, service or tool without a right fails here.
"""

import asyncio
import inspect
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import pytest
from printed_tables import check_table
from rights_table import (
    all_routes,
    methods_of_services,
    right_of,
    rights_of_route,
    routes_of,
    rows_of_routes,
    rows_of_services,
    table,
)
from serve_help import As
from service import House
from starlette.testclient import TestClient

from deepseek_mm.accounts.permissions import LOCAL, RIGHTS, SCOPE, Caller
from deepseek_mm.api.agents.mcp_server import McpTools
from deepseek_mm.api.app import build_api
from deepseek_mm.config import SandboxConfig
from deepseek_mm.errors import Forbidden

SECURITY = Path(__file__).parent.parent / "docs" / "security.md"
OPEN = {
    "GET /health/live": "no key either: a watchdog asks",
    "GET /docs": "describes the API, to whoever came in",
    "GET /.well-known/security.txt": "no key either: strangers find holes",
    "GET /signed/{token}": "no key either: the address is one for a few minutes",
}
OPEN_FILES = {"/openapi.json", "/docs/assets"}  # the same
SETS = [frozenset(some) for count in range(len(RIGHTS) + 1) for some in combinations(RIGHTS, count)]
ACTS = list(methods_of_services()) + [
    (f"mcp.{name}", method) for name, method in vars(McpTools).items() if not name.startswith("_") and callable(method)
]


def caller(rights, *, local=False) -> Caller:
    return Caller(name="someone", rights=frozenset(rights), session="key:someone", local=local)


def is_refused(act) -> bool:
    """Whether it is Forbidden; whoever is let in to a service of no library fails in another way, for want of it."""
    try:
        act()
    except Forbidden:
        return True
    except (TypeError, AttributeError):
        return False
    return False


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The whole API over a real library; programs may be run for keys."""
    house = House(tmp_path_factory.mktemp("house"))
    house.assistant.config = replace(house.assistant.config, sandbox=SandboxConfig(run="on"))
    api = build_api(house.assistant, house.file)
    with house.assistant:
        yield api
        api.close()


def test_there_are_thirty_two_sets_of_rights_and_many_actions():
    assert (len(SETS), len(set(SETS)), len(ACTS) > 60) == (32, 32, True)


@pytest.mark.parametrize(("name", "act"), ACTS, ids=[name for name, _ in ACTS])
def test_a_service_names_its_right_takes_the_caller_first_and_refuses_whoever_lacks_it(name, act):
    assert right_of(act) in RIGHTS
    first = list(inspect.signature(act).parameters.values())[1]
    assert (first.name, first.default, first.annotation) == ("caller", inspect.Parameter.empty, Caller)
    for rights in SETS:
        assert is_refused(lambda: act(None, caller(rights))) == (right_of(act) not in rights)  # noqa: B023


def test_no_service_can_be_called_without_a_caller():
    for _, act in ACTS:
        for nobody in ((), (None,), ("local",)):
            with pytest.raises((TypeError, AttributeError)):
                act(None, *nobody)


def test_every_route_declares_one_right_or_is_known_to_be_open(api):
    undeclared = {name for name, route in routes_of(api.app) if len(rights_of_route(route)) != 1}
    assert undeclared == set(OPEN)
    assert {each.path for each in all_routes(api.app) if not hasattr(each, "dependant")} == OPEN_FILES
    told = {f"{method.upper()} {path}" for path, methods in api.app.openapi()["paths"].items() for method in methods}
    assert told <= {name for name, _ in routes_of(api.app)}
    assert len(told) > 80


def test_a_routes_declaration_is_what_refuses(api):
    for name, route in routes_of(api.app):
        (check,) = [each.call for each in route.dependant.dependencies if right_of(each.call)] or [None]
        for rights in SETS if check else ():
            request = SimpleNamespace(scope={SCOPE: caller(rights)}, app=api.app)
            refused = is_refused(lambda: asyncio.run(check(request)))  # noqa: B023
            assert refused == (right_of(check) not in rights), (name, rights)


def test_every_route_refuses_a_caller_who_lacks_its_right_and_no_other(api):
    """Over HTTP, with nothing sent: who may do it hears what is missing, who may not hears that."""
    for name, route in routes_of(api.app):
        method, path = name.split(" ")
        for part in route.param_convertors:
            path = path.replace(f"{{{part}}}", "999999")
        for needed in rights_of_route(route):
            others = frozenset(RIGHTS) - {needed}
            for rights in (frozenset(), others, frozenset({needed})):
                client = TestClient(As(api.app, caller(rights)), raise_server_exceptions=False)
                answer = client.request(method, path)
                if needed in rights:
                    assert answer.status_code not in (401, 403), (name, answer.text)
                else:
                    assert answer.status_code == 403, (name, rights, answer.text)
                    assert needed in answer.text.partition("needs the right")[2], (name, answer.text)


@pytest.mark.parametrize(
    ("body", "needed"),
    [
        ({"kind": "index", "input": {"paths": ["/etc"]}}, "library"),
        ({"kind": "ask", "input": {"question": "Is it right?", "about": "code", "run": True}}, "run"),
    ],
)
def test_a_task_needs_what_its_work_needs(api, body, needed):
    weak = TestClient(As(api.app, caller(frozenset(RIGHTS) - {needed})))
    answer = weak.post("/infer", json=body)
    assert (answer.status_code, needed in answer.json()["detail"]) == (403, True)


def test_the_table_has_every_action_once(api):
    rows = [*rows_of_routes(api.app), *rows_of_services()]
    text = table(rows, "action")
    assert all(text.count(f"`{action}`") == 1 for _, action in rows)
    assert text.splitlines()[2].startswith("| `ask` | ")


def test_the_page_on_security_prints_this_table(api):
    tools = [(right_of(act), name) for name, act in ACTS if name.startswith("mcp.")]
    printed = table([*rows_of_routes(api.app), *tools], "routes of the API, and tools for agents (`mcp`)")
    check_table(SECURITY, printed)


def test_the_local_caller_may_do_everything_and_is_told_by_more_than_its_name():
    assert (LOCAL.local, LOCAL.rights) == (True, frozenset(RIGHTS))
    assert not Caller(name="local", rights=LOCAL.rights, session=LOCAL.session).local
    assert LOCAL.with_session("s").local
    assert not caller(RIGHTS).with_session(LOCAL.session).local
