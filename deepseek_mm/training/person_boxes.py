"""`train boxes`: train the head that finds people, from photos with boxes and photos of nobody.

The boxes are incomplete, so an unboxed place is no proof that nobody is there. Three losses take account of that: among
the cells of one photo those in the middle of a box should be the surest (a softmax over the cells); each cell is
classified for itself, where unboxed places of photos with people count little and photos of nobody count in full; and
a cell in a box regresses its sides (generalised overlap, arXiv:1902.09630). The tower's maps are cached in the run's
folder. The head is written beside the other weights, bound to the packaged tower.

Shape key:  B photos with people, E photos of nobody, N photos, M side of the map (17), G side of the feature map (9),
            C channels; a trailing 4 is left, top, right, bottom
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from safetensors.torch import save
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.config import SeeConfig, between
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.heads import BOX_WEIGHTS, BoxHead, load_box_head
from deepseek_mm.embeddings.inference import autocast_bf16, prefetch_batches
from deepseek_mm.embeddings.space import Share
from deepseek_mm.embeddings.towers import (
    GRID,
    MAP_CHANNELS,
    MIDDLE_CHANNELS,
    MIDDLE_SIDE,
    SIDE_PX,
    ImageTower,
    fingerprint,
    image_tower_file,
    load_image_tower,
    squeeze,
    to_pixels,
)
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.pointing_game import BoxRow, evaluate_regions, read_box_rows
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_caption_rows, read_picture
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.feature_maps import BATCH, Bits, cache_rows, list_pictures, pick_rows, to_bf16_bits
from deepseek_mm.training.loop import (
    StepsConfig,
    add_config_flags,
    choose_config,
    read_learned,
    tell_written,
    train_stage,
)
from deepseek_mm.training.losses import fit_logistic
from deepseek_mm.training.question_albums import DAQUAR_DEV, hash_name
from deepseek_mm.vision.pipeline import VisionPipeline
from deepseek_mm.vision.regions import PEOPLE

MAPS = {  # of a photo -> its shape, channels last
    "middle": (MIDDLE_SIDE, MIDDLE_SIDE, MIDDLE_CHANNELS),
    "packaged": (GRID, GRID, MAP_CHANNELS),
}
NUMBERS = [math.prod(shape) for shape in MAPS.values()]  # of each map
WHOLE: Share = (0.0, 0.0, 1.0, 1.0)
GIVEAWAYS = """
    he she his her him someone male female team group players friends lady ladies guys adults teen teenager teenagers
    youth biker bikers climbers hikers skiers surfers boxer wrestler racer driver worker officer performer band student
    students daughter son mother father mom dad brother sister parent owner clown actor fisherman golfer spectators
    motorcyclist kayaker wakeboarder skater diver hand hands arm arms leg legs face feet wearing shirt two three
