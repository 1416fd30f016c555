"""Start the page:  python app.py [--host H] [--port N] [--data DIR] [--token] [--set name=value]

One library, one server: the lock is taken first, then the port, so that what is wrong is said before minutes are spent.
Then the models are opened, at the first start the bundled photos are indexed, and the page is served until Ctrl-C.
"""

import os
import shutil
import signal
import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported: see deepseek_mm/threads.py

from starlette.middleware import Middleware

from deepseek_mm.accounts.shared_access import open_key_ring
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.credentials import choose_token
from deepseek_mm.api.lifecycle import StartupApp
from deepseek_mm.api.limits import RequestLimiter
from deepseek_mm.api.local_server import announce_server
from deepseek_mm.api.logs import configure_logging
from deepseek_mm.api.server import (
    build_server,
    format_address,
    keep_tidy,
    lock_library,
    open_accounts,
    open_keys,
    open_socket,
    token_suffix,
)
from deepseek_mm.bundled_files import find_bundled
from deepseek_mm.config import Config, Notice
from deepseek_mm.errors import CannotListen, DeepSeekMMError
from deepseek_mm.read_only import writable_home
from deepseek_mm.runtime.memory_tuning import give_back, keep_for_good, share_pools
from deepseek_mm.settings import TOKEN_VARIABLE, Settings, split_flags
from deepseek_mm.settings_file import SettingsFile, with_defaults
from deepseek_mm.start_notices import keep_notices
from deepseek_mm.storage.files import read_lines
from deepseek_mm.terminal import PAGE_FLAGS, add_page
from index import IndexProblem

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from deepseek_mm.api.app import Api
    from deepseek_mm.assistant import Assistant

PHOTOS = find_bundled("examples/photos")  # indexed at the first start
KEPT = "pictures"  # folder of DATA/page that stays: small copies, named after what they show
DONE = "done"  # what DATA/first-start says when the bundled photos were taken in
Load = Callable[[Config], "Assistant"]


def main(argv: Sequence[str] | None = None, *, load: Load | None = None) -> int:
    """Serve until told to stop. Exit code 0 after that, 2 when the user has to do something first."""
    signal.signal(signal.SIGTERM, _interrupt)
    share_pools()
    try:
        file = settings_file(argv)
        settings = file.read()
        config = settings.config
        for notice in settings.notices:
            say(f"warning: {notice.text}")
        token = choose_token(parse_flags(argv).token, os.environ, config.serve, config.accounts)
        os.environ.pop(TOKEN_VARIABLE, None)  # no program that is started here inherits it
        opens = load or partial(prepare, saved=settings.saved_names)
        with ExitStack() as stack:
            home = stack.enter_context(writable_home(config.data))
            is_alone = stack.enter_context(lock_library(home, is_shared=bool(config.storage.url)))
            if is_alone:
                tidy(home / "page")
            sock, config, notices = listen(stack, settings)
            own_token = stack.enter_context(announce_server(home, sock, config))

            def open_assistant() -> "Assistant":
                assistant = opens(replace(config, data=home))
                assistant.add_notices(*settings.notices, *notices)
                keep_notices(home, assistant.notices)
                return assistant

            house = LibraryServer(open_assistant, replace(config, data=home), file, tokens=(token, own_token))
            house.serve(sock)
    except (DeepSeekMMError, IndexProblem) as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("stopped")
    return 0


def listen(stack: ExitStack, settings: Settings) -> tuple[socket.socket, Config, tuple[Notice, ...]]:
    """A listening socket, the settings that it was opened with, and what is to be told of them.

    What is saved and cannot be listened at gives way to its default. CannotListen where nothing of it is saved.
    """
    config = settings.config
    try:
        return stack.enter_context(open_socket(config.serve)), config, ()
    except CannotListen as error:
        names = sorted({"serve.host", "serve.port"} & settings.saved_names)
        plain = with_defaults(config, names)
        if plain == config:
            raise
        short = f"what is saved as {' and '.join(names)} cannot be listened at, so the default is used for this start"
        notice = Notice(short=short, text=f"{short}: {error}")
    say(f"warning: {notice.text}")
    return stack.enter_context(open_socket(plain.serve)), plain, (notice,)


def settings_file(argv: Sequence[str] | None) -> SettingsFile:
    """Where the settings lie, and the flags and variables that win over it."""
    args = parse_flags(argv)
    flags = {setting: vars(args)[name] for name, setting in PAGE_FLAGS.items() if vars(args)[name]}
    return SettingsFile(split_flags(args.pairs) | flags, environ=os.environ, cwd=Path.cwd())


def parse_flags(argv: Sequence[str] | None) -> Namespace:
    """What stands on the command line."""
    parser = ArgumentParser(prog="app.py", description="Serve the page.", epilog="example: python app.py --port 8000")
    add_page(parser)
    return parser.parse_args(argv)


