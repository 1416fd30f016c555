"""`train languages`: bring multilingual-e5-small into the default space, whose photos and English stay where they are.

First the head alone is trained, over what the packaged tower makes of all texts; then the layers above the cut, below a
head that stays as it is. Each has a file of its own.
A caption must find its photo among all training photos, and a photo its captions among those of the batch; what has an
English original must lie where the space's own tower puts that. The vectors of photos and of English are computed once,
and so are the states at the cut. Randomness depends on the seed and the step alone.

Shape key:  N texts, B texts of a batch, P photos, T tokens, W width of the tower (384), L layers that are read (5),
            D width of the space (512)
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.deltas import pack_changes
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.languages import CUT, LAYERS, READ, WEIGHTS, LanguageSide, add_file
from deepseek_mm.embeddings.multilingual import PREFIX
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.evaluation.retrieval import find_pictures, read_caption_rows, read_picture
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.feature_maps import Bits, cache_array, to_bf16_bits
from deepseek_mm.training.language_texts import (
    BROAD,
    CHINESE,
    ENGLISH,
    KINDS,
    NAMES,
    TRANSLATED,
    PlacedText,
    TextCounts,
    place_broad,
    place_captions,
    place_names,
    read_chinese_rows,
)
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

TEXT_BATCH = 64
HEAD_EVERY, LAYERS_EVERY = 200, 20  # steps after which a checkpoint is kept
CAPTIONS = (ENGLISH, CHINESE, TRANSLATED)
PLOTS = ("loss", *CAPTIONS, "apart")


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguagesConfig:
    """The recipe; the defaults made the weights that are shipped."""

    head_steps: int = 400
    head_photos: int = 512  # of a batch; each with a caption of every kind
    layer_steps: int = 240  # of the layers above the cut; an hour on two cores
    layer_photos: int = 96
    others: float = 1.4  # texts without a photo, for each photo of a batch
    head_rate: float = 1e-3  # learning rates, at the top of the schedule
    layer_rate: float = 2e-4
    decay: float = 0.05  # of the weights
    scale: float = 30.0  # inverse temperature
    likeness: float = 8.0  # weight of lying where the English original lies
    average: float = 0.98  # memory of the moving average
    seed: int = 0

    def __post_init__(self) -> None:
        between("languages.head_photos", self.head_photos, 2, 65_536)
        between("languages.layer_photos", self.layer_photos, 2, 65_536)
        between("languages.average", self.average, 0, 0.99999)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedTexts:
    """Texts, where they should lie, and what the packaged tower makes of them."""

    photos_PD: Tensor
    originals_ND: Tensor  # zeros where there is none
    photo_N: NDArray[np.int64]  # NOWHERE where there is none
    kind_N: NDArray[np.int64]  # place in KINDS
    pooled_NLW: Tensor  # float16, of the layers that are read
    states_TW: Bits  # at the cut, all texts one after the other
    starts_N: NDArray[np.int64]  # of each text there, and the end

    def numbers(self, kind: str) -> list[list[int]]:
        """Texts of this kind: those of each photo, or all together."""
        own = np.flatnonzero(self.kind_N == KINDS.index(kind))
        groups: list[list[int]] = [[] for _ in range(self.photo_N.max() + 1 if kind in CAPTIONS else 1)]
        for number in own.tolist():
            groups[max(0, self.photo_N[number])].append(number)
        return groups

    def states(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """(B, T, W) and where there are tokens (B, T)."""
        rows = [
            torch.from_numpy(np.array(self.states_TW[self.starts_N[n] : self.starts_N[n + 1]])).view(torch.bfloat16)
            for n in numbers
        ]
        there = [torch.ones(len(row), dtype=torch.bool) for row in rows]
        return pad_sequence(rows, batch_first=True).float(), pad_sequence(there, batch_first=True)


class LanguageLearner:
    """What is trained, and the loss of a step of either stage."""

    def __init__(self, side: LanguageSide, data: PreparedTexts, config: LanguagesConfig) -> None:
        self.side, self.data, self.config = side, data, config
        self.groups = {kind: data.numbers(kind) for kind in KINDS}
        side.tower.eval().requires_grad_(False)
        side.head.train()

    def layers(self) -> dict[str, nn.Parameter]:
        """The parameters above the cut, by their names in the side; the head is held from now on."""
        self.side.head.eval().requires_grad_(False)
        own = set(map(id, upper_layers(self.side).requires_grad_(True).parameters()))
        return {name: value for name, value in self.side.named_parameters() if id(value) in own}

    def head(self) -> dict[str, nn.Parameter]:
        """The parameters of the head."""
        return {name: value for name, value in self.side.named_parameters() if name.startswith("head.")}

    def choose(self, step: int, photos: int) -> list[list[int]]:
        """Numbers of the texts of a batch: of every kind of caption one a photo, then others."""
        chance = Random(f"{self.config.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))
        chosen = chance.sample(range(len(self.data.photos_PD)), min(photos, len(self.data.photos_PD)))
        batches = [[chance.choice(self.groups[kind][photo]) for photo in chosen] for kind in CAPTIONS]
        others = round(photos * self.config.others)
        for kind in (BROAD, NAMES):
            own = self.groups[kind][0]
            batches.append(chance.sample(own, min(others // 2, len(own))))
        return [batch for batch in batches if batch]

    def head_loss(self, step: int) -> dict[str, Tensor]:
        """Over what the packaged tower made."""
        numbers = [n for batch in self.choose(step, self.config.head_photos) for n in batch]
        with autocast_bf16():
            vectors_BD = self.side.head(self.data.pooled_NLW[numbers].float())
        return self.loss(vectors_BD, np.array(numbers))

    def layer_loss(self, step: int) -> dict[str, Tensor]:
        """Through the layers above the cut."""
        batches = self.choose(step, self.config.layer_photos)
        parts = [part for batch in batches for part in self.in_parts(batch)]
        with autocast_bf16():
            vectors_BD = torch.cat([self.read(part) for part in parts])
        return self.loss(vectors_BD, np.array([n for part in parts for n in part]))

    def in_parts(self, numbers: Sequence[int]) -> list[list[int]]:
        """By length, so that little is spent on padding."""
        length_N = np.diff(self.data.starts_N)
        ordered = sorted(numbers, key=lambda n: int(length_N[n]))
        return [ordered[start : start + TEXT_BATCH] for start in range(0, len(ordered), TEXT_BATCH)]

    def read(self, numbers: Sequence[int]) -> Tensor:
        """(B, D) of texts whose states at the cut are kept."""
        states_BTW, there_BT = self.data.states(numbers)
        mask_BT1 = there_BT[..., None].float()
        pooled, x_BTW = [], states_BTW
        for number, layer in enumerate(upper_layers(self.side), start=CUT + 1):
            x_BTW = layer(x_BTW, there_BT[:, None, None])
            if number in READ:
                pooled.append((x_BTW * mask_BT1).sum(dim=1) / mask_BT1.sum(dim=1))
        below_BLW = self.data.pooled_NLW[list(numbers), : len(READ) - len(pooled)].float()
        vectors_BD: Tensor = self.side.head(torch.cat([below_BLW, torch.stack(pooled, dim=1).float()], dim=1))
        return vectors_BD

    def loss(self, vectors_BD: Tensor, numbers_B: NDArray[np.int64]) -> dict[str, Tensor]:
        """Captions find their photos and are found by them; texts lie where their originals do."""
        data, scale = self.data, self.config.scale
        kind_B, photo_B = data.kind_N[numbers_B], data.photo_N[numbers_B]
        parts: dict[str, Tensor] = {}
        for kind in CAPTIONS:
            own = torch.from_numpy(np.flatnonzero(kind_B == KINDS.index(kind)))
            photo = torch.from_numpy(photo_B[own.numpy()])
            logit_BP = scale * vectors_BD[own] @ data.photos_PD.T
            parts[kind] = (F.cross_entropy(logit_BP, photo) + cross_entropy_back(logit_BP[:, photo])) / 2
        originals_BD = data.originals_ND[numbers_B]
        placed_B = originals_BD.any(dim=1)
        parts["apart"] = (1 - (vectors_BD * originals_BD).sum(dim=1))[placed_B].mean()
        found = sum(parts[kind] for kind in CAPTIONS) / len(CAPTIONS)
        return {"loss": found + self.config.likeness * parts["apart"], **parts}


def upper_layers(side: LanguageSide) -> nn.ModuleList:
    """Those above the cut."""
    model: Any = side.tower.model
    layers: nn.ModuleList = model.encoder.layer[CUT:]
    return layers


def cross_entropy_back(logit_BB: Tensor) -> Tensor:
    """Of photos that choose among the captions of the batch; the right ones stand on the diagonal."""
    return F.cross_entropy(logit_BB.T, torch.arange(len(logit_BB)))


@torch.inference_mode()
def run_tower(side: LanguageSide, texts: Sequence[str], folder: Path) -> tuple[Tensor, Bits, NDArray[np.int64]]:
    """Pooled states (N, L, W), states at the cut (T, W) and where each text's begin; kept in `folder`."""
    rows = [side.tower.tokenizer.encode(PREFIX + text) for text in texts]
    starts_N = np.cumsum([0, *map(len, rows)])
    pooled_file, states_file = folder / "pooled.npy", folder / "states.npy"
    if not pooled_file.is_file() or len(np.load(pooled_file, mmap_mode="r")) != len(rows):
        folder.mkdir(parents=True, exist_ok=True)
        pooled_NLW = np.zeros((len(rows), len(READ), side.head.norm.normalized_shape[0]), np.float16)
        shape = (int(starts_N[-1]), pooled_NLW.shape[-1])
        states_TW = np.lib.format.open_memmap(states_file, "w+", dtype=np.int16, shape=shape)
        order = sorted(range(len(rows)), key=lambda n: len(rows[n]))
        for start in tqdm(range(0, len(order), TEXT_BATCH), desc="texts", unit="batch", file=sys.stderr):
            some = order[start : start + TEXT_BATCH]
            ids_NT = pad_sequence([torch.tensor(rows[n]) for n in some], batch_first=True, padding_value=1)
            there_NT = pad_sequence([torch.ones(len(rows[n]), dtype=torch.long) for n in some], batch_first=True)
            with autocast_bf16():
                states = side.tower.states(ids_NT, there_NT)
            pooled_NLW[some] = side.tower.pool(states, there_NT).float().numpy()
            bits_NTW = to_bf16_bits(states[CUT].bfloat16())
            for n, bits_TW in zip(some, bits_NTW, strict=True):
                states_TW[starts_N[n] : starts_N[n + 1]] = bits_TW[: len(rows[n])]
        states_TW.flush()
        np.save(pooled_file, pooled_NLW)
    return torch.from_numpy(np.load(pooled_file)), np.load(states_file, mmap_mode="r"), starts_N


