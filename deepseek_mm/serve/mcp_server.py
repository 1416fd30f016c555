"""The tools of `mcp_tools` over the Model Context Protocol, for agents: what each does, so that a model can choose.

Over stdio (`python -m deepseek_mm mcp`) the agent is the user's own, so pictures may be files of this machine.
"""

import base64
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from anyio import get_cancelled_exc_class
from anyio.to_thread import run_sync
from pydantic import Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.errors import DeepSeekMMError, MissingPackage
from deepseek_mm.serve.mcp_tools import AnswerResult, LibrarySummary, McpTools, SearchResults
from index import IndexProblem

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

Result = TypeVar("Result")
INSTRUCTIONS = (
    "A library of the user's own photos, documents and code on this machine. Use `search` to find files, `ask` for a"
    " question that is to be answered from them, `read_region` to look at what a result points at. Answers cite what"
    " they rest on; say so when `found` is false instead of guessing."
)
SEARCH = (
    "Find photos, documents and code in the user's library by what they show or say, by a picture that they resemble,"
    " or both. Gives files with the best box in each, and whether the library has what was looked for at all. It finds"
    " things, and answers nothing: for a question use `ask`."
)
ASK = (
    "Answer a question from the user's library, or about the pictures given with it: is there, how many, what colour,"
    " where, which photos, what is written. The answer is checked against the boxes that it cites."
)
READ = (
    "Look at one region that `search` or `ask` pointed at: its part of the picture, with what is written there, its"
    " label and its box. Use it to see for yourself before you rely on a result."
)
LIST = "What the library has: number of files, kinds, collections to search in, and what is seen most often."


def build_mcp(
    hands: McpTools,
    caller: Caller,
    *,
    lifespan: Callable[["MCPServer[Any]"], AbstractAsyncContextManager[Any]] | None = None,
) -> "MCPServer[Any]":
    """A server with four tools for this caller. An error that a user can fix is a tool error that says how.

    MissingPackage if the package `mcp` is absent.
    """
    try:
        from mcp.server.mcpserver import MCPServer
    except ImportError as error:
        raise MissingPackage("mcp", needed_for="the server for agents") from error
    server = MCPServer(
        "deepseek-mm",
        title="DeepSeek-MM",
        instructions=INSTRUCTIONS,
        version=str(import_module("deepseek_mm").__version__),
        log_level="WARNING",
        lifespan=lifespan,
    )
    add_questions(server, hands, caller)
    add_looks(server, hands, caller)
    return server


def add_questions(server: "MCPServer[Any]", hands: McpTools, caller: Caller) -> None:
    """search and ask."""
    from mcp.types import ToolAnnotations

    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    named = "a data URL (data:image/jpeg;base64,...)" + (", or a file's path on this machine" if caller.local else "")

    @server.tool(description=SEARCH, annotations=reads)
    async def search(
        words: Annotated[str, Field(description="what to look for, such as: two children playing")] = "",
        picture: Annotated[str, Field(description=f"what it should resemble: {named}")] = "",
        limit: Annotated[int, Field(description="files at most, 1 to 50")] = 5,
        collection: Annotated[str, Field(description="look only in this one; see list_collections")] = "",
    ) -> SearchResults:
        return await run_in_thread(partial(hands.search, caller, words, picture, limit, collection))

    @server.tool(description=ASK)
    async def ask(
        question: Annotated[str, Field(description="in English, such as: Which photos show a dog?")],
        pictures: Annotated[list[str], Field(description=f"what it is about, else the library: {named}")] = [],  # noqa: B006
        conversation: Annotated[int | None, Field(description="of an earlier answer that this goes on from")] = None,
    ) -> AnswerResult:
        stop = Event()
        return await run_in_thread(partial(hands.ask, caller, question, pictures, conversation, stop), stop)


def add_looks(server: "MCPServer[Any]", hands: McpTools, caller: Caller) -> None:
    """read_region and list_collections."""
    from mcp.types import ImageContent, TextContent, ToolAnnotations

    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @server.tool(description=READ, annotations=reads, structured_output=False)
    async def read_region(
        region: Annotated[str, Field(description="the field `region` of a result or citation, such as 12.57")],
    ) -> list[ImageContent | TextContent]:
        place, data = await run_in_thread(partial(hands.read_region, caller, region))
        told = TextContent(type="text", text=json.dumps(place.model_dump(exclude={"score"})))
        if not data:
            return [told]
        return [ImageContent(type="image", data=base64.b64encode(data).decode(), mime_type="image/jpeg"), told]

    @server.tool(description=LIST, annotations=reads)
    async def list_collections() -> LibrarySummary:
        return await run_in_thread(partial(hands.list_collections, caller))


async def run_in_thread(work: Callable[[], Result], stop: Event | None = None) -> Result:
    """Do it in a thread. Whoever takes the call back sets `stop`; what a user can fix becomes a ToolError."""
    from mcp.server.mcpserver.exceptions import ToolError

    try:
        return await run_sync(work, abandon_on_cancel=True)
    except get_cancelled_exc_class():
        if stop is not None:
            stop.set()
        raise
    except (DeepSeekMMError, IndexProblem) as error:
        raise ToolError(str(error)) from error
