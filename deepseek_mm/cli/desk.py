"""What a command works with: two streams, the settings' surroundings, and the way to the models. Tests hand in others.

Exit codes: 0 done, 1 nothing found, an unhealthy installation or a warning of rules, 2 an error
that the user can fix, 130 Ctrl-C.
"""

import json
import os
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from deepseek_mm.config import Config, EncoderConfig, LMConfig, cache_folder

if TYPE_CHECKING:
    from deepseek_mm.encoders.space import EmbeddingModel
    from deepseek_mm.lm import Generator
    from deepseek_mm.rag.assistant import Assistant

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


def escaped(letter: re.Match[str]) -> str:
    """A letter that steers a terminal, or that none can show, as letters that do not."""
    return letter[0].encode("unicode_escape").decode("ascii")


def load_assistant(config: Config, progress: Progress, saved: Collection[str] = ()) -> "Assistant":
    """The real Assistant; imported here, because help must not wait for torch."""
    from deepseek_mm.load import load

    return load(config, progress=progress, saved=saved)


def open_real_space(config: EncoderConfig) -> "EmbeddingModel":
    """The real space; imported here for the same reason."""
    from deepseek_mm.encoders import open_space

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
        self.out.write(UNSHOWN.sub(escaped, text) + end)
        self.out.flush()

    def note(self, text: str) -> None:
        """A message or progress: never a result."""
        self.err.write(UNSHOWN.sub(escaped, text) + "\n")
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
