"""The FastAPI app: every route with what they share, and its exact OpenAPI document."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.keys import KeyRing
from deepseek_mm.api.lifecycle import EVENTS
from deepseek_mm.api.limits import Admission, RequestLimiter
from deepseek_mm.api.openai.editor_routes import editor_routes
from deepseek_mm.api.openai.errors import PREFIX
from deepseek_mm.api.openai.routes import openai_routes
from deepseek_mm.api.problems import MEDIA_TYPE, AllowedMethods, add_problems
from deepseek_mm.api.request_pictures import Inbox, PictureDecoder
from deepseek_mm.api.routes import (
    account_routes,
    agent_routes,
    code_edit_routes,
    collection_routes,
    grounding_routes,
    history_routes,
    import_routes,
    inspection_routes,
    learning_routes,
    library_change_routes,
    library_maintenance_routes,
    library_routes,
    model_exchange_routes,
    model_routes,
    model_server_routes,
    people_routes,
    photo_routes,
    replay_routes,
    search_routes,
    settings_routes,
    task_routes,
)
from deepseek_mm.api.routes.file_address_routes import address_routes
from deepseek_mm.api.routes.health_routes import (
    ASSETS,
    Metrics,
    MetricsMiddleware,
    health_routes,
    swagger_ui,
)
from deepseek_mm.api.tasks import TaskHandlers, Tasks
from deepseek_mm.api.upload_quota import UploadQuota
from deepseek_mm.assistant import Assistant
from deepseek_mm.lm.backends.own_model import LateModel
from deepseek_mm.runtime.memory_tuning import give_back, keep_for_good
from deepseek_mm.services import Services, build_services
from deepseek_mm.settings_file import SettingsFile

PROBLEM = {"$ref": "#/components/schemas/Problem"}
EVENT = {  # one of a stream
    "type": "object",
    "properties": {"event": {"type": "string"}, "id": {"type": "string"}, "data": {"type": "string"}},
    "required": ["data"],
}
TEXT, BINARY = {"type": "string"}, {"type": "string", "format": "binary"}
UNUSED = ("HTTPValidationError", "ValidationError")  # the framework's own errors: `problems` answers in their place
ROUTERS = (
    task_routes.task_router,
    task_routes.ask_router,
    search_routes.router,
    grounding_routes.router,
    agent_routes.router,
    library_routes.router,
    library_change_routes.router,
    collection_routes.router,
    import_routes.router,
    photo_routes.router,
    people_routes.router,
    library_maintenance_routes.router,
    history_routes.router,
    inspection_routes.router,
    replay_routes.router,
    learning_routes.router,
    account_routes.router,
    settings_routes.router,
    model_exchange_routes.router,
    model_server_routes.router,
    model_routes.router,
    task_routes.run_router,
    code_edit_routes.router,
)


def describe_exactly(app: FastAPI) -> None:
    """From now on `app.openapi()` gives the exact document."""
    plain = app.openapi

    def exact() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = make_exact(plain())
        return app.openapi_schema

    app.openapi = exact  # type: ignore[method-assign]  # as FastAPI has it done


def make_exact(document: dict[str, Any]) -> dict[str, Any]:
    """Every answer's body with its schema, and no schema that nothing is sent by."""
    for path, routes in document["paths"].items():
        for route in routes.values():
            describe_answers(route["responses"], path)
    for name in UNUSED:
        document["components"]["schemas"].pop(name, None)
    return document


def describe_answers(responses: dict[str, Any], path: str) -> None:
    """Every answer of one route."""
    if path.startswith(PREFIX):
        responses.pop("422", None)  # told as 400
    for response in responses.values():
        if content := response.get("content"):
            response["content"] = exact_content(content)


def exact_content(content: dict[str, Any]) -> dict[str, Any]:
    """A problem has one type alone; a file's bytes and a stream's events are no JSON."""
    if MEDIA_TYPE in content:
        return {MEDIA_TYPE: {"schema": PROBLEM}}
    for kind, body in content.items():
        if not body.get("schema"):
            body["schema"] = EVENT if kind == EVENTS else TEXT if kind.startswith("text/") else BINARY
    return content


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """The app, and what has to be started and stopped with it."""

    app: FastAPI
    assistant: Assistant
    tasks: Tasks
    room: RequestLimiter
    services: Services

    def start(self) -> None:
        """Begin with the tasks that wait."""
        self.tasks.start()
        keep_for_good()

    def warm_up(self) -> None:
        """Wait for the language model, if it is opened beside the rest; what it lacks is told to whoever asks."""
        if isinstance(self.assistant.lm, LateModel):
            self.assistant.lm.start().join()

    def tidy(self) -> None:
        """Let go of what was deleted for good, of pictures whose tasks are over, and of free memory."""
        self.assistant.tidy()
        self.tasks.tidy()
        give_back()

    def close(self) -> None:
        """Leave what is under way to the next start."""
        self.tasks.stop()
        self.services.answers.engine.close()


def build_api(
    assistant: Assistant,
    file: SettingsFile,
    *,
    photos: Path | None = None,
    room: RequestLimiter | None = None,
    accounts: Accounts | None = None,
    keys: KeyRing | None = None,
) -> Api:
    """Every route over this assistant. `photos`, `accounts` and `keys` are what `build_services` wants; `room` is the
    server's.
    """
    config = assistant.config
    room = room or RequestLimiter(config.serve.at_once)
    metrics = Metrics(assistant, room)
    services = build_services(assistant, file, heard=metrics.batch, photos=photos, accounts=accounts, keys=keys)
    pictures = PictureDecoder(config.serve, config.parse)
    inbox = Inbox(config.data, max_pixels=config.parse.max_pixels)
    handlers = TaskHandlers(services, assistant, inbox)
    tasks = Tasks(assistant.library.jobs, handlers, inbox, pictures, services.answers)
    app = FastAPI(
        title="DeepSeek-MM",
        description="Ask your photos: answers that cite the regions they rest on, on your own machine.",
        version=str(import_module("deepseek_mm").__version__),
        docs_url=None,
        redoc_url=None,
    )
    app.state.services, app.state.assistant, app.state.pictures = services, assistant, pictures
    app.state.tasks, app.state.handlers = tasks, handlers
    add_problems(app)
    for router in (
        *ROUTERS,
        openai_routes(services, assistant, pictures),
        editor_routes(assistant),
        address_routes(assistant),
        health_routes(assistant, tasks, metrics),
    ):
        app.include_router(router)
    describe_exactly(app)
    app.mount(ASSETS, StaticFiles(directory=swagger_ui()))
    app.add_middleware(UploadQuota, quotas=services.accounts.quotas)
    app.add_middleware(Admission, room=room)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    app.add_middleware(AllowedMethods)
    return Api(app=app, assistant=assistant, tasks=tasks, room=room, services=services)
