"""/edits and the command `edit`: a change proposed, followed, applied, undone, forgotten; and what is refused."""

import io
import json
from dataclasses import replace

import pytest
from edit_house import FILES, FIX, FIXED, STRANGER, edit_house
from serve_help import client_of

from deepseek_mm.__main__ import main
from deepseek_mm.api.routes.code_edit_routes import router
from deepseek_mm.services.services import Services
from deepseek_mm.terminal import Desk


@pytest.fixture(autouse=True)
def _nothing_runs_in_the_sandbox(monkeypatch):
    monkeypatch.setattr("deepseek_mm.services.code_edit_service.explain_no_tests", lambda *parts: "not wanted here")
    monkeypatch.setattr("deepseek_mm.answering.code_edits.checks.find_ruff", lambda: "")


def caller_of(house, who):
    services = Services(**dict.fromkeys(Services.__slots__) | {"edits": house.service})
    return client_of(router, who=who, services=services)


def test_a_change_is_proposed_followed_applied_undone_and_forgotten(tmp_path):
    with edit_house(tmp_path, *FIX, sandbox="on") as (house, server):
        mine = caller_of(house, STRANGER)
        begun = mine.post("/edits", json={"request": "fix the bug in parse_line"})
        assert (begun.status_code, begun.json()["state"]) == (202, "running")
        address = f"/edits/{begun.json()['id']}"
        events = [line.partition(": ")[2] for line in mine.get(f"{address}/events").text.split("\r\n") if line]
        last = json.loads(events[-1])
        assert (events[-2], last["state"], last["files"]) == ("end", "proposed", ["shop/parse.py"])
        assert [step["tool"] for step in last["steps"]] == ["read", "apply_patch"]
        assert str(tmp_path) not in json.dumps(last)  # paths of this machine are nobody's elsewhere
        assert mine.get(address).json() == last == mine.get("/edits").json()[0]
        assert mine.post(f"{address}/apply").json()["state"] == "applied"
        assert FIXED in house.read()
        assert mine.post(f"{address}/apply").status_code == 409
        assert mine.post(f"{address}/undo").json()["state"] == "undone"
        assert house.read() == FILES["shop/parse.py"]
        assert mine.delete(address).status_code == 200
        assert mine.get(address).status_code == 404


def test_who_lacks_a_right_or_has_another_session_is_refused(tmp_path):
    with edit_house(tmp_path, *FIX, sandbox="on") as (house, server):
        edit = house.wish(who=STRANGER)
        asker = replace(STRANGER, rights=frozenset(["ask", "run"]))
        assert caller_of(house, asker).post(f"/edits/{edit.id}/apply").status_code == 403
        other = caller_of(house, replace(STRANGER, session="key:other"))
        assert [other.post(f"/edits/{edit.id}/{act}").status_code for act in ("apply", "undo")] == [404, 404]
        assert other.get(f"/edits/{edit.id}/events").status_code == 404
        assert other.get("/edits/..%2f..%2fkeys").status_code == 404
        assert house.read() == FILES["shop/parse.py"]


def test_without_a_larger_model_it_is_refused_and_the_next_step_named(tmp_path):
    with edit_house(tmp_path, *FIX) as (house, server):
        house.configure(lm=replace(house.assistant.config.lm, url="", name="deepseek-mm"))
        told = caller_of(house, STRANGER).post("/edits", json={"request": "fix it"})
        assert (told.status_code, "--llm" in told.json()["detail"]) == (422, True)
        assert server.asked == []


def typed(house, *words):
    """Exit code, what was said, and what was noted."""
    out, err = io.StringIO(), io.StringIO()

    def load(config, note, **more):
        house.assistant.close = lambda: None  # each command opens it anew
        return house.assistant

    desk = Desk(out=out, err=err, load=load, environ={}, cwd=house.root)
    data = str(house.assistant.config.data)
    return main(["edit", *words, "--data", data], desk), out.getvalue(), err.getvalue()


def test_on_the_command_line_a_change_is_shown_and_written_only_where_that_is_asked(tmp_path):
    with edit_house(tmp_path, *FIX) as (house, server):
        close = house.assistant.close
        code, said, noted = typed(house, "fix the bug in parse_line")
        assert (code, f"+{FIXED}" in said, "+ parses: the changed files parse" in said) == (0, True, True)
        assert "read shop/parse.py: shop/parse.py, lines 1 to 8" in noted
        token = noted.split()[-1]
        assert house.read() == FILES["shop/parse.py"]
        assert typed(house, "--list")[1].startswith(f"{token} ")
        assert typed(house, "--accept", token)[1] == "applied: shop/parse.py\n"
        assert FIXED in house.read()
        assert typed(house, "--undo", token)[1] == "undone: shop/parse.py\n"
        server.asked.clear()
        code, said, noted = typed(house, "fix it again", "--apply", "--json")
        assert (json.loads(said)["state"], FIXED in house.read()) == ("applied", True)
        assert typed(house)[0] == 2
        house.assistant.close = close
