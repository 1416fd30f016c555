"""Accounts over HTTP, behind the real door: people log in, look after their own account, and owners after all."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from account_samples import SECRET, open_quick
from door_help import HERE
from serve_help import client_of
from starlette.testclient import TestClient

from deepseek_mm.accounts.keys import Keys
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.routes import account_routes
from deepseek_mm.config import AccountsConfig, Config
from deepseek_mm.library.health import LeftoverText
from deepseek_mm.services.account_erasure import ErasureReport
from deepseek_mm.services.account_service import AccountService


class Town:
    """The routes behind the door, and people who log in."""

    def __init__(self, folder) -> None:
        self.accounts, self.keys = open_quick(folder), Keys(folder)
        self.anna = self.accounts.add("Anna", "owner", SECRET)
        self.ben = self.accounts.add("Ben", "member", SECRET)
        self.services = services = SimpleNamespace(accounts=AccountService(accounts=self.accounts, keys=self.keys))
        inside = client_of(account_routes.router, services=services).app
        inside.user_middleware.clear()  # the door says who it is
        config = Config(data=folder, accounts=AccountsConfig(mode="people"))
        self.door = guard_app(inside, config, self.keys, accounts=self.accounts)

    def log_in(self, name: str) -> TestClient:
        client = TestClient(self.door, base_url=HERE, follow_redirects=False)
        assert client.post("/login", data={"name": name, "password": SECRET}).status_code == 303
        return client

    def with_key(self, key: str) -> TestClient:
        return TestClient(self.door, base_url=HERE, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def town(tmp_path):
    town = Town(tmp_path)
    yield town
    town.accounts.close()


def test_somebody_sees_who_they_are_where_they_are_logged_in_and_logs_out_elsewhere(town):
    phone, laptop = town.log_in("Ben"), town.log_in("Ben")
    me = {"name": "Ben", "role": "member", "rights": ["ask", "library", "page"], "user": town.ben.id}
    assert laptop.get("/accounts/me").json() == me
    logins = laptop.get("/accounts/me/logins").json()
    assert [each["current"] for each in logins] == [True, False]
    assert logins[0]["address"] == "testclient"
    assert laptop.delete("/accounts/me/logins").json() == {"ended": 1}
    assert phone.get("/accounts/me").status_code == 401
    assert laptop.delete(f"/accounts/me/logins/{logins[0]['id']}").status_code == 204
    assert laptop.get("/accounts/me").status_code == 401


def test_somebody_changes_their_password_and_a_wrong_one_is_refused(town):
    client = town.log_in("Ben")
    sent = {"current": "wrong wrong wrong", "new": "quite another secret"}
    assert client.post("/accounts/me/password", json=sent).status_code == 403
    assert client.post("/accounts/me/password", json=sent | {"current": SECRET}).status_code == 204
    assert town.accounts.verify("Ben", "quite another secret")
    for _ in range(10):
        client.post("/accounts/me/password", json=sent)
    refused = client.post("/accounts/me/password", json=sent)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


def test_a_key_is_made_shown_once_used_and_removed(town):
    client = town.log_in("Ben")
    made = client.post("/accounts/me/keys", json={"name": "phone", "rights": ["ask"], "days": 30})
    assert made.status_code == 201
    by_key = town.with_key(made.json()["key"])
    assert by_key.get("/accounts/me").json()["rights"] == ["ask"]
    (shown,) = client.get("/accounts/me/keys").json()
    assert shown == {name: value for name, value in made.json().items() if name != "key"}
    assert by_key.post("/accounts/me/keys", json={"name": "more", "rights": ["ask"]}).status_code == 403
    assert client.post("/accounts/me/keys", json={"name": "x", "rights": ["settings"]}).status_code == 403
    assert client.delete("/accounts/me/keys/phone").status_code == 204
    assert by_key.get("/accounts/me").status_code == 401
    assert client.delete("/accounts/me/keys/phone").status_code == 404


def test_an_owner_looks_after_people_and_nobody_else_does(town):
    owner, member = town.log_in("Anna"), town.log_in("Ben")
    made = owner.post("/accounts/users", json={"name": "Zoe", "password": SECRET})
    assert (made.status_code, made.json()["role"]) == (201, "member")
    place = f"/accounts/users/{made.json()['id']}"
    assert owner.patch(place, json={"role": "guest", "is_disabled": True}).json()["is_disabled"]
    assert owner.post("/accounts/users", json={"name": "zoe", "password": SECRET}).status_code == 409
    for act in (
        member.get("/accounts/users"), member.post("/accounts/users", json={"name": "Eve", "password": SECRET}),
        member.patch(place, json={"role": "owner"}), member.delete(place), member.get("/accounts/audit"),
    ):  # fmt: skip
        assert act.status_code == 403
    assert owner.delete(place).status_code == 200
    assert owner.delete(place).status_code == 404
    assert owner.delete(f"/accounts/users/{town.anna.id}").status_code == 409
    assert {user["name"] for user in owner.get("/accounts/users").json()} == {"Anna", "Ben"}
    audit = owner.get("/accounts/audit", params={"name": "Anna", "limit": 2}).json()
    assert [entry["action"] for entry in audit["items"]] == ["account removed", "account disabled"]
    assert audit["total"] > 2
    assert {entry["address"] for entry in audit["items"]} == {"testclient"}


def test_a_key_of_the_house_manages_nobody(town):
    key = town.with_key(town.keys.add("robot", ["ask", "settings"]))
    assert key.get("/accounts/me").json() == {"name": "robot", "role": "", "rights": ["ask", "settings"], "user": ""}
    assert key.get("/accounts/users").status_code == 403
    assert key.get("/accounts/me/keys").status_code == 403


def test_data_goes_only_where_that_is_asked_for_and_the_answer_says_what_went(town):
    class Erasure:
        erased: list[str] = []

        def erase(self, session: str) -> ErasureReport:
            self.erased.append(session)
            return ErasureReport(conversations=2, sought=("a",))

        def find_leftovers(self, report: ErasureReport) -> tuple[LeftoverText, ...]:
            return (LeftoverText(path="note.txt", count=1),)

    town.services.accounts = replace(town.services.accounts, erasure=Erasure())
    owner, zoe = town.log_in("Anna"), town.accounts.add("Zoe", "guest", SECRET)
    assert owner.delete(f"/accounts/users/{zoe.id}").json()["report"] is None
    assert Erasure.erased == []
    told = owner.delete(f"/accounts/users/{town.ben.id}", params={"data": True}).json()
    assert Erasure.erased == [f"user:{town.ben.id}"]
    assert told["report"]["conversations"] == 2
    assert told["report"]["leftovers"] == [{"path": "note.txt", "count": 1}]
