"""A real library of painted photos behind the API, for tests: no door, so everybody is the caller that a test names."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient
from rag_house import build, paint, put
from serve_help import As

from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.api.app import ROUTERS
from deepseek_mm.api.problems import add_problems
from deepseek_mm.assistant import Assistant
from deepseek_mm.jobs import follow
from deepseek_mm.services import build_services
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.types import Answer, Citation, Question
from index import Region, Source

STRANGER = replace(
    LOCAL, name="stranger", session="api:stranger", local=False
)  # a key with every right, on another machine


class House:
    """The assistant, and callers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "library" / "spaces" / "colours").mkdir(parents=True)
        self.assistant: Assistant = build(folder / "library", home="spaces/colours")
        self.photos = [paint(folder / "photos", f"{name}.png", name) for name in ("red", "green", "blue")]
        put(self.assistant, *self.photos)
        self.file = SettingsFile.of(self.assistant.config)
        self.hushed: list[str] = []
        self.at_work = False
        self.app = self._app()

    def _app(self) -> FastAPI:
        app = FastAPI()
        add_problems(app)
        services = build_services(self.assistant, self.file)
        services = replace(services, library=replace(services.library, stop_answers=self.stop_answers))
        app.state.services, app.state.assistant = services, self.assistant
        for router in ROUTERS:
            app.include_router(router)
        return app

    def stop_answers(self) -> None:
        """Count that answers under way were stopped."""
        self.hushed.append("hush")

    def caller(self, who: Caller = LOCAL) -> TestClient:
        """Somebody who asks; an error that nobody foresaw is raised."""
        return TestClient(As(self.app, who))

    def work(self, job: dict) -> dict:
        """The job when it has ended; the library is at work from then on."""
        if not self.at_work:
            self.assistant.library.start()
        self.at_work = True
        list(follow(self.assistant.library.jobs, job["id"]))
        return self.caller().get(f"/library/jobs/{job['id']}").json()

    def asked(self, text: str = "Is there a kite?", *, who: Caller = LOCAL, conversation: int | None = None) -> Answer:
        """A question that was answered, citing the first photo."""
        question = Question(text=text, conversation=conversation, session=who.session)
        number, turn = self.assistant.history.begin(question, image_path="", settings={}, fingerprint="test")
        source = self.assistant.store.source_at(str(self.photos[0]))
        cited = Region(id=1, source=source or Source(path="/gone.png"), box_px=(0, 0, 64, 48))
        answer = Answer(
            text="A kite [1].",
            citations=(Citation(number=1, region=cited, score=0.5),),
            conversation=number,
            turn=turn,
        )
        self.assistant.history.finish(turn, answer)
        return answer


@contextmanager
def house_in(folder: Path) -> Iterator[House]:
    """One house, closed at the end."""
    house = House(folder)
    with house.assistant:
        yield house
