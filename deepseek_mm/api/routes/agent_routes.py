"""/mcp: the library as tools for agents that speak the Model Context Protocol over HTTP, a request at a time."""

from typing import TYPE_CHECKING

import anyio
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.agents.mcp_tools import McpTools
from deepseek_mm.api.event_streams import stop_when_left
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Asker, OurServices, Pictures
from deepseek_mm.errors import NothingThere

if TYPE_CHECKING:
    from deepseek_mm.api.agents.mcp_server import StrictServer

router = APIRouter(tags=["agents"], responses=DECLARED)


@router.post("/mcp", include_in_schema=False)
async def talk(services: OurServices, pictures: Pictures, request: Request, caller: Asker) -> Response:
    """One message of the protocol and its answer. To take a call back, hang up.

    The protocol describes its tools itself, so the OpenAPI document leaves it out.
    """
    return await answer_agent(McpTools(open_answers=lambda: services.answers, pictures=pictures), caller, request)


async def answer_agent(tools: McpTools, caller: Caller, request: Request) -> Response:
    """The answer. NothingThere if the caller left before there was one."""
    body, server = await request.body(), await run_in_threadpool(open_server, tools, caller)
    answer: Response | None = None
    with anyio.CancelScope() as answering:
        async with stop_when_left(request, answering.cancel):
            answer = await server.answer_request(request.scope, body)
    if answer is None:
        raise NothingThere("the agent hung up before there was an answer. Call again")
    return answer


def open_server(tools: McpTools, caller: Caller) -> "StrictServer":
    """One for this caller; its package, which takes a second, is imported when the first agent comes."""
    from deepseek_mm.api.agents.mcp_server import build_mcp

    return build_mcp(tools, caller)
