"""The command line:  python -m deepseek_mm ask | search | rules | index | library | history | ... | doctor

Parses, calls, and turns what went wrong into one sentence and an exit code: 0 done, 1 nothing found (or doctor is not
content, or a warning of rules holds), 2 an error that the user can fix, 130 Ctrl-C.
"""

import os
import sys
from collections.abc import Sequence

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported: see deepseek_mm/threads.py

from deepseek_mm.cli.desk import OK, STOPPED, USER_ERROR, Desk
from deepseek_mm.cli.parser import build_parser
from deepseek_mm.errors import DeepSeekMMError
from index import IndexProblem


def main(words: Sequence[str] | None = None, desk: Desk | None = None) -> int:
    """Run one command; `words` are those after the program's name. Returns the exit code."""
    desk, parser = desk or Desk(), build_parser()
    args = parser.parse_args(words)
    if args.command is None:
        desk.say(parser.format_help(), end="")
        return OK
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
