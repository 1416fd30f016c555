"""What a command works with: streams, shared flags and their settings, the way to the models, progress of long work.

Exit codes: 0 done, 1 nothing found, an unhealthy installation or a warning of rules, 2 an error that the user can fix,
130 Ctrl-C. Commands of `cli` and of the laboratory share it; tests hand in other streams and models.
"""

import json
import os
import re
import shutil
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TextIO

from deepseek_mm.config import BASE_LM, EDGE_LM, OUR_LM, Config, EncoderConfig, LMConfig, cache_folder
from deepseek_mm.errors import JobFailed
from deepseek_mm.settings import Settings, split_flags, trace_settings

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant
    from deepseek_mm.embeddings.space import EmbeddingModel
    from deepseek_mm.jobs import Job
    from deepseek_mm.library import Library
    from deepseek_mm.lm import Generator


OK, NOTHING, USER_ERROR, STOPPED = 0, 1, 2, 130
OURS = ""  # the command line's session in the history; every browser has one of its own
Progress = Callable[[str], None]
UNSHOWN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")  # in a name, perhaps


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One word after `python -m deepseek_mm`."""

    name: str
    help: str
    example: str  # what the help ends with
    add: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, "Desk"], int]


def escape_letter(letter: re.Match[str]) -> str:
    """A letter that steers a terminal, or that none can show, as letters that do not."""
    return letter[0].encode("unicode_escape").decode("ascii")


def load_assistant(
    config: Config,
    progress: Progress,
    saved: Collection[str] = (),
    admit: Callable[["EmbeddingModel"], object] = id,
) -> "Assistant":
    """The real Assistant; imported here, because help must not wait for torch."""
    from deepseek_mm.factory import load

    return load(config, progress=progress, saved=saved, admit=admit)


def open_real_space(config: EncoderConfig) -> "EmbeddingModel":
    """The real space; imported here for the same reason."""
    from deepseek_mm.embeddings import open_space

    return open_space(config)


def open_real_lm(config: LMConfig, progress: Progress) -> "Generator":
    """The real language model; imported here for the same reason."""
    from deepseek_mm.runtime.fast_decoder import open_fast

    return open_fast(config, cache=cache_folder(), progress=progress)


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """Streams, environment and loaders of one command."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    load: Callable[..., "Assistant"] = load_assistant  # of a Config, who hears progress, and the saved settings
    open_space: Callable[[EncoderConfig], "EmbeddingModel"] = open_real_space
    open_lm: Callable[[LMConfig, Progress], "Generator"] = open_real_lm
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    cwd: Path = field(default_factory=Path.cwd)

    def say(self, text: str = "", *, end: str = "\n") -> None:
        """A result, seen at once."""
        self.out.write(UNSHOWN.sub(escape_letter, text) + end)
        self.out.flush()

    def note(self, text: str) -> None:
        """A message or progress: never a result."""
        self.err.write(UNSHOWN.sub(escape_letter, text) + "\n")
        self.err.flush()

    def give(self, value: Mapping[str, Any]) -> None:
        """One JSON object on one line, for machines."""
        text = json.dumps(value, ensure_ascii=False)
        self.out.write(
            text.encode("utf-8", "backslashreplace").decode() + "\n"
        )  # a name that is no text is one in JSON
        self.out.flush()

    @contextmanager
    def assistant(self, config: Config, *, speaks: bool = True, saved: Collection[str] = ()) -> Iterator["Assistant"]:
        """The Assistant, closed in any case; the language model, slow to open, is left out unless it `speaks`.

        Settings that were `saved` give way where they cannot be opened.
        """
        from deepseek_mm.read_only import writable_home  # here, because help must not wait for SQLAlchemy

        given = {"saved": saved} if saved else {}
        config = config if speaks else replace(config, lm=LMConfig(name="none"))
        with writable_home(config.data) as home:
            assistant = self.load(replace(config, data=home), self.note, **given)
            try:
                yield assistant
            finally:
                assistant.close()


