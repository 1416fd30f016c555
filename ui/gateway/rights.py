"""Which right each event of the page needs: declared at its handler, read wherever it is checked or listed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from deepseek_mm import Right

Handler = TypeVar("Handler", bound=Callable[..., Any])
DECLARED = "needed_rights"  # the attribute of a handler


class NoRightDeclared(TypeError):
    """An event whose handler does not say which right it needs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NeededRights:
    """The right of an event, and what some of its buttons need besides."""

    right: Right
    acts: Mapping[str, Right] = field(default_factory=dict)  # what a button says that it does -> its right

    def needed_for(self, act: str) -> frozenset[Right]:
        """What a press needs."""
        return frozenset((self.right, self.acts.get(act, self.right)))


def needs_right(right: Right, acts: Mapping[str, Right] | None = None) -> Callable[[Handler], Handler]:
    """Declare the right that a handler needs; `acts` are buttons of it that need another besides.

    `page` is only for what changes nothing and shows nothing of the library, its history or its settings.
    """

    def declare(handler: Handler) -> Handler:
        setattr(handler, DECLARED, NeededRights(right=right, acts=acts or {}))
        return handler

    return declare


def needed_rights(handler: object) -> NeededRights:
    """What a handler needs. NoRightDeclared if it does not say."""
    while isinstance(handler, partial):
        handler = handler.func
    declared = getattr(handler, DECLARED, None)
    if not isinstance(declared, NeededRights):
        name = getattr(handler, "__qualname__", repr(handler))
        raise NoRightDeclared(f"the event {name} declares no right. Put @needs_right(...) before its handler")
    return declared
