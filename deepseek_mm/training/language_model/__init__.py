"""`train lm`: train our language model from the packaged one, in stages that resume.

`reach` trains progressive attention, `experts` eight experts (`trainers.py`), `dense` the adapter that they are
compared with, and `pack` writes what was learned into `weights/`. Each stage has a folder of its own: a checkpoint
every few minutes, a log, a plot.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor

from deepseek_mm.config import BASE_LM, cache_folder
from deepseek_mm.errors import ConfigError
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.generator import silence
from deepseek_mm.lm.model_folders import find_folder, fingerprint
from deepseek_mm.lm.shape import OURS, DecoderShape, to_product_shape
from deepseek_mm.lm.weights import (
    TALL,
    THIN,
    WEIGHTS,
    build,
    merge_changes,
    read_changes,
    read_decoder,
    read_folder,
    with_changes,
    write_changes,
)
from deepseek_mm.training.corpus import list_splits
from deepseek_mm.training.corpus.items import DOMAINS, Split
from deepseek_mm.training.corpus.token_shards import PackedRows, mix_rows, pack_documents, read_shard
from deepseek_mm.training.language_model.trainers import (
    ExpertTrainer,
    MixtureConfig,
    ReachConfig,
    ReachDistiller,
    make_dense,
)
from deepseek_mm.training.loop import (
    RunFolder,
    StepsConfig,
    add_config_flags,
    choose_config,
    get_learned,
    load_learned,
    read_checkpoint,
    read_learned,
    tell_written,
    train_steps,
)

LONG = {"text": "english", "code": "code"}  # kind of long text -> its domain


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseModel:
    """The packaged model that training began with."""

    shape: DecoderShape
    weights: dict[str, Tensor]
    known_by: str = ""  # fingerprint of its weights

    def decoder(self, *, scale: float = 1.0, progressive: bool = False) -> Decoder:
        """With full attention, its rotations slowed down `scale` times; or with ours, and nothing learned."""
        shape = (
            replace(to_product_shape(self.shape), moe=None) if progressive else replace(self.shape, rope_scale=scale)
        )
        return open_decoder(shape, self.weights)


def open_base(name: str, cache: Path) -> BaseModel:
    """The model called `name`, as `read_decoder` finds it."""
    shape, weights = read_decoder(name, cache)
    return BaseModel(
        shape=shape, weights=weights, known_by=fingerprint(find_folder(name, cache=cache, progress=silence))
    )


def open_shipped(base: BaseModel, file: Path = WEIGHTS) -> Decoder:
    """The decoder of the weights that come along; without experts where none have been trained yet."""
    return open_decoder(*with_changes(base.shape, base.weights, file, base=base.known_by))


def open_run(folder: Path, base: BaseModel, *, reach: Path | None = None) -> Decoder:
    """The decoder that the run in `folder` has made of the base. `reach`: the run, or file of weights, it stands on, if
    not the run beside it.

    NothingThere without a checkpoint, ConfigError if it was made for another table of layers.
    """
    saved = read_checkpoint(folder)
    trained, settings, shape = get_learned(saved), saved["settings"], to_product_shape(base.shape)
    table = describe_layers(full=bool(settings.get("full")))
    if base.shape.num_layers == OURS.num_layers and settings.get("shape", table) != table:
        raise ConfigError(f"{folder} was trained for another table of layers. Train it again, or use that version")
    if any(name.endswith(THIN) for name in trained):
        return open_decoder(replace(shape, moe=None), merge_changes(base.weights, trained))
    shape, before = stand_on(base, reach or folder.parent / "reach", full=bool(settings.get("full")))
    if any(".moe.expert." in name for name in trained):
        decoder = make_dense(open_decoder(shape, before))
        decoder.load_state_dict(trained, strict=False)
        return decoder.to(torch.bfloat16)
    return open_decoder(shape, merge_changes(before, trained))


def stand_on(base: BaseModel, reach: Path, *, full: bool) -> tuple[DecoderShape, dict[str, Tensor]]:
    """What experts are put on: full attention, or ours with what the run, or the file of weights, `reach` learned."""
    shape = to_product_shape(base.shape)
    if full:
        return replace(shape, reaches=()), base.weights
    return shape, merge_changes(base.weights, read_reach(reach, shape, known_by=base.known_by))


def describe_layers(*, full: bool) -> str:
    """What a run is trained for, as it is recorded; with full attention it is the same whatever our layers see."""
    return repr(replace(OURS, reaches=()) if full else OURS)


def read_reach(path: Path, shape: DecoderShape, *, known_by: str) -> dict[str, Tensor]:
    """What the stage reach learned, from its run's folder or from a file of weights, whatever else that may hold.

    `known_by` is the base's fingerprint. Raises what `learned` and `read_changes` raise.
    """
    changes = read_changes(path, base=known_by, shape=shape) if path.is_file() else read_learned(path)
    return {name: value for name, value in changes.items() if name.endswith((THIN, TALL))}


def open_decoder(shape: DecoderShape, weights: dict[str, Tensor]) -> Decoder:
    """As the product has it."""
    return build(shape, weights, dtype=torch.bfloat16).eval().requires_grad_(False)


def read_held_rows(corpus: Path, *, rows: int, length: int = 512) -> PackedRows:
    """Up to `rows` packed rows of held-out documents of each domain, numbered as in DOMAINS."""
    return read_rows(corpus, ("held",), length, dict.fromkeys(DOMAINS, rows), seed=0)


def read_rows(
    corpus: Path, splits: Sequence[Split], length: int, limits: Mapping[str, int], *, seed: int
) -> PackedRows:
    """Rows of every domain, at most so many of each split, mixed."""
    parts = [
        pack_documents(read_shard(corpus, name, split), length, domain=number, limit=limits[name])
        for number, name in enumerate(DOMAINS)
        for split in splits
        if split in list_splits(name)
    ]
    return mix_rows(parts, seed)


def read_long_texts(corpus: Path, *, texts: int, length: int) -> dict[str, list[list[int]]]:
    """Up to `texts` held-out texts of `length` tokens, prose and code; joined ones where none is as long."""
    return {kind: _read_long(corpus, domain, length)[:texts] for kind, domain in LONG.items()}


def _read_long(corpus: Path, domain: str, length: int) -> list[list[int]]:
    shard = read_shard(corpus, domain, "long_held")
    whole: Sequence[list[int]] = [document.ids_T[:length].tolist() for document in shard if len(document) >= length]
    joined = np.asarray(shard.ids_N).tolist()
    return list(whole) or [joined[at : at + length] for at in range(0, len(joined) - length + 1, length)]


SHARES = {"evidence": 3}  # times as many rows as of others: little of these texts is learned, and it matters most
LONG_SHARES = SHARES | {"code": 3}  # where seeing far is learned: code loses most by seeing less


@dataclass(frozen=True, kw_only=True, slots=True)
class LmStageConfig:
    """What a stage reads."""

    length: int = 512  # tokens of a row
    rows: int = 1  # of one step; with `even` of each domain
    even: bool = False  # every step has rows of every domain
    every: int = 10  # steps between two checkpoints
    limit: int = 1_600  # rows of each domain at most
    long: bool = False  # long documents too
    full: bool = False  # attention sees everything: what progressive attention is compared with


DEFAULTS: dict[str, tuple[LmStageConfig, StepsConfig]] = {
    "reach": (LmStageConfig(length=2048, limit=150, long=True), StepsConfig(steps=600, rate=1e-3, average=0.98)),
    "experts": (LmStageConfig(even=True), StepsConfig(steps=260, rate=1e-3, average=0.98)),
    "dense": (LmStageConfig(even=True), StepsConfig(steps=260, rate=1e-3, average=0.98)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train lm`; every number of the recipe is one. What is left out is the stage's own default."""
    parser.add_argument("--stage", choices=(*STAGE_OF, "pack"), required=True)
    parser.add_argument("--corpus", type=Path, default=cache_folder() / "corpus", help="made by: train corpus")
    parser.add_argument("--out", type=Path, default=Path("runs/lm"), help="each stage has a folder in it")
    parser.add_argument(
        "--reach", type=Path, help="run of the stage reach, or file of weights, that experts are put on"
    )
    parser.add_argument("--begin", type=Path, help="reach: run, or file of weights, to begin with")
    parser.add_argument("--base", default=BASE_LM, help="the model to begin with")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that the stage pack writes")
    add_config_flags(parser, LmStageConfig, StepsConfig, ReachConfig, MixtureConfig)


