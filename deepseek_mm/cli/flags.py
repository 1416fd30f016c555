"""The flags that every command shares, and the Config that they, the environment and the library's file make."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from deepseek_mm.config import BASE_LM, EDGE_LM, OUR_LM, Config
from deepseek_mm.settings import Settings, split_flags, trace_settings

if TYPE_CHECKING:
    from deepseek_mm.cli.desk import Desk

SHORT = (  # flag, what it names, the setting behind it, help
    ("--data", "FOLDER", "data", "folder of the library (library)"),
    (
        "--encoder",
        "NAME",
        "encoder.name",
        "vector space: auto, default, edge, or a CLIP or SigLIP checkpoint by folder or hub name",
    ),
    ("--llm", "URL", "lm.url", "an OpenAI-compatible server, such as http://127.0.0.1:8000/v1"),
    (
        "--model",
        "NAME",
        "lm.name",
        f"language model: {OUR_LM}, {EDGE_LM}, {BASE_LM}, none, or the server's name for one",
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
