"""Which of Gradio's routes answer, and a canary: what the gateway relies on in Gradio is as it was.

When a new Gradio fails a test here, look at what has changed before the list is changed: a route that is not decided
about is refused, a hook that is passed by is a hole.
"""

import ast
import inspect
from pathlib import Path

import gradio as gr
import pytest
from fake_app import paper
from gradio import blocks, processing_utils, route_utils
from gradio.exceptions import InvalidPathError
from page_caller import holder_of
from serve_help import As
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import app
from deepseek_mm.config import Config
from ui.gateway.events import GuardedBlocks
from ui.gateway.routes import COOKIE, Gateway
from ui.words import ENGLISH

pytestmark = pytest.mark.filterwarnings("ignore:.*no_silent_downcasting")
API = "/gradio_api"
LOOKS = {  # how the page looks and what it is made of: for GET, the same for every visitor
    "/", "/config", "/config/", "/static/{path:path}", "/assets/{path:path}", "/svelte/{path:path}", "/theme.css",
    "/favicon.ico", "/robots.txt", "/manifest.json", "/pwa_icon", "/pwa_icon/{size}",
    *(f"{API}{path}" for path in ("/info", "/info/", "/app_id", "/app_id/", "/startup-events", "/theme.css",
                                  "/upload_progress", "/queue/status")),
}  # fmt: skip
OWN = {f"{API}/heartbeat/{{session_hash}}", f"{API}/queue/data"}  # for the caller whose open page it is
EVENTS = {
    f"{API}{path}" for path in ("/queue/join", "/run/{api_name}", "/run/{api_name}/", "/cancel", "/reset", "/reset/")
}
OURS = {f"{API}/upload", f"{API}/file={{path_or_url:path}}"}  # answered by the gateway
REFUSED = {
    "/openapi.json", "/login", "/login/", "/logout", "/monitoring", "/monitoring/summary", "/monitoring/{key}",
    *(f"{API}{path}" for path in (
        "/deep_link", "/user", "/user/", "/login_check", "/login_check/", "/token", "/token/", "/dev/reload", "/runs",
        "/runs/", "/openapi.json", "/custom_component/{id}/{environment}/{type}/{file_name}",
        "/proxy={url_path:path}", "/file/{path:path}", "/stream/{event_id}", "/stream/{event_id}/close",
        "/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
        "/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
        "/stream/{session_hash}/{run}/{component_id}/playlist-file", "/api/{api_name}", "/api/{api_name}/",
        "/call/{api_name}", "/call/{api_name}/", "/call/v2/{api_name}", "/call/v2/{api_name}/",
        "/call/{api_name}/{event_id}", "/call/v2/{api_name}/{event_id}", "/component_server", "/component_server/",
        "/process_recording", "/vibe-edit", "/vibe-edit/", "/undo-vibe-edit", "/undo-vibe-edit/", "/vibe-code",
        "/vibe-code/", "/vibe-starter-queries", "/vibe-starter-queries/",
    )),
}  # fmt: skip


@pytest.fixture(scope="module")
def inside(tmp_path_factory):
    assistant = paper(Config(data=tmp_path_factory.mktemp("library")))
    yield app.build_app(assistant).app
    assistant.close()


@pytest.fixture(scope="module")
def client(inside):
    with TestClient(As(inside), follow_redirects=False) as client:
        yield client


def gateway_of(inside, language: str = "en") -> Gateway:
    (mounted,) = (route for route in inside.routes if isinstance(route, Mount) and route.path == f"/{language}")
    return mounted.app


def routes_of(router) -> set[tuple[str, str]]:
    """Method and path of every route of Gradio's app, those of included routers too."""
    found = set()
    for route in router.routes:
        if hasattr(route, "path"):
            found |= {(method, route.path) for method in getattr(route, "methods", None) or ("MOUNT",)}
        else:
            found |= routes_of(route.original_router)
    return found


def filled(path: str) -> str:
    """A path with something in its places."""
    for name in ("{path:path}", "{path_or_url:path}", "{url_path:path}"):
        path = path.replace(name, "x.js")
    return "/".join({"{size}": "192"}.get(part, "x") if "{" in part else part for part in path.split("/"))


def test_every_route_of_gradio_is_decided_about(inside):
    found = {path for _, path in routes_of(gateway_of(inside).app.router)}
    assert found == LOOKS | OWN | EVENTS | OURS | REFUSED
    assert isinstance(gateway_of(inside, "zh"), Gateway)


@pytest.mark.parametrize("path", sorted(REFUSED))
def test_what_the_page_does_not_use_is_refused(client, path):
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
        answer = client.request(method, f"/en{filled(path)}")
        assert (answer.status_code, answer.text) == (403, "" if method == "HEAD" else ENGLISH.route_refused)


@pytest.mark.parametrize("path", sorted(LOOKS - {f"{API}/startup-events", f"{API}/upload_progress"}))
def test_what_the_page_is_made_of_is_shown_and_cannot_be_written(client, path):
    assert client.get(f"/en{filled(path)}").status_code in (200, 404)
    assert client.post(f"/en{filled(path)}").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "//gradio_api/api/x",
        "/gradio_api//component_server",
        "/gradio_api/queue/join/../../x",
        "/gradio_api/QUEUE/JOIN",
        "/gradio_api/queue/join%00",
        "/gradio_api/file%3Dx/../y",
        "/gradio_api/%66ile=/etc/passwd",
        "/gradio_api/queue%2Fjoin/x",
    ],
)
def test_an_odd_spelling_opens_nothing(client, path):
    for method in ("GET", "POST"):
        assert client.request(method, f"/en{path}").status_code in (403, 404, 405, 422)


