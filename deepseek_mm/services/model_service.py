"""The catalogue of models as callers see it: what fits this machine, what is here, and what is advised."""

from dataclasses import dataclass

from deepseek_mm.accounts.permissions import Caller, requires_by_default
from deepseek_mm.assistant import Assistant
from deepseek_mm.hub import Revisions
from deepseek_mm.hub.cache import cache_root
from deepseek_mm.models.states import CardState, CatalogueReader
from deepseek_mm.runtime.hardware import probe


@requires_by_default("settings")
@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCatalogueService:
    """The models that can take the place of the packaged ones."""

    assistant: Assistant

    def list_cards(self, caller: Caller) -> list[CardState]:
        """Every model of the catalogue as it stands here, by kind, the smallest first."""
        return self._reader().list_states()

    def find_card(self, caller: Caller, name: str) -> CardState:
        """One model, by OWNER/MODEL. NothingThere if the catalogue has none of this name."""
        return self._reader().find_state(name)

    def _reader(self) -> CatalogueReader:
        revisions = Revisions(self.assistant.config.data).all()
        return CatalogueReader(hardware=probe(engines=False), cache=cache_root(), revisions=revisions)
