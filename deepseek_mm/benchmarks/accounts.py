"""`bench accounts`: what it costs an ask that people have accounts and collections of their own.

Two costs are taken and added up. The door: a request of somebody who is logged in, with the login, the role and what
they may see looked up, less one of a machine without accounts; nothing is behind the door. The library: questions about
indexed photos, asked in turns by somebody from whom other people's collections are hidden and by the person of this
machine. These collections are empty, so that both get the same answer. No language model writes, for it knows nothing
of accounts.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import cycle, islice, product
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.login import COOKIE
from deepseek_mm.benchmarks.answer import QUESTIONS
from deepseek_mm.benchmarks.ingestion import bundled_photos
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.config import AccountsConfig, Config
from deepseek_mm.database_places import place_of
from deepseek_mm.factory import load
from deepseek_mm.jobs import follow
from deepseek_mm.services.answer_service import AnswerService
from deepseek_mm.types import Question

BAR_MS = 2.0
PEOPLE, COLLECTIONS = 20, 20  # collections of others, all of them private
REQUESTS = 300  # through each door
PHOTOS = 12  # that are indexed
ASKS = 20 * len(QUESTIONS)  # of each caller, after every question was asked once
POLL_S = 0.2  # between two looks at whether the library is still at work
LOGIN_S = 3600.0


def measure_accounts(setting: BenchSetting) -> BenchResult:
    """Milliseconds that accounts add to an ask, as medians. NothingThere without the bundled photos."""
    paths = bundled_photos()[:PHOTOS]
    lm = replace(setting.config.lm, name="none")
    config = replace(setting.config, data=setting.folder / "library", lm=lm)
    with load(config, progress=setting.note) as assistant, closing(Accounts(place_of(config, "accounts"))) as accounts:
        user, cookie = fill_accounts(accounts)
        door_ms = measure_door(config, accounts, cookie)
        setting.note(f"indexing {len(paths)} photos, then {2 * ASKS} questions about them")
        assistant.library.start()
        *_, job = follow(assistant.library.jobs, assistant.library.add(paths).id)
        while assistant.library.jobs.find(states=("waiting", "running"), limit=1):
            time.sleep(POLL_S)  # photos are read and described in the background, which would slow both
        caller = replace(user, viewer=accounts.collections.viewer_of(user))
        ask_ms, asked_ms = measure_asks(AnswerService.of(assistant), caller)
    lines = (
        TableLine(
            "accounts, added to an ask", f"{door_ms + ask_ms:.2f} ms", beside=f"of {asked_ms:.0f}", bar=f"{BAR_MS:g}"
        ),
        TableLine("  at the door", f"{door_ms:.2f} ms"),
        TableLine(f"  in the library, {COLLECTIONS} collections hidden", f"{ask_ms:.2f} ms"),
    )
    numbers = {
        "accounts_ms": round(door_ms + ask_ms, 3),
        "accounts_door_ms": round(door_ms, 3),
        "accounts_library_ms": round(ask_ms, 3),
        "ask_ms": round(asked_ms, 1),
        "photos": job.done,
    }
    return BenchResult(lines=lines, numbers=numbers)


def fill_accounts(accounts: Accounts) -> tuple[Caller, str]:
    """People with private collections; the first of them, who has none, and the cookie of a login of theirs."""
    people = [accounts.add(f"Person {n}", "owner" if n == 0 else "member", "a long password") for n in range(PEOPLE)]
    for n, owner in zip(range(COLLECTIONS), cycle(people[1:]), strict=False):
        accounts.collections.change(f"Collection {n}", owner=owner.id, visibility="private")
    return people[0].caller(), accounts.begin_login(people[0].id, lasts_s=LOGIN_S)


def measure_door(config: Config, accounts: Accounts, cookie: str) -> float:
    """Milliseconds that a login adds to a request, in turns with a door that needs none."""
    behind: ASGIApp = PlainTextResponse("here")
    free = guard_app(behind, config)
    people = replace(config, accounts=AccountsConfig(mode="people"))
    guarded = guard_app(behind, people, accounts=accounts)
    told = {"free": list[float](), "guarded": list[float]()}

    async def knock_at_both() -> None:
        for _ in range(REQUESTS):
            told["free"].append(await knock(free, ()))
            told["guarded"].append(await knock(guarded, ((b"cookie", f"{COOKIE}={cookie}".encode()),)))

    asyncio.run(knock_at_both())
    return max(0.0, statistics.median(told["guarded"]) - statistics.median(told["free"]))


async def knock(door: ASGIApp, headers: Sequence[tuple[bytes, bytes]]) -> float:
    """Milliseconds of one request; AssertionError if it is not let in."""
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/about", "raw_path": b"/about", "query_string": b"", "root_path": "",
        "headers": [(b"host", b"127.0.0.1:7860"), *headers],
        "client": ("127.0.0.1", 5000), "server": ("127.0.0.1", 7860),
    }  # fmt: skip
    statuses = list[int]()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    start = time.perf_counter()
    await door(scope, receive, send)
    taken_ms = 1000 * (time.perf_counter() - start)
    assert statuses == [200], f"the door answers {statuses}"
    return taken_ms


def measure_asks(answers: AnswerService, caller: Caller) -> tuple[float, float]:
    """Milliseconds that hidden collections add to a question, the median of pairs, and the median of a whole ask."""
    added, whole = list[float](), list[float]()
    for each, text in product((LOCAL, caller), QUESTIONS):
        time_ask(answers, each, text)
    for number, text in enumerate(islice(cycle(QUESTIONS), ASKS)):
        turn = (number + number // len(QUESTIONS)) % 2  # each question is asked as often by the one first as the other
        pair = {each.name: time_ask(answers, each, text) for each in ((LOCAL, caller), (caller, LOCAL))[turn]}
        added.append(pair[caller.name] - pair[LOCAL.name])
        whole.append(pair[LOCAL.name])
    return max(0.0, statistics.median(added)), statistics.median(whole)


def time_ask(answers: AnswerService, caller: Caller, text: str) -> float:
    """Milliseconds of one answer."""
    start = time.perf_counter()
    answers.ask(caller, Question(text=text))
    return 1000 * (time.perf_counter() - start)
