"""`train see`: train visual prompts for the language model: to describe photos, to answer questions, and to cite.

Each step has photos with captions and questions made of them, photos and rooms that people asked about, and rows of
several photos of which one fits a sentence: its number is to be cited, or that none fits. The model itself is frozen; a
net that makes vectors of pictures is trained, and low-rank changes of the model's matrices beside it. `pack` writes
both. Stages can be resumed.

Shape key:  N scripts, T tokens, P cells, C channels of a cell, K tokens that are learned
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from deepseek_mm.config import BASE_LM, between, cache_folder
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.evaluation.retrieval import read_caption_rows
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.generator import silence
from deepseek_mm.lm.model_folders import find_folder
from deepseek_mm.lm.tokenizer import read_tokenizer
from deepseek_mm.training.feature_maps import pick_rows
from deepseek_mm.training.language_model import open_base, open_shipped
from deepseek_mm.training.language_model.trainers import add_lora
from deepseek_mm.training.loop import (
    StepLoss,
    StepsConfig,
    add_config_flags,
    choose_config,
    read_learned,
    tell_written,
    train_stage,
)
from deepseek_mm.training.question_albums import CAPTIONED, AlbumFeatures, AlbumQuestion, open_features, read_albums
from deepseek_mm.vision.visual_prompt import (
    DESCRIBE,
    NET,
    WEIGHTS,
    Encode,
    GlanceConfig,
    GlanceNet,
    Script,
    lay,
    model_of,
    read,
    squares,
    write_glance,
)

STAGES = ("look", "pack")
CHANGED = ("qkv", "out", "up", "down")  # matrices of each layer that bend
APART = 2  # boxes across and down of a photo among others
NONE = "none of them"


@dataclass(frozen=True, kw_only=True, slots=True)
class LookConfig:
    """What a step reads."""

    captioned: int = 14  # photos of each album
    asked: int = 12
    indoor: int = 3
    each: int = 3  # questions about each of them, at most
    rows: int = 3  # of several photos
    several: int = 3  # photos of such a row
    every: int = 25  # steps between two checkpoints

    def __post_init__(self) -> None:
        between("captioned", self.captioned, 1, 10_000)
        between("several", self.several, 2, 16)


STEPS = StepsConfig(steps=500, rate=8e-4, decay=0.01, average=0.99)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train see`."""
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with flickr8k, coco_vqa and daquar")
    parser.add_argument("--maps", type=Path, default=Path("runs/reader/maps"), help="as `train reader` keeps them")
    parser.add_argument("--out", type=Path, default=Path("runs/see"))
    parser.add_argument("--base", default=BASE_LM, help="the model that ours was made of")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that the stage pack writes")
    add_config_flags(parser, LookConfig, StepsConfig, GlanceConfig)


def run(args: argparse.Namespace) -> int:
    """Do one stage to its end; goes on where an earlier call stopped."""
    space = DefaultSpace()
    look, steps, config = (choose_config(each, args) for each in (LookConfig(), STEPS, GlanceConfig()))
    folder = find_folder(args.base, cache=cache_folder(), progress=silence)
    if args.stage == "pack":
        write_glance(args.weights, read_learned(args.out / "look"), config, space=space, model=model_of(folder))
        tell_written(args.weights)
        return 0
    torch.manual_seed(steps.seed)
    decoder = open_shipped(open_base(args.base, cache_folder())).requires_grad_(False)
    net = GlanceNet(decoder.shape.width, config, word_length=float(decoder.embedding.weight.float().std()))
    trained = {f"{NET}{name}": p for name, p in net.named_parameters()}
    trained |= add_lora(decoder, names=CHANGED, rank=config.rank)
    scenes = LookedPhotos.of(space, args, look, read_tokenizer(folder).encode_many)
    loss, settings = make_looking_loss(decoder, net, scenes, steps), (look, config, {"model": model_of(folder)})
    train_stage(args.out / "look", trained, loss, steps, *settings, every=look.every, plots=("loss", "right"))
    return 0


