"""The page, built with Gradio: a folder a tab, and the pieces that several tabs share at the top.

`site` serves the page in each language, `layout` places the tabs, `tab_navigation` joins them. In each tab's folder
`*_tab` places components and `*_handlers` act, tested without a browser. `region_html`, `pictures` and `viewer` show
evidence, `edges` turns what comes from outside into values and errors into sentences, `gateway` checks rights and
files, `words` holds every text in both languages, `assets` reads `styles` and `scripts`.
"""

from ui.site import SecurityHeaders, add_page

__all__ = ["SecurityHeaders", "add_page"]
