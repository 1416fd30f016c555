"""How much one request may bring: what it announces is looked at first, what comes is counted.

Whoever hangs up before the answer begins is in the log as such, whatever is said to the empty line.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm.serve.problems import LEFT, REQUEST_ID, has_left, problem_response


class BodyLimit:
    """ASGI middleware: a request with more than `most_bytes` is answered with 413, and its rest is not read."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app, self._most = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as long as it is small enough."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif read_content_length(scope) > self._most:
            await self._refuse(scope, receive, send)
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        came, started, left = 0, False, False

        async def receive_counted() -> Message:
            """For the app it looks as if the caller had gone: every app can deal with that."""
            nonlocal came, left
            message = await receive() if came <= self._most else {"type": "http.disconnect"}
            left = left or (came <= self._most and message["type"] == "http.disconnect")
            came += len(message.get("body", b""))
            return message if came <= self._most else {"type": "http.disconnect"}

        async def unless_too_much(message: Message) -> None:
            nonlocal started
            if started or came <= self._most:
                started = True
                begins = message["type"] == "http.response.start"
                await send({**message, "status": LEFT} if begins and left else message)

        try:
            await self._app(scope, receive_counted, unless_too_much)
        except Exception as error:  # how the app takes it that the caller is gone is of no interest
            if came <= self._most and not has_left(error):
                raise
        if came > self._most and not started:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = (
            f"the request has more than {self._most:,} bytes. Send less at a time, or raise serve.max_body_bytes where "
            "the server is started"
        )
        number = scope.get(REQUEST_ID, "")
        problem = problem_response(413, "too-large", detail, path=scope["path"], request_id=number, Connection="close")
        await problem(scope, receive, send)


def read_content_length(scope: Scope) -> int:
    """Bytes of the body, as its header says; 0 if it does not say."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 20 else 0
