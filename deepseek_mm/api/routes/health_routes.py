"""/health, /metrics and /docs: whether the server lives and is ready, its plan, and its numbers for Prometheus."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response
from fastapi.openapi.docs import get_swagger_ui_html
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm.api.limits import RequestLimiter
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Administrator, Asker
from deepseek_mm.api.schemas import Record
from deepseek_mm.api.tasks import Tasks
from deepseek_mm.assistant import Assistant
from deepseek_mm.balancer import ServerHealth
from deepseek_mm.embeddings.space import list_encoders
from deepseek_mm.embeddings.towers import package_folder
from deepseek_mm.errors import NothingThere
from deepseek_mm.lm.generator import CountingGenerator, list_model_servers

CONTACT_DAYS = 90  # until a copy of security.txt is too old


class PlanStepOut(Record):
    """A step of the dial; numbers are null until POST /settings/measurement, or `plan --dial`, was run here."""

    name: str = Field(examples=["balanced"])
    says: str = Field(description="what it changes")
    seconds: float | None = Field(description="an ask about one photo, the median here", examples=[0.16])
    score: float | None = Field(description="percent of questions about bundled photos answered rightly here")
    questions: int = Field(description="that were asked")


class PlanOut(BaseModel):
    """What computes what. PATCH /settings of runtime.dial chooses another step, its engines from the next start on."""

    branch: str = Field(description="gpu, npu, cpu or small", examples=["cpu"])
    image: str = Field(description="engine of the image tower", examples=["openvino-bf16"])
    text: str = Field(description="engine of the text tower", examples=["openvino-bf16"])
    image_model: str = Field(examples=["efficientnet-lite2"])
    lm: str = Field(description="form of the language model", examples=["packed"])
    dial: str = Field(description="the step that holds now", examples=["balanced"])
    measured: bool = Field(description="by plan --calibrate on this machine, not only known of such machines")
    reason: str
    fell_back: list[str] = Field(description="what was wished for, why it is not so, and what would help")
    steps: list[PlanStepOut]


def describe_plan(assistant: Assistant) -> PlanOut | None:
    """None where nothing was planned: parts that a caller joined."""
    planned = assistant.planned
    if planned is None:
        return None
    return PlanOut(**asdict(planned.plan), steps=list(map(PlanStepOut.of, planned.presets())))


class ServerHealthOut(Record):
    """A server of the language model or an encoder, without its address; in the order of lm.url or encoder.url."""

    standing: str = Field(
        description="up; down: left out after failures; trial: it answers again, and the next request decides",
        examples=["up"],
    )
    in_flight: int = Field(description="requests from here that are under way")
    served: int = Field(description="requests that came to a good end, since the start")
    failed: int = Field(description="requests that did not, by the server's fault")
    first_word_s: float | None = Field(description="of the last request, where that is not long ago")


SIZES = (1, 2, 4, 8, 16, 32, 64)


class LanguageModelCollector(Collector):
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


STANDINGS = ("up", "trial", "down")


class ServerCollector(Collector):
    """The servers of the language model and the encoders on other machines, by address; nothing without any."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def collect(self) -> Iterator[Metric]:
        """As of now."""
        yield from count_servers("lm_server", list_model_servers(self._assistant.lm))
        yield from count_servers("encoder", list_encoders(self._assistant.retriever.space))


def count_servers(what: str, servers: Sequence[ServerHealth]) -> list[Metric]:
    """How they stand, in numbers."""
    name = f"deepseek_mm_{what}"
    standing = GaugeMetricFamily(name, "1 for how it stands", labels=["server", "standing"])
    in_flight = GaugeMetricFamily(f"{name}_requests", "under way there", labels=["server"])
    ended = CounterMetricFamily(f"{name}_ended", "requests", labels=["server", "how"])
    first = GaugeMetricFamily(f"{name}_first_word_seconds", "of the last one", labels=["server"])
    for each in servers:
        for one in STANDINGS:
            standing.add_metric([each.name, one], each.standing == one)
        in_flight.add_metric([each.name], each.in_flight)
        ended.add_metric([each.name, "served"], each.served)
        ended.add_metric([each.name, "failed"], each.failed)
        if each.first_word_s is not None:
            first.add_metric([each.name], each.first_word_s)
    return [standing, in_flight, ended, first] if servers else []


