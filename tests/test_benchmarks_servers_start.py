"""`bench start` against a small project of its own: what it starts, asks and times, and what it says of a failure."""

import pytest

from deepseek_mm.benchmarks.results import BenchSetting
from deepseek_mm.benchmarks.servers import PHOTOS, QUESTIONS, Checkout, measure_start
from deepseek_mm.errors import ServerError

APP = """
import json, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
port, data = int(sys.argv[sys.argv.index("--port") + 1]), Path(sys.argv[sys.argv.index("--data") + 1])
data.mkdir(exist_ok=True)
class Page(BaseHTTPRequestHandler):
    def log_message(self, *words): pass
    def do_GET(self):
        busy = self.path == "/library" and not (data / "idle").exists()
        if self.path == "/library": (data / "idle").touch()
        self.say(json.dumps({"busy": busy}).encode())
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with (data / "asked").open("a") as file: file.write(f"{self.path} {sorted(body)}\\n")
        time.sleep(0.2)
        self.say(b"{}")
    def say(self, body):
        self.send_response(STATUS); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
held = bytearray(80_000_000); held[::4096] = b"x" * len(held[::4096])
server = HTTPServer(("127.0.0.1", port), Page)
print("ready: here", flush=True)
server.serve_forever()
"""
MAIN = """
import sys, time
time.sleep(0.4 if sys.argv[1] == "history" else 0)
sys.exit(CODE)
"""


@pytest.fixture
def project(tmp_path):
    """A folder that can be started as the project can; its server and its commands end as they are told to."""

    def make(*, status=200, code=0):
        (tmp_path / "deepseek_mm").mkdir()
        (tmp_path / "examples" / "photos").mkdir(parents=True)
        for name in PHOTOS:
            (tmp_path / "examples" / "photos" / name).write_bytes(b"picture")
        (tmp_path / "app.py").write_text(APP.replace("STATUS", str(status)))
        (tmp_path / "deepseek_mm" / "__init__.py").touch()
        (tmp_path / "deepseek_mm" / "__main__.py").write_text(MAIN.replace("CODE", str(code)))
        (tmp_path / "room").mkdir()
        return tmp_path

    return make


def setting(root):
    return BenchSetting(folder=root / "room", note=lambda line: None)


def test_it_asks_ten_different_requests_and_times_what_a_user_waits_for(project):
    root = project()
    numbers = measure_start(setting(root), root).numbers
    asked = (root / "room" / "library" / "asked").read_text().splitlines()
    assert len(asked) == 10
    assert (root / "room" / "library" / "idle").exists()  # nothing is measured beside work on the library
    assert asked.count("/ask ['question']") == len(QUESTIONS) == 7
    assert asked.count("/ask ['pictures', 'question']") == 2
    assert sum(line.startswith("/v1/chat/completions") for line in asked) == 1
    assert {"rss_mb", "page_s", "answer_s", "cli_ask_s", "help_ms"} <= numbers.keys()
    assert 80 < numbers["server_mb"] <= numbers["rss_mb"] + 0.01  # which is rounded
    assert numbers["page_s"] + 0.2 <= numbers["answer_s"]
    assert numbers["help_ms"] >= 400, "the slowest of the quick commands is told"
    assert numbers["cli_ask_s"] < 400


def test_a_request_that_is_refused_is_told_and_the_server_is_ended(project):
    root = project(status=503)
    house = Checkout(root, root / "room" / "library", root / "room" / "log")
    with house.running(wait_ready=True) as server, pytest.raises(ServerError, match="/ask answers 503"):
        house.post("/ask", {})
    assert server.process.poll() is not None


def test_a_command_that_fails_is_told(project):
    root = project(code=2)
    with pytest.raises(ServerError, match="history list ended with 2"):
        Checkout(root, root / "room", root / "log").command("history", "list")


def test_a_server_that_does_not_start_is_told_with_its_last_words(project):
    root = project()
    (root / "app.py").write_text("print('error: no room'); raise SystemExit(2)")
    with (
        pytest.raises(ServerError, match="no room"),
        Checkout(root, root / "room", root / "log").running(wait_ready=True),
    ):
        pass
