"""/metrics for Prometheus: requests, queue, batches, what the language model wrote, and what the library holds."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm.assistant import Assistant
from deepseek_mm.lm.generator import CountingGenerator
from deepseek_mm.serve.admission import Room
from deepseek_mm.serve.tasks import Tasks

SIZES = (1, 2, 4, 8, 16, 32, 64)


class Language(Collector):
    """What the language model of this machine did, and its memory; nothing where another one counts for itself."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def collect(self) -> Iterator[Metric]:
        """As of now. Tokens a second are the rate of tokens by the rate of seconds."""
        if not isinstance(self._assistant.lm, CountingGenerator):
            return
        tally = self._assistant.lm.stats()
        tokens = CounterMetricFamily(
            "deepseek_mm_lm_tokens", "read (known: found in the cache), written", labels=["what"]
        )
        tokens.add_metric(["read"], tally.prompt_tokens - tally.known_tokens)
        tokens.add_metric(["known"], tally.known_tokens)
        tokens.add_metric(["written"], tally.written_tokens)
        seconds = CounterMetricFamily("deepseek_mm_lm_seconds", "spent on reading and writing", labels=["what"])
        seconds.add_metric(["read"], tally.read_s)
        seconds.add_metric(["written"], tally.write_s)
        pages = GaugeMetricFamily("deepseek_mm_lm_pages", "of the paged key and value cache", labels=["state"])
        pages.add_metric(["taken"], tally.pages_taken)
        pages.add_metric(["free"], tally.pages - tally.pages_taken)
        yield from (tokens, seconds, pages)


class Metrics:
    """One registry for each app: nothing is counted in globals."""

    def __init__(self, assistant: Assistant, room: Room) -> None:
        self._assistant, self._room = assistant, room
        self.registry = CollectorRegistry()
        self.registry.register(Language(assistant))
        self.requests = Counter(
            "requests", "answered", ["method", "route", "status"], namespace="deepseek_mm", registry=self.registry
        )
        self.seconds = Histogram(
            "request_seconds", "until the last byte", ["route"], namespace="deepseek_mm", registry=self.registry
        )
        self.batches = Histogram(
            "batch_size", "that shared a pass", ["kind"], namespace="deepseek_mm", registry=self.registry, buckets=SIZES
        )
        self.batch_seconds = Counter(
            "batch_seconds", "in passes", ["kind"], namespace="deepseek_mm", registry=self.registry
        )
        self.tasks = Gauge("tasks", "under way", ["state"], namespace="deepseek_mm", registry=self.registry)
        self.room = Gauge("room", "requests that compute", ["who"], namespace="deepseek_mm", registry=self.registry)
        self.held = Gauge("library", "that the index holds", ["what"], namespace="deepseek_mm", registry=self.registry)

    def batch(self, kind: str, number: int, seconds: float) -> None:
        """So many requests shared a pass."""
        self.batches.labels(kind).observe(number)
        self.batch_seconds.labels(kind).inc(seconds)

    def text(self, tasks: Tasks) -> bytes:
        """In Prometheus' text format, as of now."""
        for state, number in tasks.counts().items():
            self.tasks.labels(state).set(number)
        self.room.labels("inside").set(self._room.inside)
        self.room.labels("turned_away").set(self._room.turned_away)
        counts = self._assistant.store.counts()
        self.held.labels("files").set(counts.sources)
        self.held.labels("regions").set(counts.regions)
        return generate_latest(self.registry)


class Counted:
    """ASGI middleware: every request is counted under its route's template."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, and count it when it is over."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, status = time.perf_counter(), "500"

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(scope["method"], route, status).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - began)
        return None
