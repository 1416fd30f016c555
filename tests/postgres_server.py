"""A PostgreSQL server of its own on a free port, in a temporary folder, as Debian's packages bring it."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

VECTOR = Path("/usr/share/postgresql/17/extension/vector.control")
BIN = Path("/usr/lib/postgresql/17/bin")
RUNUSER = shutil.which("runuser", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
SETTINGS = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
}


def is_installed() -> bool:
    has_driver = all(find_spec(name) is not None for name in ("psycopg", "Stemmer", "procrastinate"))
    there = (BIN / "initdb").exists() and VECTOR.exists() and has_driver
    return there and (os.geteuid() != 0 or RUNUSER is not None)


def as_postgres(*words: object) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return [*([RUNUSER, "-u", "postgres", "--"] if os.geteuid() == 0 else []), *map(str, words)]


class PostgresServer:
    def __init__(self, **settings: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="postgres-"))  # not below pytest's, which lets only its owner in
        self.folder, self.port = self.home / "cluster", free_port()
        self.settings = SETTINGS | settings | {"port": str(self.port), "unix_socket_directories": str(self.home)}
        if os.geteuid() == 0:
            shutil.chown(self.home, "postgres", "postgres")
        run(as_postgres(BIN / "initdb", "-D", self.folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"))
        with (self.folder / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in self.settings.items())

    def start(self) -> None:
        run(as_postgres(BIN / "pg_ctl", "-D", self.folder, "-l", self.folder / "log", "-w", "start"))

    def stop(self, mode: str = "fast") -> None:
        run(as_postgres(BIN / "pg_ctl", "-D", self.folder, "-m", mode, "-w", "stop"))

    def kill(self) -> None:
        """As a power cut would, but for what the system still writes."""
        pid = int((self.folder / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 9)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.02)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres_server(**settings: str) -> Iterator[PostgresServer]:
    server = PostgresServer(**settings)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(server.home, ignore_errors=True)


def run(words: list[str]) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd="/")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
