"""The door: who comes in with what, and what reaches nothing behind it."""

import json

import pytest
from door_help import ALWAYS, HERE, House
from starlette.websockets import WebSocketDisconnect

from deepseek_mm.accounts.guesses import FREE_TRIES
from deepseek_mm.api.auth_middleware import PAGE, guard_app, is_below
from deepseek_mm.config import Config, ServeConfig


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.fixture
def local(tmp_path):
    return House(tmp_path / "local", ServeConfig())


def test_a_key_comes_in_as_the_caller_it_was_made_for(house):
    said = house.client(house.asker).get("/me").json()
    assert said["name"] == "asker"
    assert said["rights"] == ["ask"]
    assert said["session"] == f"key:{house.keys.find(house.asker).id}"
    assert said["session"] != house.client(house.all).get("/me").json()["session"]


@pytest.mark.parametrize("sent", [{}, {"Authorization": "Bearer dsmm_x"}, {"Authorization": "Basic QTpC"}])
def test_without_a_known_key_a_program_is_told_what_to_send(house, sent):
    answer = house.client().get("/me", headers=sent)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Authorization: Bearer KEY" in answer.json()["detail"]
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_the_name_of_the_scheme_may_be_written_small(house):
    assert house.client().get("/me", headers={"Authorization": f"bearer {house.all}"}).status_code == 200


def test_on_this_machine_alone_nobody_needs_a_key_and_any_made_up_one_does(local):
    for sent in ({}, {"Authorization": "Bearer sk-none"}):
        assert local.client().get("/me", headers=sent).json()["name"] == "local"
    assert local.client(local.asker).get("/me").json()["name"] == "asker"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_what_a_proxy_brings_to_this_machine_is_not_local(local, header):
    assert local.client().get("/me", headers={header: "203.0.113.9"}).status_code == 401
    assert local.client(local.all).get("/me", headers={header: "203.0.113.9"}).status_code == 200


def test_a_key_that_lacks_the_right_is_refused_and_told_how_to_make_one(house):
    answer = house.client(house.asker).post("/settings")
    assert answer.status_code == 403
    assert "keys add NAME --rights" in answer.json()["detail"]
    assert house.client(house.all).post("/settings").status_code == 200


def test_a_key_without_the_right_page_cannot_open_the_page(house):
    for path in ("/", "/en/", "/en/gradio_api/queue/join", "/zh/x", "/picture/abc.def"):
        answer = house.client(house.asker).get(path)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:deepseek-mm:problem:forbidden")
    assert house.client(house.all).get("/en/").status_code == 200


def test_only_the_page_itself_and_what_lies_below_it_counts_as_the_page():
    places = ("/", *PAGE)
    assert all(is_below(path, places) for path in ("/", "/en", "/en/", "/zh/gradio_api/info"))
    assert not any(is_below(path, places) for path in ("/energy", "/ask", "//en", "/v1/en/"))


def test_a_removed_key_is_refused_from_the_next_request_on(house):
    client = house.client(house.asker)
    assert client.get("/me").status_code == 200
    house.keys.remove("asker")
    assert client.get("/me").status_code == 401


def test_some_paths_need_no_key_and_say_nothing_of_a_caller(house):
    assert house.client().get("/health/live").status_code == 200
    assert house.client().get("/health/live/more").status_code == 401
    assert house.client().get("/health").status_code == 401


def test_guessing_keys_is_slowed_down_and_does_not_shut_out_who_has_one(house):
    statuses = [house.client(f"dsmm_{n}").get("/me").status_code for n in range(200)]
    assert statuses == [401] * FREE_TRIES + [429] * (200 - FREE_TRIES)
    answer = house.client("dsmm_again").get("/me")
    assert answer.headers["retry-after"] == "1"
    assert house.client(house.all).get("/me").status_code == 200
    house.clock.now_s += 1
    assert house.client("dsmm_again").get("/me").status_code == 401
    assert house.client("dsmm_again").get("/me").headers["retry-after"] == "2"


@pytest.mark.parametrize("key", ["", "all"])
@pytest.mark.parametrize("serve", [ServeConfig(), ALWAYS])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_a_form_on_a_page_of_others_changes_nothing_here(tmp_path, serve, key, kind):
    house = House(tmp_path, serve)
    client = house.client(house.all if key else "")
    answer = client.post("/settings", content=b"{}", headers={"Origin": "http://evil.example", "Content-Type": kind})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:deepseek-mm:problem:foreign-page")


def test_a_picture_of_ours_on_a_page_of_others_is_refused_and_a_link_is_not(local):
    sent = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert local.client().get("/en/", headers=sent).status_code == 403
    sent = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert local.client().get("/en/", headers=sent).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", HERE, ""])
def test_a_preflight_of_cors_is_refused_and_nothing_is_allowed(local, origin):
    sent = {"Access-Control-Request-Method": "POST"} | ({"Origin": origin} if origin else {})
    answer = local.client().options("/me", headers=sent)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_headers_that_open_an_answer_to_pages_of_others_are_taken_away(tmp_path):
    async def open_minded(scope, receive, send):
        headers = [(b"access-control-allow-origin", b"*"), (b"Access-Control-Allow-Credentials", b"true")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x"})

    house = House(tmp_path, ServeConfig())
    house.door = guard_app(open_minded, Config(data=tmp_path), house.keys)
    answer = house.client().get("/", headers={"Origin": HERE})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def live(client, **headers: str) -> str:
    with client.websocket_connect("ws://127.0.0.1:7860/live", headers=headers) as socket:
        return socket.receive_text()


def test_a_websocket_needs_a_key_and_a_page_of_our_own(house, local):
    assert live(house.client(house.all)) == "all"
    assert live(local.client(), origin=HERE) == "local"
    for client, headers in (
        (house.client(), {}),
        (house.client(house.all), {"origin": "http://evil.example"}),
        (local.client(), {"origin": "http://evil.example"}),
        (local.client(), {"host": "evil.example"}),
    ):
        with pytest.raises(WebSocketDisconnect) as refusal:
            live(client, **headers)
        assert refusal.value.code == 1008


def test_when_the_keys_cannot_be_read_nobody_comes_in_and_no_path_is_told(house):
    house.keys.path.write_text("{")
    for client in (house.client(house.all), house.client()):
        answer = client.get("/me", headers={"Authorization": "Bearer x"})
        assert answer.status_code == 503
        assert str(house.keys.path) not in answer.text
    assert house.client().get("/health/live").status_code == 200


def test_startup_and_shutdown_pass_the_door(tmp_path):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    house = House(tmp_path)
    house.door = guard_app(app, Config(data=tmp_path), house.keys)
    with house.client():
        pass
    assert seen == ["lifespan"]


def test_what_is_refused_can_be_read_as_a_problem_with_its_path(house):
    said = json.loads(house.client().get("/tasks/7").text)
    assert said["instance"] == "/tasks/7"
    assert said["title"] == "Unauthorized"
