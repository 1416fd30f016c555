"""The command line:  python -m deepseek_mm ask | search | rules | index | library | history | ... | doctor

Parses, calls, and turns what went wrong into one sentence and an exit code: 0 done, 1 nothing found (or doctor is not
content, or a warning of rules holds), 2 an error that the user can fix, 130 Ctrl-C.
"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from functools import cache
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported: see deepseek_mm/threads.py

from deepseek_mm.cli import parser
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.runtime.memory_tuning import share_pools
from deepseek_mm.terminal import OK, STOPPED, USER_ERROR, Command, Desk
from index import IndexProblem


@cache
def list_commands() -> tuple[Command, ...]:
    """Those of the product, then those of the laboratory."""
    from deepseek_mm.benchmarks import commands as benchmark_commands  # here, because one that is named does not wait
    from deepseek_mm.cli.plan import plan_command
    from deepseek_mm.evaluation import commands as evaluation_commands
    from deepseek_mm.training import commands as training_commands

    commands = [*parser.list_commands(), plan_command(benchmark_commands.measure_presets)]

    def register(**fields: Any) -> None:
        commands.append(Command(**fields))

    evaluation_commands.add_commands(register)
    benchmark_commands.add_commands(register)
    training_commands.add_commands(register, run_words)
    return tuple(commands)


def run_words(words: Sequence[str], desk: Desk) -> int:
    """Run other words of the command line at the same desk; the exit code."""
    args = build_parser(words).parse_args(words)
    return int(args.command.run(args, desk))


def build_parser(words: Sequence[str] = ()) -> ArgumentParser:
    """The parser of the command that these words begin with, or of every command."""
    named = bool(words) and words[0] in parser.MODULES
    return parser.build_parser([parser.import_command(words[0])] if named else list_commands())


def main(words: Sequence[str] | None = None, desk: Desk | None = None) -> int:
    """Run one command; `words` are those after the program's name. Returns the exit code."""
    words = sys.argv[1:] if words is None else words
    desk, own = desk or Desk(), build_parser(words)
    args = own.parse_args(words)
    if args.command is None:
        desk.say(own.format_help(), end="")
        return OK
    share_pools()  # some commands stay open for days
    try:
        return int(args.command.run(args, desk))
    except (DeepSeekMMError, IndexProblem) as error:
        desk.note(f"deepseek-mm: {error}")
        return USER_ERROR
    except KeyboardInterrupt:
        desk.note("stopped")
        return STOPPED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def console() -> int:
    """`main` for a terminal: a character that it cannot show is escaped instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a real stream has it
    return main()


if __name__ == "__main__":
    sys.exit(console())
