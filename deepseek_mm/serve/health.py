"""/health: does it live, is it ready, and by which plan does it work here; /metrics; /docs without a network."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi.openapi.docs import get_swagger_ui_html
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.assistant import Assistant
from deepseek_mm.embeddings.package_files import package_folder
from deepseek_mm.serve.metrics import Metrics
from deepseek_mm.serve.plans import PlanOut, plan_of
from deepseek_mm.serve.problems import DECLARED
from deepseek_mm.serve.tasks import Tasks
from deepseek_mm.serve.who import needs

ASSETS = "/docs/assets"
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class HealthOut(BaseModel):
    """How it goes."""

    status: str = Field(examples=["ok"])
    tasks: dict[str, int] = Field(examples=[{"waiting": 0, "running": 1}])
    about: dict[str, str]
    plan: PlanOut | None = Field(description="what computes what here, and why")


def health_routes(assistant: Assistant, tasks: Tasks, metrics: Metrics) -> APIRouter:
    """The routes for those who look after it."""
    router = APIRouter(tags=["health"], responses=DECLARED)

    @router.get("/health")
    def health(caller: Annotated[Caller, needs("ask")]) -> HealthOut:
        """What answers here, and how much is under way."""
        return HealthOut(
            status="ok",
            tasks={state: number for state, number in tasks.counts().items()},
            about=assistant.about(),
            plan=plan_of(assistant),
        )

    @router.get("/health/live")
    def live() -> dict[str, str]:
        """The process answers; needs no key."""
        return {"status": "ok"}

    @router.get("/health/ready")
    def ready(caller: Annotated[Caller, needs("ask")]) -> dict[str, str]:
        """The library can be read."""
        assistant.store.counts()
        return {"status": "ok"}

    @router.get("/metrics", response_class=Response)
    def metered(caller: Annotated[Caller, needs("settings")]) -> Response:
        """For Prometheus."""
        return Response(metrics.text(tasks), media_type=FORMAT)

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


def swagger_ui() -> Path:
    """The folder with Swagger UI, which draws /docs without a network. MissingPackage if it is absent."""
    return package_folder("fastapi_offline", distribution="fastapi-offline", needed_for="/docs") / "static"


def described() -> dict[str, Any]:
    """What the OpenAPI document begins with."""
    return {
        "title": "DeepSeek-MM",
        "description": "Ask your photos: answers that cite the regions they rest on, on your own machine.",
        "docs_url": None,
        "redoc_url": None,
    }