class Metrics:
    """One registry for each app: nothing is counted in globals."""

    def __init__(self, assistant: Assistant, room: RequestLimiter) -> None:
        self._assistant, self._room = assistant, room
        self.registry = CollectorRegistry()
        self.registry.register(LanguageModelCollector(assistant))
        self.registry.register(ServerCollector(assistant))
        own: dict[str, Any] = {"namespace": "deepseek_mm", "registry": self.registry}
        self.requests = Counter("requests", "answered", ["method", "route", "status"], **own)
        self.seconds = Histogram("request_seconds", "until the last byte", ["route"], **own)
        self.batches = Histogram("batch_size", "that shared a pass", ["kind"], buckets=SIZES, **own)
        self.batch_seconds = Counter("batch_seconds", "in passes", ["kind"], **own)
        self.tasks = Gauge("tasks", "under way", ["state"], **own)
        self.room = Gauge("room", "requests that compute", ["who"], **own)
        self.held = Gauge("library", "that the index holds", ["what"], **own)

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


class MetricsMiddleware:
    """ASGI middleware: every request is counted under its route's template."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, and count it when it is over."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, status = time.perf_counter(), "500"

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, send_noting_status)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(scope["method"], route, status).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - began)
        return None


ASSETS = "/docs/assets"
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class HealthOut(BaseModel):
    """How it goes."""

    status: str = Field(examples=["ok"])
    tasks: dict[str, int] = Field(examples=[{"waiting": 0, "running": 1}])
    about: dict[str, str]
    plan: PlanOut | None = Field(description="what computes what here, and why")
    language_servers: list[ServerHealthOut] = Field(description="empty where the language model runs here")
    encoders: list[ServerHealthOut] = Field(description="that embed texts and code for this server; empty without any")


def describe_health(assistant: Assistant, tasks: Tasks) -> HealthOut:
    """How it goes now."""
    return HealthOut(
        status="ok",
        tasks={str(state): number for state, number in tasks.counts().items()},
        about=assistant.about(),
        plan=describe_plan(assistant),
        language_servers=list(map(ServerHealthOut.of, list_model_servers(assistant.lm))),
        encoders=list(map(ServerHealthOut.of, list_encoders(assistant.retriever.space))),
    )


def health_routes(assistant: Assistant, tasks: Tasks, metrics: Metrics) -> APIRouter:
    """The routes for those who look after it."""
    router = APIRouter(tags=["health"], responses=DECLARED)

    @router.get("/health")
    def health(caller: Asker) -> HealthOut:
        """What answers here, and how much is under way."""
        return describe_health(assistant, tasks)

    @router.get("/health/live")
    def live() -> dict[str, str]:
        """The process answers; needs no key."""
        return {"status": "ok"}

    @router.get("/health/ready")
    def ready(caller: Asker) -> dict[str, str]:
        """The library can be read."""
        assistant.store.counts()
        return {"status": "ok"}

    @router.get("/metrics", name="metered", response_class=Response)
    def read_metrics(caller: Administrator) -> Response:
        """For Prometheus."""
        return Response(metrics.text(tasks), media_type=FORMAT)

    @router.get("/.well-known/security.txt", include_in_schema=False)
    def tell_contact() -> Response:
        """Whom to tell of a hole, for whoever asks; nothing there unless a setting says so."""
        contact = assistant.config.serve.security_contact
        if not contact:
            raise NothingThere("nobody is named here to tell of a hole: serve.security_contact is empty")
        return Response(describe_contact(contact, datetime.now(UTC)), media_type="text/plain")

    @router.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="DeepSeek-MM",
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url="/icon.svg",
        )

    return router


def describe_contact(contact: str, now: datetime) -> str:
    """RFC 9116: the contact, and until when this may be believed."""
    expires = (now + timedelta(days=CONTACT_DAYS)).isoformat(timespec="seconds")
    return f"Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en, zh\n"


def swagger_ui() -> Path:
    """The folder with Swagger UI, which draws /docs without a network. MissingPackage if it is absent."""
    return package_folder("fastapi_offline", distribution="fastapi-offline", needed_for="/docs") / "static"
