"""`serve`, `worker`, `mcp` and `keys`: the API for other programs, a process that does a library's long work, the
library as tools for an agent, and who may come in.

The page with the API is started by `make run`.

Standard output of `mcp` carries the protocol and nothing else, progress goes to standard error. The agent is answered
at once, and its first call waits for the models. Keys are listed, made and removed also while the server runs.
"""

import os
import signal
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

from deepseek_mm.cli.words import Subcommand, choose_subcommand, describe_subcommands
from deepseek_mm.config import Config, LMConfig
from deepseek_mm.settings import TOKEN_VARIABLE
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.terminal import MARK, OK, Command, Desk, add_settings, add_token, config_of, flags_of, settings_of

if TYPE_CHECKING:
    from deepseek_mm.accounts.keys import Key, KeyRing
    from deepseek_mm.services.answer_service import AnswerService


def run_serve(args: Namespace, desk: Desk) -> int:
    """Until Ctrl-C. The lock comes first, then the port, so that what is wrong is said before models are opened."""
    from deepseek_mm.accounts.shared_access import open_key_ring
    from deepseek_mm.api.app import build_api
    from deepseek_mm.api.credentials import choose_token
    from deepseek_mm.api.local_server import announce_server
    from deepseek_mm.api.server import (
        lock_library,
        open_accounts,
        open_keys,
        open_socket,
        run_api,
    )
    from deepseek_mm.read_only import writable_home

    signal.signal(signal.SIGTERM, _interrupt)
    settings = settings_of(args, desk)
    config, is_shared = settings.config, bool(settings.config.storage.url)
    token = choose_token(args.token, desk.environ, config.serve, config.accounts)
    os.environ.pop(TOKEN_VARIABLE, None)  # no program that is started here inherits it
    file = SettingsFile(flags_of(args), environ=desk.environ, cwd=desk.cwd)
    with (
        writable_home(config.data) as home,
        lock_library(home, is_shared=is_shared),
        open_socket(config.serve, is_shared=is_shared) as sock,
        ExitStack() as stack,
    ):
        own_token = stack.enter_context(announce_server(home, sock, config))
        assistant = stack.enter_context(desk.assistant(replace(config, data=home), saved=settings.saved_names))
        assistant.library.start()
        accounts = stack.enter_context(open_accounts(assistant.config, desk.say))
        ring = stack.enter_context(open_key_ring(assistant.config))
        keys = open_keys(assistant.config, desk.say, accounts, ring)
        api = build_api(assistant, file, accounts=accounts, keys=keys)
        note = "the API is described at /docs; Ctrl-C ends it"
        tokens = (token, own_token)
        run_api(api, sock, say=desk.say, note=note, hush=api.tasks.stop, tokens=tokens)
    return OK


def add_serve(parser: ArgumentParser) -> None:
    """The words of `serve`."""
    add_settings(parser)
    add_token(parser)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


SERVE = Command(
    name="serve",
    help="serve the API without the page: tasks, questions, searches, the library, OpenAI's endpoints",
    example="python -m deepseek_mm serve --set serve.port=8000",
    add=add_serve,
    run=run_serve,
)


def run_worker(args: Namespace, desk: Desk) -> int:
    """Until Ctrl-C or SIGTERM; what is in hand then is let go, and others go on with it."""
    from deepseek_mm.library.library_worker import LibraryWorker  # here, because help must not wait for SQLAlchemy

    signal.signal(signal.SIGTERM, _interrupt)
    config = replace(config_of(args, desk), lm=LMConfig(name="none"))
    queues = [name.strip() for name in args.queues.split(",") if name.strip()]
    worker = LibraryWorker.of(config, queues, name=args.name)
    admitted: list[LibraryWorker] = []
    assistant = desk.load(config, desk.note, admit=lambda space: admitted.append(worker.admit(space)))
    with closing(assistant), admitted[0].working(assistant.library):
        me = admitted[0].me
        desk.say(f"{me.name} does the work of the queues {', '.join(me.queues)}; Ctrl-C ends it, others go on then")
        admitted[0].watch(threading.Event(), desk.say)
    return OK


def add_worker(parser: ArgumentParser) -> None:
    """The words of `worker`."""
    parser.add_argument(
        "--queues",
        metavar="LIST",
        default="gpu,cpu",
        help="what it does, with commas between: gpu (takes files in, reads and describes), cpu (faces, duplicates, "
        "sidecars); both if left out",
    )
    parser.add_argument("--url", metavar="URL", dest=f"{MARK}storage.url", help="postgresql://USER@HOST/DATABASE")
    parser.add_argument("--name", metavar="NAME", default="", help="what doctor calls it; else the machine's name")
    add_settings(parser)


WORKER = Command(
    name="worker",
    help="do the long work of a library on a server, on this machine, without a page",
    example="python -m deepseek_mm worker --queues cpu,gpu --url postgresql://anna@db.home:5432/library",
    add=add_worker,
    run=run_worker,
)


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


