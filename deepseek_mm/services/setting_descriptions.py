"""What can be set: every setting's name, default and description, as `deepseek_mm.config` has them.

A description is the comment behind the field, so that what the API says stands once, where the field is.
"""

import inspect
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import urlsplit

from deepseek_mm.config import Config

FIELD = re.compile(r"^    (\w+): [^#\n]*#\s*(.*)$", re.MULTILINE)  # with the comment behind it


def defaults(config: Any = None, prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value, of a Config or of the default one, in its order."""
    config = Config() if config is None else config
    found: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        more = defaults(value, f"{prefix}{field.name}.") if is_dataclass(value) else {f"{prefix}{field.name}": value}
        found |= more
    return found


def descriptions() -> dict[str, str]:
    """Dotted name -> what it is; those without a comment are absent, and so are all where the source is."""
    config = Config()
    sections = {"": config} | {f"{f.name}.": getattr(config, f.name) for f in fields(config)}
    found: dict[str, str] = {}
    for prefix, section in sections.items():
        if is_dataclass(section):
            found |= {f"{prefix}{name}": says for name, says in _comments(type(section))}
    return found


def applies_at_once(name: str) -> bool:
    """Whether a change holds from the next question on (see `Assistant.reconfigure`)."""
    return name.startswith("rag.") or name == "lm.phrasing"


def is_fixed(origin: Mapping[str, str], name: str) -> bool:
    """Whether a flag or the environment of this start says it, and so wins over the file."""
    return origin.get(name, "").startswith(("flag ", "environment "))


def to_json_value(value: Any) -> Any:
    """A value as JSON holds it; an address without a name or key in it."""
    if isinstance(value, str) and "@" in value and "//" in value:
        with suppress(ValueError):
            parts = urlsplit(value)
            return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _comments(kind: type) -> Iterator[tuple[str, str]]:
    with suppress(OSError):
        yield from ((name, says.strip()) for name, says in FIELD.findall(inspect.getsource(kind)))
