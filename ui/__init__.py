"""The page: ask, search, history. Layout places, handlers act, draw draws.

`layout` joins the tabs `ask` (its handlers: `asking`), `search` and `history`; `talk` and `board` are what a tab shows,
as plain values; `running` keeps answers going; `edges` and `guard` face the outside; `theme` and `words` are looks and
texts.
"""

from ui.guard import Guard
from ui.layout import build_ui
from ui.running import Running
from ui.theme import CSS, NAMES_JS, calm

__all__ = ["CSS", "NAMES_JS", "Guard", "Running", "build_ui", "calm"]
