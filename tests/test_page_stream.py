"""A result is never lost because the stream of results was just being closed (see ui/scripts/stream.js)."""

import pytest
from browsing import WAIT_MS
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LATE_NEWS = """
const plain = window.fetch;  // the news that a stream is closed comes three seconds late, as on a busy machine
window.fetch = async (...args) => {
  const response = await plain(...args);
  if (!(args[0]?.url ?? String(args[0])).includes("queue/data")) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream({ async pull(controller) {
    const { done, value } = await reader.read();
    if (done) { controller.close(); return; }
    const text = new TextDecoder().decode(value), at = text.indexOf('data: {"msg":"close_stream"');
    if (at < 0) { controller.enqueue(value); return; }
    controller.enqueue(new TextEncoder().encode(text.slice(0, at)));
    await new Promise((go) => setTimeout(go, 3000));
    controller.enqueue(new TextEncoder().encode(text.slice(at)));
  } });
  return new Response(body, { status: response.status, headers: response.headers });
};
"""


def test_what_is_sent_while_the_stream_is_being_closed_is_answered(chromium, served):
    page = chromium.new_page()
    page.set_default_timeout(WAIT_MS)
    page.add_init_script(LATE_NEWS)
    page.goto(served.url)
    expect(page.locator(".head[data-ready]")).to_be_attached(timeout=WAIT_MS)
    page.get_by_role("tab", name="Search").click()
    box = page.get_by_role("textbox", name="What to look for")
    for n, (colour, name) in enumerate([("red", "kite"), ("green", "grass")] * 2):
        box.fill(colour)
        box.press("Enter")
        found = page.locator("ul.grid li").filter(has_text=f"{name}.jpg")
        expect(found, f"the search number {n} is answered").to_have_count(1, timeout=WAIT_MS)
