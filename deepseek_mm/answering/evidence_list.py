"""Evidence as claims use it: numbered from 1 in the order in which it is first cited."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from deepseek_mm.language.words import names_the_same
from deepseek_mm.retrieval.evidence import renumber_claim
from deepseek_mm.retrieval.photo_finder import PhotoMatch
from deepseek_mm.types import Claim, Draft, Evidence
from index import Region


@dataclass
class EvidenceList:
    """Evidence as it is used, numbered from 1."""

    entries: list[Evidence] = field(default_factory=list)

    def add(self, region: Region, *, siblings: Sequence[Region] = (), score: float = 0.0) -> int:
        """The number of this region; one that is there keeps its own."""
        known = next((entry.number for entry in self.entries if are_one_region(entry.region, region)), 0)
        if known:
            return known
        self.entries.append(
            Evidence(number=len(self.entries) + 1, region=region, score=score, siblings=tuple(siblings))
        )
        return len(self.entries)

    def add_photo(self, match: PhotoMatch) -> int:
        """The number of the whole picture."""
        return self.add(match.regions[0], siblings=match.regions, score=match.relevance)

    def add_shown(self, match: PhotoMatch) -> int:
        """The number of the part that shows what was asked for, or else of the whole picture."""
        parts = [region for region in match.regions if region.kind == "part" and region.labels]
        fits = (part for part in parts if any(names_the_same(part.labels[0].name, word) for word in match.why))
        return self.add(next(fits, match.regions[0]), siblings=match.regions, score=match.relevance)

    def add_draft(self, draft: Draft) -> list[Claim]:
        """The claims of another draft, with its evidence numbered on."""
        numbers = {}
        for entry in draft.evidence:
            self.entries.append(replace(entry, number=len(self.entries) + 1))
            numbers[entry.number] = len(self.entries)
        return [renumber_claim(claim, numbers) for claim in draft.claims]


def are_one_region(one: Region, other: Region) -> bool:
    """Whether two regions are one, by their numbers in the index; those that are not there have none."""
    return one.id == other.id if one.id and other.id else one == other
