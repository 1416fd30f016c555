"""`train align`: train the shared space of images and texts, from captioned photos to the shipped weights.

The lower tower's maps are computed and cached, then contrastive training runs (or resumes), then the side heads are
trained, the changes are packed into `weights/`, and the vocabulary's curve is fitted. A step takes a batch of photos,
each in one of its views, with one or two captions; heads, text tower and (from a later epoch on) the upper part of the
image tower follow the loss, and the moving average of the weights is kept. Randomness depends on the seed and the step
alone, so a resumed run equals an undisturbed one.

Two models that err on different photos are right together more often than each alone. The main heads and the tuned
towers are one; the side heads, which see the image tower as packaged, its middle map and several layers of the text
tower, are the other. Their vectors are joined to one of the space's width, so the main vectors give up the half of
their dimensions that carries least (the smallest singular values over training photos and captions).

Shape key:  N photos or captions, B photos in the batch, T texts, D width of the space, M width of a main vector (512),
            K of the narrowed one (256), L layers of the text tower that are read, W its width (384)
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.deltas import pack_changes
from deepseek_mm.embeddings.default import TEXT_BATCH, WEIGHTS, DefaultSpace, SpaceModel
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.towers import in_order_of_length
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import (
    CaptionRow,
    evaluate_retrieval,
    find_pictures,
    read_caption_rows,
    read_picture,
)
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.feature_maps import CaptionedViews, prepare_captioned
from deepseek_mm.training.loop import (
    RunFolder,
    StepsConfig,
    add_config_flags,
    choose_config,
    make_gather,
    read_learned,
    tell_written,
    train_stage,
    train_steps,
)
from deepseek_mm.training.losses import contrastive_loss, cosine_embedding_loss
from deepseek_mm.training.word_classifiers import fit_vocabulary, save_vocabulary
from deepseek_mm.vision.vocabulary import CURVES_FILE, read_names

LOSSES = ("contrastive", "cosine")
UPPER, TEXT, HEADS = "image_tower.upper.", "text_tower.model.encoder.layer.", ("image_head.", "text_head.")
NEW = (*HEADS, "side.", "narrow")  # without a packaged twin
GROWTH = "scale"  # what the inverse temperature is learned by: its logarithm less that of the first one
MAX_SCALE = 100.0  # of the inverse temperature, as CLIP's
BATCH = 64  # photos, where nothing is learned
SIDE_STEPS = StepsConfig(rate=1e-3, last=0.02, decay=0.2, clip=2.0, average=0.97)
SIDE_EPOCHS, SIDE_BATCH = 18, 512
SIDE_SCALE = 25.0  # inverse temperature


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignConfig:
    """The recipe; the defaults made the weights that are shipped."""

    epochs: int = 16
    batch: int = 384  # photos
    captions: int = 1  # of each photo in a step
    loss: str = "contrastive"  # one of LOSSES
    head_rate: float = 1e-3  # learning rates, at the top of the schedule
    text_rate: float = 1e-4
    upper_rate: float = 2e-4
    upper_from: int = 6  # epoch from which the image tower's upper part is trained too
    decay: float = 0.05  # of the weights
    warm: float = 0.05  # share of the steps over which the rates rise; a cosine brings them down
    first_scale: float = 30.0  # inverse temperature at the start
    average: float = 0.97  # memory of the moving average
    seed: int = 0

    def __post_init__(self) -> None:
        between("align.epochs", self.epochs, 1, 10_000)
        between("align.batch", self.batch, 2, 65_536)
        between("align.captions", self.captions, 1, 5)
        between("align.average", self.average, 0, 0.99999)


class Aligner:
    """The model, what of it is trained, and the loss of a step."""

    def __init__(self, model: SpaceModel, data: CaptionedViews, config: AlignConfig) -> None:
        self.model, self.data, self.config = model.train(), data, config
        model.image_tower.eval()  # batch statistics stay ImageNet's
        model.text_tower.eval()  # its dropout costs more time than it gives
        self.growth = nn.Parameter(torch.zeros(()))
        self.trained = {n: p for n, p in model.named_parameters() if n.startswith((*HEADS, UPPER, TEXT))}
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in self.trained)
        self.trained[GROWTH] = self.growth
        self.steps_per_epoch = max(1, len(data.rows) // config.batch)
        self.steps = StepsConfig(
            steps=config.epochs * self.steps_per_epoch,
            rate=config.head_rate,
            warm=config.warm,
            last=0.02,
            decay=config.decay,
            average=config.average,
            seed=config.seed,
        )
        self.shares = {TEXT: config.text_rate / config.head_rate, UPPER: config.upper_rate / config.head_rate}

    def loss(self, step: int) -> dict[str, Tensor]:
        """Of the photos of that step, with some of their captions."""
        (epoch, place), config = divmod(step, self.steps_per_epoch), self.config
        order = list(range(len(self.data.rows)))
        Random(f"{config.seed} epoch {epoch}").shuffle(order)
        photos = order[place * config.batch : (place + 1) * config.batch]
        chance = Random(f"{config.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))
        with autocast_bf16():
            image_BD = self.embed_images(photos, chance, tuned=epoch >= config.upper_from)
            rows = (self.data.rows[photo] for photo in photos)
            text_TD = self.model.texts([text for row in rows for text in chance.sample(row.captions, config.captions)])
        owner_T = torch.arange(len(photos)).repeat_interleave(config.captions)
        scale = config.first_scale * self.growth.exp()
        if config.loss == "cosine":
            return {"loss": cosine_embedding_loss(image_BD, text_TD, owner_T), "scale": scale}
        return {"loss": contrastive_loss(image_BD, text_TD, owner_T, scale.clamp(max=MAX_SCALE)), "scale": scale}

    def embed_images(self, photos: list[int], chance: Random, *, tuned: bool) -> Tensor:
        """(B, D): each photo in a view by chance; the tower's upper part is learned where `tuned`."""
        middle = self.data.middle(photos, [chance.randrange(len(self.data.views)) for _ in photos])
        middle = middle.contiguous(memory_format=torch.channels_last)
        if tuned:  # in bfloat16 the backward pass of a depthwise convolution is slower than in float32
            with torch.autocast("cpu", enabled=False):
                map_BPC = self.model.map_of(middle.float())
        else:
            with torch.no_grad():
                map_BPC = self.model.map_of(middle)
        vector_BD: Tensor = self.model.image_head(map_BPC)
        return vector_BD


