"""`train corpus`: build the language model's training corpus, eight domains cut into tokens.

Code and English come from installed packages whose licences allow it, mathematics is generated, evidence and vision are
made of captions, the rest of small public collections. A source is either trained on or held out.
"""

import argparse
import sys
from pathlib import Path

from deepseek_mm.config import BASE_LM, cache_folder
from deepseek_mm.training.corpus.build import Corpus, ShardSizes, build
from deepseek_mm.training.corpus.items import DOMAINS, SPLITS, Sources, Split
from deepseek_mm.training.corpus.token_shards import Shard, TokenDocument, read_shard

__all__ = [
    "DOMAINS",
    "SPLITS",
    "Corpus",
    "TokenDocument",
    "Shard",
    "ShardSizes",
    "Sources",
    "Split",
    "build",
    "read_shard",
]


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

    cache = cache_folder()
    tokenizer = AutoTokenizer.from_pretrained(find_folder(args.model, cache=cache, progress=tell))
    corpus = Corpus(sources=Sources(text=args.text, captions=args.captions), tokenizer=tokenizer, seed=args.seed)
    shards = build(args.out or cache / "corpus", corpus, progress=tell)
    for (domain, split), shard in shards.items():
        sys.stdout.write(
            f"{domain:<14}{split:<12}{len(shard):>8,} documents{len(shard.ids_N):>11,} tokens"
            f"{int(shard.learn_N.sum()):>11,} learned\n"
        )
    return 0


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
