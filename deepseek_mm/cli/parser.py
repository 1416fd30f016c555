"""The commands of the product, and the parser of any. Building it loads no torch: help is there at once."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module

from deepseek_mm.cli import (
    ask,
    doctor,
    history,
    index,
    learning_versions,
    library,
    models,
    rules,
    search,
    serve,
)
from deepseek_mm.terminal import Command

PROGRAM = "python -m deepseek_mm"
COMMANDS: tuple[Command, ...] = (
    *(module.COMMAND for module in (ask, search, rules, index, library, history, learning_versions)),
    *(serve.SERVE, serve.MCP, serve.KEYS, models.MODELS, doctor.DOCTOR, doctor.CONFIG),
)


def build_parser(commands: Sequence[Command] = COMMANDS) -> ArgumentParser:
    """One subparser a command; `command` of the parsed words is the one that was named, or None."""
    parser = ArgumentParser(
        prog=PROGRAM,
        description="Ask your photos: answers that cite the regions they rest on, on your own machine.",
        epilog=f"example:\n  {commands[0].example}\n\nThe page is started with: make run",
        formatter_class=RawDescriptionHelpFormatter,
    )
    version = import_module("deepseek_mm").__version__
    parser.add_argument("--version", action="version", version=f"deepseek-mm {version}")
    parser.set_defaults(command=None)
    words = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in commands:
        own = words.add_parser(
            command.name,
            help=command.help,
            description=command.help[0].upper() + command.help[1:] + ".",
            epilog=f"example:\n  {command.example}",
            formatter_class=RawDescriptionHelpFormatter,
        )
        command.add(own)
        own.set_defaults(command=command)
    return parser
