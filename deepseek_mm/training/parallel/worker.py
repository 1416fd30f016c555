"""One rank of a parallel training, from its place to the last step, and the launcher of ranks on this machine.

The launcher forks ranks from a server that
has imported torch once, and gives them the same environment as torchrun would; when one is lost, the others stop.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor
from torch import distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch documents it and does not list it
from torch.distributed.rendezvous import rendezvous
from torch.multiprocessing.spawn import ProcessException, start_processes

from deepseek_mm.config import between
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.training.loop import RunFolder, StepsConfig
from deepseek_mm.training.parallel import checkpoint
from deepseek_mm.training.parallel.layout import (
    Layout,
    RankLost,
    RankPlace,
    RankRegistry,
    make_rank_lost,
    make_rank_unanswered,
    take_place,
)
from deepseek_mm.training.parallel.recipe import (
    SOURCE,
    MicrobatchConfig,
    ModelConfig,
    draw_rows,
    list_sizes,
    make_first_weights,
    read_text,
)
from deepseek_mm.training.parallel.shards import (
    STATE,
    PipelineRunner,
    ShardedAdamW,
    cut_part,
    list_cuts,
    open_stage,
)

STEPS = StepsConfig(steps=20, rate=3e-3, warm=0.2)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeepConfig:
    """What is kept, and how long ranks wait for each other."""

    every: int = 5  # steps between two checkpoints
    checkpointed: int = 0  # layers of each stage that are worked out again on the way back
    patience_s: int = 60  # seconds without an answer, after which a rank is taken for lost

    def __post_init__(self) -> None:
        between("every", self.every, 1, 10**7)
        between("checkpointed", self.checkpointed, 0, 10**4)
        between("patience_s", self.patience_s, 1, 86_400)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOrder:
    """Everything that a rank has to know."""

    out: Path
    layout: Layout = field(default_factory=Layout)
    model: ModelConfig = field(default_factory=ModelConfig)
    batch: MicrobatchConfig = field(default_factory=MicrobatchConfig)
    steps: StepsConfig = STEPS
    keep: KeepConfig = field(default_factory=KeepConfig)
    text: Path = SOURCE

    @property
    def settings(self) -> dict[str, Any]:
        """The recipe, without what may change when a run goes on: the layout, and what is kept."""
        return {**asdict(self.model), **asdict(self.batch), **asdict(self.steps)}


def run_rank(order: RunOrder) -> None:
    """Train as the rank that the environment names (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), as torchrun sets it.

    RankLost names the rank that is gone.
    """
    torch.set_num_threads(1)
    wait = timedelta(seconds=order.keep.patience_s)
    store, rank, _ = next(iter(rendezvous("env://", timeout=wait)))
    roll = RankRegistry(store, order.layout, rank)
    try:
        roll.sign()
        dist.init_process_group("gloo", store=store, rank=rank, world_size=order.layout.ranks, timeout=wait)
        RankWorker(order, take_place(order.layout), roll).run()
        dist.destroy_process_group()
    except RuntimeError as error:  # what gloo raises when a neighbour is gone, or does not answer
        raise roll.explain(error) from error


class RankWorker:
    """A rank that has its place."""

    def __init__(self, order: RunOrder, place: RankPlace, roll: RankRegistry) -> None:
        self.order, self.place, self.roll = order, place, roll
        self.shape = order.model.shape()
        self.cuts = list_cuts(self.shape)
        self.text = read_text(order.text)
        self.settings = {**order.settings, "text": crc32(self.text.numpy().tobytes())}
        self.journal = RunFolder(order.out, self.settings)
        stage = open_stage(
            self.shape, place, make_first_weights(order.steps.seed), checkpointed=order.keep.checkpointed
        )
        self.runner = PipelineRunner(stage, microbatches=order.batch.microbatches)
        self.trained = {n.removeprefix("decoder."): p for n, p in stage.named_parameters()}
        self.optimiser = ShardedAdamW(self.trained, place, order.steps)
        self.ties = self.shape.tied and not (place.first and place.last)
        self.counted = {name: self._counts(name) for name in self.trained}

    def run(self) -> None:
        """All steps that are left."""
        for step in range(self._resume(), self.order.steps.steps):
            self.roll.enter_step(step + 1)
            told = self.step(step)
            if self.place.rank == 0:
                self.journal.log(step + 1, **told)
            if (step + 1) % self.order.keep.every == 0 or step + 1 == self.order.steps.steps:
                self.save(step + 1)

    def step(self, step: int) -> dict[str, float]:
        """One step of all ranks."""
        order, begun = self.order, time.perf_counter()
        ids = torch.cat(
            [
                draw_rows(self.text, order.batch, step=step, number=number, seed=order.steps.seed)
                for number in self.runner.numbers
            ]
        )
        lost = self.runner.gather(ids) if self.place.tensor.place == 0 else 0 * self.runner.gather(ids)
        self._tie()
        loss, norm = self.optimiser.update(step, counted=self.counted, lost=lost)
        return {"loss": loss, "gradient": norm, "seconds": time.perf_counter() - begun}

    def save(self, step: int) -> None:
        """A checkpoint of all ranks; the next step waits for it."""
        mine = {
            kind: [piece for piece in pieces if self.counted[piece[0]]]
            for kind, pieces in self.optimiser.pieces().items()
        }
        checkpoint.save_pieces(self.order.out, step, mine, rank=self.place.rank, tensor=self.place.tensor.place)
        self._meet()
        if self.place.rank == 0:
            sizes = {name: list(size) for name, size in list_sizes(self.shape).items()}
            checkpoint.finish_checkpoint(self.order.out, step, self.settings, sizes, layout=str(self.order.layout))

    def _resume(self) -> int:
        """The step to go on with."""
        folder = checkpoint.find_latest(self.order.out)
        if self.place.rank == 0:
            self.journal.truncate_log(int(folder.name.rpartition("-")[2]) if folder else 0)
        self._meet()
        if folder is None:
            return 0
        with checkpoint.open_checkpoint(folder, self.cuts) as found:
            found.check(self.settings)
            self.optimiser.restore({kind: self._own(found, kind) for kind in STATE}, found.step)
            return found.step

    def _own(self, found: checkpoint.ShardedCheckpoint, kind: str) -> dict[str, Tensor]:
        tensor = self.place.tensor
        return {
            name: cut_part(found.whole(kind, self._first_name(name)), self.cuts.get(name), tensor.place, tensor.size)
            for name in self.trained
        }

    def _first_name(self, name: str) -> str:
        """Of a head that is the embedding, the embedding's."""
        return "embedding.weight" if self.shape.tied and name == "head.weight" else name

    def _counts(self, name: str) -> bool:
        """Whether this rank is the one that answers for it, among those that have the same."""
        twin = self.ties and name == "head.weight"
        return not twin and (name in self.cuts or self.place.tensor.place == 0)

    def _tie(self) -> None:
        """The two ends' gradients of the words that both have."""
        for name in ("embedding.weight", "head.weight"):
            if self.ties and name in self.trained:
                gradient = self.trained[name].grad
                assert gradient is not None, f"no gradient of {name}"
                self.place.ends.sum(gradient)

    def _meet(self) -> None:
        if self.place.world.size > 1:
            dist.barrier()


