"""Gradio's Blocks, with a check before every event: may the visitor do this, and are these files theirs?

All events pass `process_api`, whichever route they came by.
"""

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction

from deepseek_mm import DeepSeekMMError, Right
from ui.gateway.files import NoSuchFile, register_files, resolve_files
from ui.gateway.rights import needed_rights
from ui.gateway.visitor import Visitor, visitor_of
from ui.words import UiTexts

UNASKED = frozenset(("load", "tick", "select", "change", "then", "success"))  # triggers that nobody presses


class NotAllowed(DeepSeekMMError, PermissionError):
    """The visitor lacks the right that an event needs."""


class GuardedBlocks(gr.Blocks):
    """A page whose events are refused unless they declare a right and the visitor has it."""

    def __init__(self, *, words: UiTexts, **options: Any) -> None:
        super().__init__(**options)
        self.words = words
        self.has_launched = True  # so Gradio checks paths, too: ours is not the only check

    def __exit__(self, *trouble: Any) -> None:
        """The page is built. NoRightDeclared if an event declares no right."""
        super().__exit__(*trouble)
        for event in self.fns.values() if not any(trouble) else ():
            check_event(event)

    async def process_api(self, block_fn: BlockFunction | int, inputs: list[Any], **more: Any) -> dict[str, Any]:  # type: ignore[override]
        """Refuse an event with a sentence, or let it happen."""
        event = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        try:
            visitor = visitor_of(more.get("request"))
            self._check(event, more, visitor)
            resolved = inputs if more.get("iterator") else resolve_files(inputs, visitor.find)
        except DeepSeekMMError as error:
            raise self._refusal(event, error) from error
        done = await super().process_api(event, resolved, **more)
        return {**done, "data": register_files(done["data"], visitor.keep)}

    def _check(self, event: BlockFunction, more: dict[str, Any], visitor: Visitor) -> None:
        """NotAllowed if the visitor may not have this event happen, or not for this open page."""
        page, caller = more.get("session_hash"), visitor.caller
        if page is not None and not visitor.owns(page):
            raise NotAllowed(self.words.page_not_yours)
        lacking = {"page", *rights_needed(event, more.get("event_data"))} - caller.rights
        if lacking:
            raise NotAllowed(self.words.not_allowed.format(name=caller.name, right=", ".join(sorted(lacking))))

    def _refusal(self, event: BlockFunction, error: DeepSeekMMError) -> gr.Error:
        """The sentence; shown only to somebody who pressed something."""
        text = self.words.file_gone if isinstance(error, NoSuchFile) else str(error)
        pressed = any(trigger not in UNASKED for _, trigger in event.targets)
        return gr.Error(text, visible=pressed or isinstance(error, NoSuchFile), print_exception=False)


def check_event(event: BlockFunction) -> None:
    """NoRightDeclared if the event has a handler that declares no right."""
    if event.fn is not None:
        needed_rights(event.fn)
    assert not event.batch, "the inputs of events in batches are not checked"
    assert event.validator is None, "a validator declares no right"


def rights_needed(event: BlockFunction, pressed: gr.EventData | None) -> frozenset[Right]:
    """What an event needs for the button that was pressed."""
    sent = getattr(pressed, "_data", None)
    return needed_rights(event.fn).needed_for(str(sent.get("act", "")) if isinstance(sent, Mapping) else "")
