"""Small pieces of HTML that every tab uses, and the page's own style sheets, scripts and theme.

Nothing here is fetched from elsewhere: no web font, no style sheet of others.
"""

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from ui.edges import ActionResult
from ui.words import LANGUAGES, Language, UiTexts, in_language

THEMES = ("system", "light", "dark")


def hint(text: str) -> str:
    """A quiet line that is read out when it changes."""
    return f'<p class="hint" role="status">{escape(text)}</p>'


def progress(name: str, done: int = 0, total: int | None = None) -> str:
    """A bar with its name for ears; one that only says that something goes on where no total is known."""
    known = f' value="{done}" max="{max(1, total)}"' if total is not None else ""
    return f'<progress aria-label="{escape(name)}"{known}></progress>'


def for_ears(text: str) -> str:
    """A line that is read out when it changes, and not seen."""
    return f'<p role="status" class="for-ears">{escape(text)}</p>'


def notice(text: str) -> str:
    """A sentence that is read out when it appears; the empty string takes it away."""
    return f'<p role="alert" class="notice">{escape(text)}</p>' if text else ""


def mark_words(pieces: Iterable[tuple[str, str]], words: UiTexts) -> str:
    """A text in pieces ("same", "removed", "added"): what went is struck through, what came is underlined, and ears are
    told of both.
    """
    tags = {"removed": ("del", words.replay_gone_words), "added": ("ins", words.replay_new_words)}
    told = []
    for kind, text in pieces:
        bare = text.rstrip()
        if kind in tags:
            tag, name = tags[kind]
            told.append(
                f'<{tag}><span class="for-ears">{escape(name)}: </span>{escape(bare)}</{tag}>{text[len(bare) :]}'
            )
        else:
            told.append(escape(text))
    return "".join(told)


def line(said: ActionResult | None) -> gr.HTML:
    """What was said, as an alert, a quiet line or for ears only; None takes it away."""
    if said is None:
        return gr.HTML("", visible=False)
    quiet = hint(said.text) if said.shown else for_ears(said.text)
    return gr.HTML(notice(said.text) if said.wrong else quiet, visible=True)


def terms(rows: Iterable[tuple[str, str]]) -> str:
    """A list of terms and what they are."""
    return '<dl class="facts">' + "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in rows) + "</dl>"


def button(
    act: str, what: object, text: str, *, label: str = "", look: str = "small", pressed: bool | None = None
) -> str:
    """A button whose press reaches the server as (act, what), see scripts/acts.js; `label` is its name for ears."""
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    name = f' aria-label="{escape(label)}" title="{escape(label)}"' if label else ""
    return (
        f'<button type="button" class="{look}" data-act="{escape(act)}" data-what="{escape(str(what))}"{name}{state}>'
        f"{escape(text)}</button>"
    )


def heading(text: str) -> str:
    """A small heading."""
    return f"<h2>{escape(text)}</h2>"


def link(number: str, name: str) -> str:
    """A link to a file of the visitor by its id; `download.js` follows it."""
    return f'<a href="gradio_api/file={escape(number)}" download="{escape(name)}">{escape(name)}</a>'


def choices(words: UiTexts) -> str:
    """Buttons that choose theme and language, which `page.js` acts on."""
    names = {"system": words.theme_system, "light": words.theme_light, "dark": words.theme_dark}
    themes = "".join(_choice("theme", theme, names[theme], theme == "system") for theme in THEMES)
    languages = "".join(
        _choice("language", each, in_language(each).language_own, each == words.language) for each in LANGUAGES
    )
    return (
        f'<div class="choices"><span role="group" aria-label="{escape(words.theme)}">{themes}</span>'
        f'<span role="group" aria-label="{escape(words.language_name)}">{languages}</span></div>'
    )


def copier(text: str, name: str, done: str, *, label: str = "") -> str:
    """A button that copies a text, which `page.js` does; it says `done` for a moment then. `label`: for ears."""
    ears = f' aria-label="{escape(label)}"' if label else ""
    return (
        f'<button type="button" class="small copy" data-copy="{escape(text)}" data-done="{escape(done)}"{ears}>'
        f"{escape(name)}</button>"
    )


def _choice(what: str, value: str, text: str, pressed: bool) -> str:
    return (
        f'<button type="button" class="small" data-{what}-choice="{value}" aria-pressed="{str(pressed).lower()}">'
        f"{escape(text)}</button>"
    )


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


def world() -> str:
    """The outline of the world, an SVG, for the maps of where a photo was taken."""
    return (HERE / "styles" / "world.svg").read_text()


GRADIO_NAMES = ("Multimedia input field", "Upload a file", "Submit")  # that Gradio says in English only, to ears


def head(language: Language) -> str:
    """What goes into the page's head: its language, and what the page does by itself."""
    words = in_language(language)
    names = dict(zip(GRADIO_NAMES, words.gradio_names, strict=True)) if language != "en" else {}
    drop = {"large": words.drop_large, "empty": words.drop_empty}
    share = {"empty": words.share_empty, "gone": words.share_gone}
    page = json.dumps({"language": language, "languages": LANGUAGES, "names": names, "drop": drop, "share": share})
    scripts = "\n".join(map(script, ("stream", "page", "complete", "drop", "share")))
    manifest = f'<link rel="manifest" href="/manifest.webmanifest?language={language}">'
    return f'<link rel="icon" href="/icon.svg">\n{manifest}\n<script>const PAGE = {page};\n{scripts}</script>'


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