def run_mcp(args: Namespace, desk: Desk) -> int:
    """Until the agent closes the line."""
    from deepseek_mm.accounts.permissions import COMMAND_LINE
    from deepseek_mm.api.agents.mcp_server import build_mcp
    from deepseek_mm.api.agents.mcp_tools import McpTools
    from deepseek_mm.api.request_pictures import PictureDecoder

    config = config_of(args, desk)
    late = LateAnswers(desk, config)
    tools = McpTools(open_answers=late, pictures=PictureDecoder(config.serve, config.parse))
    desk.note("deepseek-mm: an agent is served over standard input and output; Ctrl-C ends it")
    build_mcp(tools, COMMAND_LINE, lifespan=late.living).run("stdio")
    return OK


MCP = Command(
    name="mcp",
    help="offer search, ask, detect and more to an agent, over standard input and output",
    example="python -m deepseek_mm mcp --data library",
    add=add_settings,
    run=run_mcp,
)


def list_keys(keys: "KeyRing", args: Namespace, desk: Desk) -> int:
    """One key a line, oldest first; a key itself cannot be shown again."""
    found = [key_shape(key) for key in (keys.list_of(args.user) if args.user else keys.all())]
    if args.json:
        desk.give({"keys": found})
        return OK
    for row in found:
        ends = f"  until {row['ends_at'][:10]}" if "ends_at" in row else ""
        whose = "  a person's" if "user" in row else ""
        made_at = row["made_at"][:16].replace("T", " ")
        desk.say(f"{row['name']:<20}  {made_at}  {','.join(row['rights'])}{ends}{whose}")
    if not found:
        desk.note("no keys. Make one with: python -m deepseek_mm keys add NAME")
    return OK


def add_key(keys: "KeyRing", args: Namespace, desk: Desk) -> int:
    """The key, and nothing else, on stdout."""
    from deepseek_mm.accounts.permissions import USUAL

    rights = USUAL if args.rights is None else [right.strip() for right in args.rights.split(",") if right.strip()]
    secret = keys.add(args.name, rights, user=args.user, lasts_days=args.days)
    if args.json:
        desk.give({"name": args.name, "rights": list(rights), "key": secret})
    else:
        desk.say(secret)
    desk.note(f"this is the key {args.name!r} ({','.join(rights)}). It is shown this once: copy it now")
    return OK


def remove_key(keys: "KeyRing", args: Namespace, desk: Desk) -> int:
    """Nobody comes in with it from now on."""
    keys.remove(args.name, user=args.user)
    desk.say(f"the key {args.name!r} is removed")
    return OK


def key_shape(key: "Key") -> dict[str, Any]:
    """As a JSON object, without anything secret."""
    made_at = datetime.fromtimestamp(key.made_s, UTC).isoformat(timespec="seconds")
    more = {"user": key.user} if key.user else {}
    if key.ends_s is not None:
        more["ends_at"] = datetime.fromtimestamp(key.ends_s, UTC).isoformat(timespec="seconds")
    return {"name": key.name, "rights": sorted(key.rights), "made_at": made_at, **more}


KEY_WORDS = {
    "list": Subcommand(help="names and rights, oldest first", run=list_keys),
    "add": Subcommand(help="make a key, which is shown once", takes="NAME", run=add_key),
    "remove": Subcommand(help="let nobody in with it any more", takes="NAME", run=remove_key),
}


def run_keys(args: Namespace, desk: Desk) -> int:
    """BadQuestion when a word lacks its name, or has one too many."""
    from deepseek_mm.accounts.accounts import Accounts
    from deepseek_mm.accounts.shared_access import open_key_ring
    from deepseek_mm.database_places import place_of

    word = choose_subcommand("keys", args.word, KEY_WORDS, [args.name] if args.name else [])
    config = config_of(args, desk)
    if args.user:
        with closing(Accounts(place_of(config, "accounts"))) as accounts:
            args.user = accounts.find_by_name(args.user).id
    with open_key_ring(config) as keys:
        return word.run(keys, args, desk)


def add_keys(parser: ArgumentParser) -> None:
    """The words of `keys`."""
    parser.add_argument("word", metavar="WORD", choices=tuple(KEY_WORDS), help=describe_subcommands(KEY_WORDS))
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="what to call the key, such as: laptop")
    parser.add_argument(
        "--rights",
        metavar="LIST",
        help="what it may do, with commas between: ask,library,settings,page (these if left out), run",
    )
    parser.add_argument("--user", metavar="NAME", default="", help="of this person's account instead of the house's")
    parser.add_argument("--days", metavar="N", type=float, default=0, help="how long a new key lasts; else for ever")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


KEYS = Command(
    name="keys",
    help="make, list and remove the keys of those who use the server from elsewhere",
    example="python -m deepseek_mm keys add laptop --rights ask,page",
    add=add_keys,
    run=run_keys,
)

COMMANDS = (SERVE, WORKER, MCP, KEYS)
