"""What tests of the door share: a small app behind it that says who came in, and a clock that a test sets."""

from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Request, WebSocket
from starlette.testclient import TestClient

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.accounts.permissions import RIGHTS, Caller, caller_in
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.problems import add_problems
from deepseek_mm.api.route_parameters import needs
from deepseek_mm.config import AccountsConfig, Config, ServeConfig

HERE = "http://127.0.0.1:7860"
ALWAYS = ServeConfig(keys="always")


class Clock:
    """Seconds that only a test moves."""

    def __init__(self, now_s: float = 1_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def behind() -> FastAPI:
    """An app with a route of each kind."""
    app = FastAPI()
    add_problems(app)

    @app.get("/me")
    @app.post("/me")
    def me(request: Request) -> dict:
        who = caller_in(request.scope)
        return {"name": who.name, "session": who.session, "rights": sorted(who.rights)}

    @app.post("/settings")
    def change(who: Annotated[Caller, needs("settings")]) -> str:
        return who.name

    @app.get("/tasks/{number}")
    def task(number: str) -> str:
        return number

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.get("/broken")
    def broken(q: str) -> None:
        raise RuntimeError(f"cannot think about {q}")

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(socket.scope["deepseek_mm.who"].name)
        await socket.close()

    for path in ("/", "/en/", "/health/live", "/docs2"):
        app.get(path)(lambda: "here")
    return app


class House:
    """That app with its door, its keys and its clock; `client()` is a new browser or program each time."""

    def __init__(self, data: Path, serve: ServeConfig = ALWAYS, accounts: Accounts | None = None) -> None:
        self.keys, self.clock = Keys(data), Clock()
        self.all = self.keys.add("all", RIGHTS)
        self.asker = self.keys.add("asker", ("ask",))
        mode = AccountsConfig(mode="people" if accounts else "auto")
        config = Config(data=data, serve=serve, accounts=mode)
        self.door = guard_app(behind(), config, self.keys, accounts=accounts, clock=self.clock)

    def client(self, key: str = "", base_url: str = HERE) -> TestClient:
        """With a key, a program; without, a browser that keeps its cookies."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return TestClient(
            self.door, base_url=base_url, headers=headers, follow_redirects=False, raise_server_exceptions=False
        )
