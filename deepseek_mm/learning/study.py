"""One training of the reader's last layer, with replay and elastic weight consolidation, and what it changed.

The Fisher information of a task says how much its answers change with a weight. A penalty of half of it times the
squared distance from the weights that the task was learned with lets the others go where they like (Kirkpatrick et al.
2017, arXiv:1612.00796, eq. 3). Fishers of several tasks add up, each pulling to the newest weights (Schwarz et al.
2018, arXiv:1805.06370, online EWC).

The user's corrections that were held out, those accepted earlier, the built-in questions by family, and of these the
ones most like the corrections: there a wrong label does its harm. `objections` says why a version should not be taken.

It goes on from the layer that answers now, with a row for each answer that is new. Beside the corrections it learns
what was accepted earlier again, and the shipped layer's own opinions of the built-in sample (their right answers would
pull it towards those few); and an anchor holds it at the shipped weights, as stiffly as the
built-in questions need them.

Shape key:  N examples or questions, K nearest, W width of what is seen, V answers
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from deepseek_mm.config import LearningConfig, between
from deepseek_mm.learning.memory import Builtin, Corrections, ReaderRows, ReplayMemory, both, join_rows
from deepseek_mm.vision.vqa import AnswerHead

CHUNK = 32  # examples whose gradients are held at once


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where weights are held, and how stiffly; by the names of a net's parameters."""

    at: Mapping[str, Tensor]
    stiff: Mapping[str, Tensor]

    def pull(self, net: nn.Module) -> Tensor:
        """The penalty, a scalar. Rows that a parameter has beyond the anchor's (new answers) are free."""
        total = torch.zeros(())
        for name, now in net.named_parameters():
            if name in self.at:
                held = now[: len(self.at[name])]
                total = total + 0.5 * (self.stiff[name] * (held - self.at[name]).square()).sum()
        return total

    def move_to(self, net: nn.Module, more: Mapping[str, Tensor], *, kept: float = 1.0) -> "Anchor":
        """Held at the net's weights as they are now, `kept` of the old stiffness and that of one more task added."""
        stiff = {name: more[name] + kept * self.stiff[name] for name in more}
        return Anchor(weights_of(net), stiff)


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """A copy of each parameter."""
    return {name: value.detach().clone() for name, value in net.named_parameters()}


def fisher_of(net: nn.Module, x_NW: Tensor, *, seed: int = 0) -> dict[str, Tensor]:
    """The diagonal of the Fisher information of each parameter, mean over examples; answers are drawn from the net's
    own opinion, not from what is right (Kunstner et al. 2019, arXiv:1905.12558, section 2).
    """
    weights = weights_of(net)
    with torch.no_grad():
        drawn_N = torch.multinomial(net(x_NW).softmax(-1), 1, generator=torch.Generator().manual_seed(seed)).squeeze(-1)

    def surprise(at: dict[str, Tensor], x_W: Tensor, answer: Tensor) -> Tensor:
        scores_1V: Tensor = functional_call(net, at, (x_W[None],))
        return -scores_1V.log_softmax(-1)[0].index_select(0, answer[None])[0]

    each: Any = vmap(grad(surprise), in_dims=(None, 0, 0))
    total = {name: torch.zeros_like(value) for name, value in weights.items()}
    for start in range(0, len(x_NW), CHUNK):
        slopes = each(weights, x_NW[start : start + CHUNK], drawn_N[start : start + CHUNK])
        for name, slope in slopes.items():
            total[name] += slope.square().sum(dim=0)
    return {name: value / len(x_NW) for name, value in total.items()}


LEAST = 1e-6  # probability that a wrong answer leaves to all others


@dataclass(frozen=True, kw_only=True, slots=True)
class FitConfig:
    """How new examples are learned."""

    steps: int = 200
    batch: int = 64  # new examples of a step
    replayed: int = 256  # old examples of a step
    rate: float = 1e-3  # learning rate
    hold: float = 0.0  # what the anchor's penalty counts
    again: float = 1.0  # what the old examples count
    seed: int = 0

    def __post_init__(self) -> None:
        between("fit.steps", self.steps, 1, 10**6)
        between("fit.batch", self.batch, 1, 65_536)
        between("fit.replayed", self.replayed, 1, 65_536)
        between("fit.rate", self.rate, 0, 1)
        between("fit.hold", self.hold, 0, 10**9)
        between("fit.again", self.again, 0, 1_000)


