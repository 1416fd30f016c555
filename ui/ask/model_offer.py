"""The offer of a better model above the first question: what it says, and what a press on it does.

Only callers of this machine see it who may change settings, and only as long as no model from outside answers. Nothing
is asked of a hub before somebody presses Download. What is under way stays in sight while questions are asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Caller, CardState
from ui import edges
from ui.edges import ActionResult
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import button, notice, piece
from ui.library.library_report import in_bytes
from ui.model_cards import MB, SPEAKING, ModelView, list_acts, render_download, render_exchange
from ui.model_handlers import ModelHandlers
from ui.settings_handlers import kind_of
from ui.words import UiTexts

OFFER = "hub.offer"  # the setting
OURS = ("packaged", "none")  # ways to have a language model that bring none from outside
LOOK_S = 1.0  # between two looks while something is under way
ACTS = ("download", "resume", "cancel", "use")  # of a card's buttons
IN_TURN: dict[str, Any] = {**QUIET, "concurrency_limit": 1, "concurrency_id": "offer"}  # no look undoes a later press


@dataclass(frozen=True, kw_only=True, slots=True)
class OfferedCard:
    """The model that is offered, and how everything stands."""

    best: CardState
    view: ModelView
    host: str  # that it would come from

    @property
    def is_used(self) -> bool:
        """Whether it answers."""
        return self.best.card.id in self.view.in_use

    @property
    def is_busy(self) -> bool:
        """Whether it is on its way."""
        download, exchange = self.view.downloads.get(self.best.card.id), self.view.exchange
        return bool(download and download.is_active) or (exchange.is_active and exchange.name == self.best.card.id)

    @property
    def is_begun(self) -> bool:
        """Whether somebody has asked for it."""
        download = self.view.downloads.get(self.best.card.id)
        return self.is_busy or self.best.installed or bool(download and download.state in ("paused", "failed"))


@dataclass(frozen=True, kw_only=True)
class ModelOffer:
    """The piece of the page that offers it, and its events."""

    handlers: ModelHandlers
    html: gr.HTML
    timer: gr.Timer

    @classmethod
    def place(cls, handlers: ModelHandlers) -> "ModelOffer":
        """Put it on the page that is being built."""
        return cls(handlers=handlers, html=piece(visible=False), timer=gr.Timer(LOOK_S, active=False))

    def join(self, page: gr.Blocks, tab: gr.Tab) -> None:
        """Connect the components with the handlers."""
        outputs = [self.html, self.timer]
        page.load(self._show, None, outputs, **IN_TURN)
        tab.select(self._show, None, outputs, **IN_TURN)
        self.timer.tick(self._follow, None, outputs, **IN_TURN)
        self.html.click(self._press, None, outputs, **IN_TURN)

    @needs_right("settings")
    def _show(self, request: gr.Request) -> Updates:
        """As it stands when the page or the tab is opened."""
        return self.show(caller_of(request))

    @needs_right("settings")
    def _follow(self, request: gr.Request) -> Updates:
        return self.show(caller_of(request), followed=True)

    @needs_right("settings")
    def _press(self, request: gr.Request, event: Press) -> Updates:
        caller = caller_of(request)
        said = self.press(caller, event.act, event.what)
        return self.show(caller, followed=event.act != "dismiss", trouble=said.text if said.wrong else "")

    def press(self, caller: Caller, act: str, name: str) -> ActionResult:
        """What a button does; both come from the browser."""
        if act == "dismiss":
            return self.handlers.say(lambda: self._dismiss(caller))
        return self.handlers.press(caller, act if act in ACTS else "", name)

    def _dismiss(self, caller: Caller) -> str:
        self.handlers.services.settings.change(caller, {OFFER: False})
        return self.handlers.words.offer_not_now

    def show(self, caller: Caller, *, followed: bool = False, trouble: str = "") -> Updates:
        """Updates for the offer as it stands; `followed` where somebody waits for what becomes of it."""
        try:
            offered = self.find(caller, followed=followed)
        except Exception as error:  # noqa: BLE001 - the page's edge; the Settings tab says what is wrong
            edges.sentence(error, self.handlers.words)
            offered = None
        html = render_offer(offered, self.handlers.words, followed=followed, trouble=trouble) if offered else ""
        is_busy = offered is not None and offered.is_busy
        return {self.html: gr.HTML(html, visible=bool(html)), self.timer: gr.Timer(active=is_busy)}

    def find(self, caller: Caller, *, followed: bool = False) -> OfferedCard | None:
        """What to offer to this caller; None where there is nothing."""
        if not caller.local:
            return None
        then = self.handlers.services.settings.read(caller).config
        view = self.handlers.look(caller)
        best = find_best(view)
        if best is None or not then.hub.offer:
            return None
        offered = OfferedCard(best=best, view=view, host=self.handlers.host)
        if offered.is_used:
            return offered if followed else None
        is_ours = all(kind_of(config.lm) in OURS for config in (self.handlers.assistant.config, then))
        return offered if is_ours or offered.is_busy else None  # an exchange writes the settings before it is through


def find_best(view: ModelView) -> CardState | None:
    """The model that is recommended for this machine; None where another one from outside is here already."""
    best = next((state for state in view.cards if state.recommended), None)
    if best is None or best.card.kind not in SPEAKING or best.installed:
        return best
    others = (state for state in view.cards if state.installed and state.card.kind in SPEAKING)
    return None if any(others) else best


def render_offer(offered: OfferedCard, words: UiTexts, *, followed: bool = False, trouble: str = "") -> str:
    """One line with buttons; one that nobody has asked for is `idle`, and gives way to a conversation."""
    size = in_bytes(offered.best.card.disk_mb * MB)
    title = words.offer_title if offered.best.installed else words.models_better.format(size=size)
    look = "better" if followed or offered.is_busy else "better idle"
    acts = "".join(_buttons(offered, words))
    return (
        f'<aside class="{look}" aria-label="{escape(title)}"><div><b>{escape(title)}</b> {_tell(offered, words)}'
        f'{notice(trouble)}</div><div class="acts">{acts}</div></aside>'
    )


def _tell(offered: OfferedCard, words: UiTexts) -> str:
    """What it is, or how far it is."""
    card, view = offered.best.card, offered.view
    if offered.is_used:
        return _line(words.offer_done.format(title=card.title))
    if not offered.is_begun:
        good_for = words.say(f"{card.good_for}.")
        return _line(words.offer_hint.format(title=card.title, good_for=good_for, host=offered.host))
    if offered.best.installed:
        way = render_exchange(offered.best, view, words)
        return way or _line(words.offer_ready.format(title=card.title))
    return render_download(view.downloads.get(card.id), words, card.title)


def _line(text: str) -> str:
    return f'<span class="hint" role="status">{escape(text)}</span>'


def _buttons(offered: OfferedCard, words: UiTexts) -> Iterator[str]:
    """What can be done with it as it stands."""
    best = offered.best
    if offered.is_used:
        return
    for act, text in list_acts(best, offered.view, words):
        if act in ACTS:
            look = "small" if act == "cancel" else "small foremost"
            yield button(act, best.card.id, text, label=f"{text}: {best.card.title}", look=look)
    needs_terms = best.card.asks_acceptance and not offered.is_begun
    more = words.offer_license if needs_terms else words.offer_more
    yield f'<button type="button" class="small" data-open-tab="settings">{escape(more)}</button>'
    if not offered.is_busy:
        yield button("dismiss", "", words.offer_not_now)
