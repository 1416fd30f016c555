"""`train box-reader`: train the reader of questions that knows boxes, on the questions of the reader that sees cells.

`read` needs the vectors that `train reader --stage maps` caches; it detects things in all photos, once, and trains.
`pack` asks about photos that were held out, fits how much its word counts beside the other reader's in each family of
questions and how sure both together may be, and writes the weights. Both can be resumed.

Shape key:  B photos, N photos of an album, Q questions, V answers, K boxes, C COCO's names
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.evaluation.retrieval import find_pictures
from deepseek_mm.training.loop import (
    StepsConfig,
    add_config_flags,
    choose_config,
    read_learned,
    tell_written,
    train_stage,
)
from deepseek_mm.training.question_albums import (
    QuestionAlbum,
    QuestionBatchConfig,
    QuestionSampler,
    read_albums,
)
from deepseek_mm.training.reader import is_asked_by_people, make_reading_loss
from deepseek_mm.vision.box_reader import (
    WEIGHTS,
    BoxBatch,
    BoxReader,
    BoxReaderConfig,
    BoxReaderNet,
    embed_coco_names,
    write_box_reader,
)
from deepseek_mm.vision.detector.detector import read_detector
from deepseek_mm.vision.pipeline import ImageAnalysis, add_features
from deepseek_mm.vision.vqa import VqaModel, chances_of, read_reader
from deepseek_mm.vision.vqa_net import VqaQuestion, read_questions

STAGES = ("read", "pack")
STEPS = StepsConfig(steps=1_000, rate=1e-3, decay=0.05, average=0.99)
FITTED_STEPS, FITTED_RATE, HALF = 200, 0.05, 0.5  # of the weights of families, and where they begin
PULL = 10.0  # towards there, in questions: of counts and colours few were held out
TOLD = ("count", "colour", "open")  # families of which boxes tell something: to yes and no they add chance alone


@dataclass(frozen=True, slots=True)
class BoxFeatures:
    """An album as this reader sees it."""

    album: QuestionAlbum
    boxes: tuple[Tensor, Tensor, Tensor]  # of all photos, as a `BoxBatch` has them
    vectors: tuple[Tensor]  # (N, D), of one view

    def select(self, photos: Sequence[int], views: Sequence[int]) -> BoxBatch:
        """Some photos; they have one view."""
        rows = torch.tensor([*photos])
        box, there, whole = (each[rows] for each in self.boxes)
        return BoxBatch(box, there, whole, self.vectors[0][rows])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train box-reader`."""
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with flickr8k, coco_vqa and daquar")
    parser.add_argument("--maps", type=Path, default=Path("runs/reader/maps"), help="what the tower made of the photos")
    parser.add_argument("--out", type=Path, default=Path("runs/box_reader"), help="detections and the run lie in it")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that the stage pack writes")
    add_config_flags(parser, QuestionBatchConfig, StepsConfig, BoxReaderConfig)


def run(args: argparse.Namespace) -> int:
    """Do one stage to its end; goes on where an earlier call stopped."""
    space, steps = DefaultSpace(), choose_config(STEPS, args)
    batch, config = choose_config(QuestionBatchConfig(), args), choose_config(BoxReaderConfig(), args)
    reader = read_reader(space)
    albums = read_albums(args.data, seed=steps.seed)
    banks = [open_boxes(album, args.out / f"{album.name}.npz", args.maps / album.name) for album in albums]
    torch.manual_seed(steps.seed)
    net = BoxReaderNet(len(reader.answers), config)
    net.names_CD.copy_(embed_coco_names(space))
    if args.stage == "pack":
        net.load_state_dict(read_learned(args.out / "read"), strict=False)  # names are not learned
        return pack_box_reader(args.weights, net, reader, banks)
    class_of = {answer: n for n, answer in enumerate(reader.answers)}
    mixed = QuestionSampler.of(space, banks, class_of, batch, held_out=False)
    loss = make_reading_loss(net.train(), mixed, steps, batch)
    train_stage(args.out / "read", net, loss, steps, batch, config, every=batch.every, plots=("loss", "right"))
    return 0


