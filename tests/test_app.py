"""Starting the page: settings, lock, port, first start, and what it answers."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fake_app import paper
from fakes import picture
from fastapi.testclient import TestClient
from serve_help import As

import app
from deepseek_mm.api.server import find_holder, open_socket, tidy_now_and_then
from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.errors import CannotListen, ConfigError, LibraryError

ROOT = Path(__file__).parent.parent


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No variable that a setting could come from."""
    for name in [*app.PAGE_FLAGS, *(name for name in os.environ if name.startswith("DEEPSEEK_MM_"))]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def test_page_and_health_share_one_server(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    with TestClient(As(app.build_app(assistant).app)) as client:
        assert "DeepSeek-MM" in client.get("/").text
        health = client.get("/health").json()
        assert (health["status"], health["about"]) == ("ok", {"model": "paper", "space": "colours"})
    assistant.close()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["history.db", "photos/kite.jpg", "lock"])
def test_files_of_the_library_cannot_be_fetched_by_path(tmp_path, name, language):
    assistant = paper(Config(data=tmp_path / "library"))
    (tmp_path / "library" / "lock").touch()
    with TestClient(As(app.build_app(assistant).app)) as client:
        for path in (tmp_path / "library" / name, ROOT / "app.py"):
            assert path.exists()
            assert client.get(f"/{language}/gradio_api/file={path}").status_code == 404
    assistant.close()


def test_the_page_names_no_outside_script_style_or_font(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    with TestClient(As(app.build_app(assistant).app)) as client:
        html = client.get("/").text
    assistant.close()
    for tag in ("<script src=", "<link ", "<iframe"):
        for piece in html.split(tag)[1:]:
            assert "//" not in piece.split(">")[0].replace("http://testserver", ""), piece[:200]


def read_config(*flags: str) -> Config:
    return app.settings_file(flags).read().config


def test_flags_go_before_variables_and_variables_before_defaults(bare):
    assert read_config().serve == ServeConfig()
    bare.setenv("PORT", "8001")
    bare.setenv("DATA", "photos")
    assert (read_config().serve.port, read_config().data) == (8001, Path("photos"))
    config = read_config("--port", "8002", "--host", "0.0.0.0", "--set", "rag.num_regions=3")
    assert (config.serve.port, config.serve.host, config.rag.num_regions) == (8002, "0.0.0.0", 3)


def test_a_port_that_is_no_number_is_named(bare):
    bare.setenv("PORT", "many")
    with pytest.raises(ConfigError, match="many"):
        app.settings_file([]).read()


def test_a_second_server_on_one_library_names_the_first(tmp_path):
    named = pytest.raises(LibraryError, match=f"process {os.getpid()} already.*DATA=")
    with app.lock_library(tmp_path), named, app.lock_library(tmp_path):
        pass
    with app.lock_library(tmp_path):
        pass  # free again


def test_a_library_on_a_server_has_several_and_only_the_first_finds_itself_alone(tmp_path):
    with app.lock_library(tmp_path, is_shared=True) as first, app.lock_library(tmp_path, is_shared=True) as second:
        assert (first, second) == (True, False)
        with pytest.raises(LibraryError, match="already"), app.lock_library(tmp_path):
            pass
    with app.lock_library(tmp_path) as alone:
        assert alone
        with pytest.raises(LibraryError, match="already"), app.lock_library(tmp_path, is_shared=True):
            pass


def test_a_library_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LibraryError, match="DATA="), app.lock_library(tmp_path / "file" / "library"):
        pass


def test_a_port_in_use_names_its_holder_and_the_way_out():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serve = ServeConfig(port=port)
        with (
            pytest.raises(CannotListen, match=rf"{port} \(held by process {os.getpid()}.*PORT="),
            app.open_socket(serve),
        ):
            pass


def test_a_host_that_is_not_ours_is_refused():
    with pytest.raises(CannotListen, match="HOST="), app.open_socket(ServeConfig(host="192.0.2.1", port=0)):
        pass


def test_nobody_holds_a_free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    assert find_holder(port) == ""


@pytest.mark.parametrize("flags", [("--port", "70000"), ("--set", "nonsense=1")])
def test_a_wrong_setting_ends_with_code_two_and_a_sentence(bare, capsys, flags):
    assert app.main(list(flags)) == 2
    assert capsys.readouterr().out.startswith("error: ")


