"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347), top to bottom.

A round's answers are drawn by the policy and judged; a trajectory is one answer, a step one token, and the reward comes
at its end. The details are those that Huang et al. list (The 37 Implementation Details of PPO, 2022): GAE, advantages
of mean 0 and deviation 1, clipped ratio, clipped value loss, entropy bonus, a bound on the gradient, a stop when the
policy has moved too far. The KL to the reference (the policy after the warm-up) is part of the loss.

A run that was killed loses the round it was in, and no more. Randomness depends on the seed and the round alone;
puzzles get harder from round to round. The warm-up trains the same changes on the solutions of the problems that may be
learned from: what stands before the first line that is asked for is the prompt.

Shape key:  T steps of a trajectory, A steps of a minibatch
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.evaluation.code_score import is_askable_line
from deepseek_mm.lm.tokenizer import Tokenizer
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.loop import RunFolder, StepsConfig, make_gather, read_log, train_steps
from deepseek_mm.training.ppo.policy import (
    AnswerGroup,
    AnswerWriter,
    Policy,
    Rollout,
    TokenScores,
    read_groups,
)
from deepseek_mm.training.ppo.problems import (
    BODY_LEVEL,
    EASY_LEVEL,
    LINE_LEVEL,
    CandidateJudge,
    CandidateVerdict,
    CodeProblem,
    NoveltyMemory,
    Puzzle,
    compute_reward,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PPOConfig:
    """How a policy follows its rewards."""

    rounds: int = 10
    trajectories: int = 2_048  # of a round
    answers: int = 16  # of one prompt
    gamma: float = 1.0  # how much a step counts for the one before it
    gae_lambda: float = 0.98
    clip_coef: float = 0.3  # of the ratio, and of a value's change
    ent_coef: float = 0.002
    vf_coef: float = 0.1
    kl_coef: float = 0.02  # of the KL to the reference
    target_kl: float = 0.05  # approx_kl beyond which a round's updates end
    update_epochs: int = 2
    minibatch: int = 16  # prompts of one update
    rate: float = 1.5e-3  # of the changes
    value_rate: float = 2e-3  # of the value head
    value_steps: int = 60  # of the value head alone, before the first round's updates
    max_grad_norm: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        between("rounds", self.rounds, 1, 10_000)
        between("answers", self.answers, 1, 1_024)
        between("trajectories", self.trajectories, self.answers, 10**6)
        between("clip_coef", self.clip_coef, 0.01, 1)
        between("minibatch", self.minibatch, 1, 10**6)

    @property
    def prompts(self) -> int:
        """Of one round."""
        return self.trajectories // self.answers


def compute_gae(rewards_T: Tensor, values_T: Tensor, *, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Advantages and returns of one trajectory that ends with its last step (Schulman et al. 2016, arXiv 1506.02438).

    delta_t = r_t + gamma V_(t+1) - V_t, with V = 0 behind the end; A_t = delta_t + gamma lam A_(t+1) (eq. 16);
    returns are A + V.
    """
    advantages_T, last = torch.zeros_like(values_T), 0.0
    for t in reversed(range(len(values_T))):
        following = float(values_T[t + 1]) if t + 1 < len(values_T) else 0.0
        delta = float(rewards_T[t]) + gamma * following - float(values_T[t])
        last = delta + gamma * lam * last
        advantages_T[t] = last
    return advantages_T, advantages_T + values_T


def centre_rewards(rewards: Sequence[float]) -> list[float]:
    """Each less the mean of the others: a baseline that knows how hard the prompt is and not the answer (leave-one-out,
    Kool et al. 2019), so that nothing it tells is biased. What is left for the values is the course of an answer.
    """
    if len(rewards) < 2:
        return list(rewards)
    whole = sum(rewards)
    return [reward - (whole - reward) / (len(rewards) - 1) for reward in rewards]


class TrajectorySteps(NamedTuple):
    """What is remembered of some steps while the policy changes; every tensor has an entry a step."""

    logprobs_A: Tensor  # under the policy that drew them
    ref_logprobs_A: Tensor
    values_A: Tensor
    advantages_A: Tensor
    returns_A: Tensor


def compute_ppo_loss(new: TokenScores, old: TrajectorySteps, config: PPOConfig) -> tuple[Tensor, dict[str, float]]:
    """The loss of one minibatch, and what is told of it."""
    logratio = new.logprob_A - old.logprobs_A
    ratio = logratio.exp()
    pg_loss1 = -old.advantages_A * ratio
    pg_loss2 = -old.advantages_A * ratio.clamp(1 - config.clip_coef, 1 + config.clip_coef)
    pg_loss = torch.max(pg_loss1, pg_loss2).mean()
    v_clipped = old.values_A + (new.value_A - old.values_A).clamp(-config.clip_coef, config.clip_coef)
    v_loss_max = torch.max((new.value_A - old.returns_A).square(), (v_clipped - old.returns_A).square())
    v_loss = 0.5 * v_loss_max.mean()
    entropy = new.entropy_A.mean()
    ref_logratio = old.ref_logprobs_A - new.logprob_A
    kl_ref = (ref_logratio.exp() - 1 - ref_logratio).mean()  # k3 of Schulman (2020), never negative
    loss = pg_loss - config.ent_coef * entropy + config.vf_coef * v_loss + config.kl_coef * kl_ref
    with torch.no_grad():
        told = {
            "approx_kl": ((ratio - 1) - logratio).mean().item(),
            "clipfrac": ((ratio - 1).abs() > config.clip_coef).float().mean().item(),
            "pg_loss": pg_loss.item(),
            "v_loss": v_loss.item(),
            "entropy": entropy.item(),
            "kl_ref": kl_ref.item(),
        }
    return loss, told


class Learner:
    """A policy that learns by PPO."""

    def __init__(self, policy: Policy, config: PPOConfig) -> None:
        self.policy, self.config = policy, config
        self.reference = {name: p.detach().clone() for name, p in policy.changes.items()}
        head = list(policy.value.parameters())
        self.optimiser = torch.optim.Adam(
            [{"params": list(policy.changes.values()), "lr": config.rate}, {"params": head, "lr": config.value_rate}],
            betas=(0.9, 0.98),
            eps=1e-5,
        )

    def update(
        self, groups: Sequence[AnswerGroup], rewards: Sequence[Sequence[float]], number: int
    ) -> dict[str, float]:
        """One round's updates by PPO, from every answer's reward; what is told of them."""
        config = self.config
        rewards = [centre_rewards(each) for each in rewards]
        if number == 0:
            self._fit_values(groups, rewards)
        steps = self._make_steps(groups, rewards, same=number == 0)
        values, returns = (torch.cat([getattr(each, name) for each in steps]) for name in ("values_A", "returns_A"))
        told: list[dict[str, float]] = []
        for epoch in range(config.update_epochs):
            for numbers in draw_minibatches(len(groups), config.minibatch, f"{config.seed} {number} {epoch}"):
                new = self.policy.score_answers([groups[n] for n in numbers])
                old = TrajectorySteps(*map(torch.cat, zip(*(steps[n] for n in numbers), strict=True)))
                loss, parts = compute_ppo_loss(new, old, config)
                self._step(loss)
                told.append(parts)
            if told[-1]["approx_kl"] > config.target_kl:
                break
        means = {name: sum(each[name] for each in told) / len(told) for name in told[0]}
        return {**means, "explained_var": compute_explained_variance(values, returns), "updates": len(told)}

    def state(self) -> dict[str, Any]:
        """What the next round depends on, besides the seed."""
        trained = {name: p.detach() for name, p in self.policy.parameters_by_name.items()}
        return {"trained": trained, "optimiser": self.optimiser.state_dict(), "reference": self.reference}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self.policy.load_learned(state["trained"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.reference = dict(state["reference"])

    def _step(self, loss: Tensor) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(list(self.policy.parameters_by_name.values()), self.config.max_grad_norm)
        self.optimiser.step()

    @torch.no_grad()
    def _make_steps(
        self, groups: Sequence[AnswerGroup], rewards: Sequence[Sequence[float]], *, same: bool
    ) -> list[TrajectorySteps]:
        """Steps of each group; `same`: the policy is the reference still. Advantages have mean 0 and deviation 1."""
        olds = [self.policy.score_answers([group]) for group in groups]
        refs = olds
        if not same:
            with use_changes(self.policy, self.reference):
                refs = [self.policy.score_answers([group]) for group in groups]
        told = [
            self._compute_advantages(group, old, each) for group, old, each in zip(groups, olds, rewards, strict=True)
        ]
        every = torch.cat([advantages for advantages, _ in told])
        mean, deviation = every.mean(), every.std() + 1e-8
        return [
            TrajectorySteps(
                logprobs_A=old.logprob_A,
                ref_logprobs_A=ref.logprob_A,
                values_A=old.value_A,
                advantages_A=(advantages - mean) / deviation,
                returns_A=returns,
            )
            for old, ref, (advantages, returns) in zip(olds, refs, told, strict=True)
        ]

    def _compute_advantages(
        self, group: AnswerGroup, old: TokenScores, rewards: Sequence[float]
    ) -> tuple[Tensor, Tensor]:
        """Advantages and returns of a group's steps."""
        parts = []
        values = old.value_A.split([len(answer) for answer in group.answers])
        for values_T, reward in zip(values, rewards, strict=True):
            rewards_T = torch.zeros_like(values_T)
            rewards_T[-1] = reward
            parts.append(compute_gae(rewards_T, values_T, gamma=self.config.gamma, lam=self.config.gae_lambda))
        return torch.cat([a for a, _ in parts]), torch.cat([r for _, r in parts])

    def _fit_values(self, groups: Sequence[AnswerGroup], rewards: Sequence[Sequence[float]]) -> None:
        """The value head alone learns what came of the first answers: one that knows nothing makes noise."""
        with torch.no_grad():
            seen = [self.policy.upper_states([group]) for group in groups]
            states = torch.cat([each.hidden_UD[each.index_A].float() for each in seen])
        wanted = [
            torch.full((len(answer),), reward)
            for group, each in zip(groups, rewards, strict=True)
            for answer, reward in zip(group.answers, each, strict=True)
        ]
        returns, head = torch.cat(wanted), self.policy.value
        optimiser = torch.optim.Adam(head.parameters(), lr=self.config.value_rate)
        for _ in range(self.config.value_steps):
            optimiser.zero_grad()
            (head(states)[:, 0] - returns).square().mean().backward()
            optimiser.step()


@contextmanager
def use_changes(policy: Policy, changes: Mapping[str, Tensor]) -> Iterator[None]:
    """The policy with other changes, for a while."""
    own = {name: p.detach().clone() for name, p in policy.changes.items()}
    policy.load_learned(changes)
    try:
        yield
    finally:
        policy.load_learned(own)


def draw_minibatches(count: int, size: int, seed: str) -> Iterator[list[int]]:
    """Every number once, in an order of its own."""
    order = list(range(count))
    Random(seed).shuffle(order)
    for start in range(0, count, size):
        yield order[start : start + size]


def compute_explained_variance(values_A: Tensor, returns_A: Tensor) -> float:
    """Share of the returns' variance that the values tell; 1 is all, 0 what a constant tells."""
    variance = float(returns_A.var())
    return 1 - float((returns_A - values_A).var()) / variance if variance else 0.0


FIRST = {EASY_LEVEL: 0.65, LINE_LEVEL: 0.25, BODY_LEVEL: 0.10}  # shares of the first round's puzzles
LAST = {EASY_LEVEL: 0.40, LINE_LEVEL: 0.35, BODY_LEVEL: 0.25}  # and of the last one's
SHOWN = 8  # samples that are shown of a round
SAMPLES = "samples.jsonl"
Note = Callable[[str], None]


def compute_level_shares(number: int, rounds: int) -> dict[int, float]:
    """How many of a round's puzzles are of each level."""
    over = number / max(1, rounds - 1)
    return {level: FIRST[level] + (LAST[level] - FIRST[level]) * over for level in FIRST}


def choose_puzzles(puzzles: Sequence[Puzzle], config: PPOConfig, number: int) -> list[Puzzle]:
    """A round's puzzles, each once, by seed and round; of a level that is used up all there are."""
    draw, chosen = Random(f"{config.seed} puzzles {number}"), list[Puzzle]()
    for level, share in compute_level_shares(number, config.rounds).items():
        fit = [puzzle for puzzle in puzzles if puzzle.seen and puzzle.level == level]
        chosen += draw.sample(fit, min(len(fit), round(share * config.prompts)))
    rest = [puzzle for puzzle in puzzles if puzzle.seen and puzzle not in chosen]
    missing = max(0, config.prompts - len(chosen))
    return (chosen + draw.sample(rest, min(len(rest), missing)))[: config.prompts]


class Rounds:
    """A run: its policy, its judge, and what it has seen."""

    def __init__(self, learner: Learner, writer: AnswerWriter, judge: CandidateJudge, journal: RunFolder) -> None:
        self.learner, self.writer, self.judge, self.journal = learner, writer, judge, journal
        self.novelty, self.done = NoveltyMemory(), 0
        if saved := journal.resume():
            learner.restore(saved)
            self.novelty, self.done = NoveltyMemory(json.loads(saved["seen"])), saved["step"]
        rows = [row for row in read_log(journal.folder / SAMPLES) if row["round"] <= self.done]
        atomic_write(journal.folder / SAMPLES, "".join(json.dumps(row) + "\n" for row in rows).encode())

    def run(self, puzzles: Sequence[Puzzle], note: Note) -> None:
        """All rounds that are left."""
        for number in range(self.done, self.learner.config.rounds):
            note(self.run_round(puzzles, number))
            self.done = number + 1

    def run_round(self, puzzles: Sequence[Puzzle], number: int) -> str:
        """Round `number`; returns what is shown of it."""
        config = self.learner.config
        start = time.monotonic()
        chosen = choose_puzzles(puzzles, config, number)
        seed = Random(f"{config.seed} answers {number}").randrange(2**31)
        rollouts = self.writer.write(chosen, config.answers, seed=seed)
        drawn = time.monotonic()
        verdicts = judge_rollouts(self.judge, rollouts)
        rewards = [self.compute_rewards(r, v) for r, v in zip(rollouts, verdicts, strict=True)]
        judged = time.monotonic()
        told = self.learner.update([rollout.group for rollout in rollouts], rewards, number)
        seconds = {"draw_s": drawn - start, "judge_s": judged - drawn, "learn_s": time.monotonic() - judged}
        numbers = {**compute_means(verdicts, rewards), **told, **seconds, "runs": float(self.judge.runs)}
        shown = choose_samples(rollouts, verdicts, rewards)
        self.journal.log(number + 1, **{name: round(value, 5) for name, value in numbers.items()})
        with (self.journal.folder / SAMPLES).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({"round": number + 1, **each}) + "\n" for each in shown)
        self.journal.save(number + 1, {**self.learner.state(), "seen": json.dumps(self.novelty.seen)})
        return describe_round(number + 1, numbers, shown)

    def compute_rewards(self, rollout: Rollout, verdicts: Sequence[CandidateVerdict]) -> list[float]:
        """Of every answer of one puzzle. Only what is right is remembered, and compared with."""
        name, told = rollout.puzzle.name, []
        for text, verdict in zip(rollout.texts, verdicts, strict=True):
            novelty = self.novelty.distance(name, text) if verdict.right else 0.0
            told.append(compute_reward(parses=verdict.parses, share=verdict.share, novelty=novelty))
        return told


def judge_rollouts(judge: CandidateJudge, rollouts: Sequence[Rollout]) -> list[list[CandidateVerdict]]:
    """Of every answer; all of them are run together."""
    told = iter(judge.judge([(rollout.puzzle, text) for rollout in rollouts for text in rollout.texts]))
    return [[next(told) for _ in rollout.texts] for rollout in rollouts]


def compute_means(
    verdicts: Sequence[Sequence[CandidateVerdict]], rewards: Sequence[Sequence[float]]
) -> dict[str, float]:
    """What a round's answers were like, on the average."""
    every = [verdict for each in verdicts for verdict in each]
    return {
        "reward": sum(map(sum, rewards)) / len(every),
        "pass_rate": sum(v.right for v in every) / len(every),
        "syntax": sum(v.parses for v in every) / len(every),
        "solved": sum(any(v.right for v in each) for each in verdicts) / len(verdicts),
    }


def choose_samples(
    rollouts: Sequence[Rollout], verdicts: Sequence[Sequence[CandidateVerdict]], rewards: Sequence[Sequence[float]]
) -> list[dict[str, Any]]:
    """Some answers of a round, for people to look at: the best paid one of every so many puzzles."""
    step = max(1, len(rollouts) // SHOWN)
    shown = []
    for rollout, verdict, reward_of in list(zip(rollouts, verdicts, rewards, strict=True))[::step]:
        best = max(range(len(reward_of)), key=lambda n: reward_of[n])
        shown.append(
            {
                "puzzle": rollout.puzzle.name,
                "prompt": rollout.puzzle.prompt,
                "wanted": rollout.puzzle.answer,
                "text": rollout.texts[best],
                "reward": round(reward_of[best], 3),
                "right": f"{sum(v.right for v in verdict)} of {len(verdict)}",
            }
        )
    return shown


def describe_round(number: int, numbers: dict[str, float], shown: Sequence[dict[str, Any]]) -> str:
    """For people."""
    head = f"round {number}: " + ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
    lines = [f"  {each['reward']:.2f} {each['right']:>8} {each['puzzle']}: {each['text'].strip()!r}" for each in shown]
    return "\n".join([head, *lines])


LONGEST = 160  # tokens of a solution that are learned
EVERY = 20  # steps between two checkpoints
END = "\n\n\n"  # behind a solution
WARM_STEPS = StepsConfig(steps=24, rate=5e-4, warm=0.1, last=0.1)


def warm_up(
    policy: Policy, groups: Sequence[AnswerGroup], journal: RunFolder, *, steps: StepsConfig, batch: int
) -> None:
    """All steps that are left."""
    a_round = max(1, -(-len(groups) // batch))

    def loss(step: int) -> dict[str, Tensor]:
        epoch, at = divmod(step, a_round)
        numbers = list(draw_minibatches(len(groups), batch, f"{steps.seed} warm {epoch}"))[at]
        return {"loss": -policy.score_answers([groups[n] for n in numbers], heat=1.0).logprob_A.mean()}

    train_steps(policy.changes, make_gather(loss), journal, steps, every=EVERY)


def make_lessons(
    policy: Policy, problems: Sequence[CodeProblem], tokenizer: Tokenizer, *, most: int, seed: int
) -> list[AnswerGroup]:
    """Some of the problems that may be learned from, read by the lower layers."""
    order = torch.randperm(len(problems), generator=torch.Generator().manual_seed(seed)).tolist()
    told = [split_ids(problems[n], tokenizer) for n in order if problems[n].may_be_learned]
    return list(read_groups(policy, [each for each in told if each[1]][:most]))


def split_ids(problem: CodeProblem, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Tokens before the first line that is asked for, and those of the rest; no rest if a token is in both."""
    lines = problem.code.split("\n")
    start = next((n for n, line in enumerate(lines) if is_askable_line(line) and line[:1] == " "), len(lines))
    before = (problem.head + "".join(f"{line}\n" for line in lines[:start])).rstrip()
    prompt = tokenizer(before)["input_ids"]
    whole = tokenizer(problem.head + problem.code + END)["input_ids"]
    return prompt, whole[len(prompt) :][:LONGEST] if whole[: len(prompt)] == prompt else []