SHORT = (  # flag, what it names, the setting behind it, help
    ("--data", "FOLDER", "data", "folder of the library (library)"),
    (
        "--encoder",
        "NAME",
        "encoder.name",
        "vector space: auto, default, edge, small, or a CLIP or SigLIP checkpoint by folder or hub name",
    ),
    (
        "--llm",
        "URL",
        "lm.url",
        "an OpenAI-compatible server, such as http://127.0.0.1:8000/v1; several with commas between them",
    ),
    (
        "--model",
        "NAME",
        "lm.name",
        f"language model: {OUR_LM}, {EDGE_LM}, {BASE_LM}, none; a folder, a GGUF file, a hub's or the server's name",
    ),
    (
        "--vlm",
        "NAME",
        "lm.vlm",
        "a language model that looks at the pictures, by folder or hub name: any image-text-to-text of transformers",
    ),
    ("--config", "FILE", "config", "settings file instead of FOLDER/config.toml"),
)
MARK = "setting:"  # begins the names of parsed words that are settings


def add_settings(parser: ArgumentParser, *, data: bool = True) -> None:
    """The shared flags, in a group of their own; without --data where a command needs that word itself."""
    group = parser.add_argument_group("settings")
    for flag, metavar, name, text in SHORT if data else SHORT[1:]:
        group.add_argument(flag, metavar=metavar, dest=f"{MARK}{name}", help=text)
    group.add_argument(
        "--set", metavar="NAME=VALUE", dest="pairs", action="append", default=[], help="any setting; config lists them"
    )


def add_token(parser: ArgumentParser) -> None:
    """The flag --token of whatever serves; a value behind it is read only to be refused."""
    text = "accounts of this machine need the token in the printed address; DEEPSEEK_MM_TOKEN may hold a fixed one"
    parser.add_argument("--token", nargs="?", const="", metavar="", help=text)


PAGE_FLAGS = {"HOST": "serve.host", "PORT": "serve.port", "DATA": "data"}  # variable and flag -> setting


def add_page(parser: ArgumentParser) -> None:
    """The flags of the page's start, each of which a variable may stand for."""
    for name in PAGE_FLAGS:
        parser.add_argument(f"--{name.lower()}", dest=name, default=os.environ.get(name), help=f"or {name}=...")
    parser.add_argument("--set", metavar="NAME=VALUE", dest="pairs", action="append", default=[], help="any setting")
    add_token(parser)


def settings_of(args: Namespace, desk: "Desk") -> Settings:
    """The settings of this run and where each came from; ConfigError says what is wrong with one."""
    settings = trace_settings(flags_of(args), environ=desk.environ, cwd=desk.cwd)
    for notice in settings.notices:
        desk.note(f"warning: {notice.text}")
    return settings


def flags_of(args: Namespace) -> dict[str, str]:
    """Setting -> what a flag says."""
    short = {key.removeprefix(MARK): value for key, value in vars(args).items() if key.startswith(MARK)}
    return split_flags(args.pairs) | {name: value for name, value in short.items() if value is not None}


def config_of(args: Namespace, desk: "Desk") -> Config:
    """The Config of this run."""
    return settings_of(args, desk).config


EVERY_S = {True: 0.1, False: 5.0}  # on a terminal, elsewhere
PATIENCE_S = 1.0  # until it is said that a job waits


def sentence(job: "Job") -> str:
    """How far, how fast, how long still, and what was just done."""
    if job.state == "waiting":
        return f"waiting: {job.title}"
    far = f"{job.done}/{job.total}" if job.total is not None else str(job.done)
    left = "" if job.seconds_left is None else f", {job.seconds_left:.0f} s left"
    pace = f"{job.per_second:.1f}/s{left}" if job.per_second else "looking"
    return f"{far}  {pace}  {PurePath(job.message).name}".rstrip()


