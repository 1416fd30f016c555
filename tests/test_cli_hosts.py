"""`ask --host URL`: another machine answers, by a key that goes there and nowhere else."""

import io
import json
import threading
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
import uvicorn
from line_help import build, paint, put
from openai_house import listening

from deepseek_mm.__main__ import main
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.api.app import build_api
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.config import ServeConfig
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.terminal import Desk


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    """A server that wants keys, over a red and a green photo: its app, its keys and its house."""
    folder = tmp_path_factory.mktemp("far")
    with build(folder / "library") as assistant:
        put(assistant, *(paint(folder / "photos", f"{name}.png", name) for name in ("red", "green")))
        api = build_api(assistant, SettingsFile.of(assistant.config))
        keys = Keys(assistant.config.data)
        config = assistant.config
        app = guard_app(api.app, replace(config, serve=ServeConfig(keys="always", workers=2)), keys)
        api.start()
        with closing(api):
            yield app, keys, assistant


def command(here, *words, typed="", monkeypatch=None, **environ):
    """Exit code, output and messages; no model may be opened."""

    def refuse(config, progress, **_):
        raise AssertionError("models are opened though another machine answers")

    if monkeypatch is not None:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    environ = {"XDG_CONFIG_HOME": str(here / "config"), "HOME": str(here)} | environ
    desk = Desk(out=io.StringIO(), err=io.StringIO(), load=refuse, environ=environ, cwd=here)
    code = main(list(words), desk)
    return code, desk.out.getvalue(), desk.err.getvalue()


@contextmanager
def listening_by_tls(app, folder):
    """The app over https, by a certificate of an authority that lies in the folder; gives address and authority."""
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    pem = str(folder / "server.pem")
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ssl_certfile=pem, ssl_keyfile=pem)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            threading.Event().wait(0.01)
        yield f"https://localhost:{server.servers[0].sockets[0].getsockname()[1]}", folder / "ca.pem"
    finally:
        server.should_exit = True
        thread.join(20)


def test_another_machine_answers_with_the_key_of_the_keyring_and_a_conversation_goes_on(far, tmp_path, monkeypatch):
    app, keys, house = far
    key = keys.add("laptop", ["ask"])
    with listening(app) as url:
        kept = command(tmp_path, "hosts", "add", url, typed=f"{key}\n", monkeypatch=monkeypatch)
        listed = command(tmp_path, "hosts", "list")
        code, out, err = command(tmp_path, "ask", "Which photos are red?", "--host", url)
        first = json.loads(command(tmp_path, "ask", "What is red?", "--host", url, "--json")[1])
        more = ("ask", "And green?", "--host", url, "--continue", str(first["conversation"]), "--json")
        assert json.loads(command(tmp_path, *more)[1])["conversation"] == first["conversation"]
    assert (kept[0], listed[1]) == (0, f"{url}\n")
    assert (code, "red.png" in out) == (0, True)
    assert f"--host {url} --continue" in err
    assert key not in "".join((*kept[1:], *listed[1:], out, err))
    assert house.history.num_turns(first["conversation"], session=f"key:{keys.find(key).id}") == 2


def test_a_picture_of_this_machine_goes_along(far, tmp_path):
    app, keys, _ = far
    picture = paint(tmp_path, "leaf.png", "green")
    with listening(app) as url:
        words = ("ask", "What colour is this?", "--image", str(picture), "--host", url)
        code, out, _ = command(tmp_path, *words, DEEPSEEK_MM_KEY=keys.add("pictures", ["ask"]))
    assert (code, "green" in out) == (0, True)


@pytest.mark.parametrize(("key", "says"), [("", "wants a key"), ("dsmm_wrong", "does not know this key")])
def test_without_a_key_that_is_known_there_the_next_step_is_named(far, tmp_path, key, says):
    with listening(far[0]) as url:
        code, out, err = command(tmp_path, "ask", "What is red?", "--host", url, DEEPSEEK_MM_KEY=key)
    assert (code, out) == (2, "")
    assert f"{url} {says}" in err
    assert f"python -m deepseek_mm hosts add {url}" in err
    assert "dsmm_wrong" not in err


def test_a_certificate_is_checked_by_the_authorities_that_are_known(far, tmp_path, monkeypatch):
    app, keys, _ = far
    key = keys.add("tls", ["ask"])
    with listening_by_tls(app, tmp_path) as (url, authority):
        refused = command(tmp_path, "ask", "What is red?", "--host", url, DEEPSEEK_MM_KEY=key)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        answered = command(tmp_path, "ask", "What is red?", "--host", url, DEEPSEEK_MM_KEY=key)
        by_number = url.replace("localhost", "127.0.0.1")
        misnamed = command(tmp_path, "ask", "What is red?", "--host", by_number, DEEPSEEK_MM_KEY=key)
    assert refused[0] == misnamed[0] == 2
    assert "the certificate of" in refused[2]
    assert "SSL_CERT_FILE=ca.pem" in refused[2]
    assert "the certificate of" in misnamed[2]
    assert (answered[0], "red.png" in answered[1]) == (0, True)


class Leader(BaseHTTPRequestHandler):
    """Leads every request on to another port, and remembers what came there."""

    def do_POST(self):
        if self.server.leads_to:
            self.send_response(308)
            self.send_header("Location", self.server.leads_to)
        else:
            self.server.came.append(dict(self.headers))
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def leading(leads_to=""):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Leader)
    server.leads_to, server.came = leads_to, []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def test_nothing_follows_where_a_server_leads(tmp_path):
    with leading() as end, leading(f"http://127.0.0.1:{end.server_address[1]}/ask") as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        code, out, err = command(tmp_path, "ask", "What is red?", "--host", url, DEEPSEEK_MM_KEY="dsmm_secret")
    assert (code, out, end.came) == (2, "", [])
    assert f"leads to http://127.0.0.1:{end.server_address[1]}/ask" in err
    assert "dsmm_secret" not in err


def test_where_nothing_answers_or_something_else_does_that_is_told(tmp_path):
    with leading() as other:
        url = f"http://127.0.0.1:{other.server_address[1]}"
        code, _, err = command(tmp_path, "ask", "What is red?", "--host", url)
        assert (code, f"{url} does not answer (its answer has no end)" in err) == (2, True)
    code, _, err = command(tmp_path, "ask", "What is red?", "--host", url)
    assert (code, f"curl {url}/health/live" in err) == (2, True)


def test_settings_of_this_machine_are_refused_beside_another_one(tmp_path):
    for words in (("ask", "What is red?"), ("models", "use", "none")):
        code, _, err = command(tmp_path, *words, "--host", "https://photos.example", "--set", "rag.num_regions=5")
        assert (code, "rag.num_regions would be of this one" in err) == (2, True)


def test_a_key_that_travels_in_the_clear_is_warned_of(tmp_path):
    environ = {"DEEPSEEK_MM_KEY": "dsmm_secret"}
    _, _, err = command(tmp_path, "ask", "What is red?", "--host", "http://nothing.invalid:1", **environ)
    assert "is not encrypted" in err


def test_another_machine_is_told_to_use_a_model_only_with_the_right_key(far, tmp_path):
    app, keys, house = far
    with listening(app) as url:
        words = ("models", "use", "none", "--host", url)
        asker = command(tmp_path, *words, DEEPSEEK_MM_KEY=keys.add("asker", ["ask"]))
        other = command(tmp_path, "models", "list", "--host", url)
    assert (asker[0], "needs the right 'settings'" in asker[2]) == (2, True)
    assert (other[0], "models list is about this machine" in other[2]) == (2, True)