def prepare(config: Config, *, saved: Collection[str] = ()) -> "Assistant":
    """The real Assistant, its library filled at the first start; see `deepseek_mm.factory` for `saved`."""
    from deepseek_mm.factory import load  # brings torch: what is wrong with settings, lock or port is said without it

    assistant = load(config, progress=say, saved=saved)
    assistant.library.start()
    fill(assistant, PHOTOS)
    return assistant


def fill(assistant: "Assistant", photos: Path) -> None:
    """Index the bundled photos into a new library, or go on where an earlier first start was cut off.

    Not where workers do that: they may see no such files, and nobody is to wait for one that has not come yet.
    """
    from deepseek_mm.jobs import Job, follow

    if assistant.config.storage.workers:
        return
    note = assistant.config.data / "first-start"
    before = "".join(read_lines(note))
    if before == DONE or (assistant.store.counts().sources and not before) or not photos.is_dir():
        return

    def progress(job: Job) -> None:
        left = f", about {job.seconds_left:.0f} s left" if job.seconds_left else ""
        say(f"indexing the bundled photos: {job.done} of {job.total or 'all'}{left}")

    note.write_text("begun")
    job = assistant.library.add(sorted(path for path in photos.iterdir() if path.suffix in (".jpg", ".png")))
    for now in follow(assistant.library.jobs, job.id):
        job = now
        progress(job)
    for failed in assistant.library.jobs.failures(job.id, limit=-1):
        say(f"left out {failed.reason}")
    if job.state == "done":
        note.write_text(DONE)  # a library that is emptied later stays empty


def build_app(assistant: "Assistant", *, file: SettingsFile | None = None) -> "Api":
    """The page at /, and the API beside it; what stands in front of both is `guard_app`."""
    from deepseek_mm.api.app import build_api

    api = build_api(assistant, file or SettingsFile.of(assistant.config), photos=PHOTOS)
    put_page(api)
    return api


def put_page(api: "Api") -> None:
    """Add the page to an API, which may already answer: what it answers through is made anew."""
    from ui import SecurityHeaders, add_page  # brings Gradio, seconds of imports

    add_page(api.app, api.services)
    api.app.user_middleware.insert(
        0, Middleware(SecurityHeaders)
    )  # as `add_middleware`, which refuses once a request has come
    api.app.middleware_stack = None  # made anew at the next request


class LibraryServer:
    """What is opened while the server already listens, and closed when it ends."""

    def __init__(
        self, opens: "Callable[[], Assistant]", config: Config, file: SettingsFile, *, tokens: tuple[str, str]
    ) -> None:
        """`tokens` as `run_api` says."""
        self._opens, self._config, self._file, self._tokens = opens, config, file, tokens
        self._stack, self._room = ExitStack(), RequestLimiter(config.serve.at_once)
        self._api: Api | None = None

    def serve(self, sock: socket.socket) -> None:
        """Answer until a signal comes; then stop every answer, so that its text is kept as stopped.

        Raises what opening raises.
        """
        opening = StartupApp(partial(self._open, sock), fail=lambda: setattr(server, "should_exit", True))
        server = build_server(opening, self._config.serve, hush=self.stop_all, room=self._room)
        with self._stack, configure_logging(self._config):
            server.run(sockets=[sock])
        if opening.error is not None:
            raise opening.error

    def stop_all(self) -> None:
        """Stop the answers under way, as soon as there can be some."""
        if self._api is not None:
            self._api.services.answers.engine.stop_pages()

    def _open(self, sock: socket.socket, early: "Callable[[ASGIApp], None]") -> "ASGIApp":
        """The models, then the page."""
        from deepseek_mm.api.app import build_api

        token = self._tokens[0]
        accounts = self._stack.enter_context(open_accounts(self._config, say))
        ring = self._stack.enter_context(open_key_ring(self._config))
        keys = open_keys(self._config, say, accounts, ring)
        assistant = self._stack.enter_context(closing(self._opens()))
        api = self._api = build_api(assistant, self._file, photos=PHOTOS, room=self._room, accounts=accounts, keys=keys)
        self._stack.enter_context(closing(api))
        api.start()
        app = guard_app(api.app, assistant.config, keys, accounts=accounts, tokens=self._tokens)
        early(app)
        api.warm_up()  # its answers come before the page, whose imports would slow both
        put_page(api)
        self._stack.enter_context(keep_tidy(api.tidy))
        keep_for_good()
        give_back()
        say(f"ready: {format_address(sock, self._config.serve)}{token_suffix(token)}  (Ctrl-C ends it)")
        return app


def tidy(cache: Path) -> None:
    """Remove what pages of an earlier run had cached, but for the small copies of pictures."""
    for path in cache.glob("*"):
        if path.name != KEPT:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def say(text: str) -> None:
    """One line for the person who started the page."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def leave(code: int) -> None:
    """End now: threads in the middle of a matrix product are not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