def open_boxes(album: QuestionAlbum, file: Path, maps: Path) -> BoxFeatures:
    """What was detected in an album's photos, made where the file is not there yet, and the photos' vectors."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        paths = tqdm(find_pictures(album.images, album.photos), unit="photo", desc=album.name, file=sys.stderr)
        found = list(read_detector().detect_many((Image.open(path) for path in paths), tiled_px=0))
        made = BoxBatch.of(found, np.zeros((len(found), 1), np.float32))
        np.savez(file, box=made.box_BKF.half().numpy(), there=made.there_BK.numpy(), whole=made.whole_BF.numpy())
    with np.load(file) as kept:
        box, there, whole = (torch.from_numpy(kept[name]) for name in ("box", "there", "whole"))
    bits_NXD = np.load(maps / "vectors-0.npy", mmap_mode="r")
    vectors_ND = torch.from_numpy(np.ascontiguousarray(bits_NXD[:, 0])).view(torch.bfloat16).float()
    return BoxFeatures(album, (box.float(), there, whole), (vectors_ND,))


def pack_box_reader(file: Path, net: BoxReaderNet, reader: VqaModel, banks: Sequence[BoxFeatures]) -> int:
    """Weigh its word on the photos that were held out, and write everything."""
    boxes = BoxReader(net, reader.answers, {})
    heard = [each for bank in banks for each in hear_both(bank, reader, boxes)]
    families, rights, read, boxed = zip(*heard, strict=True)
    right_Q, read_QV, boxed_QV = torch.tensor(rights), torch.stack(read), torch.stack(boxed)
    sure: dict[str, tuple[float, float, float]] = {}
    for family in TOLD:
        own = torch.tensor([n for n, name in enumerate(families) if name == family and right_Q[n] >= 0])
        if len(own):
            sure[family] = fit_family(read_QV[own], boxed_QV[own], right_Q[own], family, reader.answers)
            tqdm.write(f"{family}: {sure[family]}, {len(own)} questions", file=sys.stderr)
    write_box_reader(
        file,
        net.state_dict(),
        answers=reader.answers,
        sure=sure,
        config=net.config,
        fingerprint=reader.space.fingerprint,
    )
    tell_written(file)
    return 0


def hear_both(bank: BoxFeatures, reader: VqaModel, boxes: BoxReader) -> Iterator[tuple[str, int, Tensor, Tensor]]:
    """Family, number of the right answer (-1 is none), and both readers' log-probabilities (V,) of every question that
    people asked about a photo that was held out.
    """
    album, class_of = bank.album, {answer: n for n, answer in enumerate(reader.answers)}
    held = album.select_photos(True)
    pictures = (ImageAnalysis(Image.open(album.images / album.photos[n]).convert("RGB")) for n in held)
    for n, picture in zip(held, add_features(reader.space, pictures), strict=True):
        pairs = [pair for pair in album.pairs[n] if is_asked_by_people(album, pair, reader.sure.nouns)]
        asked = [VqaQuestion.of(pair.question) for pair in pairs]
        if not asked:
            continue
        read_QW = reader.features_many([(question, picture) for question in asked])
        read_QV = reader.shipped.out(read_QW.to(reader.shipped.out.weight.dtype)).float().log_softmax(-1)
        photo_Q, whole = torch.zeros(len(asked), dtype=torch.int64), read_questions(reader.space, asked, reader.words)
        whole = whole.rows(torch.arange(len(asked)))
        boxed_QV = boxes.log_chances(bank.select([n], [0]), photo_Q, whole, reader.answers)
        for pair, read_V, boxed_V in zip(pairs, read_QV.detach(), boxed_QV, strict=True):
            yield reader.sure.family(pair.question), class_of.get(pair.answer, -1), read_V, boxed_V


def fit_family(
    read_QV: Tensor, boxed_QV: Tensor, right_Q: Tensor, family: str, answers: Sequence[str]
) -> tuple[float, float, float]:
    """Weight of the boxes' word, factor of both together, and what is added to yes: likeliest, drawn a little back."""
    weight, factor, to_yes = (torch.tensor(value, requires_grad=True) for value in (HALF, 1.0, 0.0))
    optimiser = torch.optim.Adam([weight, factor, to_yes], lr=FITTED_RATE)
    for _ in range(FITTED_STEPS):
        chance_QV = chances_of(read_QV + weight.clamp_min(0) * boxed_QV, family, answers, factor, to_yes)
        loss = F.nll_loss(chance_QV.clamp_min(1e-9).log(), right_Q)
        loss = loss + PULL / len(right_Q) * ((weight - HALF).square() + (factor - 1).square())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return round(max(0.0, weight.item()), 4), round(factor.item(), 4), round(to_yes.item(), 4)
