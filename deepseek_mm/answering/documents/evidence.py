"""A draft while it is written: claims with the regions that they cite, numbered as they come."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from deepseek_mm.answering.evidence_list import EvidenceList
from deepseek_mm.types import Claim, Draft
from index import Region

MOST_CITED = 6  # regions of one sentence


@dataclass(kw_only=True, slots=True)
class CitedRegions:
    """Claims, and the evidence that they point at."""

    claims: list[Claim] = field(default_factory=list)
    evidence: EvidenceList = field(default_factory=EvidenceList)

    def add(self, text: str, region: Region, chance: float = 1.0) -> None:
        """A sentence that one region carries."""
        self.join(text, (region,), chance)

    def state(self, text: str) -> None:
        """A sentence of ours that points at nothing."""
        self.claims.append(Claim(text, (), 1.0))

    def join(self, text: str, regions: Sequence[Region], chance: float = 1.0) -> None:
        """A sentence that several regions carry."""
        numbers = dict.fromkeys(self.evidence.add(region, score=1.0) for region in regions)
        self.claims.append(Claim(text, tuple(numbers)[:MOST_CITED], chance))

    def draft(self, chance: float) -> Draft:
        """All of it, as something that was read."""
        return Draft(claims=tuple(self.claims), evidence=tuple(self.evidence.entries), chance=chance, grounds="read")
