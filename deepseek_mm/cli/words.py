"""Commands of several words (`library backup FILE`, `keys add NAME`): a table of what each takes and does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from deepseek_mm.errors import BadQuestion

Run = TypeVar("Run")


@dataclass(frozen=True, kw_only=True, slots=True)
class Subcommand(Generic[Run]):
    """One row."""

    help: str
    run: Run
    takes: str = ""  # what must follow, a name each: "TURN ANSWER"; "PATH ..." is one or more, "[FILE]" one or none

    def fits(self, given: Sequence[str]) -> bool:
        """Whether so much follows as must."""
        names = self.takes.split()
        needed = [name for name in names if not name.startswith("[")]
        return len(given) >= 1 if names[1:] == ["..."] else len(needed) <= len(given) <= len(names)


def choose_subcommand(
    command: str, name: str, words: Mapping[str, Subcommand[Run]], given: Sequence[str]
) -> Subcommand[Run]:
    """The word of this name. BadQuestion when it lacks what it needs, or has too much."""
    word = words[name]
    if not word.fits(given):
        needs = f"needs {word.takes}" if word.takes else "takes nothing"
        raise BadQuestion(f"{command} {name} {needs}: python -m deepseek_mm {command} {name} {word.takes}".strip())
    return word


def number_in(text: str, *, of: str, see: str) -> int:
    """The number of a job, a conversation, ...; `see` is the command that lists them. BadQuestion if it is none."""
    if not text.isdecimal():
        raise BadQuestion(f"{text!r} is no number of {of}. See them with: python -m deepseek_mm {see}")
    return int(text)


def describe_subcommands(words: Mapping[str, Subcommand[Run]]) -> str:
    """For --help: each word with what it takes and does."""
    return "; ".join(f"{name} {word.takes}".strip() + f": {word.help}" for name, word in words.items())
