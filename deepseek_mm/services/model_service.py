"""Models as callers see them: the catalogue, what fits this machine, what is here; and how one comes and goes.

Whoever downloads has this machine ask a hub, and fills its disk: only callers on this machine may.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from deepseek_mm.accounts.permissions import Caller, require_local, requires_by_default
from deepseek_mm.assistant import Assistant
from deepseek_mm.hub import Revisions
from deepseek_mm.hub.cache import cache_root
from deepseek_mm.models import model_cache
from deepseek_mm.models.downloads import Download, Downloads, HubPermission, allow_hub, check_unused
from deepseek_mm.models.hub_token import keep_token
from deepseek_mm.models.server_trials import ServerState, TrialResult, list_states, try_offered
from deepseek_mm.models.states import CardState, CatalogueReader
from deepseek_mm.runtime.hardware import probe
from deepseek_mm.settings_file import SettingsFile


@requires_by_default("settings")
@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCatalogueService:
    """The models that can take the place of the packaged ones."""

    assistant: Assistant
    file: SettingsFile
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def list_cards(self, caller: Caller) -> list[CardState]:
        """Every model of the catalogue as it stands here, by kind, the smallest first."""
        return self._reader().list_states()

    def find_card(self, caller: Caller, name: str) -> CardState:
        """One model, by OWNER/MODEL. NothingThere if the catalogue has none of this name."""
        return self._reader().find_state(name)

    def list_downloads(self, caller: Caller) -> list[Download]:
        """One a model, the newest first, with those that have ended."""
        return self._downloads.list()

    def find_download(self, caller: Caller, job: int) -> Download:
        """How the download stands that this job, or an earlier one, was about. NothingThere."""
        return self._downloads.find(job)

    def start_download(self, caller: Caller, name: str, *, accepted: bool = False, newest: bool = False) -> Download:
        """Begin, or go on; a hub may be asked from now on. BadQuestion, Conflict or Forbidden says why not."""
        require_local(caller, "download models")
        allow_hub(self.file)
        return self._downloads.start(name, accepted=accepted, newest=newest)

    def pause_download(self, caller: Caller, job: int) -> Download:
        """Stop, and keep what has come."""
        return self._downloads.pause(self._check_steering(caller, job))

    def resume_download(self, caller: Caller, job: int) -> Download:
        """Go on with one that was paused or cancelled, or has failed."""
        number = self._check_steering(caller, job)
        allow_hub(self.file)
        return self._downloads.resume(number)

    def cancel_download(self, caller: Caller, job: int) -> Download:
        """Stop for good, and remove what has come of files that are not whole."""
        return self._downloads.cancel(self._check_steering(caller, job))

    def remove_model(self, caller: Caller, name: str) -> int:
        """Remove a model from this machine; how many bytes that frees. Conflict if it is used, or under way."""
        model_cache.find_repository(name)
        require_local(caller, "remove models")
        check_unused(name, self.assistant.config)
        check_unused(name, self.file.read().config)
        return model_cache.remove_model(name, self.assistant.config.data)

    def keep_token(self, caller: Caller, token: str) -> None:
        """Keep the token that tells the hub who asks, for this user and nobody else; an empty one is forgotten."""
        require_local(caller, "give a token")
        keep_token(token, self.environ)

    def _check_steering(self, caller: Caller, job: int) -> int:
        """The newest job about the same model. NothingThere, Forbidden."""
        newest = self._downloads.find(job).job
        require_local(caller, "steer downloads")
        return newest

    @property
    def _downloads(self) -> Downloads:
        return Downloads(
            config=self.assistant.config,
            jobs=self.assistant.library.jobs,
            permission=HubPermission(self.file),
            environ=self.environ,
        )

    def list_servers(self, caller: Caller) -> list[ServerState]:
        """The model servers of this machine, with what their models can. A caller from elsewhere is told of none."""
        return list_states(self.assistant.config.data) if caller.local else []

    def try_server_model(self, caller: Caller, url: str, model: str) -> TrialResult:
        """Ask a model of one of them for a word, a colour and a tool. For callers on this machine only.

        NothingThere if there is no such server or model, BadQuestion if the model runs elsewhere.
        """
        require_local(caller, "try a server of this machine")
        return try_offered(self.assistant.config.data, url, model)

    def _reader(self) -> CatalogueReader:
        revisions = Revisions(self.assistant.config.data).all()
        return CatalogueReader(hardware=probe(engines=False), cache=cache_root(), revisions=revisions)