@dataclass(frozen=True, slots=True)
class Opinions:
    """What shall stay as it is: what was seen, and how probable each answer was held then (Buzzega et al. 2020,
    arXiv:2004.07211, eq. 3, with probabilities).
    """

    x_NW: Tensor
    chance_NV: Tensor

    def loss(self, net: nn.Module, count: int, chance: torch.Generator) -> Tensor:
        """Cross entropy with the opinions of so many, drawn by chance; a scalar."""
        some_K = torch.randperm(len(self.x_NW), generator=chance)[:count]
        log_KV: Tensor = net(self.x_NW[some_K]).log_softmax(-1)
        return -(self.chance_NV[some_K] * log_KV).sum(-1).mean()


def surprise_at(scores_NV: Tensor, rows: ReaderRows) -> Tensor:
    """Weighted mean of -log p of right answers, and of -log(1 - p) of wrong ones (Welleck et al. 2019,
    arXiv:1908.04319, eq. 4); a scalar.
    """
    log_NV = scores_NV.log_softmax(-1)
    log_N = log_NV.gather(1, rows.right_N[:, None]).squeeze(1)
    other_N = (1 - log_N.exp()).clamp_min(LEAST).log()
    loss_N = -torch.where(rows.wrong_N, other_N, log_N)
    return (rows.weight_N * loss_N).sum() / rows.weight_N.sum()


def fit(
    net: nn.Module,
    new: ReaderRows,
    config: FitConfig,
    *,
    old: ReaderRows | None = None,
    anchor: Anchor | None = None,
    opinions: Opinions | None = None,
) -> float:
    """Learn `new` in place, with Adam; returns the loss of the last step. Chance depends on the seed alone."""
    chance = torch.Generator().manual_seed(config.seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=config.rate)
    loss = torch.zeros(())
    for _ in range(config.steps):
        some = draw_sample(new, config.batch, chance)
        loss = surprise_at(net(some.x_NW), some)
        if old is not None and len(old):
            again = draw_sample(old, config.replayed, chance)
            loss = loss + config.again * surprise_at(net(again.x_NW), again)
        if opinions is not None:
            loss = loss + config.again * opinions.loss(net, config.replayed, chance)
        if anchor is not None:
            loss = loss + config.hold * anchor.pull(net)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(loss.detach())


def draw_sample(rows: ReaderRows, count: int, chance: torch.Generator) -> ReaderRows:
    """So many of them, or all where there are no more."""
    if len(rows) <= count:
        return rows
    return rows.at(torch.randperm(len(rows), generator=chance)[:count])


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


NEVER = -1e9


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """All that a training needs."""

    now: AnswerHead  # that answers now
    shipped: AnswerHead
    new_answers: tuple[str, ...]  # that it does not know yet
    trained: Corrections
    held_out: Corrections
    earlier: ReplayMemory  # accepted before
    builtin: Builtin


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyResult:
    """What came out."""

    out: nn.Linear
    answers: tuple[str, ...]
    scores: tuple[Score, ...]
    objections: tuple[str, ...]
    seconds: float


def study(material: Material, config: LearningConfig) -> StudyResult:
    """Learn, and measure what changed. The same material gives the same layer."""
    began_s = time.monotonic()
    before = widen_head(material.now.out, len(material.new_answers))
    out = widen_head(before, 0).requires_grad_(True)
    anchor = Anchor(weights_of(widen_head(material.shipped.out, 0)), material.builtin.stiff)
    told = FitConfig(steps=config.steps, rate=config.rate, hold=config.hold, again=config.again)
    old, seen_NW = material.earlier.asked.at(~material.earlier.held_N).rows, material.builtin.replay.x_NW
    as_shipped = widen_head(material.shipped.out, out.out_features - material.shipped.out.out_features)
    opinions = Opinions(seen_NW, as_shipped(seen_NW).softmax(-1))
    fit(out, material.trained.rows, told, old=old, anchor=anchor, opinions=opinions)
    out.requires_grad_(False)
    answers = (*material.now.answers, *material.new_answers)
    scores = score_sets(before, out, material, answers)
    strange = strangeness(before, material, answers)
    return StudyResult(
        out=out,
        answers=answers,
        scores=tuple(scores),
        objections=tuple(objections(scores, strange, config)),
        seconds=time.monotonic() - began_s,
    )


