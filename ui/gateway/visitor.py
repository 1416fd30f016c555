"""The visitor of the page: who asks, and which files and open pages are theirs; the gateway leaves it in a request."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from cachetools import LRUCache

from deepseek_mm import Caller, DeepSeekMMError
from ui.gateway.files import FileRegistry, PageFile

VISITOR = "deepseek_mm.visitor"  # in the scope of a request to the page
MOST_PAGES = 10_000  # open pages whose callers are remembered


class NoVisitor(DeepSeekMMError):
    """A request that did not come through the door and the gateway, which is a fault of ours."""


class PageOwners:
    """Whose each open page is, by the name that Gradio's script draws for it: the first caller that uses it."""

    def __init__(self) -> None:
        self._owners: LRUCache[str, str] = LRUCache(MOST_PAGES)
        self._lock = threading.Lock()

    def claim(self, page: str, caller: str) -> bool:
        """Whether the page is this caller's, who gets it if it is nobody's yet."""
        with self._lock:
            return self._owners.setdefault(page, caller) == caller


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """One caller in one browser."""

    caller: Caller
    session: str  # of the caller and the browser's cookie: the owner of files
    files: FileRegistry
    owners: PageOwners

    def find(self, number: object) -> PageFile:
        """A file of this visitor. NoSuchFile if it is none."""
        return self.files.find(self.session, number)

    def keep(self, path: Path, name: str = "") -> PageFile:
        """Give this visitor a file that the server made."""
        return self.files.add(self.session, path, name=name)

    def owns(self, page: str) -> bool:
        """Whether an open page, by Gradio's name for it, is this caller's."""
        return self.owners.claim(page, self.caller.session)


def caller_of(request: gr.Request | None) -> Caller:
    """Who triggered an event, to be passed on to whatever acts. NoVisitor where nobody says."""
    return visitor_of(request).caller


def visitor_of(request: gr.Request | None) -> Visitor:
    """Who triggered an event. NoVisitor where nobody says."""
    scope: Mapping[str, Any] = request.request.scope if request is not None and request.request is not None else {}
    visitor = scope.get(VISITOR)
    if not isinstance(visitor, Visitor):
        raise NoVisitor("nobody says who asks: a request reached the page past its door")
    return visitor
