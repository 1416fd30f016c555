"""`train notice`: train the multi-label tagger of the things that people name of a photo.

Five captions of a photo tell for each thing whether it is there. Things that captions hardly name, a moose for
instance, are learned from people's questions about other photos. `learn` needs the maps that `train reader --stage
maps` caches; `pack` fits the calibration on photos that were held out, and writes the weights. Both can be resumed.

Shape key:  B photos, N photos of an album, L things
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from deepseek_mm.config import between
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.evaluation.retrieval import read_caption_rows
from deepseek_mm.evaluation.vqa import NOUNS, canonical_noun, split_words
from deepseek_mm.language.parser import parse
from deepseek_mm.training.loop import (
    StepLoss,
    StepsConfig,
    add_config_flags,
    choose_config,
    read_learned,
    tell_written,
    train_stage,
)
from deepseek_mm.training.losses import fit_logistic
from deepseek_mm.training.question_albums import (
    ASKED,
    CAPTIONED,
    PRESENCE,
    AlbumFeatures,
    QuestionAlbum,
    is_of_a_kind,
    open_features,
    read_asked_album,
    read_captioned_album,
)
from deepseek_mm.vision.vocabulary import TEMPLATES
from deepseek_mm.vision.vqa import YES
from deepseek_mm.vision.vqa_net import WEIGHTS, MultiLabelTagger, NoticeConfig, NoticeNet, TaggerHeader, write_noticer

STAGES = ("learn", "pack")
FEWEST = 20  # photos that show a thing, or it is not learned
UNKNOWN = -1
STEPS = StepsConfig(steps=400, rate=1e-3, decay=0.05, average=0.99)


@dataclass(frozen=True, kw_only=True, slots=True)
class TagBatchConfig:
    """What a step looks at."""

    captioned: int = 96  # photos with captions
    asked: int = 48  # photos of which questions tell
    share: float = 0.5  # of the latter's loss
    every: int = 100  # steps between two checkpoints

    def __post_init__(self) -> None:
        between("captioned", self.captioned, 1, 10_000)
        between("asked", self.asked, 1, 10_000)


@dataclass(frozen=True, slots=True)
class TaggedAlbum:
    """Photos of one album, and what is known of each."""

    bank: AlbumFeatures
    there_NL: Tensor  # 1 there, 0 not, -1 unknown
    photos: Sequence[int]  # those that are learned from, or that are held out

    def draw_batch(self, chance: Random, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Cells, vectors, and what is known (B, L), each photo in a view by chance."""
        some = chance.sample(self.photos, min(size, len(self.photos)))
        views = [chance.randrange(len(self.bank.vectors)) for _ in some]
        shown = self.bank.select(some, views)
        return shown.cells_BPC, shown.vectors_BD.float(), self.there_NL[some]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train notice`."""
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with flickr8k and coco_vqa")
    parser.add_argument("--maps", type=Path, default=Path("runs/reader/maps"), help="what the tower made of the photos")
    parser.add_argument("--out", type=Path, default=Path("runs/notice"), help="folder of log, plot and checkpoint")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that the stage pack writes")
    add_config_flags(parser, TagBatchConfig, StepsConfig, NoticeConfig)


def run(args: argparse.Namespace) -> int:
    """Do one stage to its end; goes on where an earlier call stopped."""
    space = DefaultSpace()
    batch, steps, config = (choose_config(each, args) for each in (TagBatchConfig(), STEPS, NoticeConfig()))
    albums = [read_captioned_album(args.data, seed=steps.seed), read_asked_album(args.data, ASKED)]
    captions = [row.captions for row in read_caption_rows(args.data / CAPTIONED / "captions.jsonl", split="train")]
    named, told = list_caption_words(captions), read_presence_answers(albums[1])
    names = choose_tags(named, told)
    tables = [tabulate_captions(named, names), tabulate_answers(told, names)]
    banks = open_features(space.model, albums, args.maps)
    torch.manual_seed(steps.seed)
    net, prior_L = NoticeNet(len(names), config), compute_prior_log_odds(tables)
    net.texts.copy_(torch.from_numpy(space.embed_texts([TEMPLATES[0].format(name) for name in names])))
    if args.stage == "pack":
        net.load_state_dict(read_learned(args.out), strict=False)  # texts are not learned
        held = TaggedAlbum(banks[0], tables[0], albums[0].select_photos(held_out=True))
        return pack(args.weights, MultiLabelTagger([net], names, prior_L, (1.0, 0.0)), held, space.fingerprint)
    with torch.no_grad():
        net.bias.copy_(prior_L)
    parts = zip(banks, tables, strict=True)
    shelves = [TaggedAlbum(bank, table, bank.album.select_photos(held_out=False)) for bank, table in parts]
    loss = make_tag_loss(net.train(), shelves, steps, batch)
    train_stage(args.out, net, loss, steps, batch, config, every=batch.every)
    return 0


def list_caption_words(captions: Sequence[Sequence[str]]) -> list[frozenset[str]]:
    """Of each photo, the words of its captions in one spelling."""
    return [frozenset(canonical_noun(word) for caption in own for word in split_words(caption)) for own in captions]


def read_presence_answers(album: QuestionAlbum) -> list[dict[str, bool]]:
    """Of each photo, the things of which questions tell whether they are there."""
    told = []
    for pairs in album.pairs:
        own: dict[str, bool] = {}
        for pair in pairs:
            wanted = parse(pair.question).thing_phrases if pair.kind == PRESENCE else ()
            if len(wanted) == 1:
                own[canonical_noun(wanted[0])] = pair.answer == YES
        told.append(own)
    return told


def choose_tags(named: Sequence[frozenset[str]], told: Sequence[dict[str, bool]]) -> tuple[str, ...]:
    """NOUNS that captions name often enough, then animals, fruit, vehicles that questions speak of."""
    often = tuple(noun for noun in NOUNS if sum(noun in own for own in named) >= FEWEST)
    others = sorted({name for own in told for name in own if is_of_a_kind(name)} - set(often))
    return often + tuple(name for name in others if sum(own.get(name, False) for own in told) >= FEWEST)


def tabulate_captions(named: Sequence[frozenset[str]], names: Sequence[str]) -> Tensor:
    """(N, L): what captions name is there and other NOUNS are not; of other things silence says nothing."""
    unsaid = [0 if name in NOUNS else UNKNOWN for name in names]
    return torch.tensor([[1 if name in own else no for name, no in zip(names, unsaid, strict=True)] for own in named])


def tabulate_answers(told: Sequence[dict[str, bool]], names: Sequence[str]) -> Tensor:
    """(N, L): what questions tell."""
    return torch.tensor([[int(own[name]) if name in own else UNKNOWN for name in names] for own in told])


def compute_prior_log_odds(tables: Sequence[Tensor]) -> Tensor:
    """(L,): log-odds of each thing, among captioned photos or, of what captions leave open, among the others."""
    yes_TL, known_TL = (torch.stack([(t == 1).sum(0) for t in tables]), torch.stack([(t >= 0).sum(0) for t in tables]))
    by_captions_L = (tables[0] == 0).any(0)
    share_L = torch.where(by_captions_L, yes_TL[0] / known_TL[0], yes_TL.sum(0) / known_TL.sum(0))
    return torch.logit(share_L, eps=1e-4)


def make_tag_loss(
    net: NoticeNet, shelves: Sequence[TaggedAlbum], steps: StepsConfig, batch: TagBatchConfig
) -> StepLoss:
    """Surprise at what is there and what is not, of every thing that is known."""

    def loss(step: int) -> dict[str, Tensor]:
        chance = Random(f"{steps.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))  # of what is dropped
        sizes = zip(shelves, (batch.captioned, batch.asked), strict=True)
        parts = [shelf.draw_batch(chance, size) for shelf, size in sizes]
        cells_BPC, vectors_BD, there_BL = (torch.cat(each) for each in zip(*parts, strict=True))
        with autocast_bf16():
            scores_BL = net(cells_BPC, vectors_BD)
        known_BL = there_BL >= 0
        each_BL = F.binary_cross_entropy_with_logits(scores_BL, there_BL.clamp_min(0).float(), reduction="none")
        by_photo_B = (each_BL * known_BL).sum(-1)
        count = len(parts[0][2])
        captioned, asked = by_photo_B[:count].mean(), by_photo_B[count:].mean()
        return {"captioned": captioned, "asked": asked, "loss": captioned + batch.share * asked}

    return loss


def pack(file: Path, noticer: MultiLabelTagger, held: TaggedAlbum, fingerprint: str) -> int:
    """Fit one curve for all things, each half there and half not, and write everything."""
    shown = (held.bank.select([n], [0]) for n in held.photos)
    over_NL = torch.cat([noticer.over(each.cells_BPC, each.vectors_BD.float()) for each in shown])
    there_NL = held.there_NL[list(held.photos)]
    weight_NL = balance_tags(there_NL)
    known_NL = weight_NL > 0
    slope_1, offset = fit_logistic(
        over_NL[known_NL][:, None].double().numpy(), there_NL[known_NL].numpy() == 1, weight_NL[known_NL].numpy()
    )
    right_NL = ((over_NL * slope_1[0] + offset > 0) == (there_NL == 1)).float()
    share = float((right_NL * weight_NL).sum() / weight_NL.sum())
    kept = TaggerHeader(
        names=noticer.names,
        usual=noticer.usual_L.tolist(),
        curve=(float(slope_1[0]), float(offset)),
        config=noticer.nets[0].config,
        fingerprint=fingerprint,
    )
    write_noticer(file, [net.state_dict() for net in noticer.nets], kept)
    tell_written(file, f"{len(noticer.names)} things, {100 * share:.2f} % right about held-out photos; ")
    return 0


def balance_tags(there_NL: Tensor) -> Tensor:
    """(N, L): weights by which every thing that some photos show is there as often as not."""
    yes_NL, no_NL = there_NL == 1, there_NL == 0
    count_L = torch.minimum(yes_NL.sum(0), no_NL.sum(0)).double()
    weight_NL: Tensor = yes_NL * count_L / yes_NL.sum(0).clamp_min(1) + no_NL * count_L / no_NL.sum(0).clamp_min(1)
    return weight_NL
