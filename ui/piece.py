"""A piece of our own HTML: no style of Gradio inside, and a script of ours that listens to its buttons."""

from typing import Any

import gradio as gr

from ui.assets import script


def piece(value: str = "", *, listens: str = "acts", **options: Any) -> gr.HTML:
    """HTML whose buttons (see `html.button`) trigger its click event with `act` and `what`; `listens` names scripts.

    The value must be escaped by whoever makes it.
    """
    return gr.HTML(
        value, js_on_load="\n".join(map(script, listens.split())) or None, padding=False, apply_default_css=False,
        **options,
    )  # fmt: skip
