"""People with accounts in Debian's Chromium: they log in and out, look after their account, and an owner after all."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from account_samples import SECRET, open_quick
from axe import grave
from browsing import chromium_of
from openid_house import provider
from playwright.sync_api import Browser, Page, expect
from serving import ROOT, serving

from ui.words import CHINESE, ENGLISH, UiTexts

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.campaign(times=1, only=True),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the provider's own, of packages that it uses
]  # fmt: skip
ANOTHER = "quite another secret"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with chromium_of() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A house of Anna, Ben and Zoe, whose people may log in by a provider, too."""
    data = tmp_path_factory.mktemp("accounts") / "library"
    data.mkdir()
    with closing(open_quick(data)) as accounts:
        for name, role in (("Anna", "owner"), ("Ben", "member"), ("Zoe", "guest"), ("Max", "member")):
            accounts.add(name, role, SECRET)
    secret = data.parent / "secret"
    secret.write_text("s3cret")
    secret.chmod(0o600)
    with provider() as issuer:
        settings = {
            "accounts.mode": "people", "accounts.quota_asks_a_day": "2", "oidc.issuer": issuer, "oidc.name": "Mock",
            "oidc.client_id": "deepseek-mm", "oidc.domains": "example.org", "oidc.secret_file": str(secret),
        }  # fmt: skip
        flags = [flag for name, value in settings.items() for flag in ("--set", f"{name}={value}")]
        with serving(data, "--port", "0", *flags, script=ROOT / "tests" / "library_app.py") as server:
            yield server


def open_form(chromium: Browser, served, words: UiTexts = ENGLISH, **options) -> Page:
    page = chromium.new_context(locale="zh-CN" if words is CHINESE else "en-US", **options).new_page()
    page.goto(f"{served.url}/login?next=/{words.language}/")
    return page


def arrived(page: Page) -> Page:
    expect(page.locator(".head[data-ready]")).to_be_attached()
    return page


def log_in(chromium: Browser, served, name: str, password: str = SECRET, words: UiTexts = ENGLISH, **options) -> Page:
    page = open_form(chromium, served, words, **options)
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("button").first.click()
    return arrived(page)


def open_settings(page: Page, words: UiTexts = ENGLISH) -> Page:
    page.get_by_role("tab", name=words.settings).click()
    expect(page.get_by_role("heading", name=words.account_title)).to_be_visible()
    return page


def test_a_key_is_made_copied_used_and_removed(chromium, served):
    page = open_settings(log_in(chromium, served, "Ben"))
    page.get_by_role("button", name=ENGLISH.key_new).first.click()
    page.get_by_label(ENGLISH.key_name).fill("laptop")
    page.get_by_role("button", name=ENGLISH.key_new, exact=True).last.click()
    key = page.locator(".secret code").inner_text()
    headers = {"Authorization": f"Bearer {key}"}
    assert page.context.request.get(f"{served.url}/accounts/me", headers=headers).json()["name"] == "Ben"
    expect(page.get_by_role("checkbox", name=ENGLISH.right_settings)).to_have_count(0)
    page.get_by_role("button", name=ENGLISH.key_remove_label.format(name="laptop")).click()
    expect(page.get_by_text(ENGLISH.key_removed.format(name="laptop"))).to_be_visible()
    other = chromium.new_context().request
    assert other.get(f"{served.url}/accounts/me", headers=headers).status == 401


def test_another_password_logs_other_browsers_out_and_logging_out_leads_to_the_form(chromium, served):
    phone = log_in(chromium, served, "Max")
    page = open_settings(log_in(chromium, served, "Max"))
    page.get_by_role("button", name=ENGLISH.password_title).click()
    page.get_by_label(ENGLISH.password_current).fill("wrong")
    page.get_by_label(ENGLISH.password_new).first.fill(ANOTHER)
    page.get_by_role("button", name=ENGLISH.password_save).click()
    expect(page.get_by_text("the current password is another one")).to_be_visible()
    page.get_by_label(ENGLISH.password_current).fill(SECRET)
    page.get_by_label(ENGLISH.password_new).first.press("Enter")
    expect(page.get_by_text(ENGLISH.password_saved)).to_be_visible()
    phone.goto(served.url)
    expect(phone.locator("input[name=password]")).to_be_visible()
    page.get_by_role("button", name=ENGLISH.log_out, exact=True).click()
    expect(page.locator("input[name=password]")).to_be_visible()
    page.goto(served.url)
    expect(page.locator("input[name=password]")).to_be_visible()
    log_in(chromium, served, "Max", ANOTHER)