def embed_originals(embed: Callable[[Sequence[str]], Floats], texts: Sequence[PlacedText], file: Path) -> Tensor:
    """(N, D): where the space's own tower puts the original of each text; zeros where there is none. Kept in `file`."""
    unique = list(dict.fromkeys(each.original for each in texts if each.original))
    vectors = cache_array(file, len(unique), lambda: embed(unique))
    place = {text: number for number, text in enumerate(unique)}
    zeros = np.zeros((1, vectors.shape[1]), np.float32)
    rows = [place.get(each.original, len(unique)) for each in texts]
    return torch.from_numpy(np.concatenate([vectors, zeros])[rows])


def prepare(args: argparse.Namespace, side: LanguageSide, counts: TextCounts) -> PreparedTexts:
    """All that is frozen, computed where --out does not hold it yet."""
    english = read_caption_rows(args.data, split="train")
    chinese = read_chinese_rows(args.chinese, split="train")
    texts = [
        *place_captions(english, chinese, counts),
        *place_broad(args.questions, args.text, args.reading, most=counts.broad),
        *place_names(),
    ]
    pooled_NLW, states_TW, starts_N = run_tower(side, [each.text for each in texts], args.out)
    space = cache(DefaultSpace)  # seconds to open, and only where something is not there yet
    originals_ND = embed_originals(lambda said: space().embed_english(said), texts, args.out / "originals.npy")
    paths = find_pictures(args.images, [row.image for row in english])
    photos_PD = cache_array(args.out / "photos.npy", len(paths), lambda: space().embed_images(map(read_picture, paths)))
    return PreparedTexts(
        photos_PD=torch.from_numpy(photos_PD),
        originals_ND=originals_ND,
        photo_N=np.array([each.photo for each in texts]),
        kind_N=np.array([KINDS.index(each.kind) for each in texts]),
        pooled_NLW=pooled_NLW,
        states_TW=states_TW,
        starts_N=starts_N,
    )