def test_a_server_in_use_ends_with_code_two_before_any_model_is_opened(bare, capsys, tmp_path):
    def load(config):
        raise AssertionError("must not be reached")

    with app.lock_library(tmp_path / "library"):
        assert app.main(["--data", str(tmp_path / "library"), "--port", "0"], load=load) == 2
    assert capsys.readouterr().out.count("\n") == 1


def test_ctrl_c_while_it_prepares_is_a_clean_end(bare, capsys):
    def load(config):
        raise KeyboardInterrupt

    assert app.main(["--port", "0"], load=load) == 0
    assert capsys.readouterr().out == "stopped\n"


def test_reading_settings_needs_no_torch():
    code = "import sys; import deepseek_mm.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


class Shelves:
    """What `fill` needs of an assistant, with the real library behind it."""

    def __init__(self, data: Path) -> None:
        from fakes import BlankPaper, ColourSpace

        from deepseek_mm.factory import open_store
        from deepseek_mm.history import History
        from deepseek_mm.jobs import Jobs
        from deepseek_mm.library import Library
        from deepseek_mm.vision.pipeline import VisionPipeline

        self.config = Config(data=data)
        space = ColourSpace()
        self.eyes, self.store = VisionPipeline(space, self.config.see), open_store(self.config, space)
        parts = {"jobs": Jobs(data / "jobs.db"), "history": History(data / "history.db")}
        self.library = Library(self.config, eyes=self.eyes, reader=BlankPaper(), store=self.store, **parts)
        self.library.start()


@pytest.fixture
def shelves(tmp_path):
    (tmp_path / "bundled").mkdir()
    for n in range(3):
        picture("red", size=(64 + n, 48)).save(tmp_path / "bundled" / f"{n}.png")
    shelves = Shelves(tmp_path / "library")
    yield shelves
    shelves.library.close()
    shelves.store.close()


def test_the_first_start_indexes_the_bundled_photos_and_says_how_far_it_is(shelves, tmp_path, capsys):
    app.fill(shelves, tmp_path / "bundled")
    assert shelves.store.counts().sources == 3
    assert "indexing the bundled photos: 3 of 3" in capsys.readouterr().out


def test_a_later_start_leaves_the_library_as_the_user_left_it(shelves, tmp_path, capsys):
    app.fill(shelves, tmp_path / "bundled")
    shelves.store.remove([shelves.store.sources(limit=1)[0].id])
    capsys.readouterr()
    app.fill(shelves, tmp_path / "bundled")
    assert shelves.store.counts().sources == 2
    assert capsys.readouterr().out == ""


def test_a_first_start_that_was_cut_off_goes_on(shelves, tmp_path):
    app.fill(shelves, tmp_path / "bundled")
    shelves.store.remove([shelves.store.sources(limit=1)[0].id])
    (shelves.config.data / "first-start").write_text("begun")
    app.fill(shelves, tmp_path / "bundled")
    assert shelves.store.counts().sources == 3
    assert (shelves.config.data / "first-start").read_text() == app.DONE


def test_a_library_that_was_emptied_is_not_filled_again_by_a_later_start(shelves, tmp_path):
    app.fill(shelves, tmp_path / "bundled")
    shelves.library.delete_everything()
    app.fill(shelves, tmp_path / "bundled")
    assert shelves.store.counts().sources == 0


class Untidy:
    """Something to tidy, which fails the first time."""

    def __init__(self, rounds: int, ended: threading.Event) -> None:
        self.left, self.ended = rounds, ended

    def tidy(self) -> None:
        self.left -= 1
        if not self.left:
            self.ended.set()
        raise OSError("the disk is full")


def test_tidying_goes_on_after_a_failure_and_ends_with_the_page(caplog):
    ended = threading.Event()
    untidy = Untidy(3, ended)
    tidy_now_and_then(untidy.tidy, ended, every_s=0.001)
    assert untidy.left == 0
    assert caplog.text.count("could not tidy") == 3


def test_only_the_small_copies_outlive_a_restart(tmp_path):
    for name in ("pictures/ab/x.jpg", "uploaded/y.png", "taken/z/z.jpg", "loose.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    app.tidy(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == ["pictures/ab/x.jpg"]


def test_answers_are_not_held_back_until_the_last_packet_was_acknowledged():
    with open_socket(ServeConfig(port=0)) as sock, socket.create_connection(sock.getsockname()):
        accepted, _ = sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
