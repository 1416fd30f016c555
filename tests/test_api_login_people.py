"""People log in by name and password: one session on every device, limits on guessing, and keys of their own."""

import pytest
from account_samples import SECRET, open_quick
from door_help import House

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.api.login import COOKIE, FREE_NAMES, FREE_PASSWORDS

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def accounts(tmp_path):
    accounts = open_quick(tmp_path)
    accounts.add("Anna", "owner", SECRET)
    yield accounts
    accounts.close()


@pytest.fixture
def house(tmp_path, accounts):
    return House(tmp_path, accounts=accounts)


def log_in(client, name: str, password: str = SECRET):
    return client.post("/login", data={"name": name, "password": password, "next": "/en/"})


def test_with_accounts_nobody_comes_in_without_a_login_not_even_on_this_machine(house):
    client = house.client()
    assert client.get("/me").status_code == 401
    form = client.get("/login")
    assert 'name="password"' in form.text
    assert 'name="key"' in form.text
    answer = log_in(client, "anna")
    assert (answer.status_code, answer.headers["location"]) == (303, "/en/")
    assert "logged in as Anna" in client.get("/login").text
    told = client.get("/me").json()
    assert told["name"] == "Anna"
    assert "settings" in told["rights"]
    assert told["session"] != LOCAL.session


def test_somebody_has_one_session_on_every_device_and_after_a_restart(house, accounts, tmp_path):
    phone, laptop = house.client(), house.client()
    log_in(phone, "Anna")
    log_in(laptop, "Anna")
    sessions = {client.get("/me").json()["session"] for client in (phone, laptop)}
    assert sessions == {f"user:{accounts.find_by_name('Anna').id}"}
    assert phone.cookies[COOKIE] != laptop.cookies[COOKIE]
    phone_again = House(tmp_path / "other", accounts=accounts).client()
    phone_again.cookies.set(COOKIE, phone.cookies[COOKIE])
    assert phone_again.get("/me").json()["session"] in sessions


def test_a_role_is_followed_and_a_changed_one_counts_at_once(house, accounts):
    ben = accounts.add("Ben", "guest", SECRET)
    client = house.client()
    log_in(client, "Ben")
    assert client.get("/me").json()["rights"] == ["ask", "page"]
    assert client.post("/settings").status_code == 403
    accounts.change(ben.id, role="owner")
    assert client.post("/settings").json() == "Ben"
    accounts.change(ben.id, is_disabled=True)
    assert client.get("/me").status_code == 401


def test_logging_out_ends_the_login(house):
    client = house.client()
    log_in(client, "Anna")
    cookie = client.cookies[COOKIE]
    client.post("/logout")
    client.cookies.set(COOKIE, cookie)
    assert client.get("/me").status_code == 401


def test_ten_wrong_passwords_of_a_name_are_free_and_then_each_waits_longer(house):
    client = house.client()
    for _ in range(FREE_PASSWORDS):
        assert log_in(client, "Anna", "a wrong password").status_code == 401
    first = log_in(client, "Anna")
    assert first.status_code == 429
    waits = []
    for _ in range(3):
        waits.append(int(log_in(client, "Anna").headers["Retry-After"]))
        house.clock.now_s += waits[-1]
        assert log_in(client, "Anna", "a wrong password").status_code == 401
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]
    house.clock.now_s += 1_000
    assert log_in(client, "Anna").status_code == 303
    assert FREE_PASSWORDS == 10


def test_other_names_do_not_wait_but_an_address_that_tries_many_does(house, accounts):
    client = house.client()
    for _ in range(FREE_PASSWORDS):
        log_in(client, "Ben", "a wrong password")
    assert log_in(client, "Ben").status_code == 429
    assert log_in(house.client(), "Anna").status_code == 303
    for n in range(FREE_NAMES):
        log_in(client, f"somebody {n}", "a wrong password")
    assert log_in(client, "Anna").status_code == 429


def test_the_answer_to_an_unknown_name_is_that_to_a_wrong_password(house):
    wrong, unknown = (log_in(house.client(), name, "a wrong password") for name in ("Anna", "nobody"))
    assert (wrong.status_code, wrong.text) == (unknown.status_code, unknown.text)


def test_logins_and_refusals_are_written_down_without_a_word_of_the_password(house, accounts):
    log_in(house.client(), "Anna", "a wrong password")
    log_in(house.client(), "Anna")
    assert [(entry.name, entry.action) for entry in accounts.audit(limit=9)] == [
        ("Anna", "login"),
        ("Anna", "login refused"),
    ]


def test_a_key_of_a_person_is_that_person_as_far_as_the_key_allows_until_it_ends(house, accounts):
    anna, ben = accounts.find_by_name("Anna"), accounts.add("Ben", "member", SECRET)
    secret = house.keys.add("phone", ("ask", "settings"), user=ben.id)
    told = house.client(secret).get("/me").json()
    assert told == {"name": "Ben", "session": f"user:{ben.id}", "rights": ["ask"]}
    short = house.keys.add("day", ("ask",), user=anna.id, lasts_days=1e-9)
    assert house.client(short).get("/me").status_code == 401
    accounts.remove(ben.id)
    assert house.client(secret).get("/me").status_code == 401


def test_where_nobody_has_an_account_yet_the_key_opens_the_page_as_before(tmp_path):
    accounts = open_quick(tmp_path)
    house = House(tmp_path, accounts=accounts)
    client = house.client()
    assert 'name="password"' not in client.get("/login").text
    assert client.post("/login", data={"key": house.all}).status_code == 303
    assert client.get("/en/", headers=BROWSER).status_code == 200
    accounts.close()
