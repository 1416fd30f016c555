"""The page's own style sheets, scripts and theme, and HTML components that listen with these scripts.

Nothing here is fetched from elsewhere: no web font, no style sheet of others.
"""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from ui.words import LANGUAGES, Language

HERE = Path(__file__).parent
FIRST = "page.css"  # before those of the tabs


def css() -> str:
    """All style sheets, the page's before those of the tabs."""
    files = sorted((HERE / "styles").glob("*.css"), key=lambda file: (file.name != FIRST, file.name))
    return "\n".join(file.read_text() for file in files)


def script(name: str) -> str:
    """One script, by its name without the ending."""
    return (HERE / "scripts" / f"{name}.js").read_text()


def icon() -> str:
    """The page's icon, an SVG: a photo with a box in it."""
    return (HERE / "styles" / "icon.svg").read_text()


def head(language: Language) -> str:
    """What goes into the page's head: its language, and what the page does by itself."""
    page = json.dumps({"language": language, "languages": LANGUAGES})
    scripts = "\n".join(map(script, ("stream", "page", "complete")))
    return f'<link rel="icon" href="/icon.svg">\n<script>const PAGE = {page};\n{scripts}</script>'


SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def calm() -> gr.themes.Base:
    """The theme, light and dark."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.gray,
        radius_size=gr.themes.sizes.radius_md,
        font=SANS,
        font_mono=MONO,
    )
    theme.set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="#b0b7c3",  # 5 to 1 on a dark box
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_shadow="none",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
    )
    return theme


def piece(value: str = "", *, listens: str = "acts", **options: Any) -> gr.HTML:
    """HTML whose buttons (see `html.button`) trigger its click event with `act` and `what`; `listens` names scripts.

    The value must be escaped by whoever makes it.
    """
    return gr.HTML(
        value, js_on_load="\n".join(map(script, listens.split())) or None, padding=False, apply_default_css=False,
        **options,
    )  # fmt: skip
