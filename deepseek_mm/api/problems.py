"""Errors as RFC 9457 problem details, with the answers to a full disk (507) and a wrong method (405).

An error that a user can mend says so itself; here it only gets a status. Anything else is a fault of ours: it is
logged with the request's id, and the caller learns the id and nothing of the inside.

Most errors become problems where they are raised. What `FullStorage` catches has passed all that: an exception of any
route, of the page's own too, which has been told as status 500 on its way. So a 500 is held back until its reason is
known.

`AllowedMethods` names in `Allow` the methods of all routes at a path: the framework names those of the first route
alone, and of files none.
"""

import logging
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm.api.openai.errors import PREFIX, NoModel, UnsupportedRequest, error_body, status_of
from deepseek_mm.errors import (
    STORAGE_FULL,
    BadCheckpoint,
    BadFeedback,
    BadFile,
    BadProgram,
    BadQuestion,
    Busy,
    ConfigError,
    Conflict,
    DeepSeekMMError,
    Forbidden,
    MissingPackage,
    NothingThere,
    ServerError,
    StorageFull,
    TooLarge,
    Unauthorised,
    is_storage_full,
)
from deepseek_mm.storage.errors import IndexProblem

MEDIA_TYPE = "application/problem+json"
KIND = "urn:deepseek-mm:problem:"
STATUSES: tuple[tuple[type[Exception], int, str], ...] = (  # the first that fits
    (Busy, 429, "busy"),
    (Unauthorised, 401, "unauthorised"),
    (Forbidden, 403, "forbidden"),
    (TooLarge, 413, "too-large"),
    (Conflict, 409, "conflict"),
    (NothingThere, 404, "nothing-there"),
    (BadQuestion, 422, "bad-question"),
    (BadProgram, 422, "bad-program"),
    (BadFeedback, 422, "bad-feedback"),
    (BadFile, 422, "bad-file"),
    (BadCheckpoint, 422, "bad-checkpoint"),
    (ConfigError, 422, "bad-setting"),
    (MissingPackage, 501, "missing-package"),
    (ServerError, 502, "model-server"),
    (UnsupportedRequest, 422, "refused"),
    (NoModel, 404, "no-model"),
    (DeepSeekMMError, 503, "not-now"),
    (IndexProblem, 503, "index"),
)
FULL = 507, "storage-full"
LEFT = 499  # of a caller who had gone, in the log and in the metrics
REQUEST_ID = "deepseek_mm.request_id"  # in the scope
log = logging.getLogger(__name__)


class Problem(BaseModel):
    """RFC 9457, with the request's id."""

    type: str = Field(examples=[f"{KIND}bad-question"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["the question is empty. Type one, for example: Is there a dog?"])
    instance: str = Field(examples=["/ask"])
    request_id: str = Field(default="", examples=["5f0c2a"])


DECLARED: dict[int | str, dict[str, Any]] = {  # of every route, for OpenAPI
    "4XX": {"model": Problem, "description": "what is wrong, and the next step", "content": {MEDIA_TYPE: {}}},
    422: {"model": Problem, "description": "what was sent cannot be used", "content": {MEDIA_TYPE: {}}},
    "5XX": {"model": Problem, "description": "what this server lacks, or cannot now", "content": {MEDIA_TYPE: {}}},
}


class AnswerFailed(DeepSeekMMError):
    """An answer failed by an error that nobody foresaw."""


def problem_in(error: Exception) -> Exception:
    """What to raise for the caller of an answer that failed with this error; what nobody foresaw is logged."""
    if isinstance(error, DeepSeekMMError | IndexProblem):
        return error
    if (full := StorageFull.of(error)) is not None:
        return full
    log.error("an answer broke", exc_info=error)
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    told = f"Something unexpected ended this ({what}). The log has the details; please report it with them."
    return AnswerFailed(told)


def add_problems(app: FastAPI) -> None:
    """Answer every error of `app` with a problem."""
    app.add_exception_handler(DeepSeekMMError, _answer_known)
    app.add_exception_handler(IndexProblem, _answer_known)
    app.add_exception_handler(RequestValidationError, _answer_malformed)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(ClientDisconnect, _answer_left)
    app.add_exception_handler(Exception, _answer_unknown)


def problem_of(error: Exception) -> tuple[int, str]:
    """Status and kind of an error that a user can mend."""
    if is_storage_full(error):
        return FULL
    return next((status, kind) for types, status, kind in STATUSES if isinstance(error, types))


def answer_problem(
    request: Request, status: int, kind: str, detail: str, *, param: str | None = None, **headers: str
) -> JSONResponse:
    """The problem as a response."""
    number = request.scope.get(REQUEST_ID, "")
    return problem_response(status, kind, detail, path=request.url.path, request_id=number, param=param, **headers)


def problem_for(scope: Scope, status: int, kind: str, detail: str, **headers: str) -> JSONResponse:
    """The same for those who have only the scope of a request, such as the door."""
    number = str(scope.get(REQUEST_ID, ""))
    return problem_response(status, kind, detail, path=scope["path"], request_id=number, **headers)


def problem_response(
    status: int, kind: str, detail: str, *, path: str, request_id: str = "", param: str | None = None, **headers: str
) -> JSONResponse:
    """The same for those who have no request. Below /v1 it is an error as OpenAI's clients read it,
    with the field that is to be changed as `param`.
    """
    if path.startswith(PREFIX):
        told = status_of(status)
        return JSONResponse(error_body(told, kind, detail, param=param), told, headers)
    problem = Problem(
        type=f"{KIND}{kind}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail.encode("utf-8", "replace").decode(),  # what was sent may be quoted there, and be no Unicode
        instance=path.encode("utf-8", "replace").decode(),
        request_id=request_id,
    )
    return JSONResponse(problem.model_dump(), status, headers, media_type=MEDIA_TYPE)


def _answer_known(request: Request, error: Exception) -> JSONResponse:
    status, kind = problem_of(error)
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Busy) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    code, param = getattr(error, "code", None), getattr(error, "param", None)  # of those who speak OpenAI
    return answer_problem(request, status, code or kind, str(error), param=param, **headers)


