"""Ranks on this machine, each a process of its own; when one is gone, so are the others.

They are forked from a server that has imported torch once, and get the same environment as torchrun would give them.
This process keeps the store.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch documents it and does not list it

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.training.parallel.layout import Layout
from deepseek_mm.training.parallel.worker import RunOrder, run_rank


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


HOST = "127.0.0.1"
LOST = 3  # exit code of a rank that lost another one
SETTLE_S = 2.0  # in which those that a dying rank takes along end as well, so that it can be told from them
STOP_S = 5.0  # that a rank has to end before it is killed


def run_local(order: RunOrder, *, started: Callable[[Sequence[Any]], None] = lambda ranks: None) -> None:
    """Train with all ranks of the layout here. RankLost names the one that failed, and the step it was in.

    `started` is handed the processes, in the order of ranks.
    """
    order.layout.check(order.model.shape())
    store = TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ranks = [
        context.Process(target=run_forked_rank, args=(order, rank, store.port)) for rank in range(order.layout.ranks)
    ]
    for rank in ranks:
        rank.start()
    try:
        started(ranks)
        watch_ranks(ranks, RankRegistry(store, order.layout))
    finally:
        stop_ranks(ranks)


def watch_ranks(ranks: list[Any], roll: RankRegistry) -> None:
    """Wait until all have ended well, or one has not."""
    left = {rank.sentinel: rank for rank in ranks}
    while left:
        for sentinel in wait(list(left)):
            ended = left.pop(sentinel)
            ended.join()
            if ended.exitcode:
                wait_for_others(list(left))
                raise explain_failure(ranks, roll)


def wait_for_others(sentinels: list[int]) -> None:
    """Give the others a moment to notice."""
    until = time.monotonic() + SETTLE_S
    while sentinels and (left_s := until - time.monotonic()) > 0:
        ended = wait(sentinels, timeout=left_s)
        sentinels = [each for each in sentinels if each not in ended]


def explain_failure(ranks: list[Any], roll: RankRegistry) -> DeepSeekMMError:
    """Those are to blame that did not merely lose a neighbour."""
    codes = {number: rank.exitcode for number, rank in enumerate(ranks) if rank.exitcode}
    blamed = {number: code for number, code in codes.items() if code != LOST}
    if not blamed:
        return make_rank_unanswered(roll.layout, roll.read_steps(), f"{len(codes)} ranks gave up waiting")
    return make_rank_lost(
        roll.layout,
        {number: describe_exit(code, roll.read_error(number)) for number, code in blamed.items()},
        roll.read_steps(),
    )


def describe_exit(code: int, said: str) -> str:
    """How a rank ended, in words."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"failed ({said or f'exit code {code}; its traceback is above'})"


def stop_ranks(ranks: list[Any]) -> None:
    """End those that are left, by force if need be."""
    for rank in ranks:
        rank.terminate()
    until = time.monotonic() + STOP_S
    for rank in ranks:
        rank.join(max(0.0, until - time.monotonic()))
        if rank.is_alive():
            rank.kill()
            rank.join()
        rank.close()


def run_forked_rank(order: RunOrder, rank: int, port: int) -> None:
    """The life of one rank."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(order.layout.ranks), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": HOST, "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the launcher too, which stops us
    try:
        run_rank(order)
    except RankLost:
        sys.exit(LOST)
    except DeepSeekMMError as error:
        RankRegistry(TCPStore(HOST, port), order.layout, rank).leave_error(error)
        sys.exit(1)
