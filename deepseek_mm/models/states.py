"""Every model of the catalogue as it stands for one library on this machine: whether it fits, is here, and is advised.

What `models list --json` prints and `GET /models` says is made here once. Names here are a promise to other programs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepseek_mm.hub import AT, in_cache
from deepseek_mm.models.catalogue import ModelCard, find_card, read_catalogue, sort_cards
from deepseek_mm.models.fit import Fit, disk_needed_mb, free_disk_mb, judge_fit, recommend
from deepseek_mm.runtime.hardware import Hardware

PLAIN = (  # what JSON says as the card has it
    *("id", "kind", "title", "disk_mb", "parameters_m", "license", "license_url", "asks_acceptance", "good_for"),
    *("replaces", "run_by", "remote_code", "run_here", "setting", "url"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CardState:
    """One model, as it stands here."""

    card: ModelCard
    fit: Fit
    installed: bool  # its files are here, whole
    revision: str  # the commit that this library uses; empty before the first use
    recommended: bool  # the one for this machine

    @property
    def disk_needed_mb(self) -> int:
        """Of its files and what is made from them."""
        return disk_needed_mb(self.card)

    def as_json(self) -> dict[str, Any]:
        """As other programs read it."""
        card = self.card
        return {
            **{name: getattr(card, name) for name in PLAIN},
            "files": list(card.files),
            "languages": list(card.languages),
            "figures": [asdict(figure) for figure in card.figures],
            "memory_mb": dict(card.memory_mb),
            "disk_needed_mb": self.disk_needed_mb,
            "fits": self.fit.fits,
            "why": self.fit.reason,
            "needs_mb": self.fit.memory_mb,
            "way": self.fit.way,
            "installed": self.installed,
            "revision": self.revision,
            "recommended": self.recommended,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogueReader:
    """The catalogue over one machine and one cache of a hub."""

    hardware: Hardware
    cache: Path  # of the hub
    revisions: Mapping[str, str]  # name -> commit, of the models that the library has used

    def list_states(self) -> list[CardState]:
        """Every model, by kind, the smallest first."""
        return self._describe(sort_cards(read_catalogue()))

    def find_state(self, name: str) -> CardState:
        """One model. NothingThere if the catalogue has none of this name."""
        return self._describe([find_card(name)])[0]

    def _describe(self, cards: Sequence[ModelCard]) -> list[CardState]:
        free_mb = free_disk_mb(self.cache)
        best = recommend(read_catalogue(), self.hardware, free_disk_mb=free_mb)
        return [self._describe_card(card, free_mb, best) for card in cards]

    def _describe_card(self, card: ModelCard, free_mb: int | None, best: ModelCard | None) -> CardState:
        revision = self.revisions.get(card.id, card.revision)
        installed = in_cache(f"{card.id}{AT}{revision}" if revision else card.id, card.files) is not None
        return CardState(
            card=card,
            fit=judge_fit(card, self.hardware, free_disk_mb=None if installed else free_mb),
            installed=installed,
            revision=revision,
            recommended=card is best,
        )
