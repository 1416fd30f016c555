"""Small pieces of HTML that every tab uses; what they are handed is escaped here."""

from html import escape

from ui.words import LANGUAGES, UiTexts, in_language

THEMES = ("system", "light", "dark")


def hint(text: str) -> str:
    """A quiet line that is read out when it changes."""
    return f'<p class="hint" role="status">{escape(text)}</p>'


def for_ears(text: str) -> str:
    """A line that is read out when it changes, and not seen."""
    return f'<p role="status" class="for-ears">{escape(text)}</p>'


def notice(text: str) -> str:
    """A sentence that is read out when it appears; the empty string takes it away."""
    return f'<p role="alert" class="notice">{escape(text)}</p>' if text else ""


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
