"""The processes that take files apart: what they are, what they may not, and how they end."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from bombs import pdf_bomb
from made_files import CONFIG, many_pages, pdf_bytes, picture_bytes, read, refusal, scene, written, zip_bytes

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, Cancelled, LimitReached
from deepseek_mm.parse.document import open_file, parse_file, read_page
from deepseek_mm.parse.folder import find_files
from deepseek_mm.parse.workers import wire
from deepseek_mm.parse.workers.client import never, read_letters
from deepseek_mm.parse.workers.pool import WorkerPool, shared_pool

ROOT = Path(__file__).parent.parent
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="walls of Linux")


@pytest.fixture
def pool():
    pool = WorkerPool()
    yield pool
    pool.close()


@contextmanager
def lent(pool, config, *, stopping):
    """A worker of the pool for one file."""
    worker = pool.take(config, stopping=stopping)
    try:
        yield worker
    finally:
        pool.give_back(worker)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds, seconds: float = 20.0) -> bool:
    until_s = time.monotonic() + seconds
    while not holds() and time.monotonic() < until_s:
        time.sleep(0.02)
    return holds()


def run(code: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, check=False, **options
    )


@LINUX
def test_a_program_that_has_very_many_files_open_still_reads_files():
    code = """
        import os, resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (1300, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
        from deepseek_mm.config import ParseConfig
        from deepseek_mm.parse.workers.client import never
        from deepseek_mm.parse.workers.pool import WorkerPool
        pool = WorkerPool()
        worker = pool.take(ParseConfig(), stopping=never)
        print(worker.is_usable)
        pool.give_back(worker)
        pool.close()
    """
    done = run(code)
    assert (done.stdout, done.stderr) == ("True\n", "")


@LINUX
def test_a_worker_never_imports_torch_and_knows_nobodys_keys(pool, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    code = "import sys, deepseek_mm.parse.workers.loop; sys.exit(any(m in sys.modules for m in ('torch', 'faiss')))"
    assert run(code).returncode == 0
    with lent(pool, CONFIG, stopping=never) as worker:
        assert "torch" not in Path(f"/proc/{worker.pid}/maps").read_text()
        assert b"sk-secret" not in Path(f"/proc/{worker.pid}/environ").read_bytes()


@LINUX
def test_a_worker_can_open_no_file_no_socket_and_no_program_and_has_only_its_memory(tmp_path):
    secret = written(tmp_path / "keys.json", "secret")
    found = run(
        f"""
        import os, socket
        from deepseek_mm.parse.workers.loop import confine
        confine(200)

        def tried(name, work):
            try:
                work()
                print(name, "went")
            except (OSError, MemoryError) as error:
                print(name, type(error).__name__)

        tried("read", lambda: open({str(secret)!r}).read())
        tried("passwd", lambda: open("/etc/passwd").read())
        tried("write", lambda: open("/tmp/by_a_worker", "w").write("x"))
        tried("socket", socket.socket)
        tried("fork", os.fork)
        tried("program", lambda: os.execv("/bin/true", ["true"]))
        tried("memory", lambda: bytearray(400_000_000))
        tried("less", lambda: bytearray(50_000_000))
        import encodings.cp1251
        """
    )
    assert found.stdout.split("\n")[:-1] == [
        *(f"{name} PermissionError" for name in ("read", "passwd", "write", "socket", "fork", "program")),
        "memory MemoryError",
        "less went",
    ], found.stderr


@LINUX
def test_workers_die_with_a_program_that_is_killed():
    code = """
        import sys, time
        from deepseek_mm.config import ParseConfig
        from deepseek_mm.parse.workers.pool import shared_pool
        worker = shared_pool().take(ParseConfig(), stopping=lambda: False)
        print(worker.pid, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as program:
        pid = int(program.stdout.readline())
        assert lives(pid)
        program.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not lives(pid))


def test_a_worker_lives_on_after_the_thread_that_first_asked_for_it(pool, tmp_path):
    pids: list[int] = []

    def ask() -> None:
        with lent(pool, CONFIG, stopping=never) as worker:
            pids.append(worker.pid)

    for _ in range(2):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert len(set(pids)) == 1


def test_one_worker_reads_many_files_also_for_a_program_that_is_large(tmp_path):
    """What a process needed at its largest is inherited from the one that started it, by getrusage's account."""
    path = written(tmp_path / "a.png", picture_bytes())
    large = bytearray(400_000_000)
    large[::4096] = bytes(len(large[::4096]))
    shared_pool().close()
    read(path)
    before = shared_pool().pids()
    read(path)
    assert shared_pool().pids() == before != []


@LINUX
def test_a_broken_worker_costs_its_file_and_another_one_is_started_in_the_background(tmp_path):
    path = written(tmp_path / "a.pdf", many_pages(3))
    document = parse_file(open_file(path, CONFIG), CONFIG)
    next(document.pieces)
    victim = next(pid for pid in children() if pid not in shared_pool().pids())
    os.kill(victim, signal.SIGSEGV)
    with pytest.raises(LimitReached, match=r"a\.pdf ended the program that reads it \(SIGSEGV\).*until it changes"):
        list(document.pieces)
    assert wait_until(lambda: len(shared_pool().pids()) > 0)
    assert len(read(path)[1]) == 3


def children() -> list[int]:
    """Numbers of the worker processes of this one."""
    rows = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    found = [int(pid) for row in rows for pid in row]
    return [pid for pid in found if b"workers.loop" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_document_that_is_closed_or_forgotten_gives_its_worker_back(tmp_path):
    config = replace(CONFIG, workers=1)
    path = written(tmp_path / "a.pdf", many_pages(8))
    for how in ("closed", "drained", "forgotten"):
        document = parse_file(open_file(path, config), config)
        if how == "closed":
            document.close()
        elif how == "drained":
            assert len(list(document.pieces)) == 8
        del document
    assert read_page(str(path), 2, config).size == (1280, 1600)


def test_a_step_that_takes_too_long_is_ended_and_its_setting_named(tmp_path):
    path = written(tmp_path / "a.pdf", pdf_bomb(2_000_000))
    started = time.monotonic()
    said = refusal(path, replace(CONFIG, worker_seconds=0.5))
    assert "longer than the 0.5 seconds that parse.worker_seconds allows" in said
    assert time.monotonic() - started < 20


def test_all_steps_of_a_file_have_a_limit_as_well_and_pages_count_one_by_one(tmp_path):
    path = written(tmp_path / "a.pdf", many_pages(60))
    said = refusal(path, replace(CONFIG, worker_file_seconds=0.2))
    assert "reading it took longer than the 0.2 seconds that parse.worker_file_seconds allows" in said
    assert len(read(written(tmp_path / "b.pdf", many_pages(12)), replace(CONFIG, worker_seconds=5))[1]) == 12


def test_a_stop_ends_the_worker_at_once(tmp_path):
    path = written(tmp_path / "a.pdf", pdf_bomb(3_000_000))
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        list(parse_file(open_file(path, CONFIG), CONFIG, stopping=stop.is_set).pieces)
    assert time.monotonic() - started < 15


def test_who_waits_for_a_worker_can_be_stopped(pool):
    config = replace(CONFIG, workers=1)
    with lent(pool, config, stopping=never), pytest.raises(Cancelled):
        pool.take(config, stopping=lambda: True)


def test_words_beyond_all_measure_are_a_limit_that_says_so(tmp_path):
    path = written(tmp_path / "a.txt", "word " * 500_000)
    said = refusal(path, replace(CONFIG, worker_output_mb=1))
    assert "gives more than the 1 MB of words that parse.worker_output_mb allows" in said


def test_letters_of_any_encoding_are_told_by_a_worker_and_no_more_than_are_read(tmp_path):
    path = written(tmp_path / "a.txt", "\u0433\u043e\u0440\u043e\u0434 ".encode("cp1251") * 100)
    file = open_file(path, CONFIG)
    assert read_letters(file, CONFIG).startswith("\u0433\u043e\u0440\u043e\u0434 ")
    assert len(read_letters(file, ParseConfig(max_chars=10))) == 10
    with pytest.raises(BadFile, match="is no text"):
        read_letters(open_file(written(tmp_path / "b.txt", b"\0\1\2" * 99), CONFIG), CONFIG)


def test_the_directory_of_an_archive_is_read_by_a_worker(tmp_path, monkeypatch):
    import zipfile

    path = written(tmp_path / "a.zip", zip_bytes({"in/b.txt": b"words", "c.png": picture_bytes()}))
    monkeypatch.setattr(zipfile, "ZipFile", None)  # here nobody reads one
    assert [Path(found).name for found in find_files([path], CONFIG).files] == ["c.png", "b.txt"]
    assert read(f"{path}!/in/b.txt")[1][0].text == "words"


SOUND = {"kind": "text", "text": "a", "box": [0, 0, 0, 0], "page": 0, "lines": [0, 0], "symbol": None}


@pytest.mark.parametrize(
    "message",
    [
        {"pieces": [SOUND | {"kind": "photo"}]},
        {"pieces": [SOUND | {"text": 3}]},
        {"pieces": [SOUND | {"box": [0, 0, 0]}]},
        {"pieces": [SOUND | {"page": -1}]},
        {"pieces": [SOUND | {"page": True}]},
        {"pieces": [SOUND | {"size": [1601, 1]}]},
        {"pieces": [SOUND | {"size": [0, 10]}]},
        {"pieces": [SOUND | {"symbol": {"name": "f"}}]},
        {"pieces": [[]]},
        {"pieces": 3},
        {"trouble": "all is well"},
        {"words": ["a"]},
        {"head": {"width": "wide"}},
        {"head": {"width": 1, "height": 1, "note": "", "turn": 1, "taken": "never", "at": [None, None]}},
        {"head": {"width": 1, "height": 1, "note": "", "turn": 1, "taken": None, "at": [float("nan"), None]}},
        {"entries": 7},
        {"peak": 1e400},
    ],
)
def test_what_no_sound_worker_says_is_not_believed(message):
    with pytest.raises(wire.Nonsense):
        wire.reply_of(message, 1, memoryview(bytearray(wire.DESK_BYTES)))


@pytest.mark.parametrize(
    "data", [b"\xff" * 8, b"\0" * 7 + b"\x02[]", b"\0" * 7 + b"\x01{", (99).to_bytes(8) + b"[" * 99]
)
def test_a_message_that_is_too_long_or_none_is_not_read(data):
    here, there = socket.socketpair()
    with here, there:
        there.sendall(data)
        there.shutdown(socket.SHUT_WR)
        with pytest.raises(wire.Nonsense):
            wire.receive(lambda size: here.recv(size, socket.MSG_WAITALL))


def test_a_picture_and_its_words_come_over_as_they_were(tmp_path):
    image = scene(size=(61, 43))
    _, (piece,) = read(written(tmp_path / "a.png", picture_bytes(image=image)))
    assert piece.image.tobytes() == image.tobytes()
    _, pieces = read(written(tmp_path / "a.pdf", pdf_bytes([(50, 400, "words here")])))
    assert [(each.kind, each.text) for each in pieces] == [("page", ""), ("text", "words here")]


@LINUX
def test_a_long_pdf_needs_no_more_memory_than_a_short_one(tmp_path):
    path = written(tmp_path / "long.pdf", many_pages(90))
    config = replace(CONFIG, worker_memory_mb=200)  # the pictures of all its pages would be twice as many
    pages = [piece.page for piece in parse_file(open_file(path, config), config).pieces if piece.kind == "page"]
    assert pages == list(range(1, 91))