def widen_head(out: nn.Linear, more: int) -> nn.Linear:
    """A copy in float32 with so many more answers: rows of zeros, and less likely than most."""
    weight_VW, bias_V = out.weight.detach().float(), out.bias.detach().float()
    wide = nn.Linear(weight_VW.shape[1], len(weight_VW) + more)
    rows_XW, low_X = torch.zeros(more, weight_VW.shape[1]), bias_V.mean().expand(more)
    wide.load_state_dict({"weight": torch.cat([weight_VW, rows_XW]), "bias": torch.cat([bias_V, low_X])})
    return wide.requires_grad_(False)


def score_sets(before: nn.Linear, after: nn.Linear, material: Material, answers: Sequence[str]) -> list[Score]:
    """Every set before and after; sets without a question are left out."""
    builtin = material.builtin
    dev = Corrections(
        rows=builtin.dev, closed_N=builtin.closed_N, asks_N=torch.zeros(len(builtin.dev), dtype=torch.int64)
    )
    sets: dict[str, Corrections] = {
        TRAINED: material.trained,
        HELD_OUT: material.held_out,
        EARLIER: material.earlier.asked,
    }
    sets[BUILTIN] = dev
    corrected = join_rows([material.trained.rows, material.held_out.rows])
    if len(corrected):
        sets[NEAR] = dev.at(nearest(corrected.x_NW, builtin.dev.x_NW))
    for name in dict.fromkeys(builtin.sets):
        sets[name] = dev.at(torch.tensor([each == name for each in builtin.sets]))
    return [
        compare(name, rightly(before, asked, answers), rightly(after, asked, answers))
        for name, asked in sets.items()
        if len(asked.rows)
    ]


@torch.inference_mode()
def chances_of(out: nn.Linear, asked: Corrections, answers: Sequence[str]) -> Tensor:
    """(N, V): probabilities; of yes and no alone where that is asked."""
    scores_NV, other_V = out(asked.rows.x_NW), torch.ones(len(answers), dtype=torch.bool)
    other_V[[answers.index("yes"), answers.index("no")]] = False
    ruled_out_NV = asked.closed_N[:, None] & other_V
    chance_NV: Tensor = scores_NV.masked_fill(ruled_out_NV, NEVER).softmax(-1)
    return chance_NV


def rightly(out: nn.Linear, asked: Corrections, answers: Sequence[str]) -> Tensor:
    """(N,) bool: is the likeliest answer the right one, or not the wrong one?"""
    likeliest_N = chances_of(out, asked, answers).argmax(-1)
    same_N: Tensor = likeliest_N == asked.rows.right_N
    return same_N ^ asked.rows.wrong_N


def strangeness(before: nn.Linear, material: Material, answers: Sequence[str]) -> float:
    """Share of the right answers given, known ones, that were as good as ruled out before they were given."""
    asked = both([material.trained, material.held_out])
    told = asked.at(~asked.rows.wrong_N & (asked.rows.right_N < len(material.now.answers)))
    return surprise(chances_of(before, told, answers), told.rows.right_N)


def head_of(
    shipped: AnswerHead, answers: Sequence[str], saved: Mapping[str, Tensor]
) -> tuple[tuple[str, ...], nn.Linear]:
    """Answers and layer of a version, out of what `changes` gave."""
    out = widen_head(shipped.out, len(answers))
    out.load_state_dict({name: getattr(out, name) + saved[name] for name in ("weight", "bias")})
    return (*shipped.answers, *answers), out


def changes(shipped: AnswerHead, studied: StudyResult) -> dict[str, Tensor]:
    """What differs from the shipped layer, in half a float."""
    base = widen_head(shipped.out, len(studied.answers) - len(shipped.answers))
    return {name: (getattr(studied.out, name) - getattr(base, name)).half() for name in ("weight", "bias")}
