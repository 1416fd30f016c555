"""The domains code, English, shell, instructions and dialogue, made of texts that are found.

Code: Python of packages, and small tasks with their solutions. English: passages for reading comprehension, and what
packages say of themselves. Shell: what a command does and how it is called, asked in both directions, from tldr pages.
Instructions are one request with one answer, dialogues several turns that belong together.
"""

import re
from collections.abc import Iterator
from random import Random
from typing import Any

from deepseek_mm.answering.composer import build_prompt, reading_prompt
from deepseek_mm.config import Config
from deepseek_mm.evaluation.evidence_questions import EvidenceQuestion, Kind, QuestionGenerator
from deepseek_mm.parse.packages import InstalledPackage, packages, prose_of, read_source
from deepseek_mm.training.corpus.items import (
    CorpusItem,
    Sources,
    Split,
    belongs_to,
    is_benchmark,
    make_chat,
    may_be_trained,
    read_rows,
    shuffle_rows,
)
from deepseek_mm.training.corpus.photo_domains import choose_photos, make_prompt_item, read_absent_things, word_answer

PASSAGES = "reading_comprehension.jsonl"
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
    for row in shuffle_rows(sources.text / "mbpp_511_974.jsonl", draw):
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


def make_passage_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Each passage once."""
    seen: set[str] = set()
    for row in shuffle_rows(sources.text / PASSAGES, draw):
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


def _read_prose(package: InstalledPackage, draw: Random, *, most: int) -> Iterator[CorpusItem]:
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
    for row in shuffle_rows(sources.text / "tldr_en.jsonl", draw):
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


EXTRACTIVE = (
    "adversarial_qa",
    "duorc_SelfRC_answer",
    "duorc_SelfRC_question",
    "duorc_SelfRC_extract",
    "quoref",
    "ropes",
)
MOST_CHARS = 2_500  # of a passage in a talk
HELLO = (
    ("Hello!", "Hello! What would you like to know?"),
    ("Hi, can you help me?", "Of course. What is it about?"),
    ("Good morning.", "Good morning! How can I help?"),
    ("Hey there", "Hello! Ask me anything about your photos, or something else."),
)
THANKS = (
    ("Thanks!", "You're welcome."),
    ("Thank you, that helps.", "I am glad it does. Is there anything else?"),
    ("Great, thanks a lot.", "You're welcome! Ask again any time."),
    ("ok thanks", "You're welcome."),
)
FIRST = ("What did I ask first?", "What was my first question?", "Remind me: what did I ask you at the start?")
LAST = ("What was my last question?", "What did I just ask?")


def make_instruction_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Requests that people wrote, with the answers that people gave."""
    for source, asked, answer in read_requests(sources, split, draw):
        yield make_chat(source, asked, answer)


def read_requests(sources: Sources, split: Split, draw: Random) -> Iterator[tuple[str, str, str]]:
    """(source, request, answer) of every request that can be answered without a text that is missing."""
    for row in shuffle_rows(sources.text / "dolly_nocontext.jsonl", draw):
        source = f"request {' '.join(row['instruction'].lower().split())}"
        whole = row["response"].strip() and not row["maybe_needs_context"]
        if whole and belongs_to(source, split) and not is_benchmark(row["instruction"]):
            yield source, row["instruction"], row["response"]


def make_dialogue_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Talks about photos, about passages, and about this and that, in turn."""
    piles = [maker(sources, split, draw) for maker in (make_photo_talks, make_passage_talks, make_small_talks)]
    yield from take_in_turn(piles)


def make_photo_talks(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """A conversation about one photo; as in the product, only the last question brings its facts."""
    config, photos = Config(), choose_photos(sources.captions, split)
    absent = read_absent_things()
    while True:
        shelf = QuestionGenerator([draw.choice(photos)], absent, config)
        asked = [one for _ in range(draw.randint(2, 5)) if (one := ask_about_photo(shelf, draw))]
        if len(asked) < 2:
            continue
        *before, last = asked
        earlier = [(one.case.question.text, word_answer(one, config, draw)) for one in before]
        case = last.case
        if draw.random() < 0.5:
            prompt = build_prompt(case.question, case.program, case.evidence, case.claims, earlier)
        else:
            prompt = reading_prompt(case.question, case.evidence, earlier)
        yield make_prompt_item(f"photo {last.keys[0]}", prompt, word_answer(last, config, draw))


def ask_about_photo(shelf: QuestionGenerator, draw: Random) -> EvidenceQuestion | None:
    """A question about the one photo; None where this photo gives no such question."""
    kind: Kind = draw.choices(("answerable", "counting", "unanswerable"), (5, 2, 1))[0]
    return shelf.attempt(kind, draw, where="photo")


def make_passage_talks(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """A text and a question about it, then something else, then thanks."""
    others = read_requests(sources, split, draw)
    rows = [row for row in read_rows(sources.text / PASSAGES) if row["template"].startswith(EXTRACTIVE)]
    for row in draw.sample(rows, len(rows)):
        source = name_passage(find_passage(row["prompt"]))
        answer = row["completion"].strip()
        if not belongs_to(source, split) or len(row["prompt"]) > MOST_CHARS or not answer:
            continue
        said = [row["prompt"], answer]
        if other := next(others, None):
            said += other[1:]
        yield make_chat(source, *said, *(draw.choice(THANKS) if draw.random() < 0.3 else ()), all_answers=True)


def make_small_talks(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Two to five requests in a row; now and then the talk is about the talk."""
    asked = read_requests(sources, split, draw)
    while batch := [one for _ in range(draw.randint(2, 5)) if (one := next(asked, None))]:
        said = list(draw.choice(HELLO)) if draw.random() < 0.3 else []
        for _, request, answer in batch:
            said += [request, answer]
        if draw.random() < 0.4:
            first = draw.random() < 0.6
            which = said[0] if first else said[-2]
            said += [draw.choice(FIRST if first else LAST), f'You asked: "{which.strip()}"']
        said += draw.choice(THANKS) if draw.random() < 0.3 else ()
        yield make_chat(batch[0][0], *said, all_answers=True)
