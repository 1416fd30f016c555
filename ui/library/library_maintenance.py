"""The side of the Library tab: adding files, the state of the work, maintenance, and how well the index does."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Caller, Health, Services
from ui import edges
from ui.assets import piece
from ui.html import heading, hint, notice
from ui.library.library_report import in_bytes, mark_english
from ui.words import UiTexts


def place_add(words: UiTexts) -> dict[str, Any]:
    """Where files come in."""
    piece(heading(words.add), listens="")
    parts: dict[str, Any] = {
        "files": gr.File(label=words.add_files, file_count="multiple", height=120, elem_classes="drop"),
        "path": gr.Textbox(label=words.add_path, placeholder=words.folder_hint, max_lines=1),
        "collection": gr.Textbox(label=words.add_collection, placeholder=words.add_collection_hint, max_lines=1),
    }
    with gr.Row():
        parts["index"] = gr.Button(words.add_index, variant="primary", size="sm", min_width=120)
        parts["watch"] = gr.Button(words.add_watch, size="sm", min_width=120)
    return parts


def place_state(words: UiTexts) -> dict[str, Any]:
    """What is being done, which folders are watched, and how much there is."""
    piece(heading(words.work), listens="")
    parts = {"running": piece(elem_classes="listing"), "news": piece(listens="")}
    with gr.Accordion(words.ended, open=True):
        parts["ended"] = piece(elem_classes="listing")
    piece(heading(words.watched), listens="")
    parts["watched"] = piece(elem_classes="listing")
    piece(heading(words.held), listens="")
    return parts | {"facts": piece(listens="")}


def place_care(words: UiTexts) -> dict[str, Any]:
    """What can be done to the library as a whole."""
    piece(heading(words.look_after), listens="")
    parts: dict[str, Any] = {}
    with gr.Accordion(words.care, open=False):
        parts["gone"] = gr.Checkbox(label=words.repair_gone)
        with gr.Row():
            parts["verify"] = gr.Button(words.verify, size="sm", min_width=120)
            parts["repair"] = gr.Button(words.repair, size="sm", min_width=120)
    with gr.Accordion(words.health, open=False):
        parts["gone_text"] = gr.Textbox(label=words.health_gone_text, placeholder=words.health_gone_hint, max_lines=1)
        parts["measure"] = gr.Button(words.health_measure, size="sm")
        parts["health"] = piece(listens="")
    with gr.Accordion(words.keep, open=False):
        parts["backup_path"] = gr.Textbox(label=words.backup_path, max_lines=1)
        parts["backup"] = gr.Button(words.backup, size="sm")
        parts["backups"] = piece(elem_classes="listing")
        parts["restore_path"] = gr.Textbox(label=words.restore_path, max_lines=1)
        parts["restore"] = gr.Button(words.restore, size="sm")
    with gr.Accordion(words.take_out, open=False):
        parts["take_out_path"] = gr.Textbox(label=words.take_out_path, max_lines=1)
        parts["take_out"] = gr.Button(words.take_out_selected, size="sm")
    return parts


LEAST_RECALL = 0.99  # below it a search misses one of a hundred


def look(services: Services, caller: Caller, gone: str, words: UiTexts) -> str:
    """Measure, and look for a text that should be gone; whatever goes wrong ends as a sentence."""
    try:
        panel = health(services.library.measure_health(caller), words)
        return panel + (traces(services, caller, gone.strip(), words) if gone.strip() else "")
    except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
        return notice(edges.sentence(error, words))


def health(told: Health, words: UiTexts) -> str:
    """The list, with what does not fit and what failed below it."""
    rows = "".join(_row(good, text, words) for good, text in lines(told, words))
    sizes = " · ".join(f"{getattr(words, f'part_{each.name}')} {in_bytes(each.size_bytes)}" for each in told.sizes)
    listed = [f"{each.path}: {each.detail}" for each in told.problems]
    listed += [each.reason if each.item in each.reason else f"{each.item}: {each.reason}" for each in told.failed]
    more = "".join(f"<li>{mark_english(each)}</li>" for each in listed)
    below = f"<details><summary>{escape(words.health_listed)}</summary><ul>{more}</ul></details>" if more else ""
    return f'<ul class="health" role="status">{rows}</ul>{below}{hint(sizes)}'


def _row(good: bool, text: str, words: UiTexts) -> str:
    look, sign, name = ("good", "&#10003;", words.is_well) if good else ("bad", "&#10007;", words.is_not_well)
    return f'<li class="{look}"><span role="img" aria-label="{escape(name)}">{sign}</span> {escape(text)}</li>'


def lines(told: Health, words: UiTexts) -> Iterator[tuple[bool, str]]:
    """Whether it is as it should be, and what it is."""
    left = told.store.traces
    share, sampled = f"{100 * told.store.recall:.1f}", told.store.sampled
    yield told.store.recall >= LEAST_RECALL, words.health_recall.format(share=share, sampled=sampled)
    yield not told.num_problems, words.health_orphans.format(count=told.num_problems)
    yield not told.gone, words.health_gone.format(count=told.gone)
    yield not told.num_failed, words.health_failed.format(count=told.num_failed)
    clean = left.overwrites and not (left.dirty_pages or left.cached or left.words)
    text = words.health_clean if clean else words.health_traces
    yield clean, text.format(free=left.free_pages, dirty=left.dirty_pages, cached=left.cached, words=left.words)
    if told.in_trash:
        yield True, words.health_trash.format(count=told.in_trash)


def traces(services: Services, caller: Caller, gone: str, words: UiTexts) -> str:
    """Where the text still stands, or that it stands nowhere."""
    found = services.library.find_traces(caller, gone)
    if not found:
        return hint(words.health_is_gone.format(text=gone))
    rows = "".join(f"<li>{escape(each.path)} ({each.count})</li>" for each in found)
    return f"{hint(words.health_still.format(text=gone))}<ul>{rows}</ul>"
