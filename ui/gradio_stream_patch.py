"""A patch of Gradio: a stream of updates sends the whole new value of a part that changed, not a difference.

Gradio 6.31 sends the difference between two views of one event, and its page writes that difference into the value of
the earlier view itself. Where several views arrive before the page has shown the first (the answer to the request that
asked for them came late), what only the first one said is gone: the question box kept its text and its pictures after
they were sent. A value that is replaced as a whole cannot be written into.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import gradio as gr
import gradio.utils


def patch_streams() -> None:
    """From now on Gradio sends changed values whole; a text that grew is still sent by its new end."""
    gradio.utils.diff = edits


def edits(old: object, new: object) -> list[list[object]]:
    """Gradio's list of edits, each `[action, path, value]` with an empty path, that makes `new` of `old`."""
    if old == new:
        return []
    if isinstance(old, str) and isinstance(new, str) and new.startswith(old):
        return [["append", [], new[len(old) :]]]
    return [["replace", [], new]]


def end_unchanged(views: Iterable[dict[Any, Any]], part: Any) -> Iterator[dict[Any, Any]]:
    """The views, and one that changes nothing, not even `part`: Gradio tells an event's last view twice, and the second
    time would undo what somebody typed meanwhile.
    """
    yield from views
    yield {part: gr.skip()}
