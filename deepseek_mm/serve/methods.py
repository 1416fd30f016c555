"""A request with a method that its path has not is told by `Allow` which there are: those of all routes at the path.

The framework names those of the first route alone, and of files none.
"""

from collections.abc import Iterator, Sequence

from starlette.datastructures import MutableHeaders
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
