"""`worker`: does the long work of a library on a server, from any machine that reaches it and sees its files."""

import signal
import threading
from argparse import ArgumentParser, Namespace
from contextlib import closing
from dataclasses import replace
from types import FrameType

from deepseek_mm.config import LMConfig
from deepseek_mm.terminal import MARK, OK, Command, Desk, add_settings, config_of


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


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


WORKER = Command(
    name="worker",
    help="do the long work of a library on a server, on this machine, without a page",
    example="python -m deepseek_mm worker --queues cpu,gpu --url postgresql://anna@db.home:5432/library",
    add=add_worker,
    run=run_worker,
)
COMMANDS = (WORKER,)
