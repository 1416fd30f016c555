"""`train boxes`: train the head that finds people, from photos with boxes and photos of nobody.

The boxes are incomplete, so an unboxed place is no proof that nobody is there. Three losses take account of that: among
the cells of one photo those in the middle of a box should be the surest (a softmax over the cells); each cell is
classified for itself, where unboxed places of photos with people count little and photos of nobody count in full; and
a cell in a box regresses its sides (generalised overlap, arXiv:1902.09630). The tower's maps are cached in the run's
folder. The head is written beside the other weights, bound to the packaged tower.

Shape key:  B photos with people, E photos of nobody, M side of the map (17); a trailing 4 is left, top, right, bottom
"""

import argparse
import hashlib
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.config import SeeConfig, between
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.heads import BOX_WEIGHTS, BoxHead, load_box_head
from deepseek_mm.embeddings.space import Share
from deepseek_mm.embeddings.towers import MIDDLE_SIDE, fingerprint, image_tower_file, load_image_tower
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.regions import evaluate_regions, read_box_rows
from deepseek_mm.evaluation.retrieval import read_caption_rows
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.loop import RunFolder, follow_average, schedule_rate, tell_written
from deepseek_mm.training.person_photos import (
    BoxedPhoto,
    BoxFeatures,
    compute_area,
    gather_photos,
    prepare_box_features,
    speaks_of_people,
)
from deepseek_mm.vision.pipeline import VisionPipeline