def train_head(learner: LanguageLearner, folder: Path) -> None:
    """The first stage."""
    config = learner.config
    steps = make_steps(config, steps=config.head_steps, rate=config.head_rate)
    own = {name: value for name, value in asdict(config).items() if not name.startswith("layer_")}
    train_stage(folder, learner.head(), learner.head_loss, steps, own, every=HEAD_EVERY, plots=PLOTS)
    learner.side.load_state_dict(read_learned(folder), strict=False)


def train_layers(learner: LanguageLearner, folder: Path) -> None:
    """The second stage."""
    config = learner.config
    steps = make_steps(config, steps=config.layer_steps, rate=config.layer_rate)
    journal = RunFolder(folder, asdict(config))
    train_steps(learner.layers(), make_gather(learner.layer_loss), journal, steps, every=LAYERS_EVERY)
    journal.plot(*PLOTS)
    learner.side.load_state_dict(read_learned(folder), strict=False)


def make_steps(config: LanguagesConfig, *, steps: int, rate: float) -> StepsConfig:
    """The schedule of a stage."""
    return StepsConfig(steps=steps, rate=rate, last=0.02, decay=config.decay, average=config.average, seed=config.seed)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train languages`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument("--chinese", type=Path, required=True, help="JSONL file of rows {image, captions, translated}")
    parser.add_argument("--questions", type=Path, required=True, help="JSONL file of rows {question, split}")
    parser.add_argument("--text", type=Path, required=True, help="folder with dolly_nocontext.jsonl, tldr_en.jsonl")
    parser.add_argument("--reading", type=Path, required=True, help="folder with squad2_en_train.jsonl")
    parser.add_argument("--out", type=Path, default=Path("runs/languages"), help="folder of the run")
    parser.add_argument("--head", type=Path, help="file of a head that was trained before: only layers are learned")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write the head to, if it was learned")
    parser.add_argument("--layers", type=Path, default=LAYERS, help="file to write the layers to, if they were learned")
    add_config_flags(parser, LanguagesConfig, TextCounts)


def run(args: argparse.Namespace) -> int:
    """Train the stages and write the weights; goes on where an earlier call stopped."""
    config = choose_config(LanguagesConfig(), args)
    side = LanguageSide()
    before = {name: value.clone() for name, value in side.state_dict().items()}
    learner = LanguageLearner(side, prepare(args, side, choose_config(TextCounts(), args)), config)
    if args.head:
        add_file(side, args.head)
    else:
        train_head(learner, args.out / "head")
        write_changes(side, before, args.weights, beginning="head.")
    if config.layer_steps:
        train_layers(learner, args.out / "layers")
        write_changes(side, before, args.layers, beginning="tower.")
    return 0


def write_changes(side: LanguageSide, before: Mapping[str, Tensor], file: Path, *, beginning: str) -> None:
    """What training changed of one part, in few bytes."""
    own = {name: value for name, value in side.state_dict().items() if name.startswith(beginning)}
    atomic_write(file, save(pack_changes(before, own, new=("head.",))))
    tell_written(file)