def test_a_visitor_gets_a_cookie_that_no_script_and_no_other_page_can_use(client):
    client.cookies.clear()
    cookie = client.get("/en/").headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "path=/", "samesite=strict"}
    assert "set-cookie" not in client.get("/en/").headers
    client.cookies.clear()
    assert "set-cookie" in client.get("/en/", headers={"Cookie": f"{COOKIE}=short"}).headers
    client.cookies.clear()
    assert "Secure" in client.get("/en/", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]
    client.cookies.clear()
    assert "set-cookie" not in client.get("/en/", headers={"Sec-Fetch-Site": "cross-site"}).headers


def test_scripts_are_told_what_the_api_says_in_the_language_of_the_page(client):
    asked = {"text": ["only files of this type", "no such <b>form</b>"]}
    said = client.get("/zh/said", params=asked)
    assert said.json() == ["\u53ea\u542b\u6b64\u7c7b\u578b\u7684\u6587\u4ef6", "no such <b>form</b>"]
    assert said.headers["content-type"] == "application/json"
    assert client.get("/en/said", params=asked).json() == asked["text"]
    assert client.post("/zh/said").status_code == 405


def test_a_request_that_came_past_the_door_gets_nothing(inside):
    bare = TestClient(inside)
    for path in ("/en/", "/zh/config", "/en/gradio_api/info"):
        assert bare.get(path).status_code == 401
    assert bare.post("/en/gradio_api/upload", files={"files": ("a", b"x")}).status_code == 401


def test_nobody_listens_to_the_page_of_another_caller(inside):
    me = holder_of("page", "ask")
    mine, theirs = (
        TestClient(As(inside, who), raise_server_exceptions=False) for who in (me, me.with_session("key:2"))
    )
    assert mine.get("/en/gradio_api/queue/data", params={"session_hash": "abc"}).status_code == 200
    for path in ("queue/data?session_hash=abc", "heartbeat/abc"):
        assert theirs.get(f"/en/gradio_api/{path}").status_code == 403


def test_a_websocket_is_closed(client):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/en/gradio_api/queue/join"):
        """It does not get so far."""


# What follows watches Gradio.


def test_every_event_still_passes_the_hook():
    """`process_api` is what calls handlers, and what is called by whatever route an event comes."""
    assert list(inspect.signature(gr.Blocks.process_api).parameters) == [
        "self", "block_fn", "inputs", "state", "request", "iterator", "session_hash", "event_id", "event_data",
        "in_event_listener", "simple_format", "explicit_call", "root_path", "oauth_token",
    ]  # fmt: skip
    assert GuardedBlocks.process_api is not gr.Blocks.process_api
    for hook, callers in (
        ("process_api", {"call_process_api", "cache", "create_mcp_server", "call_tool"}),  # no examples, no MCP here
        ("preprocess_data", {"process_api"}),
        ("call_function", {"process_api"}),
    ):
        assert callers_of(hook) == callers, hook


def callers_of(method: str) -> set[str]:
    """Functions of Gradio that call this method of a Blocks."""
    found = set()
    for path in Path(gr.__file__).parent.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
                if any(isinstance(call, ast.Attribute) and call.attr == method for call in calls):
                    found.add(function.name)
    return found


def test_the_request_of_an_event_is_still_the_one_that_asked_for_it():
    source = inspect.getsource(route_utils.call_process_api)
    assert "request=gr_request" in source
    assert "event_data=event_data" in source
    assert list(inspect.signature(gr.Request.__init__).parameters)[:4] == [
        "self",
        "request",
        "username",
        "session_hash",
    ]


def test_paths_are_still_checked_only_by_a_page_that_says_it_has_launched(inside):
    """Gradio's own check, beside ours."""
    page = gateway_of(inside).app.get_blocks()
    token = blocks.LocalContext.blocks.set(page)
    try:
        with pytest.raises(InvalidPathError):
            processing_utils._check_allowed("/etc/passwd", True)
        page.has_launched = False
        processing_utils._check_allowed("/etc/passwd", True)  # the hole that was there
    finally:
        page.has_launched = True
        blocks.LocalContext.blocks.reset(token)


def test_uploads_and_files_are_still_made_as_we_make_them():
    assert list(inspect.signature(route_utils.upload_fn).parameters) == [
        "request", "upload_dir", "max_file_size", "upload_id", "force_move", "upload_progress",
    ]  # fmt: skip
    assert set(gr.FileData.model_fields) == {"path", "url", "size", "orig_name", "mime_type", "is_stream", "meta"}
    marked = {"path": "x", "meta": {"_type": "gradio.FileData"}}
    assert processing_utils.client_utils.is_file_obj_with_meta(marked)
    assert not processing_utils.client_utils.is_file_obj_with_meta({"path": "x"})
