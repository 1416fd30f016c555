"""Whatever is sent to any route: no fault, no silence, and only what OpenAPI says.

Three requests a route in `make test`, forty in `make campaign`.
"""

import os
from dataclasses import replace
from functools import partial

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rights_table import rights_of_route, routes_of
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serve_help import As
from service import STRANGER, house_in
from starlette.testclient import TestClient

from deepseek_mm.accounts.permissions import RIGHTS
from deepseek_mm.api.app import build_api
from deepseek_mm.jobs import follow

CHECKS = [response_schema_conformance, content_type_conformance, status_code_conformance]
NUMBER = 40 if os.environ.get("CAMPAIGN") else 3
FEW = settings(
    max_examples=NUMBER, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
TASKS = ("/ask", "/infer")  # that take files in, or have programs run, for whom these rights let
LAST = "/library/delete-everything"
SAID_SO = (501, 502)  # a package is missing; a server that was named does not answer
KINDS = ("/ask", "/infer", "/tasks", "/search", "/embed", "/caption", "/feedback", "/v1", "/library", "/history")
MORE = ("/settings", "/health", "/metrics")


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """Every route of a house in which something is, for a stranger with every right: no path of this machine is; and a
    task that has ended.
    """
    with house_in(tmp_path_factory.mktemp("fuzz")) as house:
        house.asked(who=STRANGER)
        api = build_api(house.assistant, house.file)
        api.start()
        app = As(api.app, STRANGER)
        schema = schemathesis.openapi.from_asgi("/openapi.json", app)
        found = [each.ok() for each in schema.get_all_operations()]
        task = TestClient(app).post("/infer", json={"kind": "search", "input": {"text": "red"}}).json()["task_id"]
        list(follow(api.tasks.jobs, api.tasks.get(task, by=STRANGER.session).id))
        rights = {name: rights_of_route(route) for name, route in routes_of(api.app)}
        order = sorted(found, key=lambda each: (each.path == LAST, each.method == "delete"))
        yield order, task, partial(call_as, app, rights)
        api.close()


def call_as(app, rights, case):
    """Send it for a caller who has the right that the route declares, and no other; what a task needs depends on it."""
    declared = RIGHTS if case.path in TASKS else rights[f"{case.method.upper()} {case.path}"]
    app.who = replace(STRANGER, rights=frozenset(declared))
    return case.call()


def test_every_route_is_there(fuzzed):
    operations, _, _ = fuzzed
    paths = [operation.path for operation in operations]
    assert [kind for kind in (*KINDS, *MORE) if not any(path.startswith(kind) for path in paths)] == []
    assert len(operations) > 60


def test_nothing_that_is_sent_breaks_a_route(fuzzed):
    operations, task, call = fuzzed
    for operation in operations:

        @FEW
        @given(case=operation.as_strategy(), there=st.integers(0, 3))
        def sent(case, there):
            if there:  # mostly things that exist; their first ids are 1
                case.path_parameters = {name: task if name == "task_id" else 1 for name in case.path_parameters or {}}
            response = call(case)
            assert b"needs the right" not in response.content, (
                case,
                response.content,
            )  # what the route declares is enough
            assert response.status_code < 500 or response.status_code in SAID_SO, (case, response.text)
            case.validate_response(response, checks=CHECKS)

        sent()