HELD_BACK = 10  # every tenth photo is kept for fitting the curve
PULL = 0.02  # of the curve's slope, towards 1
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
    head: BoxHead,
    seen: BoxFeatures,
    photos: Sequence[BoxedPhoto],
    config: BoxConfig,
    *,
    told: Callable[[int, float], None],
) -> None:
    """Fit the head, then its curve; what is kept is the moving average of the weights."""
    people, nobody = ([n for n in numbers if n % HELD_BACK] for numbers in split_by_people(photos))
    average = {name: value.detach().clone() for name, value in head.named_parameters()}
    optimiser = torch.optim.AdamW(head.train().parameters(), lr=config.rate, weight_decay=config.decay)
    steps = count_steps(photos, config)
    for step in range(steps):
        chance = random.Random(f"{config.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))
        for group in optimiser.param_groups:
            group["lr"] = config.rate * schedule_rate(step, steps, warm=0.05)
        with_people = chance.sample(people, min(config.batch, len(people)))
        loss = _loss(head, seen, with_people, chance.sample(nobody, min(config.nobody, len(nobody))), chance, config)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimiser.step()
        follow_average(average, dict(head.named_parameters()), step, memory=config.average)
        told(step + 1, float(loss.detach()))
    head.load_state_dict(average)
    head.eval()
    fit_person_curve(head, seen, photos)


def _loss(
    head: BoxHead, seen: BoxFeatures, people: list[int], nobody: list[int], chance: random.Random, config: BoxConfig
) -> Tensor:
    photos = people + nobody
    views = [chance.randrange(len(seen.maps)) for _ in photos]
    logit_BMM, box_BMM4 = head(*seen.batch(photos, views))
    target = make_box_target([seen.boxes[view][photo] for photo, view in zip(people, views, strict=False)])
    count = len(people)
    loss = compute_box_loss(logit_BMM[:count], box_BMM4[:count], target, unboxed=config.unboxed)
    return loss + compute_empty_loss(logit_BMM[count:]) if nobody else loss


def split_by_people(photos: Sequence[BoxedPhoto]) -> tuple[list[int], list[int]]:
    """Numbers of the photos with people, and of those without."""
    numbers = range(len(photos))
    return [n for n in numbers if photos[n].boxes], [n for n in numbers if not photos[n].boxes]


def count_steps(photos: Sequence[BoxedPhoto], config: BoxConfig) -> int:
    """An epoch looks at as many photos with people as there are."""
    return config.epochs * max(1, len(split_by_people(photos)[0]) // config.batch)


def fit_person_curve(head: BoxHead, seen: BoxFeatures, photos: Sequence[BoxedPhoto]) -> None:
    """Turn the surest cell's logit into a probability, on the photos held back; both kinds count alike.

    A slight pull to slope 1 keeps the curve finite where the two kinds are told apart without a mistake.
    """
    held = [[n for n in numbers if n % HELD_BACK == 0] for numbers in split_by_people(photos)]
    if not all(held):
        return
    with torch.no_grad():
        logit_N = torch.cat([head(*seen.batch(kind, [0] * len(kind)))[0].flatten(1).amax(dim=1) for kind in held])
    there_N = torch.tensor([1.0] * len(held[0]) + [0.0] * len(held[1]))
    weight_N = there_N / len(held[0]) + (1 - there_N) / len(held[1])
    curve_2 = torch.tensor([1.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([curve_2], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        told_N = curve_2[0] * logit_N + curve_2[1]
        value = F.binary_cross_entropy_with_logits(told_N, there_N, weight_N, reduction="sum")
        value = value + PULL * (curve_2[0] - 1).square()
        value.backward()
        return value

    optimiser.step(loss)
    head.curve.data.copy_(curve_2.detach())


SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train boxes`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, person_boxes}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument("--captions", type=Path, help="JSONL file of rows {image, captions, split}: some show nobody")
    parser.add_argument("--caption-images", type=Path, help="folder of the captions' photos")
    parser.add_argument("--empty", type=Path, nargs="*", default=[], help="photos of nobody: folders or questions")
    parser.add_argument("--out", type=Path, default=Path("runs/boxes"), help="folder of this run: maps, log, plot")
    parser.add_argument("--weights", type=Path, default=BOX_WEIGHTS, help="file to write the head to")
    for item in fields(BoxConfig):
        parser.add_argument(f"--{item.name}", type=type(item.default), default=item.default)


def run(args: argparse.Namespace) -> int:
    """Train, write the weights, and play the pointing game on the rows of split "dev"."""
    config = BoxConfig(**{item.name: getattr(args, item.name) for item in fields(BoxConfig)})
    captioned = read_caption_rows(args.captions, split="train") if args.captions else []
    photos = gather_photos(read_box_rows(args.data, split="train"), args.images, captioned, args.caption_images)
    photos += [BoxedPhoto(path=path) for place in args.empty for path in find_pictures(place)]
    people, nobody = split_by_people(photos)
    tqdm.write(f"preparing {len(people)} photos with people and {len(nobody)} without in {args.out}", file=sys.stderr)
    seen = prepare_box_features(load_image_tower(image_tower_file()), photos, args.out / "maps", num_views=config.views)
    journal = RunFolder(args.out, {**asdict(config), "photos": len(photos)})
    journal.resume()
    head = BoxHead()
    with tqdm(total=count_steps(photos, config), unit="step", file=sys.stderr) as bar:

        def log_step(step: int, loss: float) -> None:
            journal.log(step, loss=loss)
            bar.n = step
            bar.set_postfix(loss=f"{loss:.3f}")

        train_boxes(head, seen, photos, config, told=log_step)
    journal.plot("loss")
    write_head(args.weights, head)
    space = DefaultSpace()
    space.finder = load_box_head(args.weights, fingerprint((image_tower_file(),)))
    report = evaluate_regions(VisionPipeline(space, SeeConfig()), read_box_rows(args.data, split="dev"), args.images)
    tell_written(args.weights, f"{report.table()}\n")
    return 0


def find_pictures(place: Path) -> list[Path]:
    """The pictures of a folder by name, or those that a JSONL file of questions never speaks of people about.

    The file's rows are {image, question, answer}, its pictures lie in `images` beside it; every fifth, by the hash of
    its name, belongs to others for testing. NothingThere if there is none.
    """
    if place.is_file():
        found = [
            place.parent / "images" / name for name in find_images_without_people(place) if not is_for_testing(name)
        ]
    else:
        found = sorted(path for path in place.glob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise NothingThere(f"no picture in {place}. Give a folder of photos that show nobody with --empty")
    return found


def find_images_without_people(file: Path) -> list[str]:
    """Images of a JSONL file of questions and answers that never speak of a person, by name."""
    said: dict[str, list[str]] = {}
    for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        said.setdefault(row["image"], []).append(f"{row['question']} {row['answer']}")
    return sorted(image for image, texts in said.items() if not any(map(speaks_of_people, texts)))


def is_for_testing(name: str) -> bool:
    """Whether a photo is one of the fifth that is kept for testing."""
    return int(hashlib.sha1(name.encode()).hexdigest(), 16) % 5 == 0


def write_head(file: Path, head: BoxHead) -> None:
    """In bfloat16, the curve more exactly; bound to the tower it is for."""
    state = {
        name: value.detach().half() if name == "curve" else value.detach().bfloat16().contiguous()
        for name, value in head.state_dict().items()
    }
    atomic_write(file, save(state, metadata={"told": json.dumps({"tower": fingerprint((image_tower_file(),))})}))
