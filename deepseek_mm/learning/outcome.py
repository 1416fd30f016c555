"""What a training changed, question by question: what is right now and was not, and the other way round.

The user's corrections that were held out, those accepted earlier, the built-in questions by family, and of these the
ones most like the corrections: there a wrong label does its harm. `objections` says why a version should not be taken.

Shape key:  N questions, K nearest, W width of what is seen, V answers
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from deepseek_mm.config import LearningConfig

TRAINED, HELD_OUT, EARLIER, NEAR, BUILTIN = "trained", "held out", "earlier", "near", "built-in"
FEW_HELD_OUT = 3  # held-out corrections below which nothing is read off them
NEAREST = 5  # built-in questions that are looked at for each correction


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A set of questions before and after."""

    name: str
    count: int
    before: int  # answered right
    after: int
    gained: int  # right now and not before
    lost: int  # the other way round

    @property
    def net(self) -> int:
        """Questions that were gained; below 0, lost."""
        return self.gained - self.lost


def compare(name: str, before_N: Tensor, after_N: Tensor) -> Score:
    """From which questions are answered right, before and after (bool)."""
    return Score(
        name=name,
        count=len(before_N),
        before=int(before_N.sum()),
        after=int(after_N.sum()),
        gained=int((after_N & ~before_N).sum()),
        lost=int((before_N & ~after_N).sum()),
    )


def nearest(new_NW: Tensor, known_MW: Tensor, count: int = NEAREST) -> Tensor:
    """Numbers of the known rows that are most like some new one (cosine), rising, each once."""
    cosine_NM = F.normalize(new_NW, dim=-1) @ F.normalize(known_MW, dim=-1).T
    best_NK = cosine_NM.topk(min(count, len(known_MW)), dim=-1).indices
    numbers: Tensor = best_NK.flatten().unique()
    return numbers


def surprise(chance_NV: Tensor, right_N: Tensor) -> float:
    """Share of the answers given that were not among the likeliest before: of yes and no, and of all others."""
    if not len(right_N):
        return 0.0
    chance_N = chance_NV.gather(1, right_N[:, None]).squeeze(1)
    best_N = chance_NV.amax(dim=1)
    return float((chance_N < STRANGE * best_N).float().mean())


STRANGE = 0.1  # of the likeliest answer's probability: below it, an answer was ruled out


def objections(scores: Sequence[Score], strange: float, config: LearningConfig) -> list[str]:
    """Why this version should not be taken; [] where nothing speaks against it."""
    by_name, said = {score.name: score for score in scores}, []
    for name, least, what in (
        (BUILTIN, config.tolerated, "of the built-in questions"),
        (NEAR, config.tolerated_near, "of the built-in questions most like the corrections"),
        (EARLIER, config.tolerated_near, "of the corrections that were accepted earlier"),
    ):
        score = by_name.get(name)
        if score and -score.net > max(1.0, least * score.count):
            said.append(f"{score.lost} {what} are lost and {score.gained} gained, of {score.count}")
    held = by_name.get(HELD_OUT)
    if held and held.count >= FEW_HELD_OUT and held.net < 0:
        said.append(f"of {held.count} corrections that were held out, {held.before} were right and {held.after} are")
    if strange > config.most_strange:
        said.append(
            f"{100 * strange:.0f} % of the answers given were as good as ruled out before: "
            "labels that are mixed up look like this"
        )
    return said
