"""Debian's Chromium without a window, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deepseek_mm.errors import MissingPackage, NothingThere

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def open_chromium() -> Iterator["Browser"]:
    """A browser without a window. MissingPackage or NothingThere say what to install."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise MissingPackage("playwright", needed_for="a browser to measure and to shoot with", extra="dev") from error
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise NothingThere("no chromium on the PATH. Install it with: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGS)
        try:
            yield browser
        finally:
            browser.close()
