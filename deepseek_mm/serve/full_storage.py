"""A disk that is full is no fault of the program: 507 with the next step, whichever part of a request met it.

Most errors become problems where they are raised. What this catches has passed all that: an exception of any route, of
the page's own too, which has been told as status 500 on its way. So a 500 is held back until its reason is known.
"""

from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm.errors import STORAGE_FULL, is_storage_full
from deepseek_mm.serve.problems import FULL, REQUEST_ID, log, problem_response

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
            number = str(scope.get(REQUEST_ID, ""))
            await problem_response(*FULL, STORAGE_FULL, path=scope["path"], request_id=number)(scope, receive, send)
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
