"""`train code`: train the tower and the word table that embed code, from pairs to the shipped weights.

Pairs are made from the installed packages that may be read, except those of the test; then the tower's upper layers
are trained, then the table; the weight of each is chosen on the packages of the dev part. Every step resumes where an
earlier call stopped. A question picks its code among all codes of the batch; a batch holds pairs of one kind, several
of a file, so that the wrong answers are near ones.

Shape key:  B pairs in the batch, T tokens, D width of the vectors, N functions, W width of the tower, K of the table
"""

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.deltas import pack_changes
from deepseek_mm.embeddings.code import BATCH, WEIGHTS, CodeSide, broken_up, code_text
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.towers import in_order_of_length, text_tower_folder
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.code_search import (
    Function,
    hash_runs,
    list_functions,
    list_held_functions,
    list_held_packages,
    normalize_question,
    rank_by_cosine,
    score_rankings,
)
from deepseek_mm.parse.packages import InstalledPackage, packages
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.corpus.items import is_benchmark, may_be_trained, read_rows
from deepseek_mm.training.corpus.text_domains import fill_placeholders, lower_sentence
from deepseek_mm.training.loop import (
    CHECKPOINT,
    RunFolder,
    StepLoss,
    StepsConfig,
    load_learned,
    make_gather,
    read_learned,
    tell_written,
    train_steps,
)
from deepseek_mm.training.losses import contrastive_loss

MOST_OF_ONE = 5_000  # functions of one package: many hands rather than one
LEAST_WORDS = 3  # of a docstring's first sentence
LEAST_NAME = 2  # words of a name that is asked for
LEAST_LINES = 3  # of a function that is learned
LINES_OF_NAMED = 5  # of one that is asked for by its name alone
PARAGRAPH = 0.3  # share of the docstrings of which the whole first paragraph is the question
LONGEST_QUESTION = 300  # characters
MOST_EXAMPLES = 2  # commands of one tldr page


@dataclass(frozen=True, kw_only=True, slots=True)
class CodePair:
    """A question and its answer."""

    kind: str  # doc, name, call, shell or task
    group: str  # the file it is from, or whatever else it is alike to
    question: str
    code: str  # as the tower reads it


def make_package_pairs(package: InstalledPackage, *, seed: int = 0) -> Iterator[CodePair]:
    """Of one package: docstrings, names where there is no docstring, and calls with what they call."""
    draw, known = Random(f"{seed} {package.name}"), set[int]()
    functions = [
        f for f in list_functions(package) if len(f.text.splitlines()) >= LEAST_LINES and not is_benchmark(f.text)
    ]
    draw.shuffle(functions)
    taken = [function for function in functions[: 4 * MOST_OF_ONE] if is_new(function, known)][:MOST_OF_ONE]
    called = find_callees(taken)
    for function in taken:
        yield from make_function_pairs(function, draw)
        if target := next(find_calls(function, called), None):
            yield make_call_pair(function, target)


def is_new(function: Function, known: set[int]) -> bool:
    """Is it none that was copied from one we know?"""
    runs = hash_runs(function.text)
    if len(runs & known) * 2 > len(runs):
        return False
    known |= runs
    return True


def make_function_pairs(function: Function, draw: Random) -> Iterator[CodePair]:
    """By its docstring if that says something; else by its name, which the code then does not show."""
    symbol, group = function.symbol, f"{function.package} {function.path}"
    bare = replace(symbol, doc="")
    if len(normalize_question(function.question).split()) >= LEAST_WORDS:
        whole = " ".join(symbol.doc.split("\n\n")[0].split())
        question = whole if draw.random() < PARAGRAPH else function.question
        code = code_text(bare, function.text, function.path)
        yield CodePair(kind="doc", group=group, question=question[:LONGEST_QUESTION], code=code)
    elif len(broken_up(symbol.name).split()) >= LEAST_NAME and len(function.text.splitlines()) >= LINES_OF_NAMED:
        yield CodePair(kind="name", group=group, question=broken_up(symbol.name), code=hide_name(function))


def hide_name(function: Function) -> str:
    """The code as the tower reads it, without the name."""
    text = re.sub(rf"\b{re.escape(function.symbol.name)}\b", "_", function.text)
    return code_text(replace(function.symbol, name="", doc=""), text, "")


def find_callees(functions: Sequence[Function]) -> dict[tuple[str, str], Function]:
    """(file, name) -> the one function of this name in the file."""
    times = Counter((f.path, f.symbol.name) for f in functions)
    return {key: f for f in functions if times[key := (f.path, f.symbol.name)] == 1}


