"""How many requests may be answered at once while their callers wait; those beyond are sent away at once.

Only what computes is counted. Whoever was let in keeps a latency near that of a full house, however many knock.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from deepseek_mm.serve.problems import REQUEST_ID, response

COMPUTES = ("/search", "/embed", "/v1/chat/completions", "/v1/embeddings")
RETRY_S = 1


class Admission:
    """ASGI middleware that counts who is inside."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most, self.inside = app, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or answer 429."""
        if scope["type"] != "http" or scope["path"] not in COMPUTES:
            return await self.app(scope, receive, send)
        if self.inside >= self.most:
            detail = f"{self.inside} requests are being answered, and no more are at once. Try again in {RETRY_S} s"
            number = str(scope.get(REQUEST_ID, ""))
            busy = response(429, "busy", detail, path=scope["path"], request_id=number, **{"Retry-After": str(RETRY_S)})
            return await busy(scope, receive, send)
        self.inside += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.inside -= 1
        return None
