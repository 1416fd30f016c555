"""`config`: every setting, its value, and where the value comes from, as a settings file that reads back."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from deepseek_mm.settings import describe
from deepseek_mm.terminal import OK, Command, Desk, add_settings, settings_of


def run(args: Namespace, desk: Desk) -> int:
    """TOML with the origins as comments; `--json` gives two objects, settings and origins."""
    settings = settings_of(args, desk)
    if args.json:
        values = asdict(settings.config) | {"data": str(settings.config.data)}
        desk.give({"settings": values, "origins": dict(settings.origin)})
    else:
        desk.say(describe(settings.config, settings.origin), end="")
    return OK


def add(parser: ArgumentParser) -> None:
    """The words of `config`."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of TOML")
    add_settings(parser)


COMMAND = Command(
    name="config",
    help="print every setting and where it comes from",
    example="python -m deepseek_mm config --set rag.num_regions=8",
    add=add,
    run=run,
)
