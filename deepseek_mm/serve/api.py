"""The API: every route, joined, with what they share. Whoever starts it puts the door in front (`door.guarded`)."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from deepseek_mm.assistant import Assistant
from deepseek_mm.lm.backends.late_model import LateModel
from deepseek_mm.runtime.spare import give_back, keep_for_good
from deepseek_mm.serve.admission import Admission, Room
from deepseek_mm.serve.ask_routes import ask_routes
from deepseek_mm.serve.complete import complete_routes
from deepseek_mm.serve.health import ASSETS, described, health_routes, swagger_ui
from deepseek_mm.serve.inbox import Inbox
from deepseek_mm.serve.learning import learning_routes
from deepseek_mm.serve.methods import AllowedMethods
from deepseek_mm.serve.metrics import Counted, Metrics
from deepseek_mm.serve.openai.routes import openai_routes
from deepseek_mm.serve.openapi import describe_exactly
from deepseek_mm.serve.past import history_routes
from deepseek_mm.serve.pictures import Pictures
from deepseek_mm.serve.problems import add_problems
from deepseek_mm.serve.run_routes import run_routes
from deepseek_mm.serve.saved import saved_routes
from deepseek_mm.serve.shelves import library_routes
from deepseek_mm.serve.task_handlers import TaskHandlers
from deepseek_mm.serve.task_routes import task_routes
from deepseek_mm.serve.tasks import Tasks
from deepseek_mm.serve.tuning import settings_routes
from deepseek_mm.serve.why import why_routes
from deepseek_mm.services import Services, build_services
from deepseek_mm.settings_file import SettingsFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """The app, and what has to be started and stopped with it."""

    app: FastAPI
    assistant: Assistant
    tasks: Tasks
    room: Room
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


def build_api(assistant: Assistant, file: SettingsFile, *, photos: Path | None = None, room: Room | None = None) -> Api:
    """Every route over this assistant. `photos` is what `build_services` wants; `room` is the server's."""
    config = assistant.config
    room = room or Room(config.serve.at_once)
    metrics = Metrics(assistant, room)
    services = build_services(assistant, file, heard=metrics.batch, photos=photos)
    pictures = Pictures(config.serve, config.parse)
    inbox = Inbox(config.data, max_pixels=config.parse.max_pixels)
    doing = TaskHandlers(services, assistant, inbox)
    tasks = Tasks(assistant.library.jobs, doing, inbox, pictures, services.answers)
    app = FastAPI(version=str(import_module("deepseek_mm").__version__), **described())
    add_problems(app)
    for router in (
        task_routes(tasks),
        ask_routes(services, tasks, doing, pictures, inbox),
        why_routes(services, assistant, pictures),
        complete_routes(assistant),
        saved_routes(services),
        library_routes(services, assistant),
        history_routes(services, assistant),
        learning_routes(services),
        settings_routes(services, assistant),
        openai_routes(services, assistant, pictures),
        run_routes(services),
        health_routes(assistant, tasks, metrics),
    ):
        app.include_router(router)
    describe_exactly(app)
    app.mount(ASSETS, StaticFiles(directory=swagger_ui()))
    app.add_middleware(Admission, room=room)
    app.add_middleware(Counted, metrics=metrics)
    app.add_middleware(AllowedMethods)
    return Api(app=app, assistant=assistant, tasks=tasks, room=room, services=services)
