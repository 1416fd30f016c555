"""The page: ask, search, library, history. Layout places, handlers act, draw draws.

`layout` joins the tabs `ask` (its handlers: `asking`), `search` (`searching`, `filters`), `library` (`shelving`,
`dropped`) and `history`; `talk`, `exhibits` and `work` are what a tab shows, as plain values, `board` places evidence;
`running` keeps answers going; `edges` and `guard` face the outside; `theme` and `words` are looks and texts.
"""

from ui.guard import Guard
from ui.layout import build_ui
from ui.running import Running
from ui.theme import CSS, NAMES_JS, calm

__all__ = ["CSS", "NAMES_JS", "Guard", "Running", "build_ui", "calm"]