HOST = "127.0.0.1"
LOST = 3  # exit code of a rank that lost another one
SETTLE_S = 2.0  # in which those that a dying rank takes along end as well, so that it can be told from them


def run_local(order: RunOrder, *, started: Callable[[Sequence[Any]], None] = lambda ranks: None) -> None:
    """Train with all ranks of the layout here. RankLost names the one that failed, and the step it was in.

    `started` is handed the processes, in the order of ranks.
    """
    order.layout.check(order.model.shape())
    store = TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
    get_context("forkserver").set_forkserver_preload([__name__])
    ranks = start_processes(
        run_forked_rank, (order, store.port), order.layout.ranks, join=False, daemon=True, start_method="forkserver"
    )
    started(ranks.processes)
    try:
        while not ranks.join(grace_period=SETTLE_S):
            pass
    except ProcessException as error:
        codes = {n: rank.exitcode for n, rank in enumerate(ranks.processes) if rank.exitcode}
        ended = {n: code for n, code in codes.items() if code != -signal.SIGTERM or n == error.error_index}
        raise explain_failure(ended, RankRegistry(store, order.layout)) from error


def explain_failure(codes: Mapping[int, int], roll: RankRegistry) -> DeepSeekMMError:
    """Of the ranks that ended with these codes, those are to blame that did not merely lose a neighbour."""
    blamed = {rank: code for rank, code in codes.items() if code != LOST}
    if not blamed:
        return make_rank_unanswered(roll.layout, roll.read_steps(), f"{len(codes)} ranks gave up waiting")
    said = {rank: describe_exit(code, roll.read_error(rank)) for rank, code in blamed.items()}
    return make_rank_lost(roll.layout, said, roll.read_steps())


def describe_exit(code: int, said: str) -> str:
    """How a rank ended, in words."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"failed ({said or f'exit code {code}; its traceback is above'})"


def run_forked_rank(rank: int, order: RunOrder, port: int) -> None:
    """The life of one rank."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(order.layout.ranks), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": HOST, "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    try:
        run_rank(order)
    except RankLost:
        sys.exit(LOST)
    except DeepSeekMMError as error:
        RankRegistry(TCPStore(HOST, port), order.layout, rank).leave_error(error)
        sys.exit(1)
    except Exception:  # noqa: BLE001  whatever it was, its traceback is shown and the launcher names the rank
        traceback.print_exc()
        sys.exit(1)
