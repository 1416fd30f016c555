"""`serve`: the API without the page, for other programs; the page with it is started by `make run`."""

import os
import signal
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from dataclasses import replace
from types import FrameType

from deepseek_mm.settings import TOKEN_VARIABLE
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.terminal import OK, Command, Desk, add_settings, add_token, flags_of, settings_of


def run(args: Namespace, desk: Desk) -> int:
    """Until Ctrl-C. The lock comes first, then the port, so that what is wrong is said before models are opened."""
    from deepseek_mm.api.app import build_api
    from deepseek_mm.api.credentials import choose_token
    from deepseek_mm.api.local_server import announce_server
    from deepseek_mm.api.server import lock_library, open_socket, run_api
    from deepseek_mm.read_only import writable_home

    signal.signal(signal.SIGTERM, _interrupt)
    settings = settings_of(args, desk)
    config = settings.config
    token = choose_token(args.token, desk.environ, config.serve)
    os.environ.pop(TOKEN_VARIABLE, None)  # no program that is started here inherits it
    file = SettingsFile(flags_of(args), environ=desk.environ, cwd=desk.cwd)
    with (
        writable_home(config.data) as home,
        lock_library(home),
        open_socket(config.serve) as sock,
        ExitStack() as stack,
    ):
        own_token = stack.enter_context(announce_server(home, sock, config))
        assistant = stack.enter_context(desk.assistant(replace(config, data=home), saved=settings.saved_names))
        assistant.library.start()
        api = build_api(assistant, file)
        note = "the API is described at /docs; Ctrl-C ends it"
        run_api(api, sock, say=desk.say, note=note, hush=api.tasks.stop, tokens=(token, own_token))
    return OK


def add(parser: ArgumentParser) -> None:
    """The words of `serve`."""
    add_settings(parser)
    add_token(parser)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


COMMAND = Command(
    name="serve",
    help="serve the API without the page: tasks, questions, searches, the library, OpenAI's endpoints",
    example="python -m deepseek_mm serve --set serve.port=8000",
    add=add,
    run=run,
)