def find_calls(function: Function, called: dict[tuple[str, str], Function]) -> Iterator[Function]:
    """The same file's functions that it calls, itself left out."""
    for name in function.symbol.calls:
        if name != function.symbol.name and not name.startswith("__") and (function.path, name) in called:
            yield called[function.path, name]


def make_call_pair(caller: Function, target: Function) -> CodePair:
    """The line that calls, and what is called, whose name is hidden on the answer's side."""
    name = target.symbol.name
    line = next((line.strip() for line in caller.text.splitlines()[1:] if f"{name}(" in line), name)
    group = f"{target.package} {target.path}"
    return CodePair(kind="call", group=group, question=broken_up(line)[:LONGEST_QUESTION], code=hide_name(target))


def read_shell_pairs(file: Path, *, seed: int = 0) -> Iterator[CodePair]:
    """What a command does, and the command: some of each page's examples."""
    draw = Random(seed)
    for row in read_rows(file):
        examples = draw.sample(row["examples"], min(MOST_EXAMPLES, len(row["examples"])))
        for what, how in examples:
            yield CodePair(
                kind="shell",
                group=f"shell {row['command'].split('-')[0]}",
                question=lower_sentence(what),
                code=broken_up(fill_placeholders(how)),
            )


def read_task_pairs(file: Path) -> Iterator[CodePair]:
    """MBPP's tasks that may be trained on."""
    for row in read_rows(file):
        if may_be_trained(int(row["task_id"])):
            code = row["code"].replace("\r\n", "\n")
            yield CodePair(kind="task", group="tasks", question=row["text"], code=broken_up(code))


LAYER = "model.encoder.layer."
COUNTED = 8_000  # codes in which pieces are counted
LEAST = 0.05  # that a piece weighs at first, one that is in every code


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeBatchConfig:
    """What a step learns from."""

    batch: int = 128  # pairs
    alike: int = 4  # of them from one file
    tokens: int = 80  # that are read of each text
    scale: float = 20.0  # inverse temperature
    doc: float = 0.6  # share of the batches that are docstrings, and so on
    name: float = 0.13
    call: float = 0.1
    shell: float = 0.12
    task: float = 0.05
    chance: int = 0  # seed

    def __post_init__(self) -> None:
        between("batch", self.batch, 2, 65_536)
        between("alike", self.alike, 1, 65_536)
        between("tokens", self.tokens, 8, 512)


class CodeBatches:
    """Draws pairs."""

    def __init__(self, pairs: Sequence[CodePair], config: CodeBatchConfig) -> None:
        self.config = config
        self.by_kind: dict[str, list[CodePair]] = defaultdict(list)
        self.by_group: dict[tuple[str, str], list[CodePair]] = defaultdict(list)
        for pair in pairs:
            self.by_kind[pair.kind].append(pair)
            self.by_group[pair.kind, pair.group].append(pair)

    def draw(self, step: int) -> list[CodePair]:
        """Pairs of one kind with different questions and different codes; fewer only if there are fewer."""
        config, draw = self.config, Random(f"{self.config.chance} {step}")
        kinds = sorted(self.by_kind)
        kind = draw.choices(kinds, weights=[getattr(config, kind) for kind in kinds])[0]
        chosen: dict[str, CodePair] = {}
        asked = set[str]()
        for first in draw.sample(self.by_kind[kind], min(len(self.by_kind[kind]), config.batch)):
            group = self.by_group[kind, first.group]
            others = draw.sample(group, min(len(group), config.alike - 1))
            for pair in (first, *others):
                if len(chosen) < config.batch and pair.code not in chosen and pair.question not in asked:
                    chosen[pair.code] = pair
                    asked.add(pair.question)
        return list(chosen.values())


def unfreeze_upper_layers(side: CodeSide, count: int) -> dict[str, nn.Parameter]:
    """The weights of the last layers, which may change; nothing else of the tower does."""
    last = len(side.model.encoder.layer)  # type: ignore[union-attr, arg-type]
    wanted = tuple(f"{LAYER}{n}." for n in range(last - count, last))
    for name, weight in side.named_parameters():
        weight.requires_grad_(name.startswith(wanted))
    return {name: weight for name, weight in side.named_parameters() if name.startswith(wanted)}


def embed_by_tower(side: CodeSide, texts: Sequence[str], most: int, *, asks: bool) -> Tensor:
    """(B, D): what the tower makes of texts of at most so many tokens, questions or not."""
    with autocast_bf16():
        found: Tensor = side.tower(*side.tokens(texts, most))
    return found


def embed_by_table(side: CodeSide, texts: Sequence[str], most: int, *, asks: bool) -> Tensor:
    """The same of the table."""
    found: Tensor = side.table(*side.tokens(texts, most), asks=asks)
    return found


