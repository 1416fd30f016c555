"""`train requests`: train what understands requests, from shapes and real questions to the shipped weights.

Examples are made once and read once by the encoder's lower layers, which stay as they are; their states are kept in a
file, so that a step pays for the upper layers only. These stay as an earlier run tuned them, unless they are given a
rate of their own: what is learned is the heads. A step's loss adds those of the marked parts, of where acts begin,
and of each act's kind, scope, form and attribute; what nobody knows of an example is left out. Temperatures are fitted
on shapes that were held out, then the changes are packed into `weights/`.

Shape key:  N turns, T tokens, A acts, W width of the encoder, F features of a situation
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha1
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.deltas import pack_changes
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.token_encoder import load_token_encoder
from deepseek_mm.language.request_network import (
    FIRST,
    INSIDE_ACT,
    JOINING,
    LABELS,
    LANGUAGES,
    TAGS,
    RequestNetwork,
    TokenLogits,
    TurnActs,
    mark_parts,
)
from deepseek_mm.language.requests import read_features
from deepseek_mm.language.understanding import HEADS, LAYERS, TUNED, TokenEncoder, digest_file, load_layers
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
from deepseek_mm.training.requests.corrections import read_corrections
from deepseek_mm.training.requests.examples import JOINED, RequestExample, ShapeBook, allowed_pairs
from deepseek_mm.training.requests.real_questions import QuestionFolders
from deepseek_mm.training.requests.shapes import SHAPES, RequestShape, read_shapes

UNKNOWN = -100  # a target that nothing is learned from
UPPER = "upper."
HEAD_WEIGHTS = {"kind": 1.0, "scope": 0.7, "form": 0.4, "attribute": 0.5}
LANGUAGE_WEIGHT, TAG_WEIGHT, CUT_WEIGHT = 0.2, 1.0, 2.0
READ = 64  # turns that are read at once
TEMPERATURES = np.geomspace(0.5, 4, 60)  # tried


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestsConfig:
    """The recipe; the defaults made the weights that are shipped."""

    examples: int = 40_000  # drawn from shapes
    real: int = 600  # at most, of each source of real questions
    chinese: float = 0.42  # share of the drawn ones
    german: float = 0.05
    others: float = 0.015  # of French and of Spanish each
    fresh: int = 2  # times that a shape is drawn which the layers were not tuned on, where it is told which they were
    joined: float = 0.4  # of turns of one act, those that further shapes are joined to
    epochs: float = 4.0
    batch: int = 96  # turns
    head_rate: float = 1e-3  # learning rates, at the top of the schedule
    upper_rate: float = 0.0  # of the layers; 0 leaves them as they are
    decay: float = 0.02  # of the weights
    average: float = 0.99  # memory of the moving average
    held_out: int = 1_000  # examples of held-out shapes that temperatures are fitted on, of each language
    seed: int = 0

    def __post_init__(self) -> None:
        between("requests.examples", self.examples, 1, 10**7)
        between("requests.batch", self.batch, 1, 65_536)
        between("requests.average", self.average, 0, 0.99999)
        between("requests.joined", self.joined, 0, 1)


class ExampleStates:
    """Examples as the encoder's lower layers read them, in a file; they are read once for the same examples."""

    def __init__(self, examples: Sequence[RequestExample], encoder: TokenEncoder, file: Path) -> None:
        self.examples, self.encoder = examples, encoder
        self.offsets: list[tuple[tuple[int, int], ...]] = [()] * len(examples)
        key = sha1("\n".join(example.text for example in examples).encode()).hexdigest()[:16]
        self.order = sorted(range(len(examples)), key=lambda n: len(examples[n].text))
        self.file, self.places = file.with_name(f"{file.name}-{key}"), file.with_name(f"{file.name}-{key}.json")
        if not self.places.is_file():
            self._read()
        told = json.loads(self.places.read_text())
        self.width, self.first = told["width"], told["first"]
        self.offsets = [tuple(map(tuple, each)) for each in told["offsets"]]
        self.states = np.memmap(self.file, np.int16, "r").reshape(-1, self.width)

    @torch.inference_mode()
    def _read(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        first, at, width = [0] * len(self.examples), 0, 0
        with self.file.open("wb") as stream:
            for start in tqdm(range(0, len(self.order), READ), unit="batch", file=sys.stderr):
                rows = self.order[start : start + READ]
                with autocast_bf16():
                    tokens = self.encoder.read_tokens([self.examples[n].text for n in rows])
                width = tokens.states_NTW.shape[-1]
                for row, n in enumerate(rows):
                    count = len(tokens.offsets[row])
                    first[n], self.offsets[n] = at, tokens.offsets[row]
                    at += count
                    stream.write(tokens.states_NTW[row, :count].bfloat16().view(torch.int16).numpy().tobytes())
        told = {"width": width, "first": first, "offsets": self.offsets}
        atomic_write(self.places, json.dumps(told).encode())

    def __getitem__(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """States of these examples (N, T, W) bfloat16, and where there are any."""
        lengths = [len(self.offsets[n]) for n in rows]
        states_NTW = torch.zeros(len(rows), max(lengths), self.width, dtype=torch.bfloat16)
        for row, (n, length) in enumerate(zip(rows, lengths, strict=True)):
            own = np.array(self.states[self.first[n] : self.first[n] + length])
            states_NTW[row, :length] = torch.from_numpy(own).view(torch.bfloat16)
        return states_NTW, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


@dataclass(frozen=True, slots=True)
class TokenLabels:
    """What is right of the tokens of one example."""

    tags: list[int]
    cuts: list[int]
    parts: list[list[int]]  # tokens of each act


def label_tokens(example: RequestExample, offsets: Sequence[tuple[int, int]]) -> TokenLabels:
    """From the marks on its letters; the first and the last token are no part of the text."""
    inside = range(1, len(offsets) - 1)
    tags, cuts = [UNKNOWN] * len(offsets), [UNKNOWN] * len(offsets)
    parts: list[list[int]] = [[0], *([] for _ in example.starts[1:])]
    act = 0
    for token in inside:
        start, end = offsets[token]
        tags[token] = tag_of(example, start, end, token > 1 and offsets[token - 1])
        is_first = act + 1 < len(example.starts) and end > example.starts[act + 1]
        joins = any(joiner.start < end and start < joiner.end for joiner in example.joiners)
        act += is_first
        cuts[token] = FIRST if is_first else JOINING if joins else INSIDE_ACT
        if cuts[token] != JOINING:
            parts[act].append(token)
    return TokenLabels(tags, cuts, parts)


def tag_of(example: RequestExample, start: int, end: int, before: tuple[int, int] | bool) -> int:
    """Number of a token's tag: the marked part it overlaps, and whether the part begins with it."""
    if example.spans is None:
        return UNKNOWN
    span = next((span for span in example.spans if span.start < end and start < span.end), None)
    if span is None:
        return 0
    goes_on = isinstance(before, tuple) and before[1] > span.start and before[0] < span.end
    return TAGS.index(f"{'I' if goes_on else 'B'}-{span.kind}")


def index_of(labels: Sequence[str], name: str | None) -> int:
    """Number of a label; UNKNOWN of none."""
    return UNKNOWN if name is None else labels.index(name)


class RequestTrainer:
    """The network, its examples, and the loss of a step."""

    def __init__(self, network: RequestNetwork, data: ExampleStates, config: RequestsConfig) -> None:
        self.network, self.data, self.config = network.train(), data, config
        self.labels = [label_tokens(e, o) for e, o in zip(data.examples, data.offsets, strict=True)]
        heads = network.heads.named_parameters("heads")
        self.trained = dict(network.named_parameters() if config.upper_rate else heads)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in self.trained)
        self.per_epoch = max(1, len(data.examples) // config.batch)
        self.steps = StepsConfig(
            steps=max(1, round(config.epochs * self.per_epoch)),
            rate=config.head_rate,
            warm=0.06,
            last=0.02,
            decay=config.decay,
            average=config.average,
            seed=config.seed,
        )
        self.shares = dict.fromkeys(TUNED, config.upper_rate / config.head_rate)
        self.batches: tuple[int, list[list[int]]] = (-1, [])

    def loss(self, step: int) -> dict[str, Tensor]:
        """Of the examples of that step."""
        epoch, place = divmod(step, self.per_epoch)
        if self.batches[0] != epoch:
            self.batches = (epoch, self.shuffle(epoch))
        torch.manual_seed(self.config.seed * self.steps.steps + step)  # of what is dropped
        with autocast_bf16():
            return self.loss_of(self.batches[1][place])

    def shuffle(self, epoch: int) -> list[list[int]]:
        """All examples in batches of like length, in an order by chance."""
        chance, size = Random(f"{self.config.seed} epoch {epoch}"), self.config.batch
        rows = list(range(len(self.labels)))
        return batch_by_length(rows, lambda n: len(self.labels[n].tags), size, chance)[: self.per_epoch]

    def read(self, rows: Sequence[int]) -> tuple[TokenLogits, dict[str, Tensor]]:
        """What the network tells of these examples' tokens, and of the acts that they have."""
        lower_NTW, there_NT = self.data[rows]
        lower_NTW = lower_NTW.float()
        features_NF = torch.tensor([read_features(self.data.examples[n].situation) for n in rows])
        turn_A = torch.tensor([row for row, n in enumerate(rows) for _ in self.labels[n].parts])
        parts_AT = mark_parts([part for n in rows for part in self.labels[n].parts], there_NT.shape[1])
        turns = self.network.read(lower_NTW, there_NT, features_NF)
        outputs = self.network.heads.read_tokens(turns, there_NT)
        acts = TurnActs(turn_A, parts_AT, torch.bincount(turn_A)[turn_A] == 1)
        return outputs, self.network.read_acts(turns, lower_NTW, there_NT, features_NF, acts)

    def loss_of(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """Of these examples."""
        examples, labels = [self.data.examples[n] for n in rows], [self.labels[n] for n in rows]
        outputs, told = self.read(rows)
        tokens = outputs.cuts_NTC.shape[1]
        tags = cross_entropy(outputs.tags_NTG, pad_labels([each.tags for each in labels], tokens))
        cuts = cross_entropy(outputs.cuts_NTC, pad_labels([each.cuts for each in labels], tokens))
        spoken = torch.tensor([LANGUAGES.index(example.language) for example in examples])
        acts = [act for example in examples for act in example.acts]
        parts = {
            name: cross_entropy(told[name], torch.tensor([index_of(known, getattr(act, name)) for act in acts]))
            for name, known in LABELS.items()
        }
        loss = sum(HEAD_WEIGHTS[name] * value for name, value in parts.items())
        loss = loss + TAG_WEIGHT * tags + CUT_WEIGHT * cuts
        loss = loss + LANGUAGE_WEIGHT * cross_entropy(outputs.language_NL, spoken)
        return {"loss": loss, "kind": parts["kind"], "tags": tags, "cuts": cuts}


def pad_labels(rows: Sequence[Sequence[int]], tokens: int) -> Tensor:
    """(N, T), the rest unknown."""
    return torch.tensor([[*row, *[UNKNOWN] * (tokens - len(row))] for row in rows])


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over what is known; 0 where nothing is."""
    flat = logits.flatten(0, -2).float()
    summed = F.cross_entropy(flat, labels.flatten(), ignore_index=UNKNOWN, reduction="sum")
    return summed / (labels != UNKNOWN).sum().clamp_min(1)


def draw_examples(books: Mapping[str, ShapeBook], counts: Mapping[str, int], seed: str) -> list[RequestExample]:
    """So many of each language that has shapes."""
    return [
        books[language].draw(Random(f"{seed} {language} {number}"))
        for language, count in counts.items()
        if language in books
        for number in range(count)
    ]


def open_books(folder: Path = SHAPES, *, held_out: bool, joined: float = JOINED) -> dict[str, ShapeBook]:
    """Shapes of each language, those that are trained on or those that are not."""
    shapes, slots = read_shapes(folder)
    chosen = [shape for shape in shapes if shape.held_out == held_out]
    languages = {shape.language for shape in chosen}
    return {language: ShapeBook(chosen, slots[language], language, joined=joined) for language in sorted(languages)}


def draw_oftener(books: Mapping[str, ShapeBook], known: Sequence[RequestShape], times: int) -> dict[str, ShapeBook]:
    """Books in which shapes that are not known come so many times."""
    old = {(shape.language, shape.template) for shape in known}
    return {
        language: ShapeBook(
            [s for s in book.shapes for _ in range(1 if (s.language, s.template) in old else times)],
            book.slots,
            language,
            joined=book.joined,
        )
        for language, book in books.items()
    }


def gather_examples(
    config: RequestsConfig, books: Mapping[str, ShapeBook], folders: QuestionFolders
) -> list[RequestExample]:
    """What is trained on."""
    chinese, german = round(config.chinese * config.examples), round(config.german * config.examples)
    others = round(config.others * config.examples)
    english = config.examples - chinese - german - 2 * others
    counts = {"en": english, "zh": chinese, "de": german, "fr": others, "es": others}
    drawn = draw_examples(books, counts, f"{config.seed} train")
    return [*drawn, *folders.read(config.real, config.seed)]


@torch.inference_mode()
def fit_temperatures(trainer: RequestTrainer) -> dict[str, float]:
    """Of each head: the temperature with which what was held out is likeliest."""
    trainer.network.eval()
    found: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for start in range(0, len(trainer.labels), trainer.config.batch):
        rows = range(start, min(start + trainer.config.batch, len(trainer.labels)))
        _, told = trainer.read(rows)
        acts = [act for n in rows for act in trainer.data.examples[n].acts]
        for name, known in LABELS.items():
            labels = torch.tensor([index_of(known, getattr(act, name)) for act in acts])
            found.setdefault(name, []).append((told[name].float(), labels))
    return {name: fit_temperature(*map(torch.cat, zip(*pairs, strict=True))) for name, pairs in found.items()}


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The one that makes the labels likeliest."""
    losses = [float(cross_entropy(logits / temperature, labels)) for temperature in TEMPERATURES]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)


def train_requests(network: RequestNetwork, data: ExampleStates, config: RequestsConfig, folder: Path) -> None:
    """Train to the end, from the last checkpoint if there is one; the network gets the moving average."""
    trainer = RequestTrainer(network, data, config)
    journal = RunFolder(folder, {**asdict(config), "turns": len(data.examples)})
    train_steps(trainer.trained, make_gather(trainer.loss), journal, trainer.steps, every=100, shares=trainer.shares)
    journal.plot("loss", "kind", "tags", "cuts")
    load_learned(trainer.trained, read_learned(folder))
    network.eval()


def write_heads(file: Path, network: RequestNetwork, layers: Path, told: Mapping[str, object]) -> None:
    """The heads, for the layers in that file, and what `load_understander` needs to know."""
    packed = pack_changes({}, network.heads.state_dict(), new=("",))
    atomic_write(file, save(packed, metadata={"requests": json.dumps({**told, "layers": digest_file(layers)})}))


def write_layers(file: Path, network: RequestNetwork, encoder: TokenEncoder, width: int) -> None:
    """The changes of the upper layers, and what reads the situation."""
    before = {f"{UPPER}{name}": value for name, value in encoder.copy_upper().state_dict().items()}
    own = {name: value for name, value in network.state_dict().items() if name.startswith(TUNED)}
    packed = pack_changes(before, own, new=tuple(set(TUNED) - {UPPER}))
    told = {"width": width, "encoder": encoder.name}
    atomic_write(file, save(packed, metadata={"requests": json.dumps(told)}))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train requests`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="folder with reading/, text/ and flickr8k_zh.jsonl")
    parser.add_argument("--unpacked", type=Path, required=True, help="folder with coco_vqa/, daquar/ and flickr8k/")
    parser.add_argument("--shapes", type=Path, default=SHAPES, help="folder of the shapes and slots")
    parser.add_argument("--corrections", type=Path, help="file that `learning requests` wrote: what users put right")
    parser.add_argument("--out", type=Path, default=Path("runs/requests"), help="folder of the run")
    parser.add_argument("--weights", type=Path, default=HEADS, help="file of the heads, to write")
    parser.add_argument("--layers", type=Path, default=LAYERS, help="file of the layers; written where they are tuned")
    parser.add_argument("--known", type=Path, help="folder of shapes that the layers were tuned on already")
    parser.add_argument("--threads", type=int, default=2, help="that compute")
    add_config_flags(parser, RequestsConfig)


def run(args: argparse.Namespace) -> int:
    """Train, fit the temperatures, and write the weights; goes on where an earlier call stopped."""
    torch.set_num_threads(args.threads)
    config = choose_config(RequestsConfig(), args)
    encoder = load_token_encoder()
    books = open_books(args.shapes, held_out=False, joined=config.joined)
    if args.known:
        books = draw_oftener(books, read_shapes(args.known)[0], config.fresh)
    examples = gather_examples(config, books, QuestionFolders(data=args.data, unpacked=args.unpacked))
    examples += read_corrections(args.corrections)
    tqdm.write(f"{len(examples)} examples", file=sys.stderr)
    data = ExampleStates(examples, encoder, args.out / "states")
    torch.manual_seed(config.seed)
    known = args.layers.is_file()
    network = load_layers(encoder, args.layers) if known else RequestNetwork(encoder.copy_upper(), data.width)
    train_requests(network, data, config, args.out)
    if config.upper_rate:
        write_layers(args.layers, network, encoder, data.width)
    books = open_books(args.shapes, held_out=True)
    held = draw_examples(books, dict.fromkeys(("en", "zh"), config.held_out), f"{config.seed} temperature")
    fitted = fit_temperatures(RequestTrainer(network, ExampleStates(held, encoder, args.out / "held"), config))
    pairs = sorted(allowed_pairs([*examples, *held]))
    write_heads(args.weights, network, args.layers, {"temperatures": fitted, "pairs": pairs})
    tell_written(args.weights, f"temperatures {fitted}\n")
    return 0
