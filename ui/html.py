"""Small pieces of HTML that every tab uses; what they are handed is escaped here."""

from html import escape


def hint(text: str) -> str:
    """A quiet line that is read out when it changes."""
    return f'<p class="hint" role="status">{escape(text)}</p>'


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
