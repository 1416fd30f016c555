"""`train boxes`: make the head that finds people, from photos with boxes and photos of nobody.

What the tower makes of the photos is kept in the run's folder, so a run that was stopped goes on from there; the rest
takes minutes. The head is written beside the other weights, bound to the packaged tower.
"""

import argparse
import hashlib
import json
import sys
from dataclasses import asdict, fields
from pathlib import Path

from safetensors.torch import save_file
from tqdm import tqdm

from deepseek_mm.config import SeeConfig
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.detection import WEIGHTS, BoxHead, load_box_head
from deepseek_mm.embeddings.image import load_image_tower
from deepseek_mm.embeddings.package_files import fingerprint, image_tower_file
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.regions import evaluate_regions, read_box_rows
from deepseek_mm.evaluation.retrieval import read_caption_rows
from deepseek_mm.train.finder import BoxConfig, num_steps, sorted_out, train_boxes
from deepseek_mm.train.journal import Journal
from deepseek_mm.train.people import Photo, gather, prepare, speaks_of_people
from deepseek_mm.vision.pipeline import VisionPipeline

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train boxes`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, person_boxes}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument("--captions", type=Path, help="JSONL file of rows {image, captions, split}: some show nobody")
    parser.add_argument("--caption-images", type=Path, help="folder of the captions' photos")
    parser.add_argument("--empty", type=Path, nargs="*", default=[], help="photos of nobody: folders or questions")
    parser.add_argument("--out", type=Path, default=Path("runs/boxes"), help="folder of this run: maps, log, plot")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write the head to")
    for item in fields(BoxConfig):
        parser.add_argument(f"--{item.name}", type=type(item.default), default=item.default)


def run(args: argparse.Namespace) -> int:
    """Train, write the weights, and play the pointing game on the rows of split "dev"."""
    config = BoxConfig(**{item.name: getattr(args, item.name) for item in fields(BoxConfig)})
    captioned = read_caption_rows(args.captions, split="train") if args.captions else []
    photos = gather(read_box_rows(args.data, split="train"), args.images, captioned, args.caption_images)
    photos += [Photo(path=path) for place in args.empty for path in pictures_in(place)]
    people, nobody = sorted_out(photos)
    tqdm.write(f"preparing {len(people)} photos with people and {len(nobody)} without in {args.out}", file=sys.stderr)
    seen = prepare(load_image_tower(image_tower_file()), photos, args.out / "maps", num_views=config.views)
    journal = Journal(args.out, {**asdict(config), "photos": len(photos)})
    journal.resume()
    head = BoxHead()
    with tqdm(total=num_steps(photos, config), unit="step", file=sys.stderr) as bar:

        def told(step: int, loss: float) -> None:
            journal.log(step, loss=loss)
            bar.n = step
            bar.set_postfix(loss=f"{loss:.3f}")

        train_boxes(head, seen, photos, config, told=told)
    journal.plot("loss")
    write_head(args.weights, head)
    space = DefaultSpace()
    space.finder = load_box_head(args.weights, fingerprint((image_tower_file(),)))
    report = evaluate_regions(VisionPipeline(space, SeeConfig()), read_box_rows(args.data, split="dev"), args.images)
    tqdm.write(f"{report.table()}\nwrote {args.weights} ({args.weights.stat().st_size / 1e6:.1f} MB)", file=sys.stderr)
    return 0


def pictures_in(place: Path) -> list[Path]:
    """The pictures of a folder by name, or those that a JSONL file of questions never speaks of people about.

    The file's rows are {image, question, answer}, its pictures lie in `images` beside it; every fifth, by the hash of
    its name, belongs to others for testing. NothingThere if there is none.
    """
    if place.is_file():
        found = [place.parent / "images" / name for name in unpeopled(place) if not is_for_testing(name)]
    else:
        found = sorted(path for path in place.glob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise NothingThere(f"no picture in {place}. Give a folder of photos that show nobody with --empty")
    return found


def unpeopled(file: Path) -> list[str]:
    """Images of a JSONL file of questions and answers that never speak of a person, by name."""
    said: dict[str, list[str]] = {}
    for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        said.setdefault(row["image"], []).append(f"{row['question']} {row['answer']}")
    return sorted(image for image, texts in said.items() if not any(map(speaks_of_people, texts)))


def is_for_testing(name: str) -> bool:
    """Whether a photo is one of the fifth that is kept for testing."""
    return int(hashlib.sha1(name.encode()).hexdigest(), 16) % 5 == 0


def write_head(file: Path, head: BoxHead) -> None:
    """In bfloat16, the curve more exactly, beside the target and then renamed; bound to the tower it is for."""
    file.parent.mkdir(parents=True, exist_ok=True)
    state = {
        name: value.detach().half() if name == "curve" else value.detach().bfloat16().contiguous()
        for name, value in head.state_dict().items()
    }
    draft = file.with_suffix(".draft")
    save_file(state, draft, metadata={"told": json.dumps({"tower": fingerprint((image_tower_file(),))})})
    draft.replace(file)
