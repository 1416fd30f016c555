"""`ask` beside a running server: the same words, and none of its own models; and by itself where that goes away."""

import io
import json
import socket
import threading
from contextlib import closing, contextmanager
from dataclasses import replace

import httpx
import pytest
from line_help import build, paint, put

from deepseek_mm.__main__ import main
from deepseek_mm.accounts.permissions import COMMAND_LINE
from deepseek_mm.api.app import build_api
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.local_server import ServerGone, announce_server, ask_server, find_server, read_events
from deepseek_mm.api.server import build_server, open_socket
from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.terminal import Desk
from deepseek_mm.types import Question

WAIT_S = 60
TOKEN = "t" * 43


@contextmanager
def served(folder, *, token=""):
    """A library's server on loopback, announced; gives its assistant."""
    with build(folder / "library") as assistant:
        put(assistant, *(paint(folder / "photos", f"{name}.png", name) for name in ("red", "green")))
        serve = ServeConfig(port=0, workers=2)
        api = build_api(assistant, SettingsFile.of(assistant.config))
        data = assistant.config.data
        with closing(api), open_socket(serve) as sock, announce_server(data, sock, Config(data=data)) as own_token:
            app = guard_app(api.app, assistant.config, tokens=(token, own_token))
            server = build_server(app, serve, hush=api.tasks.stop, room=api.room)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
            thread.start()
            api.start()
            try:
                yield assistant
            finally:
                server.should_exit = True
                thread.join(WAIT_S)


def command(data, *words, load=None):
    """Exit code, output and messages of `ask`; `load` gives the models, which are refused without it."""

    def refuse(config, progress, **_):
        raise AssertionError("models are opened beside a running server")

    desk = Desk(out=io.StringIO(), err=io.StringIO(), load=load or refuse, environ={}, cwd=data.parent)
    code = main(["ask", *words, "--data", str(data)], desk)
    return code, desk.out.getvalue(), desk.err.getvalue()


class Kept:
    """An assistant that is used once more after a command has closed it."""

    def __init__(self, assistant):
        self._assistant = assistant

    def __getattr__(self, name):
        return getattr(self._assistant, name)

    def close(self):
        """Whoever made it closes it."""


def without_ids(text):
    told = json.loads(text)
    return {name: value for name, value in told.items() if name not in ("seconds", "conversation", "turn", "timeline")}


@pytest.mark.parametrize("token", ["", TOKEN])
def test_the_server_says_what_the_command_alone_says_and_opens_nothing(tmp_path, token):
    with served(tmp_path, token=token) as assistant:
        data = assistant.config.data
        beside = command(data, "Which photos are red?", "--json")
        words = command(data, "Which photos are red?")
        (data / "server.json").unlink()
        alone = command(data, "Which photos are red?", "--json", load=lambda *_, **__: Kept(assistant))
        alone_words = command(data, "Which photos are red?", load=lambda *_, **__: Kept(assistant))
    assert beside[0] == alone[0] == 0
    assert without_ids(beside[1]) == without_ids(alone[1])
    assert json.loads(beside[1]).keys() == json.loads(alone[1]).keys()
    assert words[:2] == alone_words[:2]
    assert "red.png" in words[1]


def test_a_conversation_of_the_command_line_goes_on_through_the_server(tmp_path):
    with served(tmp_path) as assistant:
        first = json.loads(command(assistant.config.data, "Which photos are red?", "--json")[1])
        again = command(assistant.config.data, "And green?", "--continue", str(first["conversation"]), "--json")
        assert json.loads(again[1])["conversation"] == first["conversation"]
        (kept,) = assistant.history.conversations(session=COMMAND_LINE.session, limit=9)
        assert kept.id == first["conversation"]


def test_what_the_server_refuses_is_told_as_the_command_alone_tells_it(tmp_path):
    with served(tmp_path) as assistant:
        code, out, err = command(assistant.config.data, "")
    assert (code, out) == (2, "")
    assert err.startswith("deepseek-mm: the question is empty")


