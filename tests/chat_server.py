"""A small OpenAI-compatible server on a real socket, which fails in whatever way it is told to."""

import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ChatServer(ThreadingHTTPServer):
    """Streams `words`. `fault` names how it goes wrong; `asked` holds what it was sent."""

    daemon_threads = True

    def __init__(
        self,
        words=("A", " red", " kite", " [1]."),
        *,
        models=("kite-7b", "kite-70b"),
        fault="",
        key="",
        handler=None,
        port=0,
    ):
        super().__init__(("127.0.0.1", port), handler or ChatHandler)
        self.words, self.models, self.fault, self.key = words, models, fault, key
        self.flooded = 0  # bytes that were sent of an answer without end
        self.asked: list[dict] = []  # bodies of completions
        self.headers: list[dict] = []
        self.seen: list[dict] = []  # headers of whoever looked at its models
        self.release = threading.Event()  # a hanging server goes on
        self.hung_up = threading.Event()  # the client has closed the connection while words were left

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def chat_server(*words, **options):
    with serving(ChatServer(*([words] if words else []), **options)) as server:
        yield server


@contextmanager
def serving(server):
    """A server at work in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


class ChatHandler(BaseHTTPRequestHandler):
    server: ChatServer

    def log_message(self, format, *args):
        """Nothing on stderr."""

    def do_GET(self):
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        if self.refuses():
            return
        if self.server.fault == "endless list":
            self.flood(b'{"data": [' + b"1, " * 20_000)
        elif self.server.fault == "no list":
            self.reply(404, {"detail": "Not Found"})
        else:
            self.reply(200, {"object": "list", "data": [{"id": name} for name in self.server.models]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append({"path": self.path, **body})
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.refuses():
            return
        if self.server.fault == "page":
            self.reply(200, "<html><body>Welcome to nginx!</body></html>", kind="text/html")
        elif self.server.fault.isdigit():
            self.reply(int(self.server.fault), {"error": {"message": "the tensor cores are on strike"}})
        elif self.server.fault == "endless page":
            self.flood(b'{"choices": [' + b"1, " * 20_000)
        elif self.server.fault == "endless line":
            self.flood(b"data: " + b"x" * 60_000, kind="text/event-stream")
        elif self.server.fault == "endless words":
            self.flood(b'data: {"choices": [{"delta": {"content": "ha "}}]}\n\n' * 1_000, kind="text/event-stream")
        elif self.server.fault == "wrong kind":
            self.reply(200, json.dumps({"words": list(self.server.words)}), kind="application/octet-stream")
        elif self.server.fault == "whole":
            choice = {"message": {"role": "assistant", "content": "".join(self.server.words)}, "finish_reason": "stop"}
            self.reply(200, {"choices": [choice]})
        elif body["model"] not in self.server.models:
            self.reply(404, {"error": {"message": f"model {body['model']} not found"}})
        else:
            self.stream()

    def refuses(self) -> bool:
        wrong = bool(self.server.key) and self.headers.get("authorization") != f"Bearer {self.server.key}"
        if wrong:
            self.reply(401, {"error": {"message": "invalid api key"}})
        return wrong

    def reply(self, status, body, *, kind="application/json"):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def flood(self, block: bytes, *, kind="application/json", most_bytes=10**9):
        """A gigabyte, or as much of it as somebody reads."""
        self.send_response(200)
        self.send_header("content-type", kind)
        self.end_headers()
        try:
            while self.server.flooded < most_bytes:
                self.wfile.write(block)
                self.server.flooded += len(block)
        except (BrokenPipeError, ConnectionResetError):
            self.server.hung_up.set()

    def stream(self):
        fault = self.server.fault
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.end_headers()
        self.event({"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": None}]})
        try:
            for n, word in enumerate(self.server.words):
                if n == 2 and self.goes_wrong(fault):
                    return
                self.event({"choices": [{"delta": {"content": word}, "finish_reason": None}]})
        except (BrokenPipeError, ConnectionResetError):
            self.server.hung_up.set()
            return
        self.event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        with suppress(BrokenPipeError, ConnectionResetError):  # whoever has the answer may leave
            self.event({"choices": [], "usage": {"total_tokens": 9}})
            self.wfile.write(b"data: [DONE]\n\n")

    def goes_wrong(self, fault) -> bool:
        """Half way through. True: nothing more is sent."""
        if fault == "hang":
            while not self.server.release.wait(0.02):
                self.wfile.write(b": still here\n\n")
        elif fault == "error event":
            self.event({"error": {"message": "out of memory"}})
        elif fault == "garbage":
            self.wfile.write(b"data: {not json\n\n")
        elif fault == "odd":
            self.wfile.write(b'data: {"choices": ["text"]}\n\n')
        return fault in ("cut", "error event", "garbage", "odd")

    def event(self, body):
        self.wfile.write(f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode())
        self.wfile.flush()
