"""What tests of the service share: an app without a door, where the test says who is calling."""

from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from deepseek_mm.accounts.permissions import LOCAL, SCOPE, Caller
from deepseek_mm.api.problems import add_problems


class As:
    """ASGI middleware: every request comes from `who`."""

    def __init__(self, app: ASGIApp, who: Caller = LOCAL) -> None:
        self.app, self.who = app, who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[SCOPE] = self.who
        await self.app(scope, receive, send)


def app_of(*routers: APIRouter, who: Caller = LOCAL) -> FastAPI:
    """These routes, with problems told as the service tells them."""
    app = FastAPI()
    add_problems(app)
    for router in routers:
        app.include_router(router)
    app.add_middleware(As, who=who)
    return app


def client_of(*routers: APIRouter, who: Caller = LOCAL, **state: Any) -> TestClient:
    """A client of that app, which holds `state`; errors of ours come as status 500, not as exceptions."""
    app = app_of(*routers, who=who)
    for name, part in state.items():
        setattr(app.state, name, part)
    return TestClient(app, raise_server_exceptions=False)
