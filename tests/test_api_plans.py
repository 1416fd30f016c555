"""/health tells by which plan this machine works, and what each step of the dial costs and is worth on it."""

import pytest
from api_house import served
from plan_help import SECONDS, planned_in


@pytest.fixture
def house(tmp_path):
    with served(tmp_path, begin=False) as house:
        yield house


def test_health_tells_the_plan_its_reason_and_the_measured_dial(house, tmp_path):
    api, client = house
    api.assistant.planned = planned_in(tmp_path / "engines")
    plan = client.get("/health").json()["plan"]
    assert (plan["branch"], plan["dial"], plan["measured"]) == ("cpu", "balanced", False)
    assert "plan --calibrate" in plan["reason"]
    assert {step["name"]: step["seconds"] for step in plan["steps"]} == SECONDS


def test_a_dial_that_was_never_measured_has_no_numbers(house, tmp_path):
    api, client = house
    api.assistant.planned = planned_in(tmp_path / "engines", measured=False)
    steps = client.get("/health").json()["plan"]["steps"]
    assert [(step["name"], step["seconds"], step["score"]) for step in steps] == [
        ("fast", None, None),
        ("balanced", None, None),
        ("best", None, None),
    ]


def test_parts_that_a_caller_joined_have_no_plan(house):
    _, client = house
    assert client.get("/health").json()["plan"] is None


def test_a_step_that_nobody_knows_is_refused(house):
    _, client = house
    answer = client.patch("/settings", json={"changes": {"runtime.dial": "warp"}})
    assert answer.status_code == 422
    assert "fast, balanced or best" in answer.json()["detail"]
