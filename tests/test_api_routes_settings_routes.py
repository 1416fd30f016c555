"""What the Settings tab does, over HTTP: settings are told with their origins, changed, and guarded."""

import json
from dataclasses import replace

import pytest
from serve_help import client_of
from service import STRANGER, house_in

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.api.routes import settings_routes
from deepseek_mm.runtime.planner import apply_preset
from deepseek_mm.services import build_services
from deepseek_mm.services.settings_service import defaults, descriptions
from deepseek_mm.settings_file import SettingsFile


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with house_in(tmp_path_factory.mktemp("tuning")) as house:
        yield house


@pytest.fixture
def me(house):
    yield house.caller()
    house.file.write(dict.fromkeys(name for name in house.file.read().origin if name != "data"))


def told(answer) -> dict[str, dict]:
    return {each["name"]: each for each in answer.json()["settings"]}


def test_every_setting_is_told_with_what_it_is(me):
    shown = told(me.get("/settings"))
    assert list(shown) == list(defaults())
    assert shown["rag.num_regions"]["says"] == "regions retrieved per question"
    assert not defaults().keys() - descriptions().keys()


def test_a_change_is_written_and_holds_from_the_next_question_on(house, me):
    changed = me.patch("/settings", json={"changes": {"rag.num_regions": 9, "lm.phrasing": "claims"}})
    assert told(changed)["rag.num_regions"]["origin"].startswith("file ")
    assert house.assistant.config.rag.num_regions == 9
    assert "num_regions = 9" in house.file.read().file.read_text()
    assert changed.json()["restart"] == []


def test_what_a_start_decides_is_written_and_said_to_need_one(house, me):
    changed = me.patch("/settings", json={"changes": {"encoder.batch": 8}}).json()
    assert "encoder.batch" in changed["restart"]
    assert house.assistant.config.encoder.batch == 16


def test_null_and_delete_bring_defaults_back(house, me):
    me.patch("/settings", json={"changes": {"rag.num_regions": 9, "rag.min_presence": 0.7, "encoder.batch": 8}})
    assert told(me.patch("/settings", json={"changes": {"rag.num_regions": None}}))["rag.num_regions"]["value"] == 6
    after = told(me.delete("/settings"))
    assert (after["rag.min_presence"]["value"], after["encoder.batch"]["value"]) == (0.6, 8)


@pytest.mark.parametrize(
    "changes",
    [
        {"rag.num_region": 8},
        {"rag.num_regions": 0},
        {"rag.num_regions": 2**80},
        {"rag.num_regions": "8"},
        {"rag.num_regions": True},
        {"rag.num_regions": 1e999},
        {"lm.phrasing": "loud"},
        {"lm.phrasing": "a\0b"},
        {"data": "/elsewhere"},
        {"": 1},
        {"rag": 1},
        {"rag.num_regions.x": None},
        {},
    ],
)
def test_what_cannot_be_set_is_refused_and_nothing_is_changed(house, me, changes):
    before = house.file.read().origin
    body = {"changes": {"rag.min_presence": 0.9} | changes if changes else {}}
    answer = me.request("PATCH", "/settings", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert house.file.read().origin == before


def test_a_model_that_orders_waits_for_the_next_start_where_the_settings_name_it(house, me):
    changed = me.patch("/settings", json={"changes": {"rag.reranker": "owner/ranker", "rag.num_regions": 9}})
    assert changed.json()["restart"] == ["rag.reranker"]
    assert (house.assistant.config.rag.reranker, house.assistant.config.rag.num_regions) == ("", 9)
    assert not told(changed)["rag.reranker"]["at_once"]


def test_a_flag_wins_and_cannot_be_changed_here(house):
    data = str(house.assistant.config.data)
    file = SettingsFile({"data": data, "rag.num_regions": "7"}, environ={}, cwd=house.folder)
    other = client_of(settings_routes.router, services=build_services(house.assistant, file), assistant=house.assistant)
    assert told(other.get("/settings"))["rag.num_regions"]["fixed"]
    answer = other.patch("/settings", json={"changes": {"rag.num_regions": 8}})
    assert (answer.status_code, "flag rag.num_regions" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    "name",
    [
        *("serve.keys", "serve.host", "lm.url", "lm.api_key_for", "lm.name", "encoder.name", "serve.fetch_urls"),
        *("rag.reranker", "rag.code_reranker"),
    ],
)
def test_from_another_machine_no_door_is_opened(house, name):
    stranger = house.caller(STRANGER)
    answer = stranger.patch("/settings", json={"changes": {name: defaults()[name]}})
    assert answer.status_code == 403
    assert stranger.patch("/settings", json={"changes": {"rag.num_regions": 6}}).status_code == 200


def test_settings_need_their_right_even_to_be_read(house):
    weak = house.caller(replace(LOCAL, rights=LOCAL.rights - {"settings"}))
    assert [weak.get("/settings").status_code, weak.get("/about").status_code] == [403, 200]


def test_an_address_with_a_key_in_it_is_shown_without(house, me):
    house.file.write({"lm.url": "http://me:hunter2@10.0.0.1/v1"})
    assert "hunter2" not in me.get("/settings").text


@pytest.mark.parametrize(
    ("url", "status"),
    [("colour", 422), ("http://me:key@127.0.0.1/v1", 422), ("http://[::", 422), ("http://127.0.0.1:9/v1", 502)],
)
def test_a_server_is_asked_for_its_models_only_at_a_sound_address(me, url, status):
    assert me.post("/settings/models", json={"url": url}).status_code == status


def test_a_stranger_makes_this_machine_ask_no_server(house):
    asked = house.caller(STRANGER).post("/settings/models", json={"url": "http://127.0.0.1:9/v1"})
    assert asked.status_code == 403


def test_about_tells_the_machine_and_no_path_of_it(house, me):
    about = me.get("/about").json()
    assert (about["sources"], about["space"], about["language_model"]) == (3, "colours", "parrot")
    assert str(house.folder) not in me.get("/about").text


def test_another_preset_holds_at_once_with_all_that_it_brings(house, me):
    changed = me.patch("/settings", json={"changes": {"runtime.dial": "fast"}}).json()
    assert changed["restart"] == []
    assert house.assistant.config == replace(apply_preset(house.file.read().config), data=house.assistant.config.data)


def test_the_presets_are_measured_as_a_job_that_can_be_ended(house, me):
    assert me.get("/settings/measurement").status_code == 404
    begun = me.post("/settings/measurement")
    assert (begun.status_code, begun.json()["kind"]) == (202, "measure presets")
    assert me.get("/settings/measurement").json()["id"] == begun.json()["id"]
    assert me.delete("/settings/measurement").status_code == 204
    assert me.get("/settings/measurement").json()["state"] == "cancelled"  # it had waited
