"""What is to be stopped as soon as the caller who waits for it hangs up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import Request


@asynccontextmanager
async def stop_when_left(request: Request, stop: Callable[[], object]) -> AsyncIterator[None]:
    """Call `stop` if the caller hangs up within the block, and whenever the block does not end well.

    The request's body has been read by then: nothing but the end of the connection can still come.
    """
    listening = asyncio.create_task(_stop_at_end(request, stop))
    try:
        yield
    except BaseException:
        stop()
        raise
    finally:
        listening.cancel()


async def _stop_at_end(request: Request, stop: Callable[[], object]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    stop()
