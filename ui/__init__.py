"""The page, built with Gradio: a tab of many parts has a folder, and what several tabs share stands at the top.

`site` serves the page in each language, `layout` places the tabs and joins them. Of each tab `*_tab` places components
and `*_handlers` act, tested without a browser. `region_html`, `code_html`, `pictures` and `viewer` show evidence,
`edges` turns what comes from outside into values and errors into sentences, `gateway` checks rights and files, `words`
holds every text in both languages, `html` makes small pieces and reads `styles` and `scripts`.
"""

from ui.site import SecurityHeaders, add_page

__all__ = ["SecurityHeaders", "add_page"]
