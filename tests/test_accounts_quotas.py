"""How much a person may ask and upload a day: counted for people alone, owners are free, and it ends at midnight."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from account_samples import open_quick, person
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from deepseek_mm.accounts.permissions import LOCAL, SCOPE, Caller
from deepseek_mm.accounts.quotas import MB, Quotas
from deepseek_mm.api.upload_quota import SMALL_BYTES, UploadQuota
from deepseek_mm.config import AccountsConfig
from deepseek_mm.errors import Busy
from deepseek_mm.services.answer_service import AnswerService
from deepseek_mm.types import Question

KEY = Caller(name="laptop", rights=frozenset(("ask",)), session="key:1")


class Day:
    """The time, of this machine's zone."""

    def __init__(self) -> None:
        self.at = datetime(2026, 5, 4, 23, 0).astimezone()

    def __call__(self) -> datetime:
        return self.at.astimezone(UTC)


@pytest.fixture
def day():
    return Day()


@pytest.fixture
def accounts(tmp_path):
    accounts = open_quick(tmp_path)
    yield accounts
    accounts.close()


@pytest.fixture
def quotas(accounts, day):
    limits = AccountsConfig(quota_asks_a_day=2, quota_upload_mb=1)
    return Quotas(accounts=accounts, limits=limits, now=day)


@pytest.fixture
def ben(accounts):
    return person(accounts, "Ben")


def test_the_limit_ends_at_midnight_and_the_refusal_says_when(quotas, ben, day):
    quotas.count_asks(ben, 2)
    with pytest.raises(Busy, match="2 questions .* a day. The next day begins at 2026-05-05 00:00") as refused:
        quotas.count_asks(ben)
    assert 3600 <= refused.value.retry_after_s <= 3602
    day.at += timedelta(seconds=refused.value.retry_after_s)
    quotas.count_asks(ben)
    quotas.count_asks(ben)
    with pytest.raises(Busy):
        quotas.count_asks(ben)


def test_what_is_refused_is_not_counted_and_each_person_has_a_day_of_their_own(quotas, ben, accounts):
    zoe = person(accounts, "Zoe", "guest")
    quotas.count_upload(ben, MB - 10)
    with pytest.raises(Busy, match="1 MB"):
        quotas.count_upload(ben, 11)
    quotas.count_upload(ben, 10)
    quotas.count_upload(zoe, MB)
    quotas.count_asks(ben, 2)


def test_a_key_counts_for_its_person_and_keys_of_the_house_owners_and_this_machine_for_nobody(quotas, ben, accounts):
    quotas.count_asks(ben)
    quotas.count_asks(replace(ben, login=0, rights=frozenset(("ask",))))
    with pytest.raises(Busy):
        quotas.count_asks(ben)
    owner = person(accounts, "Anna", "owner", rights=frozenset(("ask",)))
    for free in (owner, LOCAL, KEY):
        quotas.count_asks(free, 100)
        quotas.count_upload(free, 100 * MB)
    assert not any(map(quotas.is_counted, (owner, LOCAL, KEY)))


def test_without_limits_nothing_is_counted(accounts, ben):
    Quotas(accounts=accounts).count_asks(ben, 10**6)
    Quotas().count_asks(ben, 10**6)
    assert accounts.count_usage(ben.user, "2026-05-04", "asks", 1, most=1)


def test_every_way_to_ask_counts_before_anything_is_looked_up(quotas, ben):
    class Engine:
        assistant = SimpleNamespace(config=SimpleNamespace(sandbox=None))
        asked = 0

        def stream(self, *_, **__):
            self.asked += 1
            return iter(())

        start = stream

    engine = Engine()
    service = AnswerService(engine=engine, quotas=quotas)  # type: ignore[arg-type]
    service.stream(ben, Question(text="a"))
    service.start(ben, Question(text="b"))
    for ask in (service.stream, service.start, service.ask):
        with pytest.raises(Busy):
            ask(ben, Question(text="c"))
    assert engine.asked == 2


def test_large_bodies_are_counted_before_they_are_read_and_small_ones_are_free(quotas, ben):
    async def take(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    app = UploadQuota(Starlette(routes=[Route("/{path:path}", take, methods=["POST"])]), quotas)

    async def by(scope, receive, send):
        scope[SCOPE] = ben
        await app(scope, receive, send)

    client = TestClient(by)
    for _ in range(40):
        assert client.post("/ask", content=b"x" * SMALL_BYTES).status_code == 200
    assert client.post("/library/files", content=b"x" * 900_000).text == "900000"
    refused = client.post("/library/files", content=b"x" * 200_000)
    assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (429, True)
    assert "The next day begins at" in refused.json()["detail"]
    assert client.post("/library/files", content=b"x" * 100_000).status_code == 200
    assert client.post("/library/files", content=iter([b"x" * 200_000])).status_code == 411
    assert client.post("/en/gradio_api/upload", content=b"x" * 200_000).status_code == 200  # the page counts itself
