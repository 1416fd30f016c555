"""Every path that refuses a method says which ones it takes."""

import re

import pytest
from door_help import HERE
from fake_app import paper
from starlette.testclient import TestClient

import app
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.config import Config

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
HIDDEN = {  # what the OpenAPI does not tell of
    "/": "GET",
    "/docs": "GET",
    "/openapi.json": "GET, HEAD",
    "/docs/assets/swagger-ui.css": "GET, HEAD",
    "/icon.svg": "GET",
    "/favicon.ico": "GET",
    "/picture/x": "GET, HEAD",
    "/heat/x": "GET, HEAD",
    "/en/": "GET, HEAD",
    "/en/gradio_api/queue/join": "POST",
    "/zh/gradio_api/info": "GET",
    "/zh/gradio_api/upload": "POST",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """The whole of the service with its page, behind the door."""
    assistant = paper(Config(data=tmp_path_factory.mktemp("methods") / "library"))
    service = app.build_app(assistant).app
    yield TestClient(guard_app(service, assistant.config), base_url=HERE, follow_redirects=False)
    assistant.close()


def declared(client) -> dict[str, set[str]]:
    """Path template -> its methods, as the OpenAPI says."""
    paths = client.get("/openapi.json").json()["paths"]
    return {path: {method.upper() for method in routes} for path, routes in paths.items()}


def expected(path: str, routes: dict[str, set[str]]) -> set[str]:
    """All methods of all templates that fit this path."""
    fitting = (methods for each, methods in routes.items() if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", each), path))
    return set().union(*fitting)


@pytest.mark.campaign(times=1, only=True)
def test_every_path_answers_405_with_all_its_methods_to_any_other(client):
    routes = declared(client)
    assert len(routes) > 60
    wrong = {}
    for template in routes:
        path = re.sub(r"\{[^}]+\}", "1", template)
        allowed = expected(path, routes)
        for method in (*METHODS, "TRACE", "PURGE"):
            if method not in allowed:
                answer = client.request(method, path)
                if (answer.status_code, answer.headers.get("allow")) != (405, ", ".join(sorted(allowed))):
                    wrong[method, path] = answer.status_code, answer.headers.get("allow"), sorted(allowed)
    assert wrong == {}


def test_a_path_with_several_methods_names_them_all(client):
    several = [path for path, methods in declared(client).items() if len(methods) > 1]
    assert len(several) >= 8
    answer = client.put("/library/watched")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, POST")


@pytest.mark.parametrize("path", HIDDEN)
def test_paths_of_the_page_and_of_the_documentation_do_so_too(client, path):
    answer = client.patch(path)
    assert (answer.status_code, answer.headers.get("allow")) == (405, HIDDEN[path])
