"""`train caption`: learn to describe photos in one sentence, from photos with captions.

`words` learns to say the next word of people's captions. `praise` goes on from there: the model says several sentences
about each photo, each is scored by CIDEr against that photo's captions, and those better than the others become more
likely (self-critical training with the other samples' mean as baseline; Rennie et al. 2017, arXiv 1612.00563; Luo 2020,
arXiv 2003.09971). `pack` writes the moving average of the weights. Stages can be stopped and go on.

Shape key:  B photos, N sentences of them, T words
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_caption_rows
from deepseek_mm.train.caption_words import Praise, Sentences, next_word_loss, sampled
from deepseek_mm.train.journal import Journal, learned
from deepseek_mm.train.loop import Loss, add_configs, chosen, gathered, train_steps
from deepseek_mm.train.maps import Maps, keep_maps
from deepseek_mm.train.steps import StepsConfig
from deepseek_mm.vision.captioner import WEIGHTS, CaptionConfig, CaptionNet, rows_of, write_captioner

STAGES = ("words", "praise", "pack")


@dataclass(frozen=True, kw_only=True, slots=True)
class StageConfig:
    """What a step reads."""

    photos: int = 32  # of a step
    samples: int = 5  # sentences about each photo that are praised or not
    smooth: float = 0.1  # of the right word's share goes to all words
    every: int = 100  # steps between two checkpoints

    def __post_init__(self) -> None:
        between("photos", self.photos, 1, 65_536)
        between("samples", self.samples, 2, 1_000)


DEFAULTS = {
    "words": (StageConfig(), StepsConfig(steps=4_000, rate=1e-3, decay=0.02, average=0.999)),
    "praise": (StageConfig(photos=16), StepsConfig(steps=800, rate=5e-5, average=0.99)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train caption`; what is left out is the stage's own default."""
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--data", type=Path, required=True, help="JSONL of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="where the rows' pictures lie")
    parser.add_argument("--split", default="train")
    parser.add_argument("--out", type=Path, default=Path("runs/caption"), help="each stage has a folder in it")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that the stage pack writes")
    add_configs(parser, StageConfig, StepsConfig, CaptionConfig)


def run(args: argparse.Namespace) -> int:
    """Train one stage to its end; goes on where an earlier call stopped."""
    rows = read_caption_rows(args.data, split=args.split)
    config = chosen(CaptionConfig(), args)
    sentences = Sentences.of(rows, most=config.most)
    if args.stage == "pack":
        return pack(args, sentences, config)
    stage, steps = (chosen(each, args) for each in DEFAULTS[args.stage])
    journal = Journal(args.out / args.stage, {**asdict(stage), **asdict(steps), **asdict(config)})
    torch.manual_seed(steps.seed)
    net = CaptionNet(len(sentences.words), config)
    if args.stage == "praise":
        net.load_state_dict(learned(args.out / "words"))
    maps = maps_of_rows(rows, args.images, args.out / "maps")
    if args.stage == "words":
        net.train()
        loss = words_loss(net, maps, sentences, stage, steps)
    else:
        net.eval()
        loss = praised(net, maps, sentences, Praise.of(rows), stage, steps)
    train_steps(dict(net.named_parameters()), gathered(loss), journal, steps, every=stage.every)
    journal.plot(*(name for name in ("loss", "cider") if name in journal.lines()[-1]))
    return 0


def maps_of_rows(rows: Sequence[CaptionRow], images: Path, folder: Path) -> Maps:
    """What the tower makes of the rows' photos."""
    paths = find_pictures(images, [row.image for row in rows])
    with tqdm(total=2 * len(paths), unit="photo", desc="looking", file=sys.stderr) as bar:
        return keep_maps(DefaultSpace().model, paths, folder, told=bar.update)


def words_loss(net: CaptionNet, maps: Maps, sentences: Sentences, stage: StageConfig, steps: StepsConfig) -> Loss:
    """Every caption of some photos, word by word."""

    def loss(step: int) -> dict[str, Tensor]:
        chance = Random(f"{steps.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))  # of what is dropped
        cells_BPC, photos = some_photos(maps, chance, stage.photos)
        words_NT, owner_N = sentences.batch(photos)
        with autocast_bf16():
            cells = [rows_of(seen, owner_N) for seen in net.cells(cells_BPC)]
            scores_NTV = net(words_NT[:, :-1], cells)
        return {"loss": next_word_loss(scores_NTV, words_NT[:, 1:], smooth=stage.smooth)}

    return loss


def praised(
    net: CaptionNet,
    maps: Maps,
    sentences: Sentences,
    praise: Praise,
    stage: StageConfig,
    steps: StepsConfig,
) -> Loss:
    """Sentences that the model says itself, the better ones more likely."""

    def loss(step: int) -> dict[str, Tensor]:
        chance = Random(f"{steps.seed} praise {step}")
        torch.manual_seed(chance.randrange(2**31))
        cells_BPC, photos = some_photos(maps, chance, stage.photos)
        owner_N = torch.arange(len(photos)).repeat_interleave(stage.samples)
        with autocast_bf16():
            cells = [rows_of(seen, owner_N) for seen in net.cells(cells_BPC)]
            words_NT = sampled(net, cells)
            scores_NTV = net(words_NT[:, :-1], cells)
        said = [sentences.spelt(row) for row in words_NT]
        worth_BS = praise.score(said, [photos[n] for n in owner_N.tolist()]).view(-1, stage.samples)
        others_BS = (worth_BS.sum(dim=1, keepdim=True) - worth_BS) / (stage.samples - 1)
        cost_N = next_word_loss(scores_NTV, words_NT[:, 1:], smooth=0.0, each=True)
        return {"loss": ((worth_BS - others_BS).flatten() * cost_N).mean(), "cider": worth_BS.mean()}

    return loss


def some_photos(maps: Maps, chance: Random, count: int) -> tuple[Tensor, list[int]]:
    """Cells of some photos, each plain or mirrored, and their numbers."""
    total = len(maps.views[0])
    photos = sorted(chance.sample(range(total), min(count, total)))
    return maps.batch(photos, [chance.randrange(len(maps.views)) for _ in photos]).float(), photos


def pack(args: argparse.Namespace, sentences: Sentences, config: CaptionConfig) -> int:
    """Write the average of the last stage that was trained."""
    stage = "praise" if (args.out / "praise").is_dir() else "words"
    fingerprint = DefaultSpace().fingerprint
    write_captioner(args.weights, learned(args.out / stage), sentences.words, config, fingerprint=fingerprint)
    tqdm.write(f"wrote {args.weights} ({args.weights.stat().st_size / 1e6:.1f} MB)", file=sys.stderr)
    return 0
