"""A setting that somebody saved, and that cannot be opened now, gives way to its default for this one start.

A server may be down, a folder moved: the next start must not need an editor. What a flag or a variable of this start
says is meant now, so that stops with its error. The setting stays in the file, and counts again when it can be opened.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from deepseek_mm.config import Config, Notice
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.settings_file import value_of

Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fallback:
    """Opens parts, and notes which settings gave way."""

    saved: Collection[str] = ()  # dotted names that the library's own file says, and nobody else
    say: Callable[[str], None]
    notices: list[Notice] = field(default_factory=list)  # what gave way, for whoever uses what was opened

    def open(self, opens: Callable[[Config], Part], config: Config, names: Sequence[str]) -> tuple[Part, Config]:
        """The part, and the Config that it was opened with: if need be without what was saved under these names.

        Raises what `opens` raises where none of them was saved, or the defaults cannot be opened either.
        """
        try:
            return opens(config), config
        except DeepSeekMMError as error:
            mine = [name for name in names if name in self.saved]
            given = [name for name in mine if value_of(config, name) != value_of(Config(), name)]
            if not given:
                raise
            told = f"what is saved as {', '.join(given)} cannot be opened, so the default is used until a start can"
            notice = Notice(short=told, text=f"{told}: {error}")  # without values: an address may hold a password
        plain = with_defaults(config, given)
        self.say(notice.text)
        opened = opens(plain)
        self.notices.append(notice)
        return opened, plain


def with_defaults(config: Config, names: Sequence[str]) -> Config:
    """The same with the defaults of these settings."""
    for name in names:
        section, _, leaf = name.partition(".")
        changed = replace(getattr(config, section), **{leaf: value_of(Config(), name)})
        config = replace(config, **{section: changed})
    return config
