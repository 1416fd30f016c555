"""TLS by files: what is refused before anything is opened, and a server that speaks https and nothing else."""

import io
import json
import socket
import ssl
import threading
from contextlib import closing, contextmanager
from dataclasses import replace

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization as s
from line_help import build, paint, put

from deepseek_mm.__main__ import main
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.api.app import build_api
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.local_server import announce_server, find_server, request_json
from deepseek_mm.api.server import build_server, format_address, open_socket
from deepseek_mm.api.tls import WrongCertificate, check_certificate
from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.terminal import Desk

AUTHORITY = trustme.CA()


@pytest.fixture
def files(tmp_path):
    """Certificate and key of a server that is called photos.example."""
    made = AUTHORITY.issue_cert("photos.example")
    made.private_key_pem.write_to_path(tmp_path / "key.pem")
    made.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    (tmp_path / "key.pem").chmod(0o600)
    return {"tls_cert": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}


def test_a_certificate_with_its_key_is_taken_and_so_is_none(files):
    check_certificate(ServeConfig(**files))
    check_certificate(ServeConfig())
    with pytest.raises(ConfigError, match="go together"):
        ServeConfig(tls_cert=files["tls_cert"])


@pytest.mark.parametrize("name", ["tls_cert", "tls_key"])
def test_a_file_that_is_missing_or_no_pem_is_named(files, name, tmp_path):
    with pytest.raises(ConfigError, match=rf"serve\.{name}=/nowhere\.pem cannot be read: No such file"):
        check_certificate(ServeConfig(**files | {name: "/nowhere.pem"}))
    (tmp_path / "text.pem").write_text("no certificate")
    (tmp_path / "text.pem").chmod(0o600)
    with pytest.raises(ConfigError, match=r"are no certificate and key in PEM \(.+\). Name fullchain.pem"):
        check_certificate(ServeConfig(**files | {name: str(tmp_path / "text.pem")}))


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o644, 0o666])
def test_a_key_that_others_may_use_is_refused_and_the_next_step_named(files, tmp_path, mode):
    (tmp_path / "key.pem").chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {files['tls_key']}"):
        check_certificate(ServeConfig(**files))
    (tmp_path / "key.pem").chmod(0o640)
    check_certificate(ServeConfig(**files))


def test_a_key_of_another_certificate_and_one_with_a_password_are_told_apart(files, tmp_path):
    other = tmp_path / "other.pem"
    AUTHORITY.issue_cert("else.example").private_key_pem.write_to_path(other)
    other.chmod(0o600)
    with pytest.raises(ConfigError, match=r"is the key of another certificate"):
        check_certificate(ServeConfig(**files | {"tls_key": str(other)}))
    key = s.load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    locked = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"secret"))
    (tmp_path / "key.pem").write_bytes(locked)
    with pytest.raises(ConfigError, match="needs a password"):
        check_certificate(ServeConfig(**files))


def test_a_server_without_usable_files_does_not_listen(files):
    with pytest.raises(ConfigError), open_socket(ServeConfig(**files | {"tls_key": "/nowhere.pem"}, port=0)):
        pass


@contextmanager
def served(folder, files, **serve):
    """A library's server over https, announced; gives its address, its library's folder and its keys."""
    with build(folder / "library") as assistant:
        put(assistant, paint(folder / "photos", "red.png", "red"))
        config = ServeConfig(port=0, **files, **serve)
        api = build_api(assistant, SettingsFile.of(assistant.config))
        data, keys = assistant.config.data, Keys(assistant.config.data)
        told = Config(data=data, serve=config)
        with closing(api), open_socket(config) as sock, announce_server(data, sock, told) as own:
            app = guard_app(api.app, replace(assistant.config, serve=config), keys, tokens=("", own))
            server = build_server(app, config, hush=api.tasks.stop, room=api.room)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
            thread.start()
            api.start()
            try:
                yield format_address(sock, config), data, keys
            finally:
                server.should_exit = True
                thread.join(60)


def ask(data, *words):
    """Exit code, output and messages of `ask`; models may not be opened."""
    desk = Desk(out=io.StringIO(), err=io.StringIO(), load=None, environ={}, cwd=data.parent)
    return main(["ask", *words, "--data", str(data)], desk), desk.out.getvalue(), desk.err.getvalue()


def test_the_page_is_spoken_to_over_https_alone_and_its_cookies_go_nowhere_else(tmp_path, files):
    with served(tmp_path, files, keys="always") as (url, _, keys):
        assert url.startswith("https://127.0.0.1:")
        key = keys.add("me", ["ask", "page"])
        context = ssl.create_default_context(cadata=AUTHORITY.cert_pem.bytes().decode())
        with httpx.Client(base_url=url, verify=context) as here:
            about = {"extensions": {"sni_hostname": "photos.example"}}
            assert here.get("/health/live", **about).json() == {"status": "ok"}
            entered = here.post("/login", data={"key": key}, headers={"Origin": url}, **about)
            assert entered.status_code == 303
            cookie = entered.headers["set-cookie"]
            assert all(each in cookie for each in ("Secure", "HttpOnly", "SameSite=strict"))
            assert here.get("/about", **about).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(url.replace("https", "http") + "/health/live")


def test_the_command_line_finds_the_server_over_https_and_knows_its_certificate(tmp_path, files):
    with served(tmp_path, files) as (url, data, _):
        code, out, _ = ask(data, "Which photos are red?")
        assert (code, "red.png" in out) == (0, True)
        server = find_server(data)
        assert server.url == url
        assert request_json(server, "GET", "/about", wait_s=10)["space"]
        impostor = replace(server, certificate="0" * 64)
        with pytest.raises(WrongCertificate), closing(impostor.open_connection(10)) as connection:
            connection.request("GET", "/about", headers={"Authorization": f"Bearer {server.token}"})


@pytest.mark.campaign(times=1, only=True)
def test_who_sends_too_slowly_over_https_is_told_so_and_cut(tmp_path, files):
    with served(tmp_path, files, patience_s=0.2) as (url, _, _):
        context = ssl.create_default_context(cadata=AUTHORITY.cert_pem.bytes().decode())
        plain = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10)
        with context.wrap_socket(plain, server_hostname="photos.example") as line:
            line.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127")
            said = b""
            while more := line.recv(4096):
                said += more
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert "came too slowly" in json.loads(body)["detail"]
