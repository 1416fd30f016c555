"""The domains code, English and shell, made of texts that are found.

Code: Python of packages, and small tasks with their solutions. English: passages for reading comprehension, and what
packages say of themselves. Shell: what a command does and how it is called, asked in both directions, from tldr pages.
"""

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

from deepseek_mm.parse.packages import Package, packages, prose_of, read_source
from deepseek_mm.training.corpus.items import (
    CorpusItem,
    Sources,
    Split,
    belongs_to,
    is_benchmark,
    make_chat,
    may_be_trained,
)

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


LEAST_PROSE_CHARS = 400  # characters of a passage, or of a description
MOST_PROSE_CHARS = 40_000  # characters of one package
LONG_PROSE_CHARS = 34_000  # of a document that may have 8,192 tokens


def make_english_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Two passages for every description."""
    told, read = make_description_items(sources, split, draw), make_passage_items(sources, split, draw)
    if split.startswith("long"):
        yield from take_in_turn([_join_descriptions(told), _join_passages(read)])
    else:
        yield from take_in_turn([read, read, told])


def find_passage(prompt: str) -> str:
    """The longest paragraph of a prompt: what is to be read."""
    return max((part.strip() for part in prompt.split("\n")), key=len, default="").removeprefix("Context: ")


def name_passage(passage: str) -> str:
    """Passages are split by how they begin: templates put different things around them."""
    return "passage " + " ".join(passage.lower().split()[5:25])


def read_passage_rows(sources: Sources) -> list[Any]:
    """Rows of reading comprehension."""
    lines = (sources.text / "reading_comprehension.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def make_passage_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Each passage once."""
    rows = read_passage_rows(sources)
    seen: set[str] = set()
    for row in draw.sample(rows, len(rows)):
        text = find_passage(row["prompt"])
        source = name_passage(text)
        if len(text) >= LEAST_PROSE_CHARS and source not in seen and belongs_to(source, split):
            seen.add(source)
            yield CorpusItem(source=source, text=text)


def make_description_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Of each package its description, then the prose of its files."""
    chosen = [package for package in packages(sources.max_packages) if belongs_to(package.source, split)]
    most = MOST_PROSE_CHARS * (5 if split.startswith("long") else 1)
    yield from take_in_turn([_read_prose(package, draw, most=most) for package in draw.sample(chosen, len(chosen))])


def _read_prose(package: Package, draw: Random, *, most: int) -> Iterator[CorpusItem]:
    total = 0
    if len(package.description) >= LEAST_PROSE_CHARS and not is_benchmark(package.description):
        yield CorpusItem(source=package.source, text=package.description)
        total += len(package.description)
    for path in draw.sample(package.files, len(package.files)):
        if total > most:
            return
        told = prose_of(read_source(path))
        if len(told) >= LEAST_PROSE_CHARS and not is_benchmark(told):
            yield CorpusItem(source=package.source, text=told)
            total += len(told)


def _join_descriptions(told: Iterator[CorpusItem]) -> Iterator[CorpusItem]:
    """Descriptions that are long by themselves, and those of one package joined until they are."""
    gathered: dict[str, str] = {}
    for item in told:
        text = f"{gathered.pop(item.source, '')}\n\n{item.text}".strip()
        if len(text) >= LONG_PROSE_CHARS:
            yield CorpusItem(source=item.source, text=text)
        else:
            gathered[item.source] = text


def _join_passages(read: Iterator[CorpusItem]) -> Iterator[CorpusItem]:
    """Passages one after the other: no long text, but as many facts as one."""
    batch: list[CorpusItem] = []
    for item in read:
        batch.append(item)
        if sum(len(each.text) for each in batch) >= LONG_PROSE_CHARS:
            yield CorpusItem(source=batch[0].source, text="\n\n".join(each.text for each in batch))
            batch = []


HOW = (
    "How do I {what} with {command}?",
    "What is the {command} command to {what}?",
    "{command}: {what}",
    "In the shell, how can I {what} using {command}?",
)
ABOUT = ("What does {command} do?", "What is the command {command} for?", "Explain {command} with examples.")
AS_PAGE = 0.35  # share of the commands that are shown as a page


def make_shell_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Commands of one family ("git commit", "git push") stay in one split."""
    lines = (sources.text / "tldr_en.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[Any] = [json.loads(line) for line in lines]
    for row in draw.sample(rows, len(rows)):
        source = f"shell {re.split(r'[ -]', row['command'])[0].lower()}"
        examples = [(what, fill_placeholders(how)) for what, how in row["examples"]]
        if not examples or not belongs_to(source, split):
            continue
        if draw.random() < AS_PAGE:
            yield CorpusItem(source=source, text=write_page(row, examples))
            continue
        told = "\n".join(f"- {what}:\n  `{how}`" for what, how in examples)
        asked = draw.choice(ABOUT).format(command=row["command"])
        yield make_chat(source, asked, f"{row['description']}\n{told}")
        for what, how in draw.sample(examples, min(3, len(examples))):
            yield make_chat(
                source, draw.choice(HOW).format(command=row["command"], what=lower_sentence(what)), f"`{how}`"
            )


def write_page(row: Any, examples: list[tuple[str, str]]) -> str:
    """As the pages are written."""
    told = "\n\n".join(f"- {what}:\n\n`{how}`" for what, how in examples)
    return f"# {row['command']}\n\n> {row['description']}\n\n{told}\n"


def fill_placeholders(command: str) -> str:
    """Without the marks of placeholders; of two spellings of a flag the long one: {{[-l|--list]}} {{a}} -> --list a."""
    plain = re.sub(r"\{\{(.*?)\}\}", r"\1", command)
    return re.sub(r"\[(?:[^\[\]|\s]+\|)+([^\[\]|\s]+)\]", r"\1", plain)


def lower_sentence(what: str) -> str:
    """As the middle of a sentence; the letter of a flag loses its brackets: "[l]ist" -> "list"."""
    plain = re.sub(r"\[(\w+)\]", r"\1", what)
    return plain[:1].lower() + plain[1:].rstrip(".:")
