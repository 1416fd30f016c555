"""Errors below /v1 as the client of OpenAI reads them; elsewhere they stay problems."""

import openai
import pytest
from fastapi import APIRouter
from openai_house import listening
from serve_help import app_of, client_of

from deepseek_mm.errors import Busy, DeepSeekMMError, Forbidden, TooLarge, Unauthorised

RAISED = {
    "key": Unauthorised("a key is needed. Send it as Authorization: Bearer KEY"),
    "right": Forbidden("not with this key. Make another"),
    "busy": Busy("too much at a time. Wait", retry_after_s=7),
    "large": TooLarge("too many bytes. Send fewer"),
    "later": DeepSeekMMError("not now. Ask again"),
    "fault": RuntimeError("secret"),
}


def raising() -> APIRouter:
    """Whatever the path names is raised, under /v1 and beside it."""
    router = APIRouter()

    @router.get("/v1/models/{name}")
    @router.get("/other/{name}")
    def fall(name: str) -> None:
        raise RAISED[name]

    return router


@pytest.fixture(scope="module")
def client():
    with (
        listening(app_of(raising())) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("key", openai.AuthenticationError, ("authentication_error", "unauthorised")),
        ("right", openai.PermissionDeniedError, ("permission_error", "forbidden")),
        ("busy", openai.RateLimitError, ("rate_limit_error", "busy")),
        ("large", openai.APIStatusError, ("invalid_request_error", "too_large")),
        ("later", openai.InternalServerError, ("server_error", "not_now")),
        ("fault", openai.InternalServerError, ("server_error", "fault")),
    ],
)
def test_each_error_is_the_one_that_the_client_has_a_class_for(client, name, kind, told):
    with pytest.raises(kind) as caught:
        client.models.retrieve(name)
    assert (caught.value.type, caught.value.code) == told
    assert "secret" not in str(caught.value)
    if name == "busy":
        assert caught.value.response.headers["retry-after"] == "7"


def test_elsewhere_an_error_is_a_problem_as_before():
    reply = client_of(raising()).get("/other/busy")
    assert (reply.status_code, reply.headers["content-type"]) == (429, "application/problem+json")
    assert reply.json()["type"] == "urn:deepseek-mm:problem:busy"
