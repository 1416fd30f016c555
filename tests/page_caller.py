"""Who acts in tests of the page's handlers: somebody on this machine, unless a test says otherwise."""

import tempfile
from functools import partial
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from deepseek_mm import LOCAL, Assistant, Caller, PhotoFacts, Services, SettingsFile, build_services
from ui.gateway.events import VISITOR, PageOwners, Visitor
from ui.gateway.files import FileRegistry


class ActingAs:
    """Handlers of the page, and those within them: their methods get this caller, or a request of his, first."""

    def __init__(self, wrapped: Any, caller: Caller = LOCAL) -> None:
        self.wrapped, self.caller = wrapped, caller

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.wrapped, name)
        if not callable(found):
            ours = type(found).__module__.startswith("ui.") and not isinstance(found, gr.components.Component)
            return ActingAs(found, self.caller) if ours and hasattr(found, "words") else found
        first = next(iter(signature(found).parameters), "")
        given = {"caller": lambda: self.caller, "request": lambda: request_of(self.caller)}.get(first)
        return partial(found, given()) if given else found


def visitor_here(caller: Caller = LOCAL, root: Path | None = None) -> Visitor:
    """This caller's browser; the files of its page lie below `root`."""
    files = FileRegistry(root or Path(tempfile.gettempdir()))
    return Visitor(caller=caller, session=caller.session, files=files, owners=PageOwners())


def request_of(caller: Caller = LOCAL, visitor: Visitor | None = None) -> gr.Request:
    """A request that this caller's browser sends."""
    scope = {VISITOR: visitor or visitor_here(caller)}
    return gr.Request(request=SimpleNamespace(scope=scope))  # type: ignore[arg-type]  # all that is asked of it


def services_of(assistant: Assistant, **more: Any) -> Services:
    """What acts on its library, its settings in its own file."""
    return build_services(assistant, SettingsFile.of(assistant.config), **more)


def holder_of(*rights: str) -> Caller:
    """Somebody elsewhere, with a key of these rights."""
    return Caller(name="laptop", rights=frozenset(rights), session="key:1")  # type: ignore[arg-type]


def undescribed(caller: Caller, source: object) -> PhotoFacts:
    """What is known of photos where nothing is."""
    return PhotoFacts()
