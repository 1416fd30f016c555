"""A change to code as a visitor has it made, in Debian's Chromium, by a scripted model."""

from pathlib import Path

import pytest
from axe import grave
from browsing import Visitor
from edit_house import FILES, FIXED
from playwright.sync_api import expect
from serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.campaign(times=1, only=True)]
APP = Path(__file__).parent / "code_edits_app.py"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_wish_becomes_steps_and_a_diff_that_a_press_writes_and_another_one_undoes(chromium, tmp_path, width, scheme):
    with serving(tmp_path / "library", script=APP) as server:
        visitor = Visitor(chromium, server.url, width=width, color_scheme=scheme, bypass_csp=True)
        page, file = visitor.page, tmp_path / "repo" / "shop" / "parse.py"
        visitor.tab("Code")
        expect(page.locator(".code-edits .hint").first).to_contain_text("coder-7b can change code")
        box = page.get_by_label("Your question about the code")
        box.fill("fix the bug in parse_line")
        box.press("Enter")
        edit = page.locator(".edit")
        expect(edit).to_contain_text("being worked on")
        expect(edit).to_be_in_viewport()
        expect(box).to_have_value("")
        expect(edit.locator("li")).to_contain_text(["parse.py", "etc/passwd refused"], timeout=30_000)
        press = page.get_by_role("button", name="Apply", exact=True)
        expect(press).to_be_visible(timeout=90_000)
        expect(edit.locator(".diff .added")).to_have_text(f"+{FIXED}")
        expect(edit).to_contain_text("1 that failed pass now")
        assert file.read_text() == FILES["shop/parse.py"]
        assert grave(page) == []
        assert visitor.no_sideways()
        press.click()
        expect(edit).to_contain_text("applied")
        assert FIXED in file.read_text()
        page.get_by_role("button", name="Undo", exact=True).click()
        expect(edit).to_contain_text("undone")
        assert file.read_text() == FILES["shop/parse.py"]
        assert visitor.errors == []
        visitor.context.close()
