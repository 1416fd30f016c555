"""People log in by an OpenID provider on loopback; a login that was tampered with, or of somebody unknown, is none."""

from urllib.parse import parse_qs, urlsplit

import pytest
from account_samples import SECRET
from openid_house import agree, go, log_in, openid_house, provider

from deepseek_mm.api.openid_login import COOKIE

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the provider's own, of packages that it uses


@pytest.fixture(scope="module")
def issuer():
    with provider() as address:
        yield address


@pytest.fixture
def house(tmp_path, issuer):
    with openid_house(tmp_path, issuer) as house:
        yield house


def refused(answer, status: int, says: str) -> bool:
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    return "deepseek_mm_login" not in answer.headers.get("set-cookie", "")


def test_somebody_goes_to_the_provider_and_comes_back_logged_in(house, issuer):
    browser = house.browser()
    assert "Log in with Mock" in browser.get("/login?language=en").text
    back = browser.get(agree(go(browser), "sub-anna"))
    assert back.status_code == 200
    assert 'http-equiv="refresh" content="0;url=/en/"' in back.text
    assert "default-src 'none'" in back.headers["content-security-policy"]
    me = browser.get("/me").json()
    assert (me["name"], me["rights"]) == ("Anna", ["ask", "page"])
    (anna,) = house.accounts.all()
    assert me["session"] == f"user:{anna.id}"
    assert [entry.action for entry in house.accounts.audit(limit=9)] == ["login", "account made"]
    log_in(other := house.browser())
    assert other.get("/me").json()["session"] == me["session"]
    assert len(house.accounts.all()) == 1


def test_the_way_there_names_no_secret_and_asks_with_pkce_state_and_nonce(house, issuer):
    browser = house.browser()
    address = urlsplit(go(browser))
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.geturl().startswith(issuer)
    assert (asked["response_type"], asked["client_id"]) == ("code", "deepseek-mm")
    assert (asked["code_challenge_method"], asked["redirect_uri"].endswith("/login/oidc/back")) == ("S256", True)
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    kept = browser.cookies.jar._cookies
    assert "HttpOnly" in str(kept)
    assert asked["code_challenge"] not in browser.cookies[COOKIE]


def test_an_account_belongs_to_the_subject_and_never_to_a_name_or_an_address(house):
    mine = house.accounts.add("Anna", "owner", SECRET)
    browser = house.browser()
    log_in(browser)
    assert browser.get("/me").json()["session"] != f"user:{mine.id}"
    assert sorted(user.name for user in house.accounts.all()) == ["Anna", "Anna 2"]
    assert house.accounts.find(mine.id).role == "owner"


@pytest.mark.parametrize("subject", ["sub-eve", "sub-far", "nobody"])
def test_somebody_unknown_gets_an_account_only_by_a_verified_address_that_is_allowed(house, subject):
    assert refused(log_in(house.browser(), subject), 403, "you may not come in here")
    assert house.accounts.all() == []


def test_somebody_who_is_disabled_or_was_removed_does_not_come_in(house):
    log_in(house.browser())
    (anna,) = house.accounts.all()
    house.accounts.add("Ben", "owner", SECRET)
    house.accounts.change(anna.id, is_disabled=True)
    assert refused(log_in(house.browser()), 403, "you may not come in here")
    house.accounts.remove(anna.id)
    log_in(browser := house.browser())
    assert browser.get("/me").json()["session"] != f"user:{anna.id}"


def test_a_wrong_state_another_browser_and_a_second_use_are_refused(house):
    browser, other = house.browser(), house.browser()
    back = agree(go(browser), "sub-anna")
    assert refused(browser.get(back.replace("state=", "state=x")), 400, "not begun in this browser")
    assert refused(other.get(back), 400, "not begun in this browser")
    go(other)
    assert refused(other.get(back), 400, "not begun in this browser")
    assert refused(browser.get("/login/oidc/back"), 400, "not begun in this browser")
    assert browser.get(back).status_code == 200
    assert refused(browser.get(back), 400, "not begun in this browser")  # its cookie is gone
    assert len(house.accounts.all()) == 1


def test_a_token_of_another_login_is_refused_by_its_nonce(house):
    assert refused(log_in(house.browser(), nonce="of-another-login"), 502, "does not vouch")
    assert house.accounts.all() == []


def test_a_token_that_is_over_is_refused(tmp_path):
    with provider(lasts_s=-300) as issuer, openid_house(tmp_path, issuer) as house:
        assert house.browser().get(agree(go(house.browser()), "sub-anna")).status_code == 400
        assert log_in(house.browser()).status_code == 502
        assert house.accounts.all() == []


def test_a_provider_that_is_down_says_so_and_passwords_still_work(tmp_path):
    with openid_house(tmp_path, "http://localhost:9", timeout_s=2.0) as house:
        house.accounts.add("Ben", "owner", SECRET)
        browser = house.browser()
        assert "Log in with Mock" in browser.get("/login?language=en").text  # nobody is asked for that
        assert refused(browser.get("/login/oidc"), 502, "does not vouch for you now")
        assert browser.post("/login", data={"name": "Ben", "password": SECRET}).status_code == 303


def test_the_provider_that_lets_nobody_in_is_told_from_one_that_is_down(house):
    browser = house.browser()
    state = parse_qs(urlsplit(go(browser)).query)["state"][0]
    assert refused(browser.get(f"/login/oidc/back?error=access_denied&state={state}"), 400, "Begin again")


def test_after_the_login_nobody_is_led_elsewhere(house):
    browser = house.browser()
    back = browser.get(agree(go(browser, "/login/oidc?next=//evil.example"), "sub-anna"))
    assert "evil" not in back.text


def test_without_a_provider_its_routes_lead_to_the_login(tmp_path):
    with openid_house(tmp_path, "") as house:
        assert house.browser().get("/login/oidc").headers["location"] == "/login"
        assert "Log in with" not in house.browser().get("/login?language=en").text.replace("Log in with a key", "")
