"""Many clients in one thread, against a server on paper."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deepseek_mm.benchmarks.serve import send_at_once
from deepseek_mm.errors import JobFailed


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.heard.append(asked["n"])
        if asked.get("hang_up"):
            self.close_connection = True
            return
        body = b"x" * asked["size"]
        self.send_response(asked["status"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *told):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.heard = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url_of(server):
    return f"http://127.0.0.1:{server.server_port}"


def test_every_client_gets_all_its_answers(server):
    shares = [
        [{"n": 10 * who + n, "status": 429 if n else 200, "size": 300_000 * n} for n in range(3)] for who in (1, 2)
    ]
    served, took_s = send_at_once(url_of(server), "/x", shares)
    assert sorted(one.status for one in served) == [200, 200, 429, 429, 429, 429]
    assert [n for n in server.heard if n < 20] == [10, 11, 12]
    assert [n for n in server.heard if n >= 20] == [20, 21, 22]
    assert 0 < max(one.seconds for one in served) <= took_s


def test_a_client_without_a_request_waits_for_nothing(server):
    assert send_at_once(url_of(server), "/x", [[]])[0] == []


def test_a_server_that_hangs_up_is_said(server):
    with pytest.raises(JobFailed, match="hung up"):
        send_at_once(url_of(server), "/x", [[{"n": 1, "hang_up": True}]])
