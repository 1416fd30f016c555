"""The page's events: who triggers one, which right it needs, and Gradio's Blocks that check both before it happens.

All events pass `process_api`, whichever route they came by.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import gradio as gr
import gradio.blocks
import gradio.utils
from cachetools import LRUCache
from gradio.block_function import BlockFunction

from deepseek_mm import Caller, DeepSeekMMError, Right
from index.region import view_as
from ui.gateway.files import FileRegistry, NoSuchFile, PageFile, register_files, resolve_files
from ui.words import UiTexts

Handler = TypeVar("Handler", bound=Callable[..., Any])
Updates = dict[Any, Any]  # component -> its new value, as Gradio takes them
QUIET: dict[str, Any] = {  # of every event
    "api_visibility": "private",
    "show_progress": "hidden",
    "show_progress_on": [],  # else Gradio 6 copies every component ever updated at each step of each event
}
DECLARED = "needed_rights"  # the attribute of a handler


class Press(gr.EventData):
    """What a button sent (see `html.button`); all of it comes from the browser, and may be anything."""

    @property
    def act(self) -> str:
        """What it does."""
        return str((self._data or {}).get("act", ""))

    @property
    def what(self) -> str:
        """For what."""
        return str((self._data or {}).get("what", ""))

    @property
    def text(self) -> str:
        """What was typed beside it."""
        return str((self._data or {}).get("text", ""))

    @property
    def sent_ms(self) -> float | None:
        """When the browser sent it, by its own clock; None where its script does not say."""
        sent = (self._data or {}).get("sent")
        return float(sent) if isinstance(sent, int | float) else None


Ticket = tuple[float, int]
NO_TICKET: Ticket = (0.0, 0)  # before the first event


class EventSequence:
    """Which of a page's events was sent last: only what it brings is shown, whichever arrives or ends first.

    The browser says when it sent each, in milliseconds: on a busy machine the server may begin them in another order.
    """

    def __init__(self) -> None:
        self._taken: deque[Ticket] = deque([NO_TICKET], maxlen=64)  # of events that may still be running
        self._arrivals = count(1)

    @property
    def ticket(self) -> Ticket:
        """That of the newest event."""
        return max(self._taken)

    def take(self, sent: float | None = None) -> Ticket:
        """One for an event sent at that time, or now; if it is the newest, all others are void."""
        ticket = (self.ticket[0] if sent is None else float(sent), next(self._arrivals))
        self._taken.append(ticket)
        return ticket


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


UNASKED = frozenset(("load", "tick", "select", "change", "then", "success"))  # triggers that nobody presses


class NotAllowed(DeepSeekMMError, PermissionError):
    """The visitor lacks the right that an event needs."""


class GuardedBlocks(gr.Blocks):
    """A page whose events are refused unless they declare a right and the visitor has it."""

    def __init__(self, *, words: UiTexts, **options: Any) -> None:
        with no_application():
            super().__init__(**options)
        self.words = words
        self.has_launched = True  # so Gradio checks paths, too: ours is not the only check

    def __exit__(self, *trouble: Any) -> None:
        """The page is built. NoRightDeclared if an event declares no right."""
        with no_application():
            super().__exit__(*trouble)
        for event in self.fns.values() if not any(trouble) else ():
            check_event(event)

    async def process_api(self, block_fn: BlockFunction | int, inputs: list[Any], **more: Any) -> dict[str, Any]:  # type: ignore[override]
        """Refuse an event with a sentence, or let it happen."""
        event = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        try:
            visitor = visitor_of(more.get("request"))
            self._check(event, more, visitor)
            resolved = inputs if more.get("iterator") else resolve_files(inputs, visitor.find)
        except DeepSeekMMError as error:
            raise self._refusal(event, error) from error
        with view_as(visitor.caller.viewer):
            done = await super().process_api(event, resolved, **more)
        return {**done, "data": register_files(done["data"], visitor.keep)}

    def _check(self, event: BlockFunction, more: dict[str, Any], visitor: Visitor) -> None:
        """NotAllowed if the visitor may not have this event happen, or not for this open page."""
        page, caller = more.get("session_hash"), visitor.caller
        if page is not None and not visitor.owns(page):
            raise NotAllowed(self.words.page_not_yours)
        lacking = {"page", *rights_needed(event, more.get("event_data"))} - caller.rights
        if lacking:
            said = self.words.not_allowed_person if caller.user else self.words.not_allowed
            raise NotAllowed(said.format(name=caller.name, right=", ".join(sorted(lacking))))

    def _refusal(self, event: BlockFunction, error: DeepSeekMMError) -> gr.Error:
        """The sentence; shown only to somebody who pressed something."""
        text = self.words.file_gone if isinstance(error, NoSuchFile) else self.words.say(str(error))
        pressed = any(trigger not in UNASKED for _, trigger in event.targets)
        return gr.Error(text, visible=pressed or isinstance(error, NoSuchFile), print_exception=False)


@contextmanager
def no_application() -> Iterator[None]:
    """Gradio makes an application of 80 routes when a page is begun, when it is built, when it is given a queue and
    when it is mounted, each in a quarter of a second. The third runs the events and the fourth answers; the others are
    not made. One page is built at a time.
    """
    module: Any = gradio.blocks
    made, module.App = module.App, SimpleNamespace(create_app=lambda page, **_: None)
    try:
        yield
    finally:
        module.App = made


def check_event(event: BlockFunction) -> None:
    """NoRightDeclared if the event has a handler that declares no right."""
    if event.fn is not None:
        needed_rights(event.fn)
    assert not event.batch, "the inputs of events in batches are not checked"
    assert event.validator is None, "a validator declares no right"


def rights_needed(event: BlockFunction, pressed: gr.EventData | None) -> frozenset[Right]:
    """What an event needs for the button that was pressed."""
    sent = getattr(pressed, "_data", None)
    return needed_rights(event.fn).needed_for(str(sent.get("act", "")) if isinstance(sent, Mapping) else "")


def patch_streams() -> None:
    """From now on Gradio sends changed values whole; a text that grew is still sent by its new end.

    Gradio 6.31 sends the difference between two views of one event, and its page writes that into the value of the
    earlier view itself. Where several views arrive before the page has shown the first, what only the first one said
    is gone: the question box kept its text and its pictures after they were sent.
    """
    gradio.utils.diff = edits


def edits(old: object, new: object) -> list[list[object]]:
    """Gradio's list of edits, each `[action, path, value]` with an empty path, that makes `new` of `old`."""
    if old == new:
        return []
    if isinstance(old, str) and isinstance(new, str) and new.startswith(old):
        return [["append", [], new[len(old) :]]]
    return [["replace", [], new]]


def end_unchanged(views: Iterable[Updates], part: Any) -> Iterator[Updates]:
    """The views, and one that changes nothing, not even `part`: Gradio tells an event's last view twice, and the second
    time would undo what somebody typed meanwhile.
    """
    yield from views
    yield {part: gr.skip()}
