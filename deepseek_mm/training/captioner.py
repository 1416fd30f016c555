"""`train caption`: train the captioner on photos with captions.

`words` learns to predict the next word of people's captions. `praise` continues from there: the model samples several
sentences about each photo, each is scored by CIDEr against that photo's captions, and those better than the others
become more likely (self-critical training with the other samples' mean as baseline; Rennie et al. 2017, arXiv
1612.00563; Luo 2020, arXiv 2003.09971). `pack` writes the moving average of the weights. Stages can be resumed.

Shape key:  B photos, N sentences of them, T words, V words of the vocabulary
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from deepseek_mm.config import between
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.evaluation.captions import RunWeights, split_caption
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_caption_rows
from deepseek_mm.training.feature_maps import Bits, cache_feature_maps, pick_rows
from deepseek_mm.training.loop import (
    StepLoss,
    StepsConfig,
    add_config_flags,
    choose_config,
    read_learned,
    tell_written,
    train_stage,
)
from deepseek_mm.vision.captioner import (
    END,
    PAD,
    SPECIAL,
    START,
    UNKNOWN,
    WEIGHTS,
    CaptionConfig,
    CaptionNet,
    Runs,
    rows_of,
    runs_of,
    write_captioner,
)
from deepseek_mm.vision.small_nets import Seen

SELDOM = 4  # a word that comes less often is unknown


@dataclass(frozen=True, slots=True)
class CaptionSentences:
    """The captions of each photo, and the words that are known."""

    words: tuple[str, ...]
    numbers: tuple[tuple[tuple[int, ...], ...], ...]  # photo, caption, word

    @classmethod
    def of(cls, rows: Sequence[CaptionRow], *, most: int) -> "CaptionSentences":
        """Of all rows; words in order of how often they come, captions cut to `most` words."""
        told = [[split_caption(caption)[:most] for caption in row.captions] for row in rows]
        counts = Counter(word for captions in told for caption in captions for word in caption)
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        words = (*SPECIAL, *(word for word, count in ranked if count >= SELDOM))
        number = {word: n for n, word in enumerate(words)}
        numbers = (tuple(tuple(number.get(word, UNKNOWN) for word in caption) for caption in own) for own in told)
        return cls(words, tuple(numbers))

    def batch(self, photos: Sequence[int]) -> tuple[Tensor, Tensor]:
        """(N, T): every caption of the photos, begun and ended; and the place of its photo among them, (N,)."""
        rows = [torch.tensor([START, *caption, END]) for photo in photos for caption in self.numbers[photo]]
        owner_N = torch.tensor([place for place, photo in enumerate(photos) for _ in self.numbers[photo]])
        return pad_sequence(rows, batch_first=True, padding_value=PAD), owner_N

    def spell(self, words_T: Tensor) -> list[str]:
        """The words of the numbers, and that the sentence ends where it does."""
        return [self.words[n] for n in words_T.tolist() if n > UNKNOWN or n == END]


def compute_word_loss(scores_NTV: Tensor, next_NT: Tensor, *, smooth: float, each: bool = False) -> Tensor:
    """Surprise at the next word, the mean of all words; or with `each` the sum of every sentence, (N,)."""
    flat = F.cross_entropy(
        scores_NTV.float().flatten(0, 1),
        next_NT.flatten(),
        ignore_index=PAD,
        label_smoothing=smooth,
        reduction="none" if each else "mean",
    )
    return flat.view_as(next_NT).sum(dim=1) if each else flat


@torch.no_grad()
def sample_sentences(net: CaptionNet, cells: Sequence[Seen]) -> Tensor:
    """(N, T): a sentence for every row of the cells, word after word by chance."""
    count, most = len(cells[0][0]), net.config.most
    words_NT = torch.full((count, 1), START)
    past: list[Seen | None] = [None] * len(cells)
    ended_N = torch.zeros(count, dtype=torch.bool)
    for _ in range(most):
        scores_N1V, kept = net.step(words_NT[:, -1:], cells, past)
        past = list(kept)
        scores_NV = scores_N1V[:, -1].float()
        scores_NV[:, [PAD, START, UNKNOWN]] = -torch.inf
        next_N = torch.multinomial(scores_NV.softmax(-1), 1)[:, 0].masked_fill(ended_N, PAD)
        words_NT = torch.cat([words_NT, next_N[:, None]], dim=1)
        ended_N = ended_N | (next_N == END)
        if bool(ended_N.all()):
            break
    return words_NT


@dataclass(frozen=True, slots=True)
class CiderReward:
    """CIDEr-D against the captions of the very photos that are trained on."""

    references: tuple[tuple[Runs, ...], ...]
    rare: RunWeights

    @classmethod
    def of(cls, rows: Sequence[CaptionRow]) -> "CiderReward":
        """How rare a run is, is counted over these photos. That a sentence ends counts as a word of it."""
        captions = ([[*split_caption(caption), SPECIAL[END]] for caption in row.captions] for row in rows)
        references = tuple(tuple(map(runs_of, own)) for own in captions)
        return cls(references, RunWeights.among(references))

    def score(self, said: Sequence[Sequence[str]], photos: Sequence[int]) -> Tensor:
        """(N,): 1 is what CIDEr-D calls 10."""
        pairs = zip(said, photos, strict=True)
        return torch.tensor([self.rare.worth(runs_of(words), self.references[photo]) for words, photo in pairs])


STAGES = ("words", "praise", "pack")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionStageConfig:
    """What a step reads."""

    photos: int = 32  # of a step
    samples: int = 5  # sentences about each photo that are praised or not
    smooth: float = 0.1  # of the right word's share goes to all words
    every: int = 100  # steps between two checkpoints

    def __post_init__(self) -> None:
        between("photos", self.photos, 1, 65_536)
        between("samples", self.samples, 2, 1_000)


DEFAULTS = {
    "words": (CaptionStageConfig(), StepsConfig(steps=4_000, rate=1e-3, decay=0.02, average=0.999)),
    "praise": (CaptionStageConfig(photos=16), StepsConfig(steps=800, rate=5e-5, average=0.99)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train caption`; what is left out is the stage's own default."""
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--data", type=Path, required=True, help="JSONL of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="where the rows' pictures lie")
    parser.add_argument("--split", default="train")
    parser.add_argument("--out", type=Path, default=Path("runs/caption"), help="each stage has a folder in it")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that the stage pack writes")
    add_config_flags(parser, CaptionStageConfig, StepsConfig, CaptionConfig)


