"""The description of the API as a visitor sees it in Debian's Chromium, behind the door and without a network."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.campaign(times=1, only=True)
def test_every_route_is_drawn_and_nothing_is_fetched_from_elsewhere(chromium, served):
    page, asked = chromium.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served.url}/docs")
    expect(page.locator("#operations-tasks-infer_infer_post")).to_be_visible()
    assert page.locator(".opblock").count() > 40
    assert [url for url in asked if not url.startswith((served.url, "data:"))] == []
    page.close()
