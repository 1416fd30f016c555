"""`train corpus`: build the language model's training corpus, eight domains cut into tokens.

Code and English come from installed packages whose licences allow it, mathematics is generated, evidence and vision are
made of captions, the rest of small public collections. A source is either trained on or held out.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from tqdm import tqdm

from deepseek_mm.config import BASE_LM, cache_folder
from deepseek_mm.errors import NothingThere
from deepseek_mm.parse.packages import packages
from deepseek_mm.training.corpus import exercises, photo_domains, text_domains
from deepseek_mm.training.corpus.items import DOMAINS, CorpusItem, Maker, NearDuplicates, Sources, Split
from deepseek_mm.training.corpus.token_shards import (
    Shard,
    TokenDocument,
    cut_documents,
    is_made,
    read_shard,
    shard_file,
    write_shard,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train corpus`."""
    parser.add_argument("--text", type=Path, required=True, help="folder of the text collections (.jsonl)")
    parser.add_argument("--captions", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--out", type=Path, help="folder of the corpus (~/.cache/deepseek-mm/corpus)")
    parser.add_argument("--model", default=BASE_LM, help=f"whose tokenizer: {BASE_LM}, or a folder")
    parser.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Build it, and tell how much there is of each domain."""
    from transformers import AutoTokenizer

    from deepseek_mm.lm.model_folders import find_folder

    cache, tell = cache_folder(), partial(tqdm.write, file=sys.stderr)
    tokenizer = AutoTokenizer.from_pretrained(find_folder(args.model, cache=cache, progress=tell))
    corpus = Corpus(sources=Sources(text=args.text, captions=args.captions), tokenizer=tokenizer, seed=args.seed)
    shards = build(args.out or cache / "corpus", corpus, progress=tell)
    for (domain, split), shard in shards.items():
        sys.stdout.write(
            f"{domain:<14}{split:<12}{len(shard):>8,} documents{len(shard.ids_N):>11,} tokens"
            f"{int(shard.learn_N.sum()):>11,} learned\n"
        )
    return 0


RECIPE = 3  # raise it when the same sources give other documents
MAKERS: dict[str, Maker] = {
    "code": text_domains.make_code_items,
    "mathematics": exercises.make_exercise_items,
    "evidence": photo_domains.make_evidence_items,
    "vision": photo_domains.make_vision_items,
    "instructions": text_domains.make_instruction_items,
    "dialogue": text_domains.make_dialogue_items,
    "shell": text_domains.make_shell_items,
    "english": text_domains.make_english_items,
}
FOUND = ("code", "english", "instructions", "shell")  # domains of texts that were found: these can be twins
LONG = ("code", "english")  # domains with long documents
PROBE = "[1] beach.jpg: dog (0.93)\n    return x"  # two tokenizers that cut it alike are one
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardSizes:
    """How many tokens each shard has at most, and its documents."""

    train: int = 800_000
    evidence: int = 1_400_000  # of the domain evidence, which is what the product does
    held: int = 50_000
    long: int = 400_000  # of each of the long splits
    most: int = 2_048  # tokens of a document
    least_long: int = 8_192
    most_long: int = 20_480

    def of(self, domain: str, split: Split) -> int:
        """Tokens of one shard."""
        if split.startswith("long"):
            return self.long
        return self.held if split == "held" else self.evidence if domain == "evidence" else self.train


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """What to make and from what."""

    sources: Sources
    tokenizer: Any
    sizes: ShardSizes = ShardSizes()
    seed: int = 0

    @property
    def key(self) -> str:
        """Changes with everything that a document depends on."""
        read = [*sorted(self.sources.text.glob("*.jsonl")), self.sources.captions]
        made_from = [
            RECIPE,
            self.seed,
            asdict(self.sizes),
            [(path.name, path.stat().st_size) for path in read],
            [(package.name, len(package.files)) for package in packages(self.sources.max_packages)],
            self.tokenizer(PROBE)["input_ids"],
        ]
        return hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]

    def make_documents(self, domain: str, split: Split, twins: NearDuplicates) -> list[TokenDocument]:
        """As many as the shard has room for, in the order in which they are drawn."""
        made: list[TokenDocument] = []
        room = self.sizes.of(domain, split)
        draw = Random(f"{self.seed} {domain} {split}")
        for item in MAKERS[domain](self.sources, split, draw):
            if room <= 0:
                break
            if self._is_twin(item, domain, split, twins):
                continue
            for document in self._cut(item, domain, split):
                made.append(document)
                room -= len(document)
        draw.shuffle(made)
        return made

    def _is_twin(self, item: CorpusItem, domain: str, split: Split, twins: NearDuplicates) -> bool:
        """Remembers what is trained on, and knows it again."""
        if domain not in FOUND:
            return False
        if split in ("train", "long_train"):
            twins.add(item.words)
            return False
        return twins.contains(item.words)

    def _cut(self, item: CorpusItem, domain: str, split: Split) -> Iterator[TokenDocument]:
        """Into documents; of a long one the first piece is enough."""
        if not split.startswith("long"):
            yield from cut_documents(item, self.tokenizer, most=self.sizes.most)
            return
        first = next(cut_documents(item, self.tokenizer, most=self.sizes.most_long))
        if len(first) >= self.sizes.least_long:
            yield first


def list_splits(domain: str) -> tuple[Split, ...]:
    """Training first: it is what twins are known by."""
    return ("train", "long_train", "held", "long_held") if domain in LONG else ("train", "held")


def build(folder: Path, corpus: Corpus, *, progress: Progress = lambda line: None) -> dict[tuple[str, Split], Shard]:
    """Every shard under `folder`; those that are there are kept. NothingThere if a source is missing."""
    for path in (corpus.sources.text, corpus.sources.captions):
        if not path.exists():
            raise NothingThere(f"nothing at {path}, which the corpus is made from. Name it with --text or --captions")
    key = corpus.key
    for domain in DOMAINS:
        twins = NearDuplicates()
        if all(is_made(shard_file(folder, domain, split), key=key) for split in list_splits(domain)):
            continue
        for split in list_splits(domain):
            write_shard(shard_file(folder, domain, split), corpus.make_documents(domain, split, twins), key=key)
        progress(f"made the corpus of {domain}")
    return {(domain, split): read_shard(folder, domain, split) for domain in DOMAINS for split in list_splits(domain)}