def _answer_malformed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    where = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
    param = str(error.errors()[0]["loc"][1]) if len(error.errors()[0]["loc"]) > 1 else None
    return answer_problem(request, 422, "malformed", f"{where}. What is expected stands at /docs", param=param)


def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if has_left(error):  # FastAPI takes it for a body that it cannot read
        return _answer_left(request, error)
    if is_storage_full(error):  # FastAPI takes it for a body that it cannot read
        return answer_problem(request, *FULL, STORAGE_FULL)
    detail = {404: f"there is nothing at {request.url.path}. What there is stands at /docs"}.get(error.status_code)
    told = detail or f"{error.detail}. What is expected stands at /docs"
    return answer_problem(request, error.status_code, "http", told, **(error.headers or {}))


def has_left(error: BaseException | None) -> bool:
    """Whether this comes of a caller who hung up while still sending: nobody hears us, and nothing is broken."""
    while error is not None and not isinstance(error, ClientDisconnect):
        error = error.__cause__ or error.__context__
    return error is not None


def _answer_left(request: Request, error: Exception) -> Response:
    return Response(status_code=LEFT)


def _answer_unknown(request: Request, error: Exception) -> Response:
    if has_left(error):  # a mounted app has begun its own answer to it
        return _answer_left(request, error)
    number = request.scope.get(REQUEST_ID, "")
    log.error("request %s (%s) broke", number, request.url.path, exc_info=error)
    return answer_problem(request, FAULT, "fault", describe_fault(number))


def describe_fault(number: str) -> str:
    """What is told of an error that nobody foresaw, in the request of this number."""
    return (
        f"something unexpected happened here. The log has the details under {number or 'this time'}; please report it"
    )


FAULT = 500


class FullStorage:
    """ASGI middleware that answers 507 in place of a 500 that a full disk has caused."""

    def __init__(self, app: ASGIApp, drafts: Path) -> None:
        """`drafts` is the folder in which Gradio writes uploads before they have a name."""
        self._app, self._drafts = app, drafts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        held, is_begun = list[Message](), False

        async def hold_fault(message: Message) -> None:
            nonlocal is_begun
            if held or (message["type"] == "http.response.start" and message["status"] == FAULT):
                held.append(message)
            else:
                is_begun = True
                await send(message)

        try:
            await self._app(scope, receive, hold_fault)
        except Exception as error:
            if is_begun or scope["type"] != "http" or not is_storage_full(error):
                await send_all(held, send)
                raise
            remove_drafts(self._drafts)
            log.error("the disk is full: %s", type(error).__name__)
            await problem_for(scope, *FULL, STORAGE_FULL)(scope, receive, send)
        else:
            await send_all(held, send)


def remove_drafts(folder: Path) -> None:
    """Delete what Gradio has left there half written; whole uploads lie in folders."""
    for path in folder.glob("tmp*"):
        if path.is_file():
            path.unlink(missing_ok=True)


async def send_all(messages: list[Message], send: Send) -> None:
    """What was held back."""
    for message in messages:
        await send(message)


METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
OF_FILES = ("GET", "HEAD")
NOT_ALLOWED = 405


class AllowedMethods:
    """ASGI middleware that completes every 405."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, and set the header where it is needed."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        before = dict(scope)  # routes write into it

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == NOT_ALLOWED:
                allowed = ", ".join(find_methods(before["app"].routes, before))
                MutableHeaders(scope=message)["Allow"] = allowed
            await send(message)

        return await self.app(scope, receive, complete)


def find_methods(routes: Sequence[BaseRoute], scope: Scope) -> Iterator[str]:
    """What a request to this path may have as its method, sorted."""
    return (method for method in METHODS if takes(routes, {**scope, "method": method}))


def takes(routes: Sequence[BaseRoute], scope: Scope) -> bool:
    """Whether some route answers such a request."""
    for route in routes:
        match, inner = route.matches(scope)
        if match is Match.FULL:
            if not isinstance(route, Mount):
                return True
            return takes(route.routes, {**scope, **inner}) if route.routes else scope["method"] in OF_FILES
    return False
