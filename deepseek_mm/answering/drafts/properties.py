"""Properties that a function may have whatever it is given: proposed here, kept where all calls bear them out.

Twice gives the same as once; a partner of an opposite name gives back what went in; a list keeps its length or its
items. One is proposed only where it says something: the results must differ from what went in.
"""

import re
from collections.abc import Iterator, Sequence

from deepseek_mm.answering.drafts.definitions import Definitions
from deepseek_mm.answering.drafts.fragments import is_literal
from deepseek_mm.answering.drafts.test_file import CallResult, read_words
from deepseek_mm.answering.drafts.trial_calls import Trial

LEAST = 2  # calls that must differ from what they are given
MOST_GIVEN = 6
OPPOSITES: Sequence[tuple[str, str]] = (
    ("encode", "decode"), ("dumps", "loads"), ("dump", "load"), ("serialize", "deserialize"), ("escape", "unescape"),
    ("quote", "unquote"), ("pack", "unpack"), ("compress", "decompress"), ("flatten", "unflatten"), ("to", "from"),
    ("format", "parse"), ("marshal", "unmarshal"), ("encrypt", "decrypt"), ("wrap", "unwrap"), ("join", "split"),
    ("zip", "unzip"), ("hexlify", "unhexlify"), ("ord", "chr"),
)  # fmt: skip


def propose_properties(found: Sequence[CallResult], home: Definitions) -> Iterator[Trial]:
    """Expressions that are true where the property holds for all that was given; found: calls of one function."""
    pairs = [pair for one in found if (pair := read_pair(one)) is not None]
    differing = [(given, gave) for given, gave in pairs if given != gave]
    if len({repr(gave) for _, gave in differing}) < LEAST:
        return
    name = found[0].target.name
    told = ", ".join(repr(given) for given, _ in pairs[:MOST_GIVEN])
    setup = (f"given = ({told},)",)
    if all(type(given) is type(gave) for given, gave in pairs):
        once = f"[{name}(each) for each in given]"
        yield Trial(f"[{name}({name}(each)) for each in given] == {once}", "property", setup=setup)
    if all(isinstance(given, list) and isinstance(gave, list) for given, gave in pairs):
        if "sort" in name or "order" in name:
            yield Trial(f"all(sorted({name}(each)) == {name}(each) for each in given)", "property", setup=setup)
        yield Trial(f"all(len({name}(list(each))) == len(each) for each in given)", "property", setup=setup)
    for partner in list_opposites(name):
        if partner in home.functions:
            back = f"[{partner}({name}(each)) for each in given] == list(given)"
            line = home.write_import(partner)
            yield Trial(back, "property", imports=(line,) if line else (), setup=setup)


def read_pair(one: CallResult) -> tuple[object, object] | None:
    """What a function of one parameter was given and gave, where both are literals."""
    if one.target.holder or len(one.trial.named) != 1 or one.kind != "value" or one.wrap != "{}":
        return None
    _, text = one.trial.named[0]
    value = [check.words for check in one.checks if (check.subject, check.view) == ("result", "value")]
    if len(value) != 1 or not is_literal(text) or one.trial.call != f"{one.target.name}({text})":
        return None
    return read_words(text), read_words(value[0])


def list_opposites(name: str) -> list[str]:
    """Names that would undo it."""
    found = list[str]()
    for one, two in (*OPPOSITES, *((b, a) for a, b in OPPOSITES)):
        if re.search(rf"(?<![a-z]){one}(?![a-z])", name):
            found.append(re.sub(rf"(?<![a-z]){one}(?![a-z])", two, name))
    if turned := re.fullmatch(r"(\w+?)_?(?:to|2)_?(\w+)", name):
        found += [f"{turned[2]}{middle}{turned[1]}" for middle in ("_to_", "2", "to")]
    return found
