"""`train reading`: teach the packaged tower of many languages to mark the answers in passages.

Question and passage are one row of tokens. A step's loss is the cross-entropy of the answer's first token, and of its
last; where the passage does not say, both are the row's first token. Rows of like length share a batch. The lower
layers stay as packaged; the changes of the others are packed into `weights/passage_reader.safetensors`, with the curve
that tells how likely a passage answers, fitted on articles that were held out.

Shape key:  N rows, T tokens
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.deltas import pack_changes
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.multilingual import BEGIN, END, load_multilingual_tower
from deepseek_mm.embeddings.passage_reader import (
    LOWER,
    MOST_ASKED,
    UPPER,
    WEIGHTS,
    PassageReader,
    ReadingCurve,
    SpanNetwork,
    TextPieces,
    split_pieces,
)
from deepseek_mm.embeddings.token_encoder import MultilingualTokenEncoder
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.loop import (
    RunFolder,
    StepsConfig,
    add_config_flags,
    batch_by_length,
    choose_config,
    load_learned,
    make_gather,
    read_learned,
    tell_written,
    train_steps,
)
from deepseek_mm.training.reading.documents import make_documents
from deepseek_mm.training.reading.examples import (
    ReadingExample,
    ask_elsewhere,
    read_instructions,
    read_squad,
    swap_names,
)

JUDGED = 400  # questions over made documents that the curve is fitted on, of each language
EVERY = 50  # steps after which a checkpoint is kept


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageReaderConfig:
    """The recipe; the defaults made the weights that are shipped."""

    epochs: float = 3.0
    batch: int = 16  # rows
    tokens: int = 224  # of a row at most: a part of the passage around the answer
    rate: float = 1.5e-4  # learning rate at the top of the schedule
    head_rate: float = 1e-3
    decay: float = 0.01
    average: float = 0.995  # memory of the moving average
    unsaid: float = 0.25  # share of the questions that are asked of a passage that does not say
    swapped: float = 0.6  # share of those that are asked with another name in them
    english: int = 5_000  # questions over documents that are made here, in English
    chinese: int = 4_000
    seed: int = 0

    def __post_init__(self) -> None:
        between("reading.batch", self.batch, 1, 4096)
        between("reading.tokens", self.tokens, 64, 512)
        between("reading.unsaid", self.unsaid, 0, 1)
        between("reading.swapped", self.swapped, 0, 1)


@dataclass(frozen=True, slots=True)
class Row:
    """A question and a part of a passage as tokens, and the answer's first and last (0: not said)."""

    ids: list[int]
    start: int
    end: int


def locate_answer(example: ReadingExample, passage: TextPieces) -> tuple[int, int]:
    """First and last piece of the answer; (-1, -1) where there is none."""
    inside = [n for n, (a, b) in enumerate(passage.places) if a < example.end and b > example.start]
    return (inside[0], inside[-1]) if example.is_said and inside else (-1, -1)


def make_row(example: ReadingExample, pieces: tuple[TextPieces, TextPieces], most: int, chance: Random) -> Row:
    """With a part of the passage that has the answer somewhere, or any part where nothing is said."""
    asked, passage = pieces
    head = [BEGIN, *asked.ids[:MOST_ASKED], END, END]
    room = most - len(head) - 1
    first, last = locate_answer(example, passage)
    low = max(0, last - room + 1) if first >= 0 else 0
    high = min(first, max(0, len(passage.ids) - room)) if first >= 0 else max(0, len(passage.ids) - room)
    at = chance.randint(min(low, high), max(low, high))
    ids = [*head, *passage.ids[at : at + room], END]
    if first < 0 or last - at >= room or first < at:
        return Row(ids, 0, 0)
    return Row(ids, first - at + len(head), last - at + len(head))