def align(model: SpaceModel, data: CaptionedViews, config: AlignConfig, folder: Path) -> None:
    """Train the model to the end, from the last checkpoint if there is one; it gets the moving average."""
    aligner = Aligner(model, data, config)
    journal = RunFolder(folder, {**asdict(config), "photos": len(data.rows), "views": len(data.views)})
    gather, every = make_gather(aligner.loss), aligner.steps_per_epoch
    train_steps(aligner.trained, gather, journal, aligner.steps, every=every, shares=aligner.shares)
    journal.plot("loss")
    learned = read_learned(folder)
    del learned[GROWTH]
    model.load_state_dict(learned, strict=False)


@torch.inference_mode()
def pool_texts(model: SpaceModel, texts: Sequence[str]) -> Tensor:
    """(N, L, W): what the text tower makes of each text."""
    ordered, back_N = in_order_of_length(texts)
    starts = range(0, len(ordered), TEXT_BATCH)
    with autocast_bf16():
        parts = [model.text_tower(ordered[start : start + TEXT_BATCH]).float() for start in starts]
    return torch.cat(parts)[back_N]


@torch.inference_mode()
def embed_photos(model: SpaceModel, data: CaptionedViews) -> Tensor:
    """(N, M): the main vector of each photo, uncropped."""
    parts = []
    for start in range(0, len(data.rows), BATCH):
        photos = range(start, min(start + BATCH, len(data.rows)))
        with autocast_bf16():
            parts.append(model.image_head(model.map_of(data.middle(photos, [0] * len(photos)))).float())
    return torch.cat(parts)


