"""A question that the running server of the same library answers, with the models that are open there.

It is put to `/ask` over loopback, and the answer is read as it grows. A server that goes away meanwhile is an error of
its own, so that the caller can answer without it.
"""

import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Event, Thread
from typing import Any

from deepseek_mm.api.local_server import LocalServer
from deepseek_mm.errors import BadQuestion, Busy, DeepSeekMMError, ServerError
from deepseek_mm.shapes import answer_shape
from deepseek_mm.types import Answer, Question

CONNECT_S = 2.0
SILENCE_S = 60.0  # without a word, and the server counts as gone; a comment comes every 15 seconds
LOOK_S = 0.05
STREAM = "text/event-stream"
GONE = (500, 501, 502, 503, 504)  # that say something of the server, and nothing of the question
OURS = tuple(answer_shape(Answer(text="")))  # keys of an answer that the command line tells
CITED = ("number", "score", "path", "kind", "box_px", "page", "lines", "text", "label", "labels", "colours", "symbol")
Shape = dict[str, Any]


class ServerGone(Exception):
    """The server does not answer, or stopped in the middle of an answer."""


def ask_server(server: LocalServer, question: Question, *, stop: Event) -> Iterator[Shape]:
    """The answer as `answer_shape` tells it, growing; the last one is whole, or `stopped` when `stop` was set.

    BadQuestion or ServerError as the server says it, ServerGone where it does not end its answer.
    """
    so_far = answer_shape(Answer(text="", state="running"))
    try:
        for shape in read_shapes(server, question, so_far, stop):
            yield shape
            so_far = shape
    except DeepSeekMMError:  # the server's own words
        raise
    except (OSError, HTTPException, ValueError, KeyError) as error:
        if not stop.is_set():
            raise ServerGone(str(error)) from error
    if so_far["state"] == "running" and not stop.is_set():
        raise ServerGone("its answer has no end")
    if so_far["state"] == "running":
        yield so_far | {"state": "stopped"}


def read_shapes(server: LocalServer, question: Question, so_far: Shape, stop: Event) -> Iterator[Shape]:
    """What the server says of the answer, event by event, until it ends."""
    connection = HTTPConnection(server.host, server.port, timeout=CONNECT_S)
    with closing(connection), hang_up_on(stop, connection):
        for kind, told in read_events(open_stream(connection, server, question)):
            if kind == "text":
                so_far = so_far | {"text": so_far["text"][: told["at"]] + told["text"]}
                yield so_far
            elif kind == "end":
                yield final_shape(told)
                return


def open_stream(connection: HTTPConnection, server: LocalServer, question: Question) -> HTTPResponse:
    """The events of the answer. BadQuestion, Busy or ServerError by what the server says."""
    asked = {"question": question.text, "about": question.about, "run": question.run}
    if question.conversation is not None:
        asked["conversation"] = question.conversation
    headers = {"Authorization": f"Bearer {server.token}", "Accept": STREAM, "Content-Type": "application/json"}
    connection.connect()
    connection.sock.settimeout(SILENCE_S)
    connection.request("POST", "/ask", json.dumps(asked).encode(), headers)
    response = connection.getresponse()
    if response.status == 200:
        return response
    body = response.read()
    if response.status in GONE:
        raise ServerGone(f"it answers {response.status}")
    raise refusal(response.status, json.loads(body))


def refusal(status: int, problem: Mapping[str, Any]) -> Exception:
    """The error that a problem of the server stands for."""
    detail = str(problem.get("detail", f"the server answers {status}"))
    if status == 429:
        return Busy(detail, retry_after_s=1)
    return BadQuestion(detail) if status == 422 else ServerError(detail)


def read_events(lines: Iterable[bytes]) -> Iterator[tuple[str, Shape]]:
    """Kind and value of server-sent events; comments and ids are passed over."""
    kind, data = "", ""
    for line in lines:
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        if name == "event":
            kind = value.removeprefix(" ")
        elif name == "data":
            data += value.removeprefix(" ")
        elif not name and not value and kind:
            yield kind, json.loads(data)
            kind, data = "", ""


def final_shape(task: Mapping[str, Any]) -> Shape:
    """The answer of a task that has ended. ServerError says why it failed, ServerGone that it was taken away."""
    if task["state"] == "failed":
        raise ServerError(task["error"])
    result = task["result"]
    if not result:
        raise ServerGone("the task was cancelled")
    citations = [{name: cited[name] for name in CITED} for cited in result["citations"]]
    return {name: result[name] for name in OURS} | {"citations": citations}


@contextmanager
def hang_up_on(stop: Event, connection: HTTPConnection) -> Iterator[None]:
    """Within the block, `stop` ends the connection at once: nothing more is read, and the server cancels the answer."""
    over = Event()

    def watch() -> None:
        while not over.is_set():
            if stop.wait(LOOK_S) and connection.sock is not None:
                try:
                    connection.sock.shutdown(socket.SHUT_RDWR)
                except OSError:  # it has ended by itself
                    return
                return

    watcher = Thread(target=watch, name="hang-up", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
