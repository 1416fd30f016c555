"""The settings that leave this machine with a conversation: what shaped the answer, nothing that tells of its owner.

A setting is left out unless it is listed here, so a new one, perhaps a secret, stays at home until somebody adds it.
Left out are the data's folder, the language model server's address and its key's name, and how busy the machine may be.
A model may be named by its folder; then only the last part of it goes along.
"""

import re
from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Any

Scalar = str | int | float | bool | None

ALLOWED = {
    "encoder": ("name",),
    "index": ("exact_up_to",),
    "see": ("max_parts", "max_labels", "min_label", "min_learned", "min_tag", "prior"),
    "rag": ("num_regions", "min_score", "min_presence", "prior", "sure", "history_turns"),
    "lm": ("name", "vlm", "phrasing", "sees", "max_tokens"),
}
FOLDER = re.compile(r"[/\\~.]|[A-Za-z]:[/\\]")  # how a folder's name begins; a hub's name has a slash further on


def allowed_settings(settings: Mapping[str, Any]) -> dict[str, dict[str, Scalar]]:
    """What of a turn's settings may be told to others."""
    kept = {}
    for part, names in ALLOWED.items():
        values = settings.get(part)
        if isinstance(values, Mapping):
            kept[part] = {
                name: shareable_value(values[name]) for name in names if name in values and is_plain(values[name])
            }
    return {part: values for part, values in kept.items() if values}


def is_plain(value: object) -> bool:
    """A number, a word, yes or no."""
    return value is None or isinstance(value, str | int | float | bool)


def shareable_value(value: Any) -> Scalar:
    """The value; of a folder its own name."""
    if isinstance(value, str) and FOLDER.match(value):
        return PureWindowsPath(value).name
    return value  # type: ignore[no-any-return]  # `is_plain` has looked