def test_other_settings_and_pictures_of_ones_own_are_answered_without_the_server(tmp_path):
    with served(tmp_path) as assistant:
        load = lambda *_, **__: Kept(assistant)  # noqa: E731
        for words in (("--set", "rag.num_regions=5"), ("--image", str(tmp_path / "photos" / "red.png"))):
            with pytest.raises(AssertionError, match="models are opened"):
                command(assistant.config.data, "What is red?", *words)
            assert command(assistant.config.data, "What is red?", *words, load=load)[0] in (0, 1)


def test_the_token_of_the_file_counts_on_this_machine_only_and_a_wrong_one_never(tmp_path):
    with served(tmp_path, token=TOKEN) as assistant:
        server = find_server(assistant.config.data, Config(data=assistant.config.data))
        base = f"http://{server.host}:{server.port}"

        def health(shown, **headers):
            sent = {"Authorization": f"Bearer {shown}", **headers}
            return httpx.get(f"{base}/health", headers=sent, trust_env=False).status_code

        assert health(server.token) == 200
        assert health(server.token[:-1]) == 401
        assert health(server.token, **{"X-Forwarded-For": "192.0.2.7"}) == 401, "through a proxy"
        assert health(server.token, Host="photos.example") in (401, 421)


@contextmanager
def dying(folder, *pieces):
    """A server that says these bytes to whoever asks, and is gone."""
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as sock, announce_server(folder, sock, Config(data=folder)):

        def answer():
            with sock.accept()[0] as line:
                line.recv(65_536)
                for piece in pieces:
                    line.sendall(piece)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield
        thread.join(WAIT_S)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
BEGUN = b'event: text\r\nid: 1.3\r\ndata: {"at": 0, "text": "I can"}\r\n\r\n'


@pytest.mark.parametrize(
    "said", [(), (HEAD,), (HEAD, BEGUN), (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",), (b"\0",)]
)
def test_where_the_server_dies_half_way_the_command_answers_itself(tmp_path, said):
    with build(tmp_path / "house" / "library") as assistant:
        put(assistant, paint(tmp_path / "photos", "red.png", "red"))
        with dying(tmp_path / "library", *said):
            words = ("Which photos are red?",)
            code, out, err = command(tmp_path / "library", *words, load=lambda *_, **__: Kept(assistant))
    assert code == 0
    assert "went away" in err
    assert "red.png" in out
    assert out.startswith("I can") == (BEGUN in said)


@pytest.mark.campaign(times=1, only=True)
def test_a_stop_hangs_up_at_once_and_tells_what_was_said(tmp_path):
    stop, held = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as sock, announce_server(tmp_path, sock, Config(data=tmp_path)):

        def answer():
            with sock.accept()[0] as line:
                line.recv(65_536)
                line.sendall(HEAD + BEGUN)
                held.wait(WAIT_S)

        threading.Thread(target=answer, daemon=True).start()
        shapes = ask_server(find_server(tmp_path, Config(data=tmp_path)), Question(text="?"), stop=stop)
        assert next(shapes)["text"] == "I can"
        stop.set()
        (last,) = shapes
        held.set()
    assert (last["text"], last["state"]) == ("I can", "stopped")


def test_events_are_read_whatever_ends_their_lines_and_comments_are_passed_over():
    lines = [
        b": ping\n",
        b"\n",
        b"event: text\r\n",
        b'data: {"at": 1}\r\n',
        b"\r\n",
        b"event: end\n",
        b"data: {}\n",
        b"\n",
    ]
    assert list(read_events(lines)) == [("text", {"at": 1}), ("end", {})]


def test_nobody_at_the_address_is_a_server_that_is_gone(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as sock, announce_server(tmp_path, sock, Config(data=tmp_path)):
        server = find_server(tmp_path, Config(data=tmp_path))
    with pytest.raises(ServerGone):
        list(ask_server(replace(server, port=sock_port_that_is_free()), Question(text="?"), stop=threading.Event()))


def sock_port_that_is_free():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def test_a_question_that_is_refused_before_it_is_begun_is_told_and_no_model_is_opened(tmp_path):
    problem = json.dumps({"detail": "the question is far too long"}).encode()
    head = f"HTTP/1.1 422 No\r\nContent-Length: {len(problem)}\r\n\r\n".encode()
    with dying(tmp_path / "library", head + problem):
        code, _, err = command(tmp_path / "library", "Which photos?")
    assert code == 2
    assert err == "deepseek-mm: the question is far too long\n"
