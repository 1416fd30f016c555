"""What a person may send a day: large bodies of requests are counted before they are read.

The page counts what it uploads itself, by the files that came (see ui/gateway), and says so in its language.
"""

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from deepseek_mm.accounts.permissions import SCOPE, Caller
from deepseek_mm.accounts.quotas import Quotas
from deepseek_mm.api.limits import read_content_length
from deepseek_mm.api.problems import problem_for
from deepseek_mm.errors import Busy

SMALL_BYTES = 65_536  # a question or a form, which costs nothing
PAGES = ("/en/", "/zh/")
NO_LENGTH = "what you upload is counted here. Send its length with it (Content-Length)"


class UploadQuota:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, quotas: Quotas) -> None:
        self.app, self._quotas = app, quotas

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, if the caller may send that much."""
        caller = scope.get(SCOPE)
        refusal = None
        if scope["type"] == "http" and isinstance(caller, Caller) and not scope["path"].startswith(PAGES):
            refusal = await self._refuse(scope, caller)
        await (refusal or self.app)(scope, receive, send)

    async def _refuse(self, scope: Scope, caller: Caller) -> Response | None:
        num_bytes = read_content_length(scope)
        has_no_end = "transfer-encoding" in Headers(scope=scope)
        if not (has_no_end or num_bytes > SMALL_BYTES) or not self._quotas.limits_uploads:
            return None
        if has_no_end and await run_in_threadpool(self._quotas.is_counted, caller):
            return problem_for(scope, 411, "no-length", NO_LENGTH, Connection="close")
        try:
            await run_in_threadpool(self._quotas.count_upload, caller, num_bytes)
        except Busy as error:
            headers = {"Retry-After": str(error.retry_after_s), "Connection": "close"}
            return problem_for(scope, 429, "busy", str(error), **headers)
        return None
