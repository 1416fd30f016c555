"""The shell domain: what a command does and how it is called, asked in both directions, from the tldr pages."""

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

from deepseek_mm.training.corpus.items import CorpusItem, Sources, Split, belongs_to, make_chat

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
