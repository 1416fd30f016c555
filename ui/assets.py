"""The page's own style sheets and scripts, read from `styles` and `scripts`. Nothing is fetched from elsewhere."""

import json
from pathlib import Path

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
