"""Texts that a regular expression fits, by walking its parsed form: each part once, shortest and a little longer.

What looks ahead or back is taken as nothing, so a sample may not fit; it is compared with the expression in the end.
"""

import re
import warnings
from typing import Any

MOST_LONG = 60  # characters
CATEGORIES = {"digit": "7", "space": " ", "word": "a", "not_digit": "a", "not_space": "a", "not_word": "-"}


def sample_pattern(pattern: str, flags: int = 0) -> list[str]:
    """At most two texts that it fits, the longer first; none of what is no regular expression."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = re._parser.parse(pattern, flags)  # type: ignore[attr-defined]
            compiled = re.compile(pattern, flags)
        made = [write_part(parsed, more, {}) for more in (True, False)]
    except (re.error, ValueError, RecursionError, OverflowError, KeyError):
        return []
    fitting = (text for text in made if text and len(text) <= MOST_LONG and compiled.search(text))
    return list(dict.fromkeys(fitting))


def write_part(parsed: Any, more: bool, groups: dict[int, str]) -> str:
    """A text for a sequence of parts."""
    return "".join(write_one(str(op), value, more, groups) for op, value in parsed)


def write_one(op: str, value: Any, more: bool, groups: dict[int, str]) -> str:
    """A text for one part."""
    if op == "LITERAL":
        return chr(value)
    if op == "NOT_LITERAL":
        return "a" if value != ord("a") else "b"
    if op == "ANY":
        return "x"
    if op == "IN":
        return choose_member(value)
    if op == "BRANCH":
        branches = value[1]
        return write_part(branches[0] if more else branches[-1], more, groups)
    if op == "SUBPATTERN":
        groups[value[0] or -1] = text = write_part(value[3], more, groups)
        return text
    if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = value
        times = min(int(most), max(int(least), 1)) if more else int(least)
        return "".join(write_part(inner, more, groups) for _ in range(min(times, MOST_LONG)))
    if op == "ATOMIC_GROUP":
        return write_part(value, more, groups)
    return groups.get(value, "") if op == "GROUPREF" else ""


def choose_member(members: Any) -> str:
    """A character of a class such as [a-z_]."""
    kinds = [str(op) for op, _ in members]
    if kinds[0] == "NEGATE":
        banned = {chr(value) for op, value in members[1:] if str(op) == "LITERAL"}
        return next(each for each in "abc1 -" if each not in banned)
    op, value = members[0]
    if str(op) == "LITERAL":
        return chr(value)
    if str(op) == "RANGE":
        return chr(min(value[0] + 1, value[1]))
    return CATEGORIES.get(str(value).lower().removeprefix("category_"), "a")
