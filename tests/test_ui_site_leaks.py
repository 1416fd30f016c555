"""Gradio's own routes: they hand out no file that the page did not make, fetch nothing, and need a login as well."""

import pytest
from door_help import HERE
from fake_app import paper
from starlette.routing import Mount
from starlette.testclient import TestClient

import app
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.accounts.permissions import RIGHTS
from deepseek_mm.api.auth_middleware import PAGE, guard_app
from deepseek_mm.config import Config, ServeConfig

FILE = "/en/gradio_api/file="


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """The real page behind the door: the folder of its library, the app, and a client that is logged in."""
    data = tmp_path_factory.mktemp("library")
    config = Config(data=data, serve=ServeConfig(keys="always"))
    assistant, keys = paper(config), Keys(data)
    inside = app.build_app(assistant).app
    client = TestClient(guard_app(inside, config, keys), base_url=HERE, follow_redirects=False)
    assert client.post("/login", data={"key": keys.add("a", RIGHTS)}).status_code == 303
    yield data, inside, client
    assistant.close()


def stranger(house) -> TestClient:
    return TestClient(house[2].app, base_url=HERE, follow_redirects=False)


@pytest.mark.parametrize(
    "path", ["config", "gradio_api/info", "gradio_api/file=x", "gradio_api/queue/data?session_hash=a", "theme.css"]
)
def test_without_a_login_no_route_of_gradio_answers(house, path):
    assert stranger(house).get(f"/en/{path}").status_code == 401


def test_without_a_login_nothing_is_uploaded_and_no_event_starts(house):
    files = {"files": ("a.png", b"x")}
    assert stranger(house).post("/en/gradio_api/upload", files=files).status_code == 401
    assert stranger(house).post("/zh/gradio_api/queue/join", json={"fn_index": 0}).status_code == 401
    assert not list(house[0].rglob("a.png"))


def test_every_part_of_the_page_needs_the_right_page(house):
    mounts = {route.path for route in house[1].routes if isinstance(route, Mount)}
    paths = {getattr(route, "path", "") for route in house[1].routes}
    parts = mounts | {path for path in paths if path.startswith(("/share", "/picture", "/video", "/heat"))}
    assert sorted({f"/{path.split('/')[1]}" for path in parts} - {"/docs"}) == sorted(PAGE)


@pytest.mark.parametrize("name", ["history.db", "keys.json", "config.toml", "uploads/a/b.png", "added/a/b.png"])
def test_no_file_of_the_library_is_handed_out_by_its_path(house, name):
    data, _, client = house
    (data / name).parent.mkdir(parents=True, exist_ok=True)
    (data / name).touch()
    for path in (data / name, data / "page" / ".." / name):
        assert client.get(f"{FILE}{path}").status_code in (403, 404)
    for path in ("/etc/passwd", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd"):
        assert client.get(f"{FILE}{path}").status_code in (403, 404)


def test_the_key_that_signs_addresses_of_pictures_is_not_handed_out(house):
    """Whoever has it can make addresses of any picture on this machine."""
    data, _, client = house
    folder = data.absolute() / "page" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "any").write_bytes(b"x")
    for file in folder.iterdir():
        assert client.get(f"{FILE}{file}").status_code == 404


@pytest.mark.parametrize("where", ["http://1.1.1.1/a.png", "https://1.1.1.1/a.png", "HTTP://1.1.1.1/a", "//1.1.1.1/a"])
def test_gradio_fetches_nothing_for_a_caller(house, where):
    for route in ("file=", "proxy="):
        assert house[2].get(f"/en/gradio_api/{route}{where}").status_code in (403, 404)


@pytest.mark.parametrize("route", ["proxy=https://1.1.1.1/a", "file=https://1.1.1.1/a", "file=https:/1.1.1.1/a"])
def test_what_would_be_fetched_is_refused_at_the_door(house, route):
    answer = house[2].get(f"/en/gradio_api/{route}")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:deepseek-mm:problem:forbidden")


def test_gradio_allows_no_page_of_others_to_read(house):
    for origin in ("http://localhost:3000", "http://evil.example", "null"):
        answer = house[2].get("/en/config", headers={"Origin": origin})
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]
