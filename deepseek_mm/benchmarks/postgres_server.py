"""A PostgreSQL server of its own on a free port, in a temporary folder, as Debian's packages bring it.

For benches and tests: nobody else uses it, and it is gone with its folder. PostgreSQL refuses to run as root, so root
starts it as the user postgres.
"""

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
USER = "postgres"
SETTINGS = {  # of a small server that need not outlive a power cut
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
}
PAUSE_S = 0.02


def is_installed() -> bool:
    """Whether one can be started here."""
    has_driver = all(find_spec(name) is not None for name in ("psycopg", "Stemmer", "procrastinate"))
    there = (BIN / "initdb").exists() and VECTOR.exists() and has_driver
    return there and (os.geteuid() != 0 or RUNUSER is not None)


class PostgresServer:
    """One server, made and not yet started."""

    def __init__(self, **settings: str) -> None:
        """`settings` are PostgreSQL's own, by name."""
        self.home = Path(tempfile.mkdtemp(prefix="postgres-"))  # not below pytest's, which lets only its owner in
        self.folder, self.port = self.home / "cluster", find_free_port()
        self.settings = SETTINGS | settings | {"port": str(self.port), "unix_socket_directories": str(self.home)}
        if os.geteuid() == 0:
            shutil.chown(self.home, USER, USER)
        run_as_postgres(BIN / "initdb", "-D", self.folder, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
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
            time.sleep(PAUSE_S)

    def url(self, database: str = USER) -> str:
        """The address of one of its databases."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres_server(**settings: str) -> Iterator[PostgresServer]:
    """A running server, gone with its folder at the end."""
    server = PostgresServer(**settings)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(server.home, ignore_errors=True)


def run_as_postgres(*words: object) -> None:
    """One of PostgreSQL's programs, as somebody who is not root."""
    before = [RUNUSER, "-u", USER, "--"] if os.geteuid() == 0 and RUNUSER else []
    subprocess.run([*before, *map(str, words)], check=True, stdout=subprocess.DEVNULL, cwd="/")


def find_free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
