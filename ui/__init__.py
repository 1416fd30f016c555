"""The page: ask, search, library, history, settings. Layout places, handlers act, what becomes HTML is escaped.

`site` serves the page in each language; `layout` joins its tabs `ask` (handlers: `ask_handlers`), `search`
(`searching`, `grid`, `tiles`), `library` (`shelving`, `browse`, `work`), `history` and `settings`, and `passing` joins
them. `chat`, `board` and `viewer` show answers, `exhibits`, `marks` and `pictures` what they cite; `talk` is a
conversation as plain values, `whole_news` sends their views whole; `edges` and `guard` face the outside. Looks and
texts are `theme`, `styles`, `scripts` (read by `assets`) and `words`.
"""

from ui.guard import SecurityHeaders
from ui.site import add_page

__all__ = ["SecurityHeaders", "add_page"]