def make_pair_loss(side: CodeSide, batches: CodeBatches, embed: Callable[..., Tensor]) -> StepLoss:
    """Of a step: what `embed`, one of the two above, makes of questions and codes."""
    config = batches.config

    def loss(step: int) -> dict[str, Tensor]:
        pairs = batches.draw(step)
        asked_BD = embed(side, [pair.question for pair in pairs], config.tokens, asks=True)
        code_BD = embed(side, [pair.code for pair in pairs], config.tokens, asks=False)
        return compute_pair_loss(asked_BD, code_BD, config)

    return loss


def compute_pair_loss(asked_BD: Tensor, code_BD: Tensor, config: CodeBatchConfig) -> dict[str, Tensor]:
    """The loss, and how often the right code came first."""
    owner_B = torch.arange(len(asked_BD))
    first = ((asked_BD @ code_BD.T).argmax(dim=1) == owner_B).float().mean()
    return {"loss": contrastive_loss(code_BD, asked_BD, owner_B, torch.tensor(config.scale)), "first": first}


def initialise_table(side: CodeSide, pairs: Sequence[CodePair]) -> None:
    """The table before it learns: the tower's word pieces turned to their strongest directions, rare ones heavier."""
    pieces = side.model.embeddings.word_embeddings.weight.detach().float()  # type: ignore[union-attr, operator]
    pieces = pieces - pieces.mean(dim=0)
    _, directions = torch.linalg.eigh(pieces.T @ pieces)
    vectors = pieces @ directions[:, -side.table.vectors.embedding_dim :]
    seen, pairs = torch.zeros(len(pieces)), pairs[:: -(-len(pairs) // COUNTED)]
    for start in range(0, len(pairs), 512):
        ids_NT, mask_NT = side.tokens([pair.code for pair in pairs[start : start + 512]])
        for ids_T, mask_T in zip(ids_NT, mask_NT, strict=True):
            seen[ids_T[mask_T.bool()].unique()] += 1
    rarity = -((seen + 1) / (len(pairs) + 1)).log()
    with torch.no_grad():
        side.table.vectors.weight.copy_(nn.functional.normalize(vectors, dim=-1))
        for weights in (side.table.asked, side.table.told):
            weights.copy_(rarity.clamp_min(LEAST).log())


SHARES = tuple(n / 20 for n in range(0, 21))


def choose_share(side: CodeSide, functions: Sequence[Function]) -> tuple[float, dict[str, float]]:
    """The best share of the tower, and MRR@10 of the table alone, of the tower alone and of both."""
    asked = embed_halves(side, [broken_up(function.question) for function in functions], asks=True)
    given = embed_halves(side, [code_text(replace(f.symbol, doc=""), f.text, f.path) for f in functions], asks=False)
    found = {share: compute_mrr(asked, given, share) for share in SHARES}
    best = max(found, key=lambda share: found[share])
    return best, {"table": found[0.0], "tower": found[1.0], f"both, {best:.2f} of it the tower": found[best]}


def compute_mrr(asked: tuple[Tensor, Tensor], given: tuple[Tensor, Tensor], share: float) -> float:
    """MRR@10 with this share of the tower."""
    tower_NW, table_NK = (torch.cat([a, g]) for a, g in zip(asked, given, strict=True))
    vectors = torch.cat([tower_NW * share**0.5, table_NK * (1 - share) ** 0.5], dim=-1).numpy()
    return score_rankings(rank_by_cosine(*(vectors[: len(vectors) // 2], vectors[len(vectors) // 2 :]))).mrr10


@torch.inference_mode()
def embed_halves(side: CodeSide, texts: Sequence[str], *, asks: bool) -> tuple[Tensor, Tensor]:
    """(N, W) and (N, K): what the tower and what the table makes of texts."""
    ordered, back_N = in_order_of_length(texts)
    towers, tables = [], []
    for start in range(0, len(ordered), BATCH):
        ids_NT, mask_NT = side.tokens(ordered[start : start + BATCH])
        with autocast_bf16():
            towers.append(side.tower(ids_NT, mask_NT))
        tables.append(side.table(ids_NT, mask_NT, asks=asks))
    return torch.cat(towers)[back_N], torch.cat(tables)[back_N]


say = partial(tqdm.write, file=sys.stderr)
PAIRS, READ = "pairs.jsonl", "packages.tsv"
TASKS, SHELL = "mbpp_511_974.jsonl", "tldr_en.jsonl"
LAYERS = 3  # of the tower's six that are trained
NEW = ("table.", "share")  # without a packaged twin
TOWER = StepsConfig(steps=400, rate=2e-4, warm=0.08, decay=0.01, average=0.97)
TABLE = StepsConfig(steps=120, rate=5e-3, warm=0.05, average=0.97)
TOWER_BATCH = CodeBatchConfig(batch=112, tokens=64)
TABLE_BATCH = CodeBatchConfig(batch=384, tokens=128, doc=0.75, name=0.1, call=0.05, shell=0.07, task=0.03)
EVERY = 20  # steps of the tower between two checkpoints: some minutes
ALL = 10_000  # packages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train code`."""
    parser.add_argument("--text", type=Path, required=True, help=f"folder of {TASKS} and {SHELL}")
    parser.add_argument("--out", type=Path, default=Path("runs/code"), help="folder of this run: pairs, logs, plots")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write to")
    parser.add_argument("--steps", type=int, default=TOWER.steps, help="of the tower")
    parser.add_argument("--table-steps", type=int, default=TABLE.steps, help="of the table")
    parser.add_argument("--packages", type=int, default=ALL, help="read only so many")
    parser.add_argument("--threads", type=int, default=1, help="that are used")


def run(args: argparse.Namespace) -> int:
    """Make pairs, train, choose, write."""
    torch.set_num_threads(args.threads)
    pairs = read_pairs(args.out, args.text, limit=args.packages)
    side = CodeSide(text_tower_folder()).eval()
    before = {name: value.clone() for name, value in side.state_dict().items()}
    train_tower(side, pairs, args.out / "tower", steps=args.steps)
    train_table(side, pairs, args.out / "table", steps=args.table_steps)
    side.eval().requires_grad_(False)
    dev = list_held_functions("dev", packages())
    share, scores = choose_share(side, dev)
    side.share.fill_(share)
    for name, mrr in scores.items():
        say(f"{name}: MRR@10 {mrr:.4f} over {len(dev)} functions of the dev part")
    write_weights(args.weights, before, side)
    tell_written(args.weights)
    return 0


def read_pairs(out: Path, text: Path, *, limit: int) -> list[CodePair]:
    """Those that an earlier call made, or new ones, with a list of the packages they are from beside them."""
    for name in (TASKS, SHELL):
        if not (text / name).is_file():
            raise NothingThere(f"no file {text / name}. Name the folder that holds {TASKS} and {SHELL} with --text")
    file = out / PAIRS
    if not file.is_file():
        out.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as stream, (out / READ).open("w", encoding="utf-8") as listed:
            for pair in make_pairs(text, limit, listed.write):
                stream.write(json.dumps(asdict(pair)) + "\n")
        draft.replace(file)
    pairs = [CodePair(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    say(f"{len(pairs)} pairs: {dict(Counter(pair.kind for pair in pairs))}")
    return pairs


def make_pairs(text: Path, limit: int, listed: Callable[[str], object]) -> Iterator[CodePair]:
    """Of every package that may be trained on, then commands and tasks."""
    held = {*list_held_packages("test"), *list_held_packages("dev")}
    for package in packages(limit):
        if package.name not in held:
            made = list(make_package_pairs(package))
            listed(f"{package.name}\t{package.licence}\t{len(made)}\n")
            yield from made
    yield from read_shell_pairs(text / SHELL)
    yield from read_task_pairs(text / TASKS)


def train_tower(side: CodeSide, pairs: Sequence[CodePair], out: Path, *, steps: int) -> None:
    """The upper layers; what is kept is their moving average."""
    journal = RunFolder(out, {"steps": steps, "batch": TOWER_BATCH.batch, "pairs": len(pairs), "layers": LAYERS})
    trained = unfreeze_upper_layers(side, LAYERS)
    loss = make_pair_loss(side, CodeBatches(pairs, TOWER_BATCH), embed_by_tower)
    train_steps(trained, make_gather(loss), journal, replace(TOWER, steps=steps), every=EVERY)
    load_learned(trained, read_learned(out))


def train_table(side: CodeSide, pairs: Sequence[CodePair], out: Path, *, steps: int) -> None:
    """The word pieces' vectors and weights."""
    journal = RunFolder(out, {"steps": steps, "batch": TABLE_BATCH.batch, "pairs": len(pairs)})
    side.requires_grad_(False)
    side.table.requires_grad_(True)
    trained = dict(side.table.named_parameters())
    if not (out / CHECKPOINT).is_file():
        initialise_table(side, pairs)
    loss = make_pair_loss(side, CodeBatches(pairs, TABLE_BATCH), embed_by_table)
    train_steps(trained, make_gather(loss), journal, replace(TABLE, steps=steps), every=5 * EVERY)
    load_learned(trained, read_learned(out))


def write_weights(file: Path, before: Mapping[str, Tensor], side: CodeSide) -> None:
    """Write what changed."""
    atomic_write(file, save(pack_changes(before, side.state_dict(), new=NEW)))
