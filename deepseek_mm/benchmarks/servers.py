"""Servers in processes of their own, as users start them: the page, the API, PostgreSQL; their memory and their time.

`bench start` says how soon a server is there on an existing library. The bundled photos are indexed by a first start,
which is not measured. The second one is: until `GET /` is 200, until the first answer is given, and the resident memory
of the server and of all that it started after ten different requests, of which two bring a photo and one goes to the
language model itself. Then the command line asks, beside the running server and without one.
"""

import base64
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from socket import create_server
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.config import Config
from deepseek_mm.errors import DeepSeekMMError, NothingThere, ServerError
from deepseek_mm.machine import ROOT
from deepseek_mm.settings import describe

Result = TypeVar("Result")
APP = ROOT / "app.py"
PROC = Path("/proc")
START_S, END_S, POLL_S = 600.0, 60.0, 0.1  # that a start and an end may take on a busy machine, between two looks
SAID = 12  # last lines of a server that failed, in the error
READY = "ready: "


class ServerProcess:
    """Runs while the `with` block does; what it prints goes into a log."""

    def __init__(
        self, words: Sequence[str], log: Path, *, cwd: Path = ROOT, environ: Mapping[str, str] | None = None
    ) -> None:
        """`environ` is its environment; None leaves it that of this process."""
        self._words, self._log, self._cwd, self._environ = [sys.executable, *words], log, cwd, environ

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                self._words, cwd=self._cwd, env=self._environ, stdout=log, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def url(self) -> str:
        """The address, once it answers there. ServerError with its last words if it does not start."""
        give_up_at = time.monotonic() + START_S
        while time.monotonic() < give_up_at and self.process.poll() is None:
            lines = self._log.read_text(errors="replace").splitlines()
            for line in lines:
                if line.startswith(READY):
                    return line.removeprefix(READY).split()[0]
            time.sleep(POLL_S)
        said = "\n".join(self._log.read_text(errors="replace").splitlines()[-SAID:])
        raise ServerError(f"the server did not start within {START_S:.0f} s. Try it with: make run. It said:\n{said}")

    def resident_mb(self) -> float:
        """Memory of its process that is in use."""
        return own_mb(self.process.pid)

    def processor_ms(self) -> float:
        """Time that its process has had on the processor, all threads together."""
        fields = (PROC / str(self.process.pid) / "stat").read_text().rpartition(")")[2].split()
        user, system = int(fields[11]), int(fields[12])  # counted from the state, which stands behind the name
        return 1000 * (user + system) / os.sysconf("SC_CLK_TCK")


class PageServer(ServerProcess):
    """`python app.py --port 0 --data FOLDER`; the library lies in `data`, which must be new."""

    def __init__(self, data: Path, config: Config, *, script: Path = APP) -> None:
        self.data = data
        if not script.is_file():
            raise NothingThere(f"no page at {script}. Run this from a clone of the repository")
        data.mkdir()
        (data / "config.toml").write_text(describe_settings(config))
        (data / "first-start").write_text("done")  # the bundled photos stay out
        words = [str(script), "--port", "0", "--data", str(data)]
        super().__init__(words, data.parent / f"{data.name}.log", cwd=data.parent)


@contextmanager
def start_api(setting: BenchSetting) -> Iterator[str]:
    """The address of `python -m deepseek_mm serve` over an empty library, setting.folder / "library"."""
    port = find_free_port()
    words = ["-m", "deepseek_mm", "serve", "--data", str(setting.folder / "library")]
    words += ["--set", f"serve.port={port}", "--set", "library.read_text=false"]
    with ServerProcess(words, setting.folder / "serve.log") as server:
        yield server.url()


_held: list[Any] = []  # in the other process: the object, once it is open