def run(args: argparse.Namespace) -> int:
    """Train one stage to its end; goes on where an earlier call stopped."""
    if args.stage == "pack":
        return pack_weights(args)
    stage, steps = (choose_config(config, args) for config in DEFAULTS[args.stage])
    out = args.out / (args.stage + ("-full" if stage.full else ""))
    guide = choose_config(ReachConfig() if args.stage == "reach" else MixtureConfig(), args)
    made_for = {"base": args.base, "shape": describe_layers(full=stage.full)}
    journal = RunFolder(out, {**asdict(stage), **asdict(steps), **asdict(guide), **made_for})
    rows = read_training_rows(args.corpus, stage, seed=steps.seed)
    torch.manual_seed(steps.seed)  # of what is new in the model
    trainer = STAGE_OF[args.stage](args, stage, open_base(args.base, cache_folder()))

    def gather(step: int) -> dict[str, float]:
        return gather_step(step, trainer, rows, stage, steps)

    train_steps(trainer.trained, gather, journal, steps, every=stage.every)
    journal.plot(*(name for name in ("words", "hidden", "loss", "balance") if name in journal.read_log()[-1]))
    return 0


def pack_weights(args: argparse.Namespace) -> int:
    """Write what the stages reach and experts learned into the weights that are shipped; experts may come later."""
    folder = find_folder(args.base, cache=cache_folder(), progress=silence)
    shape, known_by = to_product_shape(read_folder(folder)[0]), fingerprint(folder)
    changes = read_reach(args.reach or args.out / "reach", shape, known_by=known_by)
    if (args.out / "experts").is_dir():
        changes |= read_learned(args.out / "experts")
    write_changes(args.weights, changes, base=known_by, shape=shape)
    tell_written(args.weights)
    return 0


