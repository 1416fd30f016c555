"""What has to be changed so that a program does something else: the constants and functions that decide it."""

import re
from collections.abc import Sequence

from deepseek_mm.answering.code.claims import ClaimWriter, join_names, place_at, quote_code, quote_note
from deepseek_mm.answering.code.source_files import CodeFile, CodeFiles
from deepseek_mm.answering.code.statements import Answering

LEAST = 0.35  # probability of a constant that is worth naming
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w|\.\d)")


def tell_change(text: str, ranked: Sequence[Answering], files: CodeFiles, tell: ClaimWriter) -> None:
    """The likeliest constant with its value and what uses it; nothing where no constant is near."""
    first = next((each for each in ranked if each.statement.kind in ("constant", "default")), None)
    if first is None or first.chance < LEAST:
        return
    if first.statement.kind == "default":
        tell.say(
            f"Give another value: {first.statement.told}", first.statement.region, certainty=round(first.chance, 2)
        )
        return
    file = files.open(first.statement.region.source)
    constant = file.facts.constant(first.statement.owner) if file else None
    if file is None or constant is None:
        return
    region, chance = file.region_at(constant.line), round(first.chance, 2)
    value = f"it is {quote_code(constant.value)} now{quote_note(constant.comment)}"
    tell.say(f"Change `{constant.name}` in {place_at(region, constant.line)}: {value}", region, certainty=chance)
    wanted = [number for number in NUMBER.findall(text) if number != constant.value]
    if len(wanted) == 1 and NUMBER.fullmatch(constant.value):
        tell.say(f"With {wanted[0]} it reads {quote_code(f'{constant.name} = {wanted[0]}')}", region, certainty=chance)
    users = find_users(file, constant.name)
    if users:
        regions = [file.region_at(line) for _, line in users]
        tell.say(f"It is used by {join_names([name for name, _ in users])}", *regions, certainty=chance)


def find_users(file: CodeFile, name: str) -> list[tuple[str, int]]:
    """The functions of the file that read this name, and where they begin."""
    return [(each.path, each.lines[0]) for each in file.facts.functions if name in each.uses]
