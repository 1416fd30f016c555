"""Start the page:  python app.py [--host H] [--port N] [--data DIR] [--set name=value]

One library, one server: the lock is taken first, then the port, so that what is wrong is said before minutes are spent.
Then the models are opened, at the first start the bundled photos are indexed, and the page is served until Ctrl-C.
"""

import fcntl
import logging
import os
import shutil
import signal
import socket
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import uvicorn
from fastapi import FastAPI

from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.errors import CannotListen, DeepSeekMMError, LibraryError
from deepseek_mm.records import Answer
from deepseek_mm.settings import split_flags
from deepseek_mm.settings_file import SettingsFile
from index import IndexProblem
from ui import Guard, Running, add_page

if TYPE_CHECKING:
    from deepseek_mm.rag.assistant import Assistant

PHOTOS = Path(__file__).parent / "examples" / "photos"  # indexed at the first start
TIDY_S = 300.0  # between two rounds of letting go what was deleted
STOP_S = 1.0  # how long answers under way may take to stop
KEPT = "pictures"  # folder of DATA/page that stays: small copies, named after what they show
LOOPBACK = ("127.0.0.1", "localhost", "::1")
DONE = "done"  # what DATA/first-start says when the bundled photos were taken in
PLAIN = {"HOST": "serve.host", "PORT": "serve.port", "DATA": "data"}  # environment variable and flag -> setting
Load = Callable[[Config], "Assistant"]


def main(argv: Sequence[str] | None = None, *, load: Load | None = None) -> int:
    """Serve until told to stop. Exit code 0 after that, 2 when the user has to do something first."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        file = settings_file(argv)
        config = file.read().config
        with locked(config.data), listening(config.serve) as sock, closing((load or prepare)(config)) as assistant:
            serve(assistant, sock, file)
    except (DeepSeekMMError, IndexProblem) as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("stopped")
    return 0


def read_config(argv: Sequence[str] | None) -> Config:
    """Settings from the library's file, the environment and the flags, the later before the earlier."""
    return settings_file(argv).read().config


def settings_file(argv: Sequence[str] | None) -> SettingsFile:
    """Where the settings lie, and the flags and variables that win over it."""
    parser = ArgumentParser(prog="app.py", description="Serve the page.", epilog="example: python app.py --port 8000")
    for name in PLAIN:
        parser.add_argument(f"--{name.lower()}", dest=name, default=os.environ.get(name), help=f"or {name}=...")
    parser.add_argument("--set", metavar="NAME=VALUE", dest="pairs", action="append", default=[], help="any setting")
    args = parser.parse_args(argv)
    flags = {setting: vars(args)[name] for name, setting in PLAIN.items() if vars(args)[name]}
    return SettingsFile(split_flags(args.pairs) | flags, environ=os.environ, cwd=Path.cwd())


def prepare(config: Config) -> "Assistant":
    """The real Assistant, its library filled at the first start."""
    from deepseek_mm.load import load  # brings torch: what is wrong with settings, lock or port is said without it

    assistant = load(config, progress=say)
    assistant.library.start()
    fill(assistant, PHOTOS)
    return assistant


def fill(assistant: "Assistant", photos: Path) -> None:
    """Index the bundled photos into a new library, or go on where an earlier first start was cut off."""
    from deepseek_mm.jobs import Job, follow

    note = assistant.config.data / "first-start"
    before = note.read_text() if note.exists() else ""
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


def build_app(
    assistant: "Assistant", *, running: Running[Answer] | None = None, file: SettingsFile | None = None
) -> FastAPI:
    """The page at /, and what is served at /health."""
    app = FastAPI(title="DeepSeek-MM", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "ok", **assistant.about()}

    file = file or SettingsFile.of(assistant.config)
    cache = assistant.config.data.absolute() / "page"
    add_page(app, assistant, running=running or Running(), cache=cache, file=file, photos=PHOTOS)
    app.add_middleware(Guard)
    return app


def serve(assistant: "Assistant", sock: socket.socket, file: SettingsFile) -> None:
    """Answer requests on `sock` until a signal comes; then stop every answer, so that its text is kept as stopped."""
    tidy(assistant.config.data / "page")
    running: Running[Answer] = Running()
    app = build_app(assistant, running=running, file=file)
    host, port = sock.getsockname()[:2]
    if assistant.config.serve.host not in LOOPBACK:
        say(f"warning: no login yet: everyone who reaches {host}:{port} can ask and read. HOST=127.0.0.1 is private")
    say(f"ready: http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}  (Ctrl-C ends it)")
    server = Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=0))
    server.running = running
    ended = threading.Event()
    threading.Thread(target=tidy_now_and_then, args=(assistant, ended), name="tidy", daemon=True).start()
    try:
        server.run(sockets=[sock])
    finally:
        ended.set()
        running.stop_all(wait_s=STOP_S)


def tidy_now_and_then(assistant: "Assistant", ended: threading.Event, *, every_s: float = TIDY_S) -> None:
    """Let go of what cannot be undone any more, as long as the page is served."""
    while not ended.wait(every_s):
        try:
            assistant.tidy()
        except Exception:  # what could not be tidied now is tried again
            logging.getLogger(__name__).exception("could not tidy the library")


def tidy(cache: Path) -> None:
    """Remove what pages of an earlier run had cached, but for the small copies of pictures."""
    for path in cache.glob("*"):
        if path.name != KEPT:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


class Server(uvicorn.Server):
    """Uvicorn, which also stops the answers under way as soon as it is told to end."""

    running: Running[Answer]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop them in a thread: this signal may have interrupted whoever holds their lock.

        Every open page holds a stream that never ends. These are cut, and not reported as the errors they look like.
        """
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        threading.Thread(target=self.running.stop_all, daemon=True).start()
        super().handle_exit(sig, frame)


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the library for this process. LibraryError names the process that has it, or why it cannot be used."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = (data / "lock").open("a+")
    except OSError as error:
        raise LibraryError(
            f"cannot use the library {data}: {error.strerror}. Choose another with DATA=FOLDER"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise LibraryError(
                f"the library {data} is served by process {file.read().strip() or 'unknown'} already. "
                "End that one, or serve another library with DATA=FOLDER"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@contextmanager
def listening(serve: ServeConfig) -> Iterator[socket.socket]:
    """A listening socket: browsers that come early wait. CannotListen says who holds the port, if that can be seen."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(serve.host, serve.port, type=socket.SOCK_STREAM)[0]
        sock = socket.create_server(address[:2], family=family)
    except OSError as error:
        raise CannotListen(
            f"cannot listen at {serve.host}:{serve.port}{holder(serve.port)}: {error.strerror}. "
            "Choose another with PORT=8000 (or HOST=127.0.0.1)"
        ) from error
    with sock:
        yield sock


def holder(port: int) -> str:
    """Who listens at the port: " (held by process 123, python app.py)", or nothing where /proc does not tell."""
    lines = [line.split() for table in ("tcp", "tcp6") for line in _lines(Path("/proc/net") / table)[1:]]
    inodes = {f"socket:[{w[9]}]" for w in lines if int(w[1].rsplit(":", 1)[1], 16) == port and w[3] == "0A"}
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        try:
            if os.readlink(link) in inodes:
                words = (link.parent.parent / "cmdline").read_bytes().decode(errors="replace").split("\0")
                return f" (held by process {link.parts[2]}, {' '.join(words).strip()[:80]})"
        except OSError:  # gone, or not ours to see
            continue
    return ""


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # not Linux
        return []


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