def test_a_member_sees_no_settings_and_is_told_whom_to_ask(chromium, served):
    page = open_settings(log_in(chromium, served, "Zoe"))
    expect(page.locator(".head")).to_contain_text("You may not change the library or see or change settings. Ask an")
    expect(page.get_by_text(ENGLISH.account_no_settings)).to_be_visible()
    expect(page.get_by_role("button", name=ENGLISH.set_save, exact=True)).to_be_hidden()
    expect(page.get_by_text(ENGLISH.people_of_house)).to_be_hidden()
    page.get_by_role("tab", name=ENGLISH.history).click()
    expect(page.get_by_text("yours on every device")).to_be_visible()


def test_an_owner_adds_somebody_who_comes_in_and_removes_them_with_a_proof(chromium, served):
    page = open_settings(log_in(chromium, served, "Anna"))
    page.get_by_role("button", name=ENGLISH.person_add).click()
    page.get_by_label(ENGLISH.person_name, exact=True).fill("Eve")
    page.get_by_label(ENGLISH.person_first_password).fill(SECRET)
    page.get_by_role("button", name=ENGLISH.person_add_do).click()
    eve = page.get_by_role("listitem", name="Eve")
    expect(eve).to_be_visible()
    visitor = log_in(chromium, served, "Eve")
    box = visitor.get_by_role("textbox", name=ENGLISH.question)
    for number, text in enumerate(("Where is the marzipan elephant?", "And a kite?", "One more?")):
        box.fill(text)
        box.press("Enter")
        if number < 2:
            expect(visitor.locator(".answered .foot")).to_have_count(number + 1)
    expect(visitor.get_by_text("2 questions are all that you may ask a day").first).to_be_visible()
    eve.get_by_role("button", name=ENGLISH.role_guest, exact=True).click()
    expect(page.get_by_text("Eve is guest now.")).to_be_visible()
    eve.get_by_role("button", name=ENGLISH.remove).click()
    eve.get_by_role("button", name=ENGLISH.person_remove_all).click()
    expect(page.get_by_text("finds nothing")).to_be_visible()
    expect(page.get_by_role("listitem", name="Eve")).to_have_count(0)
    visitor.goto(served.url)
    expect(visitor.locator("input[name=password]")).to_be_visible()
    page.get_by_role("button", name=ENGLISH.audit_title).click()
    expect(page.locator(".audit")).to_contain_text("account removed with its data Eve")


def test_somebody_goes_to_the_provider_and_comes_back_logged_in(chromium, served):
    page = open_form(chromium, served)
    page.get_by_role("link", name="Log in with Mock").click()
    page.locator("input[name=sub]").fill("sub-anna")
    page.locator("input[name=sub]").press("Enter")
    arrived(page)
    expect(page.locator(".head .who")).to_contain_text("Anna 2")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["deepseek_mm_login"]["sameSite"] == "Strict"
    assert "deepseek_mm_oidc" not in cookies


@pytest.mark.parametrize("words", [ENGLISH, CHINESE])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_part_is_usable_by_everybody_in_both_languages_wide_and_narrow(chromium, served, words, width):
    page = open_settings(
        log_in(chromium, served, "Anna", words=words, viewport={"width": width, "height": 900}, bypass_csp=True), words
    )
    expect(page.locator(".people-rows")).to_be_visible()
    page.get_by_role("button", name=words.audit_title).click()
    expect(page.locator(".audit")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert grave(page) == []
    page.get_by_role("button", name=words.log_out, exact=True).click()
    expect(page.locator("input[name=password]")).to_be_visible()
    assert grave(page) == []
