"""The side of the Library tab: where files come in, what is being done, and how the library is looked after."""

from typing import Any

import gradio as gr

from ui.html import heading
from ui.piece import piece
from ui.words import Words


def place_add(words: Words) -> dict[str, Any]:
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


def place_state(words: Words) -> dict[str, Any]:
    """What is being done, which folders are watched, and how much there is."""
    piece(heading(words.work), listens="")
    parts = {"running": piece(elem_classes="listing"), "news": piece(listens="")}
    with gr.Accordion(words.ended, open=True):
        parts["ended"] = piece(elem_classes="listing")
    piece(heading(words.watched), listens="")
    parts["watched"] = piece(elem_classes="listing")
    piece(heading(words.held), listens="")
    return parts | {"facts": piece(listens="")}


def place_care(words: Words) -> dict[str, Any]:
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