"""
SPEAKS_OF_PEOPLE = PEOPLE.union(GIVEAWAYS.split())
SMALLEST_CROP, MOST_STRETCHED = 0.35, 1.5  # of the photo's area; of a crop's sides
LEFT_OVER = 0.3  # of a box that a crop must keep for the person to count
TRIES = 20  # crops that show nobody are thrown away, so often
STRONGEST = 0.25  # change of brightness, contrast and saturation


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxedPhoto:
    """One photo, and the boxes of the people in it; none means that nobody is there."""

    path: Path
    boxes: tuple[Share, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CropWindow:
    """A piece of a photo, mirrored or not."""

    box: Share = WHOLE
    mirrored: bool = False

    def crop_image(self, image: Image.Image) -> Image.Image:
        """The piece as a picture of the tower's size."""
        left, top, right, bottom = self.box
        place = (left * image.width, top * image.height, right * image.width, bottom * image.height)
        piece = image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=place)
        return piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.mirrored else piece

    def crop_boxes(self, boxes: Sequence[Share]) -> tuple[Share, ...]:
        """What remains of the boxes, as shares of the piece; those of which too little remains are gone."""
        kept = []
        x, y, right, bottom = self.box
        for box in boxes:
            cut = (max(box[0], x), max(box[1], y), min(box[2], right), min(box[3], bottom))
            if cut[0] < cut[2] and cut[1] < cut[3] and compute_area(cut) > LEFT_OVER * compute_area(box):
                across = ((cut[0] - x) / (right - x), (cut[2] - x) / (right - x))
                start, end = (1 - across[1], 1 - across[0]) if self.mirrored else across
                kept.append((start, (cut[1] - y) / (bottom - y), end, (cut[3] - y) / (bottom - y)))
        return tuple(kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxFeatures:
    """What the tower makes of the photos, and the boxes as they lie in each view."""

    boxes: tuple[tuple[tuple[Share, ...], ...], ...]  # view, photo
    maps: tuple[Bits, ...]  # a view each: (N, numbers of both maps)

    def batch(self, photos: Sequence[int], views: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Middle and packaged maps of the given photos, each in the given view, channels first, float32."""
        parts = pick_rows(self.maps, photos, views).float().split(NUMBERS, dim=1)
        pairs = zip(parts, MAPS.values(), strict=True)
        middle, packaged = (part.unflatten(1, shape).permute(0, 3, 1, 2) for part, shape in pairs)
        return middle, packaged


def gather_photos(
    rows: Sequence[BoxRow], images: Path, captioned: Sequence[CaptionRow], folder: Path | None
) -> list[BoxedPhoto]:
    """Photos with boxes, then those whose captions never speak of a person, which lie in `folder`."""
    boxed = zip(find_pictures(images, [row.image for row in rows]), rows, strict=True)
    photos = [BoxedPhoto(path=path, boxes=row.boxes) for path, row in boxed]
    nobody = [row.image for row in captioned if not any(speaks_of_people(caption) for caption in row.captions)]
    return photos + [BoxedPhoto(path=path) for path in find_pictures(folder or images, nobody)]


def speaks_of_people(caption: str) -> bool:
    """Whether any of its words is a person's name or gives one away."""
    return not SPEAKS_OF_PEOPLE.isdisjoint(re.findall(r"[a-z]+", caption.lower()))


def choose_window(view: int, number: int, boxes: Sequence[Share]) -> CropWindow:
    """View 0 is the photo, view 1 its mirror image, any other a crop that depends on photo and view only."""
    if view < 2:
        return CropWindow(mirrored=view == 1)
    chance = np.random.default_rng((view, number))
    for _ in range(TRIES):
        size, shape = chance.uniform(SMALLEST_CROP, 1), MOST_STRETCHED ** chance.uniform(-1, 1)
        wide, high = min(1.0, (size * shape) ** 0.5), min(1.0, (size / shape) ** 0.5)
        x, y = chance.uniform(0, 1 - wide), chance.uniform(0, 1 - high)
        window = CropWindow(box=(x, y, x + wide, y + high), mirrored=bool(chance.integers(2)))
        if not boxes or window.crop_boxes(boxes):
            return window
    return CropWindow()


def prepare_box_features(
    tower: ImageTower, photos: Sequence[BoxedPhoto], folder: Path, *, num_views: int
) -> BoxFeatures:
    """Maps of every view, made where `folder` does not hold them yet."""
    boxes, maps, shape = [], [], (len(photos), sum(NUMBERS))
    for view in range(num_views):
        windows = [choose_window(view, n, photo.boxes) for n, photo in enumerate(photos)]
        boxes.append(tuple(window.crop_boxes(photo.boxes) for window, photo in zip(windows, photos, strict=True)))
        maps.append(cache_rows(folder / f"view{view}.npy", shape, _map_rows(tower, photos, windows)))
    return BoxFeatures(boxes=tuple(boxes), maps=tuple(maps))


def _map_rows(tower: ImageTower, photos: Sequence[BoxedPhoto], windows: Sequence[CropWindow]) -> Iterator[Bits]:
    for squares in prefetch_batches(_squares(photos, windows), size=BATCH):
        with torch.inference_mode(), autocast_bf16():
            middle = tower.lower(to_pixels(squares))
            maps = [made.permute(0, 2, 3, 1).flatten(1).bfloat16() for made in (middle, tower.upper(middle))]
        yield from to_bf16_bits(torch.cat(maps, dim=1))


def _squares(photos: Sequence[BoxedPhoto], windows: Sequence[CropWindow]) -> Iterator[NDArray[np.uint8]]:
    for number, (photo, window) in enumerate(zip(photos, windows, strict=True)):
        piece = window.crop_image(read_picture(photo.path))
        yield squeeze(piece if window.box == WHOLE else recolour(piece, number))


def recolour(image: Image.Image, number: int) -> Image.Image:
    """With brightness, contrast and saturation changed by up to STRONGEST, depending on the number only."""
    chance = np.random.default_rng(number)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = change(image).enhance(chance.uniform(1 - STRONGEST, 1 + STRONGEST))
    return image


def compute_area(box: Share) -> float:
    """As a share of the picture."""
    return (box[2] - box[0]) * (box[3] - box[1])


HELD_BACK = 10  # every tenth photo is kept for fitting the curve
MIDDLE_SHARE = 0.5  # of a box's sides: where its middle is


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxConfig:
    """The recipe; the defaults made the weights that are shipped."""

    epochs: int = 8
    batch: int = 48  # photos with people in a step
    nobody: int = 8  # photos of nobody in a step
    views: int = 4  # of each photo
    rate: float = 2e-3
    decay: float = 0.05  # of the weights
    unboxed: float = 0.1  # weight of a place outside all boxes of a photo with people
    average: float = 0.98  # memory of the moving average
    seed: int = 0

    def __post_init__(self) -> None:
        between("boxes.epochs", self.epochs, 1, 10_000)
        between("boxes.batch", self.batch, 1, 65_536)
        between("boxes.nobody", self.nobody, 0, 65_536)
        between("boxes.views", self.views, 1, 100)
        between("boxes.average", self.average, 0, 0.99999)


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxTarget:
    """What the cells of a batch should say."""

    middle_BMM: Tensor  # 1 in the middle of a box
    inside_BMM: Tensor  # 1 anywhere in a box
    box_BMM4: Tensor  # the smallest box that a cell lies in


def make_box_target(boxes_B: Sequence[Sequence[Share]]) -> BoxTarget:
    """Targets of a batch of photos with people."""
    centre_M = (torch.arange(MIDDLE_SIDE) + 0.5) / MIDDLE_SIDE
    down_MM, across_MM = torch.meshgrid(centre_M, centre_M, indexing="ij")
    shape = (len(boxes_B), MIDDLE_SIDE, MIDDLE_SIDE)
    middle_BMM, inside_BMM, box_BMM4 = torch.zeros(shape), torch.zeros(shape), torch.zeros(*shape, 4)
    for n, boxes in enumerate(boxes_B):
        for left, top, right, bottom in sorted(boxes, key=compute_area, reverse=True):
            off_x, off_y = (across_MM - (left + right) / 2).abs(), (down_MM - (top + bottom) / 2).abs()
            reach = [max(MIDDLE_SHARE * side / 2, 0.5 / MIDDLE_SIDE) for side in (right - left, bottom - top)]
            core_MM = (off_x <= reach[0]) & (off_y <= reach[1])
            within_MM = (off_x <= (right - left) / 2) & (off_y <= (bottom - top) / 2)
            middle_BMM[n][core_MM] = 1
            inside_BMM[n][core_MM | within_MM] = 1
            box_BMM4[n][core_MM | within_MM] = torch.tensor([left, top, right, bottom])
    return BoxTarget(middle_BMM=middle_BMM, inside_BMM=inside_BMM, box_BMM4=box_BMM4)


def compute_box_loss(logit_BMM: Tensor, box_BMM4: Tensor, target: BoxTarget, *, unboxed: float) -> Tensor:
    """Pointing, knowing and reaching, for photos with people."""
    middle_BMM = target.middle_BMM
    log_share = F.log_softmax(logit_BMM.flatten(1), dim=1)
    pointing = -log_share.masked_fill(middle_BMM.flatten(1) == 0, -1e9).logsumexp(dim=1).mean()
    weight_BMM = torch.where(middle_BMM > 0, 1.0, unboxed * (1 - target.inside_BMM))
    knowing = F.binary_cross_entropy_with_logits(logit_BMM, middle_BMM, weight=weight_BMM, reduction="sum")
    share_BMM = middle_BMM / middle_BMM.sum(dim=(1, 2), keepdim=True)  # every photo counts alike
    reaching = (share_BMM * (1 - compute_giou(box_BMM4, target.box_BMM4))).sum() / len(logit_BMM)
    return pointing + 2 * knowing / weight_BMM.sum() + reaching


def compute_empty_loss(logit_EMM: Tensor) -> Tensor:
    """For photos of nobody: every cell, and once more the surest."""
    return F.softplus(logit_EMM).mean() + 0.1 * F.softplus(logit_EMM.flatten(1).amax(dim=1)).mean()


def compute_giou(a_N4: Tensor, b_N4: Tensor) -> Tensor:
    """(N,): overlap less the empty share of the smallest box around both, -1 to 1 (arXiv:1902.09630, algorithm 1)."""
    inner = (torch.minimum(a_N4, b_N4)[..., 2:] - torch.maximum(a_N4, b_N4)[..., :2]).clamp_min(0).prod(dim=-1)
    outer = (torch.maximum(a_N4, b_N4)[..., 2:] - torch.minimum(a_N4, b_N4)[..., :2]).prod(dim=-1)
    both = sum((x[..., 2:] - x[..., :2]).prod(dim=-1) for x in (a_N4, b_N4)) - inner
    return inner / both.clamp_min(1e-6) - (outer - both) / outer.clamp_min(1e-6)


def train_boxes(
    head: BoxHead, seen: BoxFeatures, photos: Sequence[BoxedPhoto], config: BoxConfig, folder: Path
) -> None:
    """Fit the head, then its curve; what is kept is the moving average of the weights."""
    people, nobody = ([n for n in numbers if n % HELD_BACK] for numbers in split_by_people(photos))

    def loss(step: int) -> dict[str, Tensor]:
        chance = Random(f"{config.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))
        some, none = (
            chance.sample(own, min(count, len(own))) for own, count in ((people, config.batch), (nobody, config.nobody))
        )
        views = [chance.randrange(len(seen.maps)) for _ in some + none]
        logit_BMM, box_BMM4 = head(*seen.batch(some + none, views))
        count = len(some)
        target = make_box_target([seen.boxes[view][photo] for photo, view in zip(some, views, strict=False)])
        lost = compute_box_loss(logit_BMM[:count], box_BMM4[:count], target, unboxed=config.unboxed)
        return {"loss": lost + compute_empty_loss(logit_BMM[count:]) if none else lost}

    steps = StepsConfig(
        steps=config.epochs * max(1, len(split_by_people(photos)[0]) // config.batch),  # an epoch: people once
        rate=config.rate,
        last=0.02,
        decay=config.decay,
        average=config.average,
        seed=config.seed,
    )
    train_stage(folder, head.train(), loss, steps, config, {"photos": len(photos)}, every=steps.steps)
    head.load_state_dict(read_learned(folder), strict=False)
    fit_person_curve(head.eval(), seen, photos)


def split_by_people(photos: Sequence[BoxedPhoto]) -> tuple[list[int], list[int]]:
    """Numbers of the photos with people, and of those without."""
    numbers = range(len(photos))
    return [n for n in numbers if photos[n].boxes], [n for n in numbers if not photos[n].boxes]


def fit_person_curve(head: BoxHead, seen: BoxFeatures, photos: Sequence[BoxedPhoto]) -> None:
    """Turn the surest cell's logit into a probability, on the photos held back; both kinds count alike."""
    held = [[n for n in numbers if n % HELD_BACK == 0] for numbers in split_by_people(photos)]
    if not all(held):
        return
    with torch.no_grad():
        logit_N = torch.cat([head(*seen.batch(kind, [0] * len(kind)))[0].flatten(1).amax(dim=1) for kind in held])
    there_N, total = np.repeat([True, False], [len(kind) for kind in held]), len(logit_N)
    weight_N = total / 2 / np.where(there_N, len(held[0]), len(held[1]))
    slope_1, offset = fit_logistic(logit_N[:, None].double().numpy(), there_N, weight_N)
    head.curve.data.copy_(torch.tensor([float(slope_1[0]), offset]))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train boxes`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, person_boxes}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument("--captions", type=Path, help="JSONL file of rows {image, captions, split}: some show nobody")
    parser.add_argument("--caption-images", type=Path, help="folder of the captions' photos")
    parser.add_argument("--empty", type=Path, nargs="*", default=[], help="photos of nobody: folders or questions")
    parser.add_argument("--out", type=Path, default=Path("runs/boxes"), help="folder of this run: maps, log, plot")
    parser.add_argument("--weights", type=Path, default=BOX_WEIGHTS, help="file to write the head to")
    add_config_flags(parser, BoxConfig)


def run(args: argparse.Namespace) -> int:
    """Train, write the weights, and play the pointing game on the rows of split "dev"."""
    config = choose_config(BoxConfig(), args)
    captioned = read_caption_rows(args.captions, split="train") if args.captions else []
    photos = gather_photos(read_box_rows(args.data, split="train"), args.images, captioned, args.caption_images)
    photos += [BoxedPhoto(path=path) for place in args.empty for path in find_empty_photos(place)]
    people, nobody = split_by_people(photos)
    tqdm.write(f"preparing {len(people)} photos with people and {len(nobody)} without in {args.out}", file=sys.stderr)
    seen = prepare_box_features(load_image_tower(image_tower_file()), photos, args.out / "maps", num_views=config.views)
    head = BoxHead()
    train_boxes(head, seen, photos, config, args.out)
    write_head(args.weights, head)
    space = DefaultSpace()
    space.finder = load_box_head(args.weights, fingerprint((image_tower_file(),)))
    report = evaluate_regions(VisionPipeline(space, SeeConfig()), read_box_rows(args.data, split="dev"), args.images)
    tell_written(args.weights, f"{report.table()}\n")
    return 0


def find_empty_photos(place: Path) -> list[Path]:
    """The pictures of a folder by name, or those that a JSONL file of questions never speaks of people about.

    The file's rows are {image, question, answer}, its pictures lie in `images` beside it; those that are kept for
    testing are left out. NothingThere if there is none.
    """
    found = list_pictures(place)
    if place.is_file():
        said: dict[str, list[str]] = {}
        for row in map(json.loads, place.read_text(encoding="utf-8").splitlines()):
            said.setdefault(row["image"], []).append(f"{row['question']} {row['answer']}")
        names = sorted(image for image, texts in said.items() if not any(map(speaks_of_people, texts)))
        found = [place.parent / "images" / name for name in names if hash_name(name) % DAQUAR_DEV]
    if not found:
        raise NothingThere(f"no picture in {place}. Give a folder of photos that show nobody with --empty")
    return found


def write_head(file: Path, head: BoxHead) -> None:
    """In bfloat16, the curve more exactly; bound to the tower it is for."""
    state = {
        name: value.detach().half() if name == "curve" else value.detach().bfloat16().contiguous()
        for name, value in head.state_dict().items()
    }
    atomic_write(file, save(state, metadata={"told": json.dumps({"tower": fingerprint((image_tower_file(),))})}))
