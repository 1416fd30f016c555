"""The commands of the product, and the parser of any. A command is imported when it is named, or all for help; none
loads torch for that.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from importlib import import_module

from deepseek_mm.terminal import Command

PROGRAM = "python -m deepseek_mm"
MODULES: Mapping[str, str] = {  # name of a command -> the module of this package that has it
    **{name: name for name in ("ask", "edit", "search", "rules", "index", "library", "history", "replay")},
    **dict.fromkeys(("import", "sidecars", "export"), "imports"),
    "learning": "learning_versions",
    **dict.fromkeys(("serve", "worker", "mcp", "keys"), "serve"),
    **{name: name for name in ("users", "hosts")},
    **dict.fromkeys(("setup", "page"), "installation"),
    "models": "models",
    **dict.fromkeys(("doctor", "config"), "doctor"),
}


def import_command(name: str) -> Command:
    """The command of this name, which is one of MODULES."""
    commands: Sequence[Command] = import_module(f"{__package__}.{MODULES[name]}").COMMANDS
    return next(command for command in commands if command.name == name)


def list_commands() -> tuple[Command, ...]:
    """Every command of the product."""
    return tuple(import_command(name) for name in MODULES)


def build_parser(commands: Sequence[Command]) -> ArgumentParser:
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
