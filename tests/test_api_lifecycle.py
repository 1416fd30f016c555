"""A server that listens before its models are open: what it says meanwhile, who waits, and how it ends."""

import socket
import threading
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI

from deepseek_mm.api.lifecycle import StartupApp
from deepseek_mm.api.limits import RequestLimiter
from deepseek_mm.api.server import build_server
from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import LibraryError

WAIT_S = 30


class Steps:
    """An app that opens when the test says so: first what answers, then the page."""

    def __init__(self) -> None:
        self.early, self.whole = threading.Event(), threading.Event()
        self.lived: list[str] = []
        self.error: Exception | None = None

    def open(self, tell):
        assert self.early.wait(WAIT_S)
        if self.error is not None:
            raise self.error
        tell(self.app("early"))
        assert self.whole.wait(WAIT_S)
        return self.app("whole")

    def app(self, name):
        @contextmanager
        def living(app):
            self.lived.append(f"{name} begins")
            yield
            self.lived.append(f"{name} ends")

        class Living:
            def __init__(self, app):
                self.inside = living(app)

            async def __aenter__(self):
                self.inside.__enter__()

            async def __aexit__(self, *error):
                self.inside.__exit__(*error)

        app = FastAPI(lifespan=Living)
        for path in ("/", "/ask", "/history", "/health/ready"):
            app.get(path)(lambda: name)
        return app


@contextmanager
def opening(steps):
    """The address of the server, and the app that stands in; both end with the block."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        app = StartupApp(steps.open, fail=lambda: setattr(server, "should_exit", True))
        server = build_server(app, ServeConfig(), hush=lambda: None, room=RequestLimiter(8))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{sock.getsockname()[1]}", trust_env=False, timeout=60
            ) as http:
                yield http, app, thread
        finally:
            steps.early.set()
            steps.whole.set()
            server.should_exit = True
            thread.join(WAIT_S)
            assert not thread.is_alive()


def test_before_anything_is_open_the_page_says_so_and_nobody_is_told_that_it_is_ready():
    with opening(Steps()) as (http, *_):
        page = http.get("/")
        assert page.status_code == 200
        assert "loading" in page.text
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert http.get("/health/live").json() == {"status": "ok"}
        refused = http.get("/health/ready")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert "loading" in refused.json()["detail"]


def test_a_question_waits_for_the_models_and_what_belongs_to_the_page_for_the_page():
    steps = Steps()
    with opening(steps) as (http, *_):
        answers = {}

        def ask(path):
            answers[path] = http.get(path).json()

        asking = {path: threading.Thread(target=ask, args=(path,)) for path in ("/ask", "/history")}
        for thread in asking.values():
            thread.start()
        asking["/ask"].join(0.3)
        assert answers == {}
        steps.early.set()
        asking["/ask"].join(WAIT_S)
        assert answers == {"/ask": "early"}
        assert "loading" in http.get("/").text
        assert http.get("/health/ready").json() == "early"
        steps.whole.set()
        asking["/history"].join(WAIT_S)
        assert answers == {"/ask": "early", "/history": "whole"}
        assert http.get("/").json() == http.get("/ask").json() == "whole"
    assert steps.lived == ["whole begins", "whole ends"]


def test_what_keeps_it_from_opening_ends_the_server_and_is_known_to_whoever_started_it():
    steps = Steps()
    steps.error = LibraryError("the library is damaged")
    with opening(steps) as (http, app, thread):
        assert http.get("/health/live").status_code == 200
        steps.early.set()
        thread.join(WAIT_S)
        assert not thread.is_alive()
        assert app.error is steps.error


def test_whoever_waits_when_the_server_is_ended_is_told_so():
    steps = Steps()
    said = []
    with opening(steps) as (http, app, thread):
        waiting = threading.Thread(target=lambda: said.append(http.post("/ask").status_code))
        waiting.start()
        waiting.join(0.3)
        steps.error = LibraryError("no")
        steps.early.set()
        waiting.join(WAIT_S)
    assert said == [503]


@pytest.mark.parametrize("path", ["/", "/en/", "/zh"])
def test_only_reading_the_page_is_answered_early(path):
    steps = Steps()
    with opening(steps) as (http, *_):
        assert http.head(path).status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            http.post(path, timeout=0.3)
