"""`mcp`: the library as tools for an agent, over standard input and output.

Standard output carries the protocol and nothing else, progress goes to standard error. The agent is answered at once,
and its first call waits for the models.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from deepseek_mm.config import Config
from deepseek_mm.terminal import OK, Command, Desk, add_settings, config_of

if TYPE_CHECKING:
    from deepseek_mm.services.answer_service import AnswerService


class LateAnswers:
    """The service that answers, whose Assistant is opened while the protocol is already spoken."""

    def __init__(self, desk: Desk, config: Config) -> None:
        self._desk, self._config = desk, config
        self._coming: Future[AnswerService] = Future()

    def __call__(self) -> "AnswerService":
        """The service, when it is there. Raises what opening it raised, every time."""
        return self._coming.result()

    @asynccontextmanager
    async def living(self, server: Any) -> AsyncIterator[None]:
        """Open it at the beginning and close it at the end."""
        with ExitStack() as stack, ThreadPoolExecutor(1, "opening") as worker:
            worker.submit(self._open, stack)
            yield

    def _open(self, stack: ExitStack) -> None:
        from deepseek_mm.services.answer_service import AnswerService

        try:
            answers = AnswerService.of(stack.enter_context(self._desk.assistant(self._config)))
            stack.callback(answers.engine.close)
            self._coming.set_result(answers)
        except BaseException as error:  # noqa: BLE001  whoever waits for it must hear of it
            self._coming.set_exception(error)


def run(args: Namespace, desk: Desk) -> int:
    """Until the agent closes the line."""
    from deepseek_mm.accounts.permissions import COMMAND_LINE
    from deepseek_mm.api.mcp_server import McpTools, build_mcp
    from deepseek_mm.api.request_pictures import PictureDecoder

    config = config_of(args, desk)
    late = LateAnswers(desk, config)
    hands = McpTools(open_answers=late, pictures=PictureDecoder(config.serve, config.parse))
    desk.note("deepseek-mm: an agent is served over standard input and output; Ctrl-C ends it")
    build_mcp(hands, COMMAND_LINE, lifespan=late.living).run("stdio")
    return OK


def add(parser: ArgumentParser) -> None:
    """The words of `mcp`."""
    add_settings(parser)


COMMAND = Command(
    name="mcp",
    help="offer search, ask and read_region to an agent, over standard input and output",
    example="python -m deepseek_mm mcp --data library",
    add=add,
    run=run,
)
