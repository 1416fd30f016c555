"""A client that asks for this and that, as chance will have it, reads the answers, and at times hangs up early."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

import httpx
from PIL import Image

from deepseek_mm.benchmarks.answer import QUESTIONS
from deepseek_mm.benchmarks.intake import BUNDLED
from deepseek_mm.benchmarks.serve import WORDS, encode_photo

SHARED = ("ask on", "history", "forget", "rate")  # of conversations that another client may have deleted, or asks in
TIMEOUT_S = 240.0
EVENTS = {"Accept": "text/event-stream"}
SHARES = {  # kind of request -> how often it comes, beside the others
    "ask": 3, "ask about": 3, "ask on": 1, "events": 2, "hang up": 2, "search": 6, "search picture": 2, "embed": 5,
    "embed pictures": 3, "infer": 3, "cancel": 2, "tasks": 4, "history": 4, "forget": 2, "rate": 1, "chat": 3,
    "chat stream": 2, "embeddings": 3, "library": 5, "picture": 4, "health": 2, "metrics": 1, "wrong": 2,
}  # fmt: skip
WELL, WRONG, GONE, BUSY_THERE = 200, 422, 404, 409


def is_expected(kind: str, status: int) -> bool:
    """Whether such a request may be answered so."""
    return status in (WELL, 201, 202, 204, 429) or (kind in SHARED and status in (GONE, BUSY_THERE))


@dataclass
class StatusCounts:
    """(kind, status) -> how many; of all clients."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, status: int) -> None:
        """One more."""
        with self.lock:
            self.answers[(kind, status)] += 1

    @property
    def strange(self) -> dict[tuple[str, int], int]:
        """Those that nobody expects."""
        return {what: number for what, number in self.answers.items() if not is_expected(*what)}

    @property
    def total(self) -> int:
        """Requests of every kind."""
        return self.answers.total()


