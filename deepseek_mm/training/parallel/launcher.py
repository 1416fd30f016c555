"""The launcher of ranks on this machine, each a process of its own; when one is lost, the others are stopped.

They are forked from a server that has imported torch once, and get the same environment as torchrun would give them.
This process keeps the store.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import Any

from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch documents it and does not list it

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.training.parallel.layout import RankLost, RankRegistry, make_rank_lost, make_rank_unanswered
from deepseek_mm.training.parallel.worker import RunOrder, run_rank

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