class OwnProcess:
    """An object in a process of its own, which `make` opens there. NothingThere says why it does not open."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        if trouble := self._process.submit(_open, make).result():
            self.close()
            raise NothingThere(trouble)

    def call(self, function: Callable[..., Result], *args: object) -> Result:
        """What the function says of the object over there."""
        return self._process.submit(_call, function, args).result()

    def close(self) -> None:
        """End the process."""
        self._process.shutdown()


def _open(make: Callable[[], object]) -> str:
    """Why there is no object, or "". Errors of ours cannot travel between processes; what they say can."""
    try:
        _held[:] = [make()]
    except DeepSeekMMError as error:
        return str(error)
    return ""


def _call(function: Callable[..., Result], args: Sequence[object]) -> Result:
    return function(_held[0], *args)


def find_free_port() -> int:
    """A port on loopback at which nothing listens just now."""
    with create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def describe_settings(config: Config) -> str:
    """The settings as a file of the library, which says nothing of where it lies itself."""
    lines = describe(config).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("data "))


def resident_mb(pid: int) -> float:
    """Memory in use by a process and everything that it started; 0 if it is gone."""
    return round(sum(map(own_mb, list_family(pid))), 2)


def count_entries(pid: int, kind: str) -> int:
    """How many of a kind a process and everything that it started have: "fd" is open files, "task" threads."""
    total = 0
    for member in list_family(pid):
        with suppress(OSError):  # it is gone
            total += len(os.listdir(PROC / str(member) / kind))
    return total


def list_family(pid: int) -> list[int]:
    """A process and everything that it started."""
    parents = {child: parent_of(child) for child in map(int, filter(str.isdigit, os.listdir(PROC)))}
    return [child for child in parents if is_below(child, pid, parents)]


def is_below(child: int, pid: int, parents: dict[int, int]) -> bool:
    """Whether it is this process, or comes from it."""
    while child not in (0, pid):
        child = parents.get(child, 0)
    return child == pid


def parent_of(pid: int) -> int:
    """0 if it has none, or is gone."""
    try:
        told = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(told.rpartition(")")[2].split()[1])  # a name in brackets may hold anything


def own_mb(pid: int) -> float:
    """Memory in use by one process; 0 if it is gone."""
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


PHOTOS = ("cat.jpg", "coffee.jpg")
QUESTIONS = (
    "Which photos show a dog?",
    "How many photos show a cat?",
    "Is there a rocket?",
    "What is in the photo with the coffee?",
    "Which photos show text?",
    "What colour is the cat?",
    "Show me photos of buildings.",
)
LOOKS = ("What is in this photo?", "What colour is it?")  # of the PHOTOS
TALK = {"model": "deepseek-mm-lm", "max_tokens": 24, "messages": [{"role": "user", "content": "Say hello."}]}
QUICK = (("--help",), ("config",), ("library", "list"), ("history", "list"))
RUNS, ASKS = 5, 3


def measure_start(setting: BenchSetting, root: Path = ROOT) -> BenchResult:
    """All figures of the project in `root`; its server must be able to listen on loopback."""
    house = Checkout(root, setting.folder / "library", setting.folder / "server.log")
    setting.note("indexing the bundled photos: a first start, which is not measured")
    with house.running(wait_ready=True):
        house.wait_idle()
    setting.note("starting again")
    begun = time.perf_counter()
    with house.running() as server:
        house.get_page()
        page_s = time.perf_counter() - begun
        house.post("/ask", {"question": QUESTIONS[0]})
        answer_s = time.perf_counter() - begun
        server.url()
        ready_s = time.perf_counter() - begun
        house.ask_the_rest()
        rss_mb, server_mb = resident_mb(server.process.pid), server.resident_mb()
        asks_s = [house.command("ask", QUESTIONS[1]) for _ in range(ASKS)]
    setting.note("commands without a server")
    alone_s = house.command("ask", QUESTIONS[1])
    help_ms = max(1000 * statistics.median(house.command(*words) for _ in range(RUNS)) for words in QUICK)
    cli_ask_s = statistics.median(asks_s)
    lines = (
        TableLine(
            "memory after ten requests",
            f"{rss_mb:,.0f} MB",
            beside=f"the server {server_mb:,.0f}",
            bar="1,800 (aim 1,000)",
        ),
        TableLine(
            "second start: until GET / is 200", f"{page_s:.1f} s", beside=f"whole page {ready_s:.1f} s", bar="4 (aim 2)"
        ),
        TableLine("  until the first answer", f"{answer_s:.1f} s", bar="7 (aim 4)"),
        TableLine(
            "ask beside a server", f"{cli_ask_s:.2f} s", beside=f"without one {alone_s:.1f} s", bar="1 (aim 0.5); 7"
        ),
        TableLine("--help, config, library list, history list", f"{help_ms:.0f} ms", bar="500 (aim 300)"),
    )
    numbers = {
        "rss_mb": rss_mb,
        "page_s": page_s,
        "answer_s": answer_s,
        "cli_ask_s": cli_ask_s,
        "help_ms": help_ms,
        "server_mb": server_mb,
        "ready_s": ready_s,
        "cli_ask_alone_s": alone_s,
    }
    return BenchResult(lines=lines, numbers=numbers)


class Checkout:
    """A checkout of the project, a library, and a server between them."""

    def __init__(self, root: Path, data: Path, log: Path) -> None:
        self.root, self.data, self.log = root, data, log
        self.environ = os.environ | {"PYTHONPATH": str(root), "DEEPSEEK_MM_DATA": str(data)}
        self.port = find_free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=START_S, trust_env=False)

    @contextmanager
    def running(self, *, wait_ready: bool = False) -> Iterator[ServerProcess]:
        """A server as a user starts it, ended afterwards. ServerError with its last words if it does not start."""
        words = ["app.py", "--data", str(self.data), "--port", str(self.port)]
        with ServerProcess(words, self.log, cwd=self.root, environ=self.environ) as server:
            if wait_ready:
                server.url()
            yield server

    def get_page(self) -> None:
        """Return when `GET /` is 200. ServerError if it never is."""
        give_up = time.perf_counter() + START_S
        while time.perf_counter() < give_up:
            try:
                if self.http.get("/", follow_redirects=True).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(POLL_S)
        raise ServerError(f"nothing answers at port {self.port}. It said:\n{self.log.read_text()[-2000:]}")

    def wait_idle(self) -> None:
        """Return when all work on the library is done: the text of its photos is read, and they are described."""
        give_up = time.perf_counter() + START_S
        while self.http.get("/library").json()["busy"] and time.perf_counter() < give_up:
            time.sleep(POLL_S)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer to a request. ServerError where it is refused."""
        response = self.http.post(path, json=body)
        if response.status_code != httpx.codes.OK:
            raise ServerError(f"{path} answers {response.status_code}: {response.text[:500]}")
        return response.json()

    def ask_the_rest(self) -> None:
        """Nine different requests."""
        for question in QUESTIONS[1:]:
            self.post("/ask", {"question": question})
        for question, name in zip(LOOKS, PHOTOS, strict=True):
            data = base64.b64encode((self.root / "examples" / "photos" / name).read_bytes()).decode()
            self.post("/ask", {"question": question, "pictures": [f"data:image/jpeg;base64,{data}"]})
        self.post("/v1/chat/completions", TALK)

    def command(self, *words: str) -> float:
        """Seconds that a command takes from its start to its end. ServerError with what it said if it fails."""
        line: Sequence[str] = [sys.executable, "-m", "deepseek_mm", *words]
        begun = time.perf_counter()
        done = subprocess.run(line, cwd=self.root, env=self.environ, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - begun
        if done.returncode not in (0, 1):
            raise ServerError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return seconds


VECTOR = Path("/usr/share/postgresql/17/extension/vector.control")
BIN = Path("/usr/lib/postgresql/17/bin")
RUNUSER = shutil.which("runuser", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
SUPERUSER = "postgres"
POSTGRES_SETTINGS = {  # of a small server that need not outlive a power cut
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
}
POSTGRES_PAUSE_S = 0.02


def has_postgres() -> bool:
    """Whether one can be started here."""
    has_driver = all(find_spec(name) is not None for name in ("psycopg", "Stemmer", "procrastinate"))
    there = (BIN / "initdb").exists() and VECTOR.exists() and has_driver
    return there and (os.geteuid() != 0 or RUNUSER is not None)


class PostgresServer:
    """One server, made and not yet started."""

    def __init__(self, below: Path | None = None, /, **settings: str) -> None:
        """`settings` are PostgreSQL's own, by name; its files lie `below` a folder that all may enter."""
        self.home = Path(tempfile.mkdtemp(prefix="postgres-", dir=below))  # pytest's folders let only their owner in
        self.folder, self.port = self.home / "cluster", find_free_port()
        self.settings = (
            POSTGRES_SETTINGS | settings | {"port": str(self.port), "unix_socket_directories": str(self.home)}
        )
        if os.geteuid() == 0:
            shutil.chown(self.home, SUPERUSER, SUPERUSER)
        run_as_postgres(BIN / "initdb", "-D", self.folder, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync")
        with (self.folder / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in self.settings.items())

    def start(self) -> None:
        """Wait until it lets somebody in. CalledProcessError if it does not start."""
        run_as_postgres(BIN / "pg_ctl", "-D", self.folder, "-l", self.folder / "log", "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """End it, in a mode of pg_ctl's."""
        run_as_postgres(BIN / "pg_ctl", "-D", self.folder, "-m", mode, "-w", "stop")

    def kill(self) -> None:
        """As a power cut would, but for what the system still writes."""
        pid = int((self.folder / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 9)
        while Path(f"/proc/{pid}").exists():
            time.sleep(POSTGRES_PAUSE_S)

    def url(self, database: str = SUPERUSER) -> str:
        """The address of one of its databases."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres_server(below: Path | None = None, /, **settings: str) -> Iterator[PostgresServer]:
    """A running server, gone with its folder at the end."""
    server = PostgresServer(below, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(server.home, ignore_errors=True)


def run_as_postgres(*words: object) -> None:
    """One of PostgreSQL's programs, as somebody who is not root."""
    before = [RUNUSER, "-u", SUPERUSER, "--"] if os.geteuid() == 0 and RUNUSER else []
    subprocess.run([*before, *map(str, words)], check=True, stdout=subprocess.DEVNULL, cwd="/")
