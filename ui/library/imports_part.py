"""The part of the Library tab in which another program's export is taken in, and what that would do."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Caller, ImportPreview, Services
from index.statements import PROGRAM_NAMES
from ui import edges
from ui.html import notice, piece, terms
from ui.words import UiTexts, count_noun

MOST_ALBUMS = 30  # that are named


def place_import(words: UiTexts, fold: gr.Accordion) -> dict[str, Any]:
    """Where an export is named."""
    with fold:
        parts: dict[str, Any] = {
            "import_path": gr.Textbox(label=words.import_path, placeholder=words.import_hint, max_lines=1),
        }
        with gr.Row():
            parts["import_look"] = gr.Button(words.import_look, size="sm", min_width=120)
            parts["import_begin"] = gr.Button(words.import_begin, variant="primary", size="sm", min_width=120)
        parts["import_seen"] = piece(listens="")
    return parts


def show_preview(services: Services, caller: Caller, path: str, words: UiTexts) -> str:
    """What taking the export at this path in would do, or why it cannot be taken in, as HTML."""
    if not path:
        return notice(words.import_which)
    try:
        return render_preview(services.library.preview_import(caller, [path]), words)
    except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
        return notice(edges.sentence(error, words))


def render_preview(preview: ImportPreview, words: UiTexts) -> str:
    """The numbers, and below them which albums there are and what is not taken."""
    albums = [f"{name} ({count})" for name, count in preview.albums.items()]
    more = len(albums) - MOST_ALBUMS
    named = [*albums[:MOST_ALBUMS], *([words.import_more.format(count=more)] if more > 0 else [])]
    left_out = [words.say(f"{path} {reason}") for path, reason in preview.left_out]
    lists = (
        (count_noun(words.import_albums, len(albums)), named),
        (count_noun(words.import_unmatched, preview.unmatched), preview.without_facts),
        (count_noun(words.import_left_out, preview.num_left_out), left_out),
    )
    below = "".join(render_list(title, rows) for title, rows in lists if rows)
    return f'<div class="job"><div role="status">{terms(list_numbers(preview, words))}</div>{below}</div>'


def list_numbers(preview: ImportPreview, words: UiTexts) -> Iterator[tuple[str, str]]:
    """Every number with its name, those that are 0 left out."""
    yield words.import_program, PROGRAM_NAMES.get(preview.kind, preview.kind)
    yield (
        words.import_files,
        words.import_known.format(count=preview.files, new=preview.new, known=preview.known),
    )
    numbers = (
        (words.import_dates, preview.dates),
        (words.import_places, preview.places),
        (words.photos_favourites, preview.favourites),
        (words.import_rated, preview.rated),
        (words.import_described, preview.described),
        (words.import_named, preview.named),
    )
    yield from ((name, str(count)) for name, count in numbers if count)


def render_list(title: str, rows: list[str] | tuple[str, ...]) -> str:
    """Rows that unfold."""
    items = "".join(f"<li>{escape(row)}</li>" for row in rows)
    return f"<details><summary>{escape(title)}</summary><ul>{items}</ul></details>"
