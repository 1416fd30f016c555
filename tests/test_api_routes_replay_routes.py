"""A conversation is answered again over HTTP: begun, looked at, stopped, out of a bundle or as it stands."""

import pytest
from jobs_help import eventually
from replays import exported, talk
from replays import house as painted
from service import STRANGER, house_in

from deepseek_mm.services.conversation_replay import ReplayRoom


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with house_in(tmp_path_factory.mktemp("again")) as house:
        yield house


@pytest.fixture
def me(house):
    return house.caller()


def finish(me, address: str) -> dict:
    eventually(lambda: me.get(address).json()["step"] in ("done", "failed", "stopped"))
    return me.get(address).json()


def test_a_conversation_is_answered_again_and_every_answer_is_compared(house, me):
    address = f"/history/{house.asked('Is there a kite?').conversation}/replay"
    assert me.get(address).json()["step"] == "none"
    begun = me.post(address, json={})
    assert (begun.status_code, begun.json()["questions"], begun.json()["over"]) == (202, 1, "library")
    done = finish(me, address)
    assert (done["step"], done["same"], done["message"]) == ("done", 0, "")
    (turn,) = done["turns"]
    assert (turn["question"], turn["before"], turn["after"]) == (
        "Is there a kite?", "A kite [1].", "Yes, red.png shows a kite [1].",
    )  # fmt: skip
    assert turn["words"] == [["removed", "A "], ["added", "Yes, red.png shows a "], ["same", "kite [1]."]]
    assert (turn["same"], turn["citations_removed"], turn["understood_otherwise"]) == (
        False, ["red.png, box 0, 0, 64, 48"], False,
    )  # fmt: skip


def test_a_bundle_is_taken_in_and_tells_what_it_brings_and_what_is_missing(house, me, tmp_path):
    with painted(tmp_path) as other:
        other.lm.fingerprint = "ab" * 32
        data = exported(other, talk(other, tmp_path))
    taken = me.post("/history/import", files={"file": ("kite.replay.zip", data)})
    assert taken.status_code == 201
    told = me.get(f"/history/{taken.json()['id']}/replay/bundle").json()
    assert (told["from_bundle"], told["questions"], told["files"], told["over"]) == (True, 3, 1, "library")
    (model,) = told["models"]
    assert (model["role"], model["before"]) == ("language model", "parrot (abababab)")
    assert model["text"].startswith("the language model parrot (abababab) is another version here: ")
    assert me.post("/history/import", files={"file": ("kite.replay.zip", data[:-9])}).status_code == 422


def test_a_conversation_leaves_as_a_zip(house, me):
    number = house.asked("Is there a yak?").conversation
    got = me.get(f"/history/{number}/export", params={"kind": "replay"})
    assert (got.status_code, got.headers["content-type"], got.content[:2]) == (200, "application/zip", b"PK")
    assert "Is%20there%20a%20yak_.replay.zip" in got.headers["content-disposition"]


def test_a_second_one_waits_and_the_first_one_can_be_stopped(house, me, monkeypatch):
    address = f"/history/{house.asked('Is there a zebra?').conversation}/replay"
    monkeypatch.setattr(ReplayRoom, "ask_again", lambda self, turn, stop: stop.wait(10))
    me.post(address, json={"over": "library"})
    assert me.post(address, json={}).status_code == 409
    me.delete(address)
    assert finish(me, address)["step"] == "stopped"


def test_a_strangers_conversation_is_not_answered_again(house):
    address, stranger = f"/history/{house.asked().conversation}/replay", house.caller(STRANGER)
    assert [stranger.request(method, address).status_code for method in ("GET", "DELETE")] == [404, 404]
    assert stranger.post(address, json={}).status_code == 404
    assert stranger.get(f"{address}/bundle").status_code == 404