class ReadingTrainer:
    """The network, its examples, and the loss of a step."""

    def __init__(
        self,
        network: SpanNetwork,
        encoder: MultilingualTokenEncoder,
        examples: Sequence[ReadingExample],
        config: PassageReaderConfig,
    ) -> None:
        self.network, self.encoder, self.examples, self.config = network.train(), encoder, examples, config
        self.trained = dict(network.named_parameters())
        texts = {text for example in examples for text in (example.question, example.passage)}
        self.pieces = {text: split_pieces(encoder, text) for text in tqdm(sorted(texts), file=sys.stderr)}
        self.per_epoch = max(1, len(examples) // config.batch)
        self.steps = StepsConfig(
            steps=max(1, round(config.epochs * self.per_epoch)),
            rate=config.head_rate,
            warm=0.06,
            last=0.02,
            decay=config.decay,
            average=config.average,
            seed=config.seed,
        )
        self.shares = {"upper.": config.rate / config.head_rate}
        self.batches: tuple[int, list[list[Row]]] = (-1, [])

    def loss(self, step: int) -> dict[str, Tensor]:
        """Of the examples of that step."""
        epoch, place = divmod(step, self.per_epoch)
        if self.batches[0] != epoch:
            self.batches = (epoch, self.shuffle(epoch))
        torch.manual_seed(self.config.seed * self.steps.steps + step)  # of what is dropped
        rows = self.batches[1][place]
        with autocast_bf16():
            start_NT, end_NT = self.network(*self.encoder.read_pieces([row.ids for row in rows]))
        start = F.cross_entropy(start_NT, torch.tensor([row.start for row in rows]))
        end = F.cross_entropy(end_NT, torch.tensor([row.end for row in rows]))
        return {"loss": (start + end) / 2, "start": start, "end": end}

    def shuffle(self, epoch: int) -> list[list[Row]]:
        """All rows in batches of like length, in an order by chance."""
        chance, size = Random(f"{self.config.seed} epoch {epoch}"), self.config.batch
        rows = [
            make_row(each, (self.pieces[each.question], self.pieces[each.passage]), self.config.tokens, chance)
            for each in self.examples
        ]
        return batch_by_length(rows, lambda row: len(row.ids), size, chance)[: self.per_epoch]


def gather_examples(data: Path, config: PassageReaderConfig) -> list[ReadingExample]:
    """What is learned from: articles in English and Chinese, instructions, what is missing, and made documents."""
    shelves = [
        read_squad(data / "reading" / "squad2_en_train.jsonl"),
        read_squad(data / "reading" / "cmrc2018_zh_train.jsonl"),
        read_instructions(data / "text" / "reading_comprehension.jsonl"),
    ]
    chance = Random(f"{config.seed} unsaid")
    missing = [
        example
        for shelf in shelves
        for example in (*ask_elsewhere(shelf, config.unsaid, chance), *swap_names(shelf, config.swapped, chance))
    ]
    made = [
        *make_documents("en", config.english, Random(f"{config.seed} en")),
        *make_documents("zh", config.chinese, Random(f"{config.seed} zh")),
    ]
    return [*(example for shelf in shelves for example in shelf), *missing, *made]


def train_reading(trainer: ReadingTrainer, folder: Path) -> None:
    """Train to the end, from the last checkpoint if there is one; the network gets the moving average."""
    journal = RunFolder(folder, {**asdict(trainer.config), "examples": len(trainer.examples)})
    gather = make_gather(trainer.loss)
    train_steps(trainer.trained, gather, journal, trainer.steps, every=EVERY, shares=trainer.shares)
    journal.plot("loss", "start", "end")
    load_learned(trainer.trained, read_learned(folder))
    trainer.network.eval()


def write_reader(file: Path, network: SpanNetwork, encoder: MultilingualTokenEncoder, curve: ReadingCurve) -> None:
    """The changes of the layers, the head, and the curve."""
    before = {f"upper.{name}": value for name, value in encoder.copy_upper().state_dict().items()}
    packed = pack_changes(before, network.state_dict(), new=("head.",))
    atomic_write(file, save(packed, metadata={"curve": json.dumps(asdict(curve))}))


def gather_judged(data: Path, config: PassageReaderConfig) -> list[ReadingExample]:
    """What the curve is fitted on: articles and shapes that were held out, as they are and asked elsewhere."""
    articles = read_squad(data / "reading" / "squad2_en_train.jsonl", held_out=True)
    elsewhere = ask_elsewhere(articles, 1.0, Random(f"{config.seed} judged"))
    made = [
        example
        for language in ("en", "zh")
        for example in make_documents(language, JUDGED, Random(f"{config.seed} judged {language}"), held_out=True)
    ]
    return [*articles, *elsewhere, *made]


def fit_curve(reader: PassageReader, examples: Sequence[ReadingExample]) -> ReadingCurve:
    """With which what is said and what is not, each weighing half, is likeliest; the reader has a curve of its own."""
    readings = [reader.read_many(each.question, [each.passage])[0] for each in tqdm(examples, file=sys.stderr)]
    margins_N = torch.tensor([reading.said for reading in readings]).clamp(1e-6, 1 - 1e-6).logit()
    said_N = torch.tensor([float(each.is_said) for each in examples])
    weight_N = torch.where(said_N > 0, 0.5 / said_N.mean(), 0.5 / (1 - said_N.mean()))
    curve = torch.tensor([1.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([curve], max_iter=100)

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = F.binary_cross_entropy_with_logits(curve[0] * margins_N + curve[1], said_N, weight_N)
        value.backward()
        return value

    optimiser.step(loss)
    slope, offset = curve.detach().tolist()
    return ReadingCurve(slope=round(slope, 4), offset=round(offset, 4))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train reading`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="folder with reading/ and text/")
    parser.add_argument("--out", type=Path, default=Path("runs/reading"), help="folder of the run")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write")
    parser.add_argument("--start", type=Path, help="folder of a run that is gone on from: what it had learned")
    parser.add_argument("--threads", type=int, default=2, help="that compute")
    add_config_flags(parser, PassageReaderConfig)


def run(args: argparse.Namespace) -> int:
    """Train, fit the curve, and write the weights; goes on where an earlier call stopped."""
    torch.set_num_threads(args.threads)
    config = choose_config(PassageReaderConfig(), args)
    encoder = MultilingualTokenEncoder(load_multilingual_tower(), LOWER, UPPER)
    examples = gather_examples(args.data, config)
    tqdm.write(f"{len(examples)} examples", file=sys.stderr)
    torch.manual_seed(config.seed)
    network = SpanNetwork(encoder.copy_upper())
    trainer = ReadingTrainer(network, encoder, examples, config)
    if args.start:
        load_learned(trainer.trained, read_learned(args.start))
    train_reading(trainer, args.out)
    write_reader(args.weights, network, encoder, ReadingCurve())
    curve = fit_curve(PassageReader(args.weights), gather_judged(args.data, config))
    write_reader(args.weights, network, encoder, curve)
    tell_written(args.weights, f"{curve}\n")
    return 0