def run(args: argparse.Namespace) -> int:
    """Train one stage to its end; goes on where an earlier call stopped."""
    rows = read_caption_rows(args.data, split=args.split)
    config = choose_config(CaptionConfig(), args)
    sentences = CaptionSentences.of(rows, most=config.most)
    if args.stage == "pack":
        return pack(args, sentences, config)
    stage, steps = (choose_config(each, args) for each in DEFAULTS[args.stage])
    torch.manual_seed(steps.seed)
    net = CaptionNet(len(sentences.words), config)
    if args.stage == "praise":
        net.load_state_dict(read_learned(args.out / "words"))
    paths = find_pictures(args.images, [row.image for row in rows])
    maps = cache_feature_maps(DefaultSpace().model, paths, args.out / "maps")
    if args.stage == "words":
        loss = make_words_loss(net.train(), maps, sentences, stage, steps)
    else:
        loss = make_reward_loss(net.eval(), maps, sentences, CiderReward.of(rows), stage, steps)
    plots = ("loss", "cider")
    train_stage(args.out / args.stage, net, loss, steps, stage, config, every=stage.every, plots=plots)
    return 0


def make_words_loss(
    net: CaptionNet, maps: Sequence[Bits], sentences: CaptionSentences, stage: CaptionStageConfig, steps: StepsConfig
) -> StepLoss:
    """Every caption of some photos, word by word."""

    def loss(step: int) -> dict[str, Tensor]:
        chance = Random(f"{steps.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))  # of what is dropped
        cells_BPC, photos = draw_photos(maps, chance, stage.photos)
        words_NT, owner_N = sentences.batch(photos)
        with autocast_bf16():
            cells = [rows_of(seen, owner_N) for seen in net.cells(cells_BPC)]
            scores_NTV = net(words_NT[:, :-1], cells)
        return {"loss": compute_word_loss(scores_NTV, words_NT[:, 1:], smooth=stage.smooth)}

    return loss


def make_reward_loss(
    net: CaptionNet,
    maps: Sequence[Bits],
    sentences: CaptionSentences,
    praise: CiderReward,
    stage: CaptionStageConfig,
    steps: StepsConfig,
) -> StepLoss:
    """Sentences that the model says itself, the better ones more likely."""

    def loss(step: int) -> dict[str, Tensor]:
        chance = Random(f"{steps.seed} praise {step}")
        torch.manual_seed(chance.randrange(2**31))
        cells_BPC, photos = draw_photos(maps, chance, stage.photos)
        owner_N = torch.arange(len(photos)).repeat_interleave(stage.samples)
        with autocast_bf16():
            cells = [rows_of(seen, owner_N) for seen in net.cells(cells_BPC)]
            words_NT = sample_sentences(net, cells)
            scores_NTV = net(words_NT[:, :-1], cells)
        said = [sentences.spell(row) for row in words_NT]
        worth_BS = praise.score(said, [photos[n] for n in owner_N.tolist()]).view(-1, stage.samples)
        others_BS = (worth_BS.sum(dim=1, keepdim=True) - worth_BS) / (stage.samples - 1)
        cost_N = compute_word_loss(scores_NTV, words_NT[:, 1:], smooth=0.0, each=True)
        return {"loss": ((worth_BS - others_BS).flatten() * cost_N).mean(), "cider": worth_BS.mean()}

    return loss


def draw_photos(maps: Sequence[Bits], chance: Random, count: int) -> tuple[Tensor, list[int]]:
    """Cells of some photos, each plain or mirrored, and their numbers."""
    total = len(maps[0])
    photos = sorted(chance.sample(range(total), min(count, total)))
    return pick_rows(maps, photos, [chance.randrange(len(maps)) for _ in photos]).float(), photos


def pack(args: argparse.Namespace, sentences: CaptionSentences, config: CaptionConfig) -> int:
    """Write the average of the last stage that was trained."""
    stage = "praise" if (args.out / "praise").is_dir() else "words"
    fingerprint = DefaultSpace().fingerprint
    write_captioner(args.weights, read_learned(args.out / stage), sentences.words, config, fingerprint=fingerprint)
    tell_written(args.weights)
    return 0