def find_strongest(vectors_NM: Tensor, keep: int) -> Tensor:
    """(M, keep): the directions that carry most of the vectors, by singular values, uncentred."""
    _, directions_MM = torch.linalg.eigh(vectors_NM.T @ vectors_NM)  # weakest first
    kept_MK: Tensor = directions_MM[:, -keep:].contiguous()
    return kept_MK


def train_side(
    model: SpaceModel, data: CaptionedViews, folder: Path, *, epochs: int = SIDE_EPOCHS, average: float = 0.97
) -> None:
    """Fit `model.narrow`, then learn `model.side` over towers that no longer change."""
    model.eval().requires_grad_(False)
    pooled_NLW = pool_texts(model, [caption for row in data.rows for caption in row.captions]).clone()
    with torch.no_grad():
        vectors_NM = torch.cat([embed_photos(model, data), model.text_head(pooled_NLW[:, -1])])
        model.narrow.copy_(find_strongest(vectors_NM, model.narrow.shape[1]))
    first_N = torch.tensor([0, *(len(row.captions) for row in data.rows)]).cumsum(0).tolist()
    batch = min(SIDE_BATCH, len(data.rows))

    def loss(step: int) -> dict[str, Tensor]:
        chance = Random(f"{SIDE_STEPS.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))
        photos = chance.sample(range(len(data.rows)), batch)
        chosen = [first_N[n] + chance.randrange(len(data.rows[n].captions)) for n in photos]
        middle = data.middle(photos, [chance.randrange(len(data.views)) for _ in photos])
        with autocast_bf16():
            with torch.no_grad():
                map_BPC = model.side_map_of(middle, model.packaged_upper(middle))
            image_BK, text_BK = model.side.image(map_BPC), model.side.text(pooled_NLW[chosen])
        return {"loss": contrastive_loss(image_BK, text_BK, torch.arange(batch), torch.tensor(SIDE_SCALE))}

    side, count = model.side.train().requires_grad_(True), epochs * (len(data.rows) // batch)
    train_stage(folder, side, loss, replace(SIDE_STEPS, steps=count, average=average), every=count)
    side.load_state_dict(read_learned(folder))
    side.eval().requires_grad_(False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train align`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument("--out", type=Path, default=Path("runs/align"), help="folder of the run: log, plot, checkpoint")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write the space to")
    parser.add_argument("--views", type=int, default=4, help="views of each photo: itself and random crops")
    parser.add_argument("--side-epochs", type=int, default=SIDE_EPOCHS, help="epochs of the side heads")
    parser.add_argument("--loss", choices=LOSSES)
    add_config_flags(parser, AlignConfig)


def run(args: argparse.Namespace) -> int:
    """Train, evaluate on the rows of split "dev", and write the weights; goes on where an earlier call stopped."""
    config = choose_config(AlignConfig(), args)
    rows = read_caption_rows(args.data, split="train")
    model, before = SpaceModel(), SpaceModel().state_dict()
    data = prepare_captioned(model.image_tower, rows, args.images, args.out / "maps", num_views=args.views)
    align(model, data, config, args.out)
    train_side(model, data, args.out / "side", epochs=args.side_epochs)
    atomic_write(args.weights, save(pack_changes(before, model.eval().state_dict(), new=NEW)))
    space = DefaultSpace(args.weights)
    write_curves(space, rows, args.images, args.weights.with_name(CURVES_FILE.name))
    report = evaluate_retrieval(space, read_caption_rows(args.data, split="dev"), args.images)
    tell_written(args.weights, f"{report.table()}\n")
    return 0


def write_curves(space: DefaultSpace, rows: Sequence[CaptionRow], images: Path, file: Path) -> None:
    """Fit the vocabulary's curves on the photos; where they are too few, the space works without, only less surely."""
    paths = find_pictures(images, [row.image for row in rows])
    looks = list(tqdm(space.look_many(map(read_picture, paths)), total=len(rows), unit="photo", file=sys.stderr))
    try:
        save_vocabulary(file, space, fit_vocabulary(space, looks, rows, read_names()))
    except ConfigError as error:
        tqdm.write(f"the vocabulary stays without curves: {error}", file=sys.stderr)
