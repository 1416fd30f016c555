"""The registry of ranks: their processes and steps in a shared store, so that survivors can name the rank that is lost.

The store is kept by torchrun's agent or by our launcher, which outlive a rank.
"""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.training.parallel.layout import Layout


class RankLost(DeepSeekMMError, RuntimeError):
    """A rank of a training is gone, or does not answer."""


class RankRegistry:
    """The list of ranks, kept in a store that all of them reach."""

    def __init__(self, store: Any, layout: Layout, rank: int = -1) -> None:
        """With a rank, it answers for this process; the launcher has none."""
        self.store, self.layout, self.rank, self.step = store, layout, rank, 0

    def sign(self) -> None:
        """This process is that rank, before its first step."""
        self.store.set(f"process/{self.rank}", json.dumps([socket.gethostname(), os.getpid()]))
        self.enter_step(0)

    def enter_step(self, step: int) -> None:
        """This rank begins with a step; 0 is before the first."""
        self.step = step
        self.store.set(f"step/{self.rank}", str(step))

    def leave(self, told: Mapping[str, Any]) -> None:
        """Leave something for the first rank."""
        self.store.set(f"told/{self.rank}", json.dumps(told))

    def collect(self) -> list[dict[str, Any]]:
        """What every rank has left; waits for it."""
        return [json.loads(self.store.get(f"told/{rank}")) for rank in range(self.layout.ranks)]

    def explain(self, error: Exception) -> RankLost:
        """What a survivor has to say: who of this machine is gone, else where everybody is."""
        try:
            gone = [rank for rank in range(self.layout.ranks) if rank != self.rank and self._is_gone(rank)]
            steps = self.read_steps()
        except RuntimeError:  # the store went with the launcher
            return RankLost(f"{self.layout.describe_rank(self.rank)} lost its launcher in step {self.step} and stopped")
        if gone:
            return make_rank_lost(self.layout, {rank: "is gone" for rank in gone}, steps)
        return make_rank_unanswered(self.layout, steps, str(error).splitlines()[0])

    def read_error(self, rank: int) -> str:
        """The error of that rank, if it left one."""
        return self.store.get(f"said/{rank}").decode() if self.store.check([f"said/{rank}"]) else ""

    def leave_error(self, error: DeepSeekMMError) -> None:
        """Leave an error for the launcher."""
        self.store.set(f"said/{self.rank}", str(error))

    def read_steps(self) -> dict[int, int]:
        """Rank -> the step that it is in."""
        ranks = [rank for rank in range(self.layout.ranks) if self.store.check([f"step/{rank}"])]
        return {rank: int(self.store.get(f"step/{rank}")) for rank in ranks}

    def _is_gone(self, rank: int) -> bool:
        if not self.store.check([f"process/{rank}"]):
            return False
        host, process = json.loads(self.store.get(f"process/{rank}"))
        return host == socket.gethostname() and not _is_running(process)


def make_rank_lost(layout: Layout, how: Mapping[int, str], steps: Mapping[int, int]) -> RankLost:
    """Says which ranks are gone, where they were, and what to do."""
    said = "; ".join(f"{layout.describe_rank(rank)} {what} in step {steps.get(rank, 0)}" for rank, what in how.items())
    return RankLost(
        f"{said}. All other ranks were stopped. Run the same command again: it goes on from the last checkpoint"
    )


def make_rank_unanswered(layout: Layout, steps: Mapping[int, int], why: str) -> RankLost:
    """Nobody is gone, and yet somebody does not answer: whoever is in the earliest step."""
    first = min(steps.values(), default=0)
    behind = ", ".join(layout.describe_rank(rank) for rank, step in steps.items() if step == first)
    return RankLost(
        f"no answer in step {first} ({why}). In that step: {behind}. Look at these ranks, then run the same command"
        " again: it goes on from the last checkpoint"
    )


def _is_running(process: int) -> bool:
    """Whether a process of this machine is there and no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
