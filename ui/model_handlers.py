"""Handlers of the Models part: what there is, and what a press on a card does; plain functions, tested as such.

A language model takes the place of the one that answers while people ask. In another vector space all files are
indexed first, then it is searched.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from deepseek_mm import Caller, CardState, Download, Job, value_of
from ui.edges import ActionResult, Handlers
from ui.library.library_report import in_bytes
from ui.model_cards import KINDS, ModelView
from ui.settings_handlers import PACKAGED

HUB = "https://huggingface.co"
CHANGE_SPACE = "change space"  # kind of jobs
PACKAGED_SPACE = "default"
SETTINGS = ("lm.vlm", "lm.name", "encoder.name", "rag.reranker", "rag.code_reranker")  # that name a model
PACKAGED_ORDER = {"code": "packaged-code-order", "text": "packaged-order", "reranker": "packaged-order"}  # by kind


@dataclass(frozen=True, kw_only=True)
class ModelHandlers(Handlers):
    """Looks at the catalogue, downloads, uses and removes."""

    @property
    def host(self) -> str:
        """The hub that is asked."""
        return urlsplit(os.environ.get("HF_ENDPOINT") or HUB).netloc or HUB

    def look(self, caller: Caller, kind: str = KINDS[0], removing: str = "") -> ModelView:
        """Everything as it stands, of one kind; what is under way is read first, so that its end is never missed."""
        exchange, trial = self.services.exchange.find_state(caller), self.services.trial.find_trial(caller)
        catalogue, config = self.services.catalogue, self.assistant.config
        then = self.services.settings.read(caller).config
        downloads = {download.name: download for download in catalogue.list_downloads(caller)}
        return ModelView(
            cards=catalogue.list_cards(caller),
            downloads=downloads,
            in_use=frozenset(_plain(value_of(config, name)) for name in SETTINGS),
            next_start=frozenset(_plain(value_of(then, name)) for name in SETTINGS),
            exchange=exchange,
            trial=trial,
            indexing=self._find_indexing(caller),
            removing=removing,
            kind=kind if kind in KINDS else KINDS[0],
        )

    def _find_indexing(self, caller: Caller) -> dict[str, Job]:
        """Jobs that index all files in another space; none for callers who may not see what is done."""
        jobs = self.services.library.list_jobs(caller, states=("running", "waiting")) if "ask" in caller.rights else []
        return {str(job.payload["space"]): job for job in jobs if job.kind == CHANGE_SPACE}

    def press(self, caller: Caller, act: str, name: str) -> ActionResult:
        """What a button of a card does; both come from the browser."""
        acts: dict[str, Callable[[Caller, CardState], str]] = {
            "download": self._download,
            "accept": self._accept,
            "pause": self._pause,
            "resume": self._resume,
            "cancel": self._cancel,
            "use": self._use,
            "try": self._try,
            "try_stop": self._stop_trial,
            "packaged": self._use_packaged,
            "remove": self._remove,
        }
        do = acts.get(act)
        if do is None:
            return ActionResult(text="", shown=False)
        return self.say(lambda: do(caller, self.services.catalogue.find_card(caller, name)))

    def _download(self, caller: Caller, state: CardState) -> str:
        self.services.catalogue.start_download(caller, state.card.id)
        return self.words.model_begun.format(title=state.card.title)

    def _accept(self, caller: Caller, state: CardState) -> str:
        """Download what comes under terms: the press on this button accepts them."""
        self.services.catalogue.start_download(caller, state.card.id, accepted=True)
        return self.words.model_begun.format(title=state.card.title)

    def _pause(self, caller: Caller, state: CardState) -> str:
        if found := self._find_download(caller, state):
            self.services.catalogue.pause_download(caller, found.job)
        return self.words.model_was_paused.format(title=state.card.title)

    def _resume(self, caller: Caller, state: CardState) -> str:
        if found := self._find_download(caller, state):
            self.services.catalogue.resume_download(caller, found.job)
        return self.words.model_goes_on.format(title=state.card.title)

    def _cancel(self, caller: Caller, state: CardState) -> str:
        if found := self._find_download(caller, state):
            self.services.catalogue.cancel_download(caller, found.job)
        return self.words.model_was_cancelled.format(title=state.card.title)

    def _use(self, caller: Caller, state: CardState) -> str:
        """Open a language model beside the one that answers; in a space all files are indexed beside the old one."""
        card = state.card
        if card.kind == "space":
            self.services.spaces.change_space(caller, card.id)
            return self.words.model_space_chosen.format(title=card.title)
        self.services.exchange.use_model(caller, card.id)
        return self.words.model_is_opened.format(title=card.title)

    def _use_packaged(self, caller: Caller, state: CardState) -> str:
        if state.card.kind == "space":
            self.services.spaces.change_space(caller, PACKAGED_SPACE)
            return self.words.model_space_returns
        order = PACKAGED_ORDER.get(state.card.kind)
        self.services.exchange.use_model(caller, order or PACKAGED)
        return self.words.model_order_returned if order else self.words.model_packaged_opened

    def _try(self, caller: Caller, state: CardState) -> str:
        """Compare it with the model that answers. Conflict while another is being tried."""
        self.services.trial.try_model(caller, state.card.id)
        return self.words.trial_begun.format(title=state.card.title)

    def _stop_trial(self, caller: Caller, state: CardState) -> str:
        self.services.trial.stop_trial(caller)
        return self.words.trial_ends.format(title=state.card.title)

    def _remove(self, caller: Caller, state: CardState) -> str:
        freed = self.services.catalogue.remove_model(caller, state.card.id)
        return self.words.model_was_removed.format(title=state.card.title, size=in_bytes(freed))

    def _find_download(self, caller: Caller, state: CardState) -> Download | None:
        found = self.services.catalogue.list_downloads(caller)
        return next((download for download in found if download.name == state.card.id), None)


def _plain(name: object) -> str:
    """A hub's name without its revision."""
    return str(name).partition("@")[0]