def gather_step(
    step: int, trainer: ReachDistiller | ExpertTrainer, rows: PackedRows, stage: LmStageConfig, config: StepsConfig
) -> dict[str, float]:
    """Gradients of one step's rows; returns the means of what was lost."""
    told: list[dict[str, float]] = []
    for part in range(config.accumulate):
        chance = torch.Generator().manual_seed(Random(f"{config.seed} {step} {part}").randrange(2**31))
        numbers = choose_rows(step * config.accumulate + part, rows.domains_N, stage, config.seed)
        over, share = step / config.steps, 1 / config.accumulate
        told.append(trainer.backward(rows.take(numbers), over=over, share=share, chance=chance))
    return {name: sum(each[name] for each in told) / len(told) for name in told[0]}


def choose_rows(batch: int, domains_N: torch.Tensor, stage: LmStageConfig, seed: int) -> list[int]:
    """Which rows batch number `batch` has.

    Where a step has rows of every domain, experts that each know one of them are a balanced load; in steps of a few
    domains the balance loss would drive the gate to spread each of them over all experts (global-batch balance, Qiu et
    al. 2025, arXiv 2501.11873).
    """
    if not stage.even:
        return draw_in_turn(batch, len(domains_N), stage.rows, str(seed))
    numbers = []
    for domain, name in enumerate(DOMAINS):
        its_M = (domains_N == domain).nonzero().flatten()
        places = draw_in_turn(batch, len(its_M), stage.rows * SHARES.get(name, 1), f"{seed} {name}")
        numbers += its_M[places].tolist()
    return numbers


def draw_in_turn(batch: int, total: int, size: int, seed: str) -> list[int]:
    """`size` of `total` things: each once an epoch, each epoch in an order of its own."""
    a_round = max(1, total // size)
    order = list(range(total))
    Random(f"{seed} epoch {batch // a_round}").shuffle(order)
    at = batch % a_round * size
    return order[at : at + size]


def read_training_rows(corpus: Path, stage: LmStageConfig, *, seed: int) -> PackedRows:
    """Every domain's rows, mixed."""
    splits: tuple[Split, ...] = ("train", "long_train") if stage.long else ("train",)
    shares = LONG_SHARES if stage.long else SHARES
    limits = {name: stage.limit * shares.get(name, 1) for name in DOMAINS}
    return read_rows(corpus, splits, stage.length, limits, seed=seed)


def begin_reach(args: argparse.Namespace, stage: LmStageConfig, base: BaseModel) -> ReachDistiller:
    """Teacher and student of the same weights."""
    distiller = ReachDistiller(base.decoder(), base.decoder(progressive=True), choose_config(ReachConfig(), args))
    if args.begin:
        earlier = read_reach(args.begin, to_product_shape(base.shape), known_by=base.known_by)
        load_learned(distiller.trained, earlier)
    return distiller


def begin_mixture(args: argparse.Namespace, stage: LmStageConfig, base: BaseModel) -> ExpertTrainer:
    """The decoder as the stage reach left it, with experts, or with the dense adapter in their place."""
    decoder = open_decoder(*stand_on(base, args.reach or args.out / "reach", full=stage.full))
    if args.stage == "dense":
        make_dense(decoder)
    return ExpertTrainer(decoder, choose_config(MixtureConfig(), args))


STAGE_OF: dict[str, Callable[[argparse.Namespace, LmStageConfig, BaseModel], ReachDistiller | ExpertTrainer]] = {
    "reach": begin_reach,
    "experts": begin_mixture,
    "dense": begin_mixture,
}
