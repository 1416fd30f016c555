"""Claims with the regions that they cite, numbered as they come."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from deepseek_mm.types import Claim, Draft, Evidence
from index import Region

MOST_CITED = 6  # regions of one sentence


@dataclass(kw_only=True, slots=True)
class CitedRegions:
    """A draft while it is written."""

    claims: list[Claim] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)

    def add(self, text: str, region: Region, chance: float = 1.0) -> None:
        """A sentence that one region carries."""
        self.join(text, (region,), chance)

    def state(self, text: str) -> None:
        """A sentence of ours that points at nothing."""
        self.claims.append(Claim(text, (), 1.0))

    def join(self, text: str, regions: Sequence[Region], chance: float = 1.0) -> None:
        """A sentence that several regions carry."""
        for region in regions:
            if region not in self.regions:
                self.regions.append(region)
        numbers = dict.fromkeys(self.regions.index(region) + 1 for region in regions)
        self.claims.append(Claim(text, tuple(numbers)[:MOST_CITED], chance))

    def draft(self, chance: float) -> Draft:
        """All of it, as something that was read."""
        evidence = [Evidence(number=n, region=region, score=1.0) for n, region in enumerate(self.regions, 1)]
        return Draft(claims=tuple(self.claims), evidence=tuple(evidence), chance=chance, grounds="read")
