"""A whole cluster on this machine, each part a process: PostgreSQL, servers, workers, and nginx as it is shipped."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
from cluster_faults import Link, skewed
from cluster_help import HERE as WORKER
from jobs_help import eventually
from warm_start import ADDRESS, WarmProcess

from deepseek_mm.accounts.permissions import RIGHTS
from deepseek_mm.accounts.shared_access import open_key_ring
from deepseek_mm.benchmarks.cluster.nginx import command_nginx
from deepseek_mm.benchmarks.cluster.shared_library import make_settings
from deepseek_mm.benchmarks.servers import PostgresServer, find_free_port, postgres_server
from deepseek_mm.storage_config import StorageConfig

SERVER = Path(__file__).parent / "cluster_app.py"
START_S = 180.0
LAST_CHARS = 1_500  # of what each part said, where a test fails


class Part:
    """A process of the cluster that is killed and started again; what it says goes into a file."""

    def __init__(self, name: str, log: Path, *words: object, environ: dict[str, str] | None = None) -> None:
        self.name, self.log, self.words = name, log, list(map(str, words))
        self.environ = environ or {}  # beside the usual variables
        self.process: subprocess.Popen | WarmProcess | None = None

    def start(self) -> None:
        if ADDRESS in os.environ and self.words[0] == sys.executable and not self.environ:
            self.process = WarmProcess(self.words[1:], Path.cwd(), dict(os.environ))
        else:
            kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            self.process = subprocess.Popen(self.words, text=True, env=os.environ | self.environ, **kept)
        threading.Thread(target=self._write_down, args=(self.process.stdout,), daemon=True).start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _write_down(self, said: IO[str]) -> None:
        with self.log.open("a") as file:
            for line in said:
                file.write(line)
                file.flush()


class DatabasePart(Part):
    """PostgreSQL, which is killed as by a power cut."""

    def __init__(self, postgres: PostgresServer) -> None:
        super().__init__("postgres", postgres.folder / "log")
        self.postgres = postgres

    def start(self) -> None:
        eventually(self._starts, within_s=START_S)  # the system holds the memory of the killed one for a moment

    def kill(self) -> None:
        self.postgres.kill()

    def is_alive(self) -> bool:
        with suppress(OSError, ValueError, IndexError):
            os.kill(int((self.postgres.folder / "postmaster.pid").read_text().split()[0]), 0)
            return True
        return False

    def _starts(self) -> bool:
        with suppress(subprocess.CalledProcessError):
            self.postgres.start()
            return True
        return False


class Cluster:
    """`client()` reaches it through nginx."""

    def __init__(self, home: Path, postgres: PostgresServer, *, servers: int, workers: int, seconds: float) -> None:
        self.home, self.postgres, self.data = home, postgres, home / "library"
        self.data.mkdir()
        place = (postgres.url(), "c")
        with open_key_ring(make_settings(self.data, StorageConfig(url=place[0], prefix=place[1]))) as keys:
            self.key = keys.add("test", RIGHTS)
        self.ports = [find_free_port() for _ in range(servers)]
        self.link = Link(postgres.port)  # the way of the first worker to the database
        self.servers = [self._make_server(n, *place) for n in range(servers)]
        self.workers = [self._make_worker(n, *place, seconds) for n in range(workers)]
        self.database = DatabasePart(postgres)
        self.port = find_free_port()
        self.nginx = Part("nginx", home / "nginx.log", *command_nginx(home / "nginx", self.port, self.ports))

    def start(self) -> None:
        for part in (*self.servers, *self.workers, self.nginx):
            part.start()
        for port in self.ports:
            eventually(lambda port=port: is_up(port), within_s=START_S)

    def _make_server(self, number: int, url: str, prefix: str) -> Part:
        """The last one has a wrong clock."""
        words = (sys.executable, SERVER, url, prefix, self.data, self.ports[number])
        environ = skewed() if number == len(self.ports) - 1 else {}
        return Part(f"server {number}", self.home / f"server-{number}.log", *words, environ=environ)

    def _make_worker(self, number: int, url: str, prefix: str, seconds: float) -> Part:
        """All have one name; the first one's way can be cut, the second has a wrong clock."""
        way = url.replace(f":{self.postgres.port}/", f":{self.link.port}/") if number == 0 else url
        words = (sys.executable, WORKER, way, prefix, self.home / f"worker-{number}", seconds, "twin")
        log = self.home / f"worker-{number}.log"
        return Part(f"worker {number}", log, *words, environ=skewed() if number == 1 else {})

    def client(self, **more) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"}
        address = f"http://127.0.0.1:{self.port}"
        return httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False, **more)

    def stop(self) -> None:
        for part in (self.nginx, *self.servers, *self.workers):
            if part.process is not None:
                part.kill()
        self.link.close()

    def tell_logs(self) -> None:
        """What each part said last."""
        for part in (self.nginx, *self.servers, *self.workers, self.database):
            said = part.log.read_text()[-LAST_CHARS:] if part.log.exists() else ""
            state = "never started" if part.process is None else part.process.poll()
            sys.stdout.write(f"==== {part.name} ({state})\n{said}\n")


def is_up(port: int) -> bool:
    """Whether a server answers at this port."""
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/health/live", trust_env=False).status_code == 200
    return False


@contextmanager
def cluster(
    home: Path, *, disk: Path | None = None, servers: int = 2, workers: int = 3, seconds: float = 0.0
) -> Iterator[Cluster]:
    """`disk` is a folder for the database; it waits for its disk as one would that must outlive a power cut."""
    with postgres_server(disk, fsync="on", min_wal_size="32MB", max_wal_size="64MB") as postgres:
        whole = Cluster(home, postgres, servers=servers, workers=workers, seconds=seconds)
        try:
            whole.start()
            yield whole
        except BaseException:
            whole.tell_logs()
            raise
        finally:
            whole.stop()
