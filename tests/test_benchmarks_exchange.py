"""`bench exchange`: sums worked by hand, and clients that ask while a scripted server exchanges its models."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from chat_server import serving

from deepseek_mm.benchmarks.exchange import CLIENTS, AskingClients, ClientWait, exchange_model, report_waits
from deepseek_mm.errors import JobFailed


def wait(began_s, seconds, status=200):
    return ClientWait(began_s=began_s, ended_s=began_s + seconds, status=status)


def test_waits_count_where_they_overlap_and_are_compared_with_those_before():
    waits = [wait(0, 1), wait(5, 2), wait(9, 3), wait(50, 4), wait(58, 8, status=500), wait(90, 30)]
    result = report_waits(waits, (0, 10), [(51, 55), (60, 61)])
    assert result.numbers == {
        "exchange_failed": 1,
        "exchange_longest": round(8 / 3, 3),
        "exchange_median": 3.0,
        "exchange_longest_s": 8,
        "exchange_usual_longest_s": 3,
        "exchange_s": 4,
    }
    with pytest.raises(JobFailed, match="3 questions were answered before and 0 during"):
        report_waits(waits[:3], (0, 10), [(51, 55)])


class ExchangeHandler(BaseHTTPRequestHandler):
    """Answers every question; an exchange ends at its third look, as the server's `ends` says."""

    def log_message(self, format, *args):
        """Nothing on stderr."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/ask":
            self.server.asked.append(asked["question"])
            self.say({"answer": "yes"})
        else:
            self.server.looks = 0
            self.say({"step": "opening", "name": asked["name"]})

    def do_GET(self):
        self.server.looks += 1
        self.say({"step": self.server.ends if self.server.looks > 2 else "trying", "message": "no room"})

    def say(self, told):
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), ExchangeHandler)
    server.asked, server.looks, server.ends, server.release = [], 0, "done", threading.Event()
    with serving(server) as served:
        yield served


def test_clients_ask_on_while_a_model_is_exchanged_and_a_refusal_ends_it(server):
    url, said = f"http://127.0.0.1:{server.server_port}", []
    clients = AskingClients(url=url)
    threads = clients.start()
    began_s, ended_s = exchange_model(url, "smollm2", said.append)
    server.ends = "failed"
    with pytest.raises(JobFailed, match="smollm2 does not answer: no room"):
        exchange_model(url, "smollm2", said.append)
    clients.stop.set()
    for thread in threads:
        thread.join()
    assert began_s < ended_s
    assert "smollm2 answers after" in said[0]
    assert len(clients.waits) == len(server.asked) > CLIENTS
    assert {wait.status for wait in clients.waits} == {200}
