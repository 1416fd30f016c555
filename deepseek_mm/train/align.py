"""`train align`: make the shared space, from captioned photos to the weights that are shipped.

First the lower tower's maps are made and kept, then the alignment runs (or goes on), then the side heads learn, what
changed is packed into `weights/`, and the curve of the vocabulary is fitted. Code is another training: `train code`.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.deltas import pack_changes
from deepseek_mm.embeddings.default import WEIGHTS, DefaultSpace, SpaceModel
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import (
    CaptionRow,
    RetrievalReport,
    evaluate_retrieval,
    find_pictures,
    read_caption_rows,
    read_picture,
)
from deepseek_mm.train.aligner import AlignConfig, align, settings_of
from deepseek_mm.train.captions import prepare
from deepseek_mm.train.journal import Journal
from deepseek_mm.train.labels import fit_labels, save_labels
from deepseek_mm.train.side import SideConfig, train_side
from deepseek_mm.vision.vocabulary import CURVES_FILE, read_names

NEW = ("image_head.", "text_head.", "side.", "narrow")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train align`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/align"), help="folder of this run: log, plot, checkpoint"
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write the space to")
    parser.add_argument("--views", type=int, default=4, help="views of each photo: itself and random crops")
    parser.add_argument("--side-epochs", type=int, default=SideConfig().epochs, help="epochs of the side heads")
    for item in fields(AlignConfig):
        kind = type(item.default)
        parser.add_argument(f"--{item.name.replace('_', '-')}", type=kind, default=item.default)


def run(args: argparse.Namespace) -> int:
    """Train, evaluate on the rows of split "dev", and write the weights; goes on where an earlier call stopped."""
    config = AlignConfig(**{item.name: getattr(args, item.name) for item in fields(AlignConfig)})
    rows = read_caption_rows(args.data, split="train")
    model, before = SpaceModel(), SpaceModel().state_dict()
    _say(f"preparing {args.views} views of {len(rows)} photos in {args.out}/maps")
    data = prepare(model.image_tower, rows, args.images, args.out / "maps", num_views=args.views)
    journal = Journal(args.out, {**settings_of(config), "photos": len(rows), "views": args.views})
    with tqdm(total=config.epochs * max(1, len(rows) // config.batch), unit="step", file=sys.stderr) as bar:
        for epoch in align(model, data, config, journal, told=lambda step, loss: _show(bar, step, loss)):
            bar.write(f"epoch {epoch} of {config.epochs} done", file=sys.stderr)
    side = SideConfig(epochs=args.side_epochs, batch=min(SideConfig().batch, len(rows)))
    with tqdm(total=side.epochs * max(1, len(rows) // side.batch), unit="side step", file=sys.stderr) as bar:
        train_side(model, data, side, told=lambda step, loss: _show(bar, step, loss))
    model.eval()
    write_weights(args.weights, before, model.state_dict())
    space = DefaultSpace(args.weights)
    _fit_words(space, rows, args.images, args.weights.with_name(CURVES_FILE.name))
    report = _evaluate(space, args.data, args.images)
    _say(f"{report.table()}\nwrote {args.weights} ({args.weights.stat().st_size / 1e6:.1f} MB)")
    return 0


def write_weights(file: Path, before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
    """What changed, beside the target and then renamed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    save_file(pack_changes(before, after, new=NEW), draft)
    draft.replace(file)


def _fit_words(space: DefaultSpace, rows: Sequence[CaptionRow], images: Path, file: Path) -> None:
    _say(f"fitting the vocabulary's curves on {len(rows)} photos")
    paths = find_pictures(images, [row.image for row in rows])
    looks = list(tqdm(space.look_many(read_picture(p) for p in paths), total=len(rows), unit="photo", file=sys.stderr))
    try:
        save_labels(file, space, fit_labels(space, looks, rows, read_names()))
    except ConfigError as error:  # the space works without curves, only less surely
        _say(f"the vocabulary stays without curves: {error}")


def _evaluate(space: DefaultSpace, data: Path, images: Path) -> RetrievalReport:
    return evaluate_retrieval(space, read_caption_rows(data, split="dev"), images)


def _show(bar: Any, step: int, loss: float) -> None:
    bar.n = step
    bar.set_postfix(loss=f"{loss:.3f}", threads=torch.get_num_threads())


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
