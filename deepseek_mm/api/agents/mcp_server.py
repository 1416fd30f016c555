"""The Model Context Protocol: the same tools, resources and prompts over standard streams and over HTTP.

Over HTTP every request stands for itself (no sessions), so that a key which was removed is out with the next one; each
is answered by a server of its own, made for its caller in some milliseconds. The door in front of the app has looked
at key, Host and Origin by then, by the names that the settings allow.
"""

import json
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from threading import Event, Lock
from typing import Annotated, Any, TypeVar

import anyio
from anyio import get_cancelled_exc_class
from anyio.to_thread import run_sync
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    GetPromptResult,
    ImageContent,
    InputRequiredResult,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import Field
from starlette.responses import Response
from starlette.types import Message, Receive, Scope

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.agents.code_tools import CodePlaces, CodeTools, ReviewedCode
from deepseek_mm.api.agents.mcp_tools import AnswerResult, LibrarySummary, McpTools, RegionPlace, SearchResults
from deepseek_mm.api.agents.repository_tester import RepositoryTester, TestedRepository
from deepseek_mm.api.routes.grounding_routes import DetectedOut, PointedOut
from deepseek_mm.errors import DeepSeekMMError, NothingThere
from index import IndexProblem

Result = TypeVar("Result")
Lifespan = Callable[["MCPServer[Any]"], AbstractAsyncContextManager[Any]]
INSTRUCTIONS = (
    "A library of the user's own photos, documents and code on this machine. Use `search` to find files, `ask` for a"
    " question that is to be answered from them, `read_region` to look at what a result points at, `detect` and `point`"
    " for the places of things in one picture. Answers cite what they rest on; say so when `found` is false instead of"
    " guessing."
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
DETECT = (
    "Boxes around things in one picture, named in free words: how probable each thing is there, and where. Without"
    " things: whatever is seen. Boxes are left, top, right, bottom in pixels of the upright picture."
)
POINT = "The same as points: one in the middle of each place of a thing, for whoever wants to count or click."
SYMBOL = (
    "Where a function, method, class or module of the library's code is defined: path, lines, signature, docstring,"
    " what it calls, and its text. An unknown name is answered with the nearest ones."
)
CALLS = (
    "Which pieces of the library's code call what has this name, with their text and how sure each is: certain by scope"
    " and types, likely by types that were inferred, or told by the name alone."
)
CONTEXT = (
    "What to read of the library's code before changing it for a task: a map of the signatures that matter most, then"
    " the bodies of the nearest functions, within a number of tokens."
)
REVIEW = (
    "Mistakes in files of Python that syntax alone shows: a loop that is off by one, a list that is changed while it is"
    " gone through, a default that calls share, and risks such as a mean of nothing. Finding nothing proves nothing."
)
TESTS = (
    "Run the tests of a repository that the library holds, all or some, by pytest in a sandbox without a network, over"
    " a copy of its files: nothing is changed. Tells what passed, and the end of each traceback of what failed."
)
REGION_URI = "deepseek-mm://regions/{region}"
LIBRARY_URI = "deepseek-mm://library"
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
PROMPTS = {
    "find_photos": "Find photos of {what} in my library with `search`. Look at the best ones with `read_region` before"
    " you name them, leave out what does not show it, and give each file's name with why it fits.",
    "check_statement": "Is this true, by my own photos and documents: {statement} Ask the library with `ask`, look at"
    " what it cites with `read_region`, and say what speaks for it and against it. Say so if nothing is there.",
    "describe_collection": "What is in the collection {collection} of my library? Take `list_collections` and some"
    " searches in it, look at a few regions, and tell it in a short paragraph with file names.",
}
BUILDING = Lock()


@dataclass(kw_only=True, slots=True)
class CollectedReply:
    """What the protocol answers to one request: one body, since it answers in JSON."""

    status: int = 0  # of HTTP; 0 while nothing was said
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def send(self, message: Message) -> None:
        """As ASGI sends it."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def as_response(self) -> Response:
        """The same for the app."""
        answer = Response(self.body, self.status)
        answer.raw_headers = self.headers
        return answer


class StrictServer(MCPServer[Any]):
    """A server that passes over nothing: a name that it does not know is refused, with the nearest that it does."""

    async def list_tools(self) -> list[Tool]:
        """The tools, whose schemas say that other arguments are refused."""
        tools = await super().list_tools()
        for tool in tools:
            tool.input_schema["additionalProperties"] = False
        return tools

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """What the tool gives. ToolError for a tool, or an argument, that there is not."""
        known = {tool.name: tool.input_schema for tool in await self.list_tools()}
        if name not in known:
            raise ToolError(name_nearest(f"there is no tool {name[:60]!r}", name, list(known)))
        if wrong := unknown_argument(f"the tool {name}", arguments, list(known[name].get("properties", {}))):
            raise ToolError(wrong)
        return await super().call_tool(name, arguments, context)

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """The prompt. MCPError for one, or an argument, that there is not."""
        known = {prompt.name: prompt.arguments or [] for prompt in await self.list_prompts()}
        if name not in known:
            raise MCPError(INVALID_PARAMS, name_nearest(f"there is no prompt {name[:60]!r}", name, list(known)))
        names = [argument.name for argument in known[name]]
        if wrong := unknown_argument(f"the prompt {name}", arguments or {}, names):
            raise MCPError(INVALID_PARAMS, wrong)
        return await super().get_prompt(name, arguments, context)

    async def answer_request(self, scope: Scope, body: bytes) -> Response:
        """The answer to one request over HTTP, whose body has been read. Whoever cancels this takes the call back.

        Host and Origin were checked at the door, which knows the names that the settings allow; sizes were, too.
        """
        self.streamable_http_app(
            json_response=True,
            stateless_http=True,
            max_request_body_size=max(1, len(body)),
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        reply = CollectedReply()
        async with self.session_manager.run():
            await self.session_manager.handle_request(scope, give_body(body), reply.send)
        return reply.as_response()


def unknown_argument(of: str, arguments: Mapping[str, Any], known: Sequence[str]) -> str:
    """What to say of the first argument that is not known; empty where all are."""
    wrong = next((name for name in arguments if name not in known), None)
    return "" if wrong is None else name_nearest(f"{of} takes no {wrong[:60]!r}", wrong, known)


def name_nearest(said: str, name: str, known: Sequence[str]) -> str:
    """A sentence with the nearest name that there is, or with all of them."""
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return f"{said}. Did you mean {close[0]}?" if close else f"{said}. Use: {', '.join(known) or 'none'}"


def build_mcp(tools: McpTools, caller: Caller, *, lifespan: Lifespan | None = None) -> StrictServer:
    """A server for this caller. An error that a user can fix is an error of the protocol that says how."""
    with keep_root_logger():
        server = StrictServer(
            "deepseek-mm",
            title="DeepSeek-MM",
            instructions=INSTRUCTIONS,
            version=str(import_module("deepseek_mm").__version__),
            log_level="WARNING",
            lifespan=lifespan,
        )
    add_questions(server, tools, caller)
    add_places(server, tools, caller)
    add_looks(server, tools, caller)
    add_code(server, CodeTools(open_assistant=lambda: tools.open_answers().engine.assistant), caller)
    add_tests(server, RepositoryTester(open_assistant=lambda: tools.open_answers().engine.assistant), caller)
    add_resources(server, tools, caller)
    add_prompts(server)
    return server


@contextmanager
def keep_root_logger() -> Iterator[None]:
    """Whoever makes an MCPServer gets a handler at the root of all loggers, which would print lines of ours twice."""
    root = logging.getLogger()
    with BUILDING:
        before, level = list(root.handlers), root.level
        try:
            yield
        finally:
            root.handlers[:] = before
            root.setLevel(level)


def say_picture(caller: Caller) -> str:
    """How a picture is named."""
    own = ", or a file's path on this machine" if caller.local else ", or the path of a file below serve.roots"
    return f"a data URL (data:image/jpeg;base64,...){own}"


def add_questions(server: StrictServer, tools: McpTools, caller: Caller) -> None:
    """search and ask."""
    named = say_picture(caller)

    @server.tool(description=SEARCH, annotations=READS)
    async def search(
        words: Annotated[str, Field(description="what to look for, such as: two children playing")] = "",
        picture: Annotated[str, Field(description=f"what it should resemble: {named}")] = "",
        limit: Annotated[int, Field(description="files at most, 1 to 50")] = 5,
        collection: Annotated[str, Field(description="look only in this one; see list_collections")] = "",
    ) -> SearchResults:
        return await run_in_thread(partial(tools.search, caller, words, picture, limit, collection))

    @server.tool(description=ASK)
    async def ask(
        question: Annotated[str, Field(description="such as: Which photos show a dog?")],
        pictures: Annotated[list[str], Field(description=f"what it is about, else the library: {named}")] = [],  # noqa: B006
        conversation: Annotated[int | None, Field(description="of an earlier answer that this goes on from")] = None,
    ) -> AnswerResult:
        stop = Event()
        return await run_in_thread(partial(tools.ask, caller, question, pictures, conversation, stop), stop)


def add_places(server: StrictServer, tools: McpTools, caller: Caller) -> None:
    """detect and point."""
    picture_in = f"{say_picture(caller)}; instead of region"
    region_in = "look in the file of this region, as search and ask give it; instead of picture"

    @server.tool(description=DETECT, annotations=READS)
    async def detect(
        things: Annotated[list[str], Field(description="such as: red kite; at most 20")] = [],  # noqa: B006
        picture: Annotated[str, Field(description=picture_in)] = "",
        region: Annotated[str, Field(description=region_in)] = "",
    ) -> DetectedOut:
        return await run_in_thread(partial(tools.detect, caller, things, picture, region))

    @server.tool(description=POINT, annotations=READS)
    async def point(
        things: Annotated[list[str], Field(description="such as: red kite; at most 20")],
        picture: Annotated[str, Field(description=picture_in)] = "",
        region: Annotated[str, Field(description=region_in)] = "",
    ) -> PointedOut:
        return await run_in_thread(partial(tools.point, caller, things, picture, region))


def add_looks(server: StrictServer, tools: McpTools, caller: Caller) -> None:
    """read_region and list_collections."""

    @server.tool(description=READ, annotations=READS, structured_output=False)
    async def read_region(
        region: Annotated[str, Field(description="the field `region` of a result or citation, such as 12.57")],
    ) -> list[ImageContent | TextContent]:
        place, data = await run_in_thread(partial(tools.read_region, caller, region))
        told = TextContent(type="text", text=json.dumps(place.model_dump(exclude={"score"})))
        if not data:
            return [told]
        return [ImageContent(type="image", data=b64encode(data).decode(), mime_type="image/jpeg"), told]

    @server.tool(description=LIST, annotations=READS)
    async def list_collections() -> LibrarySummary:
        return await run_in_thread(partial(tools.list_collections, caller))


def add_code(server: StrictServer, tools: CodeTools, caller: Caller) -> None:
    """find_symbol, who_calls, context and review_code."""

    @server.tool(description=SYMBOL, annotations=READS)
    async def find_symbol(
        name: Annotated[str, Field(description="such as: Order.total, or total")],
    ) -> CodePlaces:
        return await run_in_thread(partial(tools.find_symbol, caller, name))

    @server.tool(description=CALLS, annotations=READS)
    async def who_calls(
        name: Annotated[str, Field(description="such as: Order.total, or total for all that are called so")],
    ) -> CodePlaces:
        return await run_in_thread(partial(tools.who_calls, caller, name))

    @server.tool(description=CONTEXT, annotations=READS, structured_output=False)
    async def context(
        task: Annotated[str, Field(description="such as: retry a mail three times before giving up")],
        tokens: Annotated[int, Field(description="at most, 100 to 32000")] = 2000,
    ) -> str:
        return await run_in_thread(partial(tools.give_context, caller, task, tokens))

    @server.tool(description=REVIEW, annotations=READS)
    async def review_code(
        file: Annotated[str, Field(description="a file, a folder or a pattern: orders.py, shop/, test_*.py")],
    ) -> ReviewedCode:
        return await run_in_thread(partial(tools.review_code, caller, file))


def add_tests(server: StrictServer, tester: RepositoryTester, caller: Caller) -> None:
    """run_tests."""

    @server.tool(description=TESTS, annotations=READS)
    async def run_tests(
        file: Annotated[str, Field(description="any file of the repository, such as: orders.py; may be left out")] = "",
        tests: Annotated[
            list[str], Field(description="such as: tests/test_a.py::test_b, tests/, or test_b; without any all")
        ] = [],  # noqa: B006
    ) -> TestedRepository:
        stop = Event()
        return await run_in_thread(partial(tester.run_tests, caller, file, tests, stop), stop)


def add_resources(server: StrictServer, tools: McpTools, caller: Caller) -> None:
    """The library as a whole, each region with what is known of it, and its part of the picture."""

    @server.resource(LIBRARY_URI, title="The library", description=LIST, mime_type="application/json")
    async def library() -> str:
        told = await run_in_thread(partial(tools.list_collections, caller), fail=ResourceError)
        return told.model_dump_json()

    @server.resource(REGION_URI, title="A region", description=READ, mime_type="application/json")
    async def region(region: str) -> str:
        place, _ = await read(region)
        return place.model_dump_json(exclude={"score"})

    @server.resource(f"{REGION_URI}/picture", title="A region's picture", description=READ, mime_type="image/jpeg")
    async def region_picture(region: str) -> bytes:
        _, data = await read(region)
        if not data:
            raise ResourceNotFoundError(f"the region {region} has no picture. Read deepseek-mm://regions/{region}")
        return data

    async def read(name: str) -> tuple[RegionPlace, bytes]:
        return await run_in_thread(partial(tools.read_region, caller, name), fail=ResourceError)


def add_prompts(server: StrictServer) -> None:
    """What a person may have an agent do, in a few words."""

    @server.prompt(title="Find photos", description="Find photos of something, and look at them before naming them")
    def find_photos(what: Annotated[str, Field(description="such as: a dog on a beach")]) -> str:
        return PROMPTS["find_photos"].format(what=what)

    @server.prompt(title="Check a statement", description="Hold a statement against the library's evidence")
    def check_statement(statement: Annotated[str, Field(description="such as: we were in Pisa in 2019")]) -> str:
        return PROMPTS["check_statement"].format(statement=statement)

    @server.prompt(title="Describe a collection", description="Tell in short what a collection holds")
    def describe_collection(collection: Annotated[str, Field(description="its name")]) -> str:
        return PROMPTS["describe_collection"].format(collection=collection)


async def run_in_thread(
    work: Callable[[], Result], stop: Event | None = None, *, fail: type[ToolError | ResourceError] = ToolError
) -> Result:
    """Do it in a thread. Whoever takes the call back sets `stop`; what a user can fix becomes the error `fail`."""
    try:
        return await run_sync(work, abandon_on_cancel=True)
    except get_cancelled_exc_class():
        if stop is not None:
            stop.set()
        raise
    except (DeepSeekMMError, IndexProblem) as error:
        gone = fail is ResourceError and isinstance(error, NothingThere)
        raise (ResourceNotFoundError if gone else fail)(str(error)) from error


def give_body(body: bytes) -> Receive:
    """The body at once, then nothing more: whoever serves the request listens for its caller's leaving."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        message = next(messages, None)
        if message is None:
            await anyio.sleep_forever()
        assert message is not None, "nobody comes here without one"
        return message

    return receive
