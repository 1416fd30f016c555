"""The code domain: Python as it is written in packages, and small tasks with their solutions."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from deepseek_mm.parse.packages import packages, read_source
from deepseek_mm.training.corpus.benchmarks import is_benchmark, may_be_trained
from deepseek_mm.training.corpus.items import CorpusItem, Sources, Split, belongs_to, make_chat

MOST_CODE_CHARS = 60_000  # characters of one package: many hands rather than one
LONG_CODE_CHARS = 24_000  # of a file that may have 8,192 tokens
ASKS = (
    "{task}\nYour code should pass these tests:\n{tests}",
    "{task}\n{tests}",
    "Task: {task}\nIt is tested with:\n{tests}\nWrite the Python code.",
    "{task}",
)


def make_code_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Tasks first, then files, package by package in turn."""
    if not split.startswith("long"):
        yield from make_task_items(sources, split, draw)
    yield from make_file_items(sources, split, draw)


def make_task_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """A task and its solution as a chat."""
    lines = (sources.text / "mbpp_511_974.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[Any] = [json.loads(line) for line in lines]
    for row in draw.sample(rows, len(rows)):
        source = f"mbpp {row['task_id']}"
        if may_be_trained(int(row["task_id"])) and belongs_to(source, split):
            solution = row["code"].replace("\r\n", "\n").replace("\t", "    ").strip()
            asked = draw.choice(ASKS).format(task=row["text"].strip(), tests="\n".join(row["test_list"]))
            yield make_chat(source, asked, f"```python\n{solution}\n```")


def make_file_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Files in a mixed order, no more than so much of one package."""
    is_long = split.startswith("long")
    piles = []
    for package in packages(sources.max_packages):
        if belongs_to(package.source, split):
            paths = draw.sample(package.files, len(package.files))
            piles.append(_read_files(package.source, paths, least=LONG_CODE_CHARS if is_long else 0))
    draw.shuffle(piles)
    yield from take_in_turn(piles)


def _read_files(source: str, paths: list[Any], *, least: int) -> Iterator[CorpusItem]:
    total = 0
    for path in paths:
        text = read_source(path)
        if len(text) < max(1, least) or is_benchmark(text):
            continue
        yield CorpusItem(source=source, text=text)
        total += len(text)
        if total > MOST_CODE_CHARS * (4 if least else 1):
            return


def take_in_turn(piles: list[Iterator[CorpusItem]]) -> Iterator[CorpusItem]:
    """One of each pile, then the next of each, until all are used up."""
    while piles:
        heads = [(pile, next(pile, None)) for pile in piles]
        yield from (item for _, item in heads if item is not None)
        piles = [pile for pile, item in heads if item is not None]