@dataclass(frozen=True, slots=True)
class LookedPhotos:
    """Photos, with what is said and asked about them."""

    banks: Sequence[AlbumFeatures]
    photos: Sequence[Sequence[int]]  # of each bank, those that may be drawn
    captions: Mapping[str, tuple[str, ...]]  # of the captioned photos, by name
    look: LookConfig
    encode: Encode

    @classmethod
    def of(cls, space: DefaultSpace, args: argparse.Namespace, look: LookConfig, encode: Encode) -> "LookedPhotos":
        """Of the photos that are not held out."""
        banks = open_features(space.model, read_albums(args.data, seed=0), args.maps)
        rows = read_caption_rows(args.data / CAPTIONED / "captions.jsonl", split="train")
        captions = {row.image: tuple(caption.lower() for caption in row.captions) for row in rows}
        return cls(banks, [bank.album.select_photos(False) for bank in banks], captions, look, encode)

    def make_step(self, chance: Random, side: int) -> tuple[list[Script], list[tuple[Tensor, Tensor]]]:
        """Scripts, and in their order the photos' cells (1, P, C) and the boxes of each that are shown."""
        scripts, shown = [], []
        counts = (self.look.captioned, self.look.asked, self.look.indoor)
        for bank, photos, count in zip(self.banks, self.photos, counts, strict=True):
            for photo in chance.sample(photos, min(count, len(photos))):
                view = chance.randrange(len(bank.vectors))
                scripts.append(self._ask_about(bank, photo, chance, side, mirrored=bool(view)))
                shown.append((get_cells(bank, photo, view), squares(side)))
        for _ in range(self.look.rows):
            script, photos = self._ask_which(chance)
            scripts.append(script)
            shown += [(get_cells(self.banks[0], photo, 0), squares(APART)) for photo in photos]
        return scripts, shown

    def _ask_about(self, bank: AlbumFeatures, photo: int, chance: Random, side: int, *, mirrored: bool) -> Script:
        """A photo, and in some order what is asked about it."""
        pairs = [*bank.album.pairs[photo]]
        turns = chance.sample(pairs, min(self.look.each, len(pairs)))
        captions = self.captions.get(bank.album.photos[photo], ()) if bank is self.banks[0] else ()
        if captions:
            turns.append(AlbumQuestion(DESCRIBE, chance.choice(captions), "caption"))
        chance.shuffle(turns)
        script = Script(self.encode).show(side * side)
        for turn in turns:
            if turn.holds_mirrored or not mirrored:
                script.ask(turn.question, turn.answer)
        return script

    def _ask_which(self, chance: Random) -> tuple[Script, list[int]]:
        """Photos by number, and a sentence that was said of one of them, or of one that is not there."""
        *photos, other = chance.sample(self.photos[0], self.look.several + 1)
        right = chance.randrange(self.look.several + 1)
        meant = other if right == self.look.several else photos[right]
        caption = chance.choice(self.captions[self.banks[0].album.photos[meant]])
        script = Script(self.encode)
        for number in range(1, self.look.several + 1):
            script.show(APART * APART, f"[{number}]")
        answer = NONE if meant == other else f"[{right + 1}]"
        return script.ask(f"which photo shows this: {caption}", answer), photos


def get_cells(bank: AlbumFeatures, photo: int, view: int) -> Tensor:
    """(1, P, C)."""
    return pick_rows(bank.maps, [photo], [view]).float()


def make_looking_loss(decoder: Decoder, net: GlanceNet, looked: LookedPhotos, steps: StepsConfig) -> StepLoss:
    """Surprise at what is to be said."""

    def loss(step: int) -> dict[str, Tensor]:
        scripts, shown = looked.make_step(Random(f"{steps.seed} {step}"), net.config.side)
        laid = lay(scripts)
        hidden_NTD = read(decoder, laid, compute_box_vectors(net, shown))
        counts_NT = laid.counts_NT[:, 1:]
        at = counts_NT > 0
        logits_KV = decoder.logits(hidden_NTD[:, :-1][at]).float()
        right_K, counts_K = laid.ids_NT[:, 1:][at], counts_NT[at]
        lost_K = F.cross_entropy(logits_KV, right_K, reduction="none")
        right = (logits_KV.argmax(-1) == right_K).float().mean()
        return {"loss": (lost_K * counts_K).sum() / counts_K.sum(), "right": right}

    return loss


def compute_box_vectors(net: GlanceNet, shown: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """(R, D): of all boxes, photo by photo; those with equally many boxes are computed together."""
    found: list[Tensor | None] = [None] * len(shown)
    for count in {len(boxes) for _, boxes in shown}:
        own = [n for n, (_, boxes) in enumerate(shown) if len(boxes) == count]
        with autocast_bf16():
            vectors_BRD = net(torch.cat([shown[n][0] for n in own]), torch.stack([shown[n][1] for n in own]))
        for n, vectors_RD in zip(own, vectors_BRD, strict=True):
            found[n] = vectors_RD
    return torch.cat([each for each in found if each is not None])
