"""axe-core (Deque, from the package axe-playwright-python), run on an open page; nothing is fetched.

The page's Content-Security-Policy would refuse the script: the visitor's context is made with bypass_csp=True.
"""

from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

GRAVE = ("serious", "critical")


@cache
def script() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text()


def grave(page: Page) -> list[str]:
    """The serious and critical issues of what is on the page now, one line each."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.add_script_tag(content=script())
    found = page.evaluate("axe.run()")
    assert found["passes"], "axe looked at nothing"
    return [
        f"{issue['id']} ({issue['impact']}): {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for issue in found["violations"]
        if issue["impact"] in GRAVE
        for node in issue["nodes"][:3]
    ]