@dataclass(kw_only=True, slots=True)
class Meter:
    """Shows a job, not more often than a reader can follow; `close` leaves the cursor on a fresh line."""

    err: TextIO
    describe: Callable[["Job"], str] = sentence
    clock: Callable[[], float] = time.monotonic
    shown_at: float = float("-inf")
    open_line: bool = False

    def __call__(self, job: "Job") -> None:
        """Show it, or let it pass. An ended job is not shown: its message is a result."""
        terminal, now = self.err.isatty(), self.clock()
        if job.state == "waiting" and self.shown_at == float("-inf"):
            self.shown_at = now - EVERY_S[terminal] + PATIENCE_S  # it is about to begin, most of the time
        if not job.is_ended and now - self.shown_at >= EVERY_S[terminal]:
            self._write(self.describe(job), now)

    def show(self, text: str) -> None:
        """Show how far something is that is no job; not more often either."""
        now = self.clock()
        if now - self.shown_at >= EVERY_S[self.err.isatty()]:
            self._write(text, now)

    def _write(self, text: str, now: float) -> None:
        terminal = self.err.isatty()
        self.shown_at, self.open_line = now, terminal
        text = printable(text)
        width = shutil.get_terminal_size().columns - 1
        self.err.write(f"\r{text[:width]:<{width}}" if terminal else f"{text}\n")
        self.err.flush()

    def close(self) -> None:
        """End a line that is still open."""
        if self.open_line:
            self.err.write("\n")
            self.err.flush()
            self.open_line = False


def printable(text: str) -> str:
    """A file's name may hold control characters; a terminal must not obey them."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


@contextmanager
def run_jobs(library: "Library") -> Iterator["Library"]:
    """The library does its jobs meanwhile; what is not done in the end is left to the next start."""
    library.start()
    try:
        yield library
    finally:
        library.stop()


def finish(library: "Library", job: "Job", desk: Desk) -> "Job":
    """Show the job until it has ended, whichever process does it. JobFailed carries the reason of one that failed."""
    from deepseek_mm.jobs import follow

    with closing(Meter(err=desk.err)) as meter:
        for now in follow(library.jobs, job.id):
            job = now
            meter(job)
    if job.state == "failed":
        raise JobFailed(job.message)
    return job


def tell_failures(library: "Library", job: "Job", desk: Desk) -> list[dict[str, str]]:
    """Note every item that could not be done; returns them for machines."""
    failed = library.jobs.failures(job.id, limit=-1)
    for each in failed:
        desk.note(f"not read: {each.reason if each.item in each.reason else f'{each.item}: {each.reason}'}")
    return [{"path": each.item, "reason": each.reason} for each in failed]


def tell_job(library: "Library", job: "Job", desk: Desk, *, as_json: bool) -> list[dict[str, str]]:
    """What became of it, for people or for machines; returns the items that could not be done."""
    failed = tell_failures(library, job, desk)
    if as_json:
        desk.give({**job.result, "failed": failed, "state": job.state, "message": job.message})
    else:
        desk.say(job.message)
    return failed


def finish_reading(library: "Library", desk: Desk) -> None:
    """The second pass, if there is one, and those over code and faces: by now everything can be searched already."""
    from deepseek_mm.library.code_pass import MAP
    from deepseek_mm.library.face_pass import FACES
    from deepseek_mm.library.index_jobs import READ

    for job in library.jobs.find(kinds=(READ,), states=("waiting", "running"), limit=1):
        desk.note("all can be searched now; reading and describing pictures (Ctrl-C leaves that to the next start)")
        job = finish(library, job, desk)
        tell_failures(library, job, desk)
        desk.note(job.message)
    for job in library.jobs.find(kinds=(MAP,), states=("waiting", "running"), limit=1):
        desk.note("looking who calls what in the code (Ctrl-C leaves that to the next start)")
        desk.note(finish(library, job, desk).message)
    for job in library.jobs.find(kinds=(FACES,), states=("waiting", "running"), limit=1):
        desk.note("looking for faces, as people are switched on (Ctrl-C leaves that to the next start)")
        desk.note(finish(library, job, desk).message)