class RandomClient:
    """One after another; the same seed asks for the same."""

    def __init__(self, url: str, *, seed: int, tally: StatusCounts) -> None:
        self.url, self.tally, self.chance = url, tally, random.Random(seed)
        self.photos = [Image.open(path).convert("RGB") for path in sorted(BUNDLED.glob("*.jpg"))[:: seed + 4]]
        self.http = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)

    def run(self, stop: threading.Event) -> None:
        """Until told to stop."""
        with self.http:
            while not stop.is_set():
                (kind,) = self.chance.choices(list(SHARES), list(SHARES.values()))
                self.step(kind)

    def step(self, kind: str) -> None:
        """One request of a kind, or the few that belong together."""
        calls: dict[str, Callable[[], int]] = {
            "ask": lambda: self.post("/ask", {"question": self.question()}),
            "ask about": lambda: self.post("/ask", {"question": self.question(), "pictures": [self.photo()]}),
            "ask on": self.ask_on,
            "events": lambda: self.read("/ask", {"question": self.question()}, EVENTS),
            "hang up": lambda: self.read("/ask", {"question": self.question()}, EVENTS, most=2),
            "search": lambda: self.post("/search", {"text": self.words(), "k": self.chance.randint(1, 30)}),
            "search picture": lambda: self.post("/search", {"picture": self.photo(), "text": self.words()}),
            "embed": lambda: self.post("/embed", {"texts": [self.words() for _ in range(self.chance.randint(1, 8))]}),
            "embed pictures": lambda: self.post("/embed", {"pictures": [self.photo()]}),
            "infer": lambda: self.infer(leave=False),
            "cancel": lambda: self.infer(leave=True),
            "tasks": lambda: self.get("/tasks", limit=20),
            "history": self.history,
            "forget": self.forget,
            "rate": self.rate,
            "chat": lambda: self.post("/v1/chat/completions", self.talk()),
            "chat stream": lambda: self.read("/v1/chat/completions", self.talk() | {"stream": True}, {}),
            "embeddings": lambda: self.post("/v1/embeddings", {"model": "deepseek-mm-embed", "input": self.words()}),
            "library": lambda: self.get("/library/sources", limit=20, offset=self.chance.randint(0, 50)),
            "picture": lambda: self.get(
                f"/library/sources/{self.one_of('/library/sources', kind='photos')}/picture", px=320
            ),
            "health": lambda: self.get("/health"),
            "metrics": lambda: self.get("/metrics"),
            "wrong": self.misspelt,
        }
        self.tally.note(kind, calls[kind]())

    def post(self, path: str, body: dict[str, object]) -> int:
        """Status of the answer, which is read."""
        return self.http.post(path, json=body).status_code

    def get(self, path: str, **query: int) -> int:
        """The same of a question without a body."""
        return self.http.get(path, params=query).status_code

    def read(self, path: str, body: dict[str, object], headers: dict[str, str], *, most: int | None = None) -> int:
        """Status of a stream, of which at most `most` pieces are read."""
        with self.http.stream("POST", path, json=body, headers=headers) as answer:
            for _ in islice(answer.iter_raw(), most):
                pass
            return answer.status_code

    def infer(self, *, leave: bool) -> int:
        """A task from its beginning to its end; cancelled after a moment if that is to be."""
        kind, given = self.chance.choice(
            [
                ("ask", {"question": self.question()}),
                ("search", {"text": self.words()}),
                ("embed", {"texts": [self.words()]}),
                ("caption", {"pictures": [self.photo()]}),
            ]
        )
        taken = self.http.post("/infer", json={"kind": kind, "input": given, "bulk": self.chance.random() < 0.3})
        if taken.status_code != httpx.codes.ACCEPTED:
            return taken.status_code
        address = taken.json()["address"]
        if leave:
            time.sleep(self.chance.random() * 0.3)
            return self.http.delete(address).status_code
        with self.http.stream("GET", f"{address}/events") as events:
            for _ in events.iter_raw():
                pass
        return self.get(address)

    def ask_on(self) -> int:
        """A question that goes on with a conversation, if there is one."""
        return self.post("/ask", {"question": self.question(), "conversation": self.one_of("/history")})

    def history(self) -> int:
        """The list, and one conversation of it."""
        known = self.one_of("/history")
        return self.get(f"/history/{known}/turns", last=20) if known else WELL

    def forget(self) -> int:
        """Delete a conversation, which another client may have deleted meanwhile."""
        known = self.one_of("/history")
        return self.http.delete(f"/history/{known}").status_code if known else WELL

    def rate(self) -> int:
        """A thumb for an answer, if there is one."""
        known = self.one_of("/history")
        turns = self.http.get(f"/history/{known}/turns").json().get("turns", []) if known else []
        return self.http.put(f"/feedback/{turns[0]['id']}", json={"rating": "up"}).status_code if turns else WELL

    def misspelt(self) -> int:
        """A request that is refused; WELL if it is refused as it should be."""
        status = self.post("/ask", {"questoin": self.words()})
        return WELL if status == WRONG else -status

    def one_of(self, path: str, **query: str) -> int | None:
        """The id of one thing on this list; None if it is empty."""
        known = [one["id"] for one in self.http.get(path, params={"limit": 20, **query}).json()["items"]]
        return self.chance.choice(known) if known else None

    def question(self) -> str:
        """About the photos."""
        return self.chance.choice(QUESTIONS)

    def words(self) -> str:
        """To look for; hardly ever the same."""
        return f"{self.chance.choice(WORDS)} {' '.join(self.chance.choices('abcdefgh', k=self.chance.randint(1, 12)))}"

    def photo(self) -> str:
        """As a data URL."""
        return encode_photo(self.chance.choice(self.photos), self.chance.randint(0, 34))

    def talk(self) -> dict[str, object]:
        """With the house, or the language model by itself."""
        model = self.chance.choice(["deepseek-mm", "deepseek-mm-lm"])
        messages = [{"role": "user", "content": self.question()}]
        return {"model": model, "messages": messages, "max_tokens": 24}
