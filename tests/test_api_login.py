"""The login of the page: a form, a strict cookie, an end; and wrong keys that have to wait."""

import pytest
from door_help import HERE, House

from deepseek_mm.accounts.guesses import FREE_TRIES
from deepseek_mm.api.login import COOKIE, onward_of
from deepseek_mm.config import ServeConfig

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def log_in(client, key: str, **more: str):
    return client.post("/login", data={"key": key, **more})


def test_a_browser_without_a_login_is_shown_it_and_comes_back_to_what_it_wanted(house):
    client = house.client()
    answer = client.get("/en/?view=grid", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/en/%3Fview%3Dgrid")
    assert client.get("/").status_code == 303
    form = client.get(answer.headers["location"])
    assert '<input type="hidden" name="next" value="/en/?view=grid">' in form.text
    answer = log_in(client, house.all, next="/en/?view=grid")
    assert (answer.status_code, answer.headers["location"]) == (303, "/en/?view=grid")
    assert client.get("/en/", headers=BROWSER).status_code == 200
    assert client.get("/me").json()["name"] == "all"


def test_the_cookie_is_strict_and_holds_no_key(house):
    cookie = log_in(house.client(), house.all).headers["set-cookie"]
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {
        "httponly",
        "max-age=43200",
        "path=/",
        "samesite=strict",
    }
    assert house.all not in cookie
    assert ServeConfig().login_s == 43200


@pytest.mark.parametrize(
    ("base_url", "sent"),
    [("https://127.0.0.1", {}), (HERE, {"X-Forwarded-Proto": "https"}), (HERE, {"Origin": "https://127.0.0.1:7860"})],
)
def test_over_https_the_cookie_never_goes_over_plain_http(house, base_url, sent):
    client = house.client(base_url=base_url)
    cookie = client.post("/login", data={"key": house.all}, headers=sent).headers["set-cookie"]
    assert "; Secure" in cookie


def test_a_form_of_ours_that_some_browsers_send_with_the_origin_null_is_taken(house):
    sent = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert house.client().post("/login", data={"key": house.all}, headers=sent).status_code == 303


def test_a_page_of_others_can_log_nobody_in_or_out(house):
    client = house.client()
    for path in ("/login", "/logout"):
        answer = client.post(path, data={"key": house.all}, headers={"Origin": "http://evil.example"})
        assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_logging_out_ends_the_login_on_the_server_too(house):
    client = house.client()
    log_in(client, house.all)
    token = client.cookies[COOKIE]
    answer = client.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert COOKIE not in client.cookies
    assert house.client().get("/me", headers={"Cookie": f"{COOKIE}={token}"}).status_code == 401


def test_a_login_is_over_after_its_time_and_with_its_key(house):
    client = house.client()
    log_in(client, house.all)
    house.clock.now_s += ServeConfig().login_s
    assert client.get("/me").status_code == 401
    log_in(client, house.all)
    assert client.get("/me").status_code == 200
    house.keys.remove("all")
    assert client.get("/me").status_code == 401


def test_after_a_restart_everybody_logs_in_again(house, tmp_path):
    client = house.client()
    log_in(client, house.all)
    house.keys.remove("all")
    house.keys.remove("asker")
    again = House(tmp_path)
    assert again.client().get("/me", headers={"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}).status_code == 401


def test_each_login_has_a_cookie_of_its_own_and_a_new_one_ends_the_old(house):
    client = house.client()
    log_in(client, house.all)
    first = client.cookies[COOKIE]
    log_in(client, house.all)
    assert client.cookies[COOKIE] != first
    assert house.client().get("/me", headers={"Cookie": f"{COOKIE}={first}"}).status_code == 401


def test_a_token_that_the_visitor_brought_along_is_never_taken_over(house):
    client = house.client()
    client.cookies.set(COOKIE, "chosen-by-somebody-else")
    token = log_in(client, house.all).headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert token != "chosen-by-somebody-else"
    assert house.client().get("/me", headers={"Cookie": f"{COOKIE}=chosen-by-somebody-else"}).status_code == 401


def test_guessing_at_the_login_has_to_wait_and_even_the_right_key_waits(house):
    client = house.client()
    statuses = [log_in(client, f"dsmm_{n}").status_code for n in range(50)]
    assert statuses == [401] * FREE_TRIES + [429] * (50 - FREE_TRIES)
    answer = log_in(client, house.all)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    house.clock.now_s += 1
    assert log_in(client, house.all).status_code == 303


def test_a_key_without_the_right_page_is_told_so_at_the_login(house):
    answer = log_in(house.client(), house.asker)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("sent", "word"),
    [
        ({}, "Log in"),
        ({"Accept-Language": "zh-CN,en;q=0.5"}, "登录"),
        ({"Accept-Language": "zh", "Cookie": "language=en"}, "Log in"),
        ({"Cookie": "language=zh"}, "登录"),
    ],
)
def test_the_form_speaks_the_language_of_the_page(house, sent, word):
    assert f"<button>{word}</button>" in house.client().get("/login", headers=sent).text


def test_who_is_logged_in_sees_by_which_key_and_can_leave(house):
    client = house.client()
    log_in(client, house.all)
    text = client.get("/login").text
    assert "with the key all" in text
    assert '<form method="post" action="/logout">' in text


@pytest.mark.parametrize(
    ("said", "onward"),
    [
        ("/en/?a=1", "/en/?a=1"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("/" + "a" * 2000, "/"),
    ],
)
def test_after_the_login_nobody_is_led_elsewhere(said, onward):
    assert onward_of(said) == onward


def test_what_is_put_into_the_form_stays_text(house):
    text = house.client().get("/login", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script>" not in text


def test_the_form_may_be_framed_by_nobody_and_runs_no_script(house):
    headers = house.client().get("/login").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("body", [b"", b"\xff" * 100, b"key=" + b"a" * 20_000, b"&" * 9_000, b"key", b"next=/a"])
def test_a_form_that_is_none_is_a_wrong_key(house, body):
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    assert house.client().post("/login", content=body, headers=sent).status_code == 401


def test_other_methods_are_told_which_ones_there_are(house):
    assert house.client().delete("/login").headers["allow"] == "GET, HEAD, POST"
    assert house.client().get("/logout").headers["allow"] == "POST"


def test_where_no_key_is_needed_the_login_leads_to_the_page(tmp_path):
    answer = House(tmp_path, ServeConfig()).client().get("/login")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_the_form_leads_to_itself_in_the_other_language_and_the_page_follows(tmp_path):
    client = House(tmp_path).client()
    form = client.get("/login?next=/en/", headers={"Accept-Language": "en"})
    assert 'href="/login?language=zh&amp;next=/zh/"' in form.text
    other = client.get("/login?language=zh&next=/zh/")
    assert 'lang="zh"' in other.text
    assert client.cookies["language"] == "zh"
    assert 'lang="zh"' in client.post("/login", data={"key": "wrong"}).text
    assert 'lang="en"' in client.get("/login?language=en").text
