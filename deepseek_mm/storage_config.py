"""Where a library is kept: the settings `storage`, with what can be wrong with them."""

import re
from dataclasses import dataclass

from deepseek_mm.errors import ConfigError

ON_SERVER = "on-server.txt"  # marks a folder as that of a library whose databases lie on a server


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageConfig:
    """Where index, history, jobs and accounts are kept."""

    url: str = ""  # of a PostgreSQL database, postgresql://USER@HOST:5432/DATABASE; empty: in files of the library
    prefix: str = "deepseek_mm"  # that the names of its schemas begin with there
    workers: bool = False  # processes of `python -m deepseek_mm worker` do the long work; servers leave it to them

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("postgresql://", "postgres://")):
            raise ConfigError(
                f"storage.url={self.url} must begin with postgresql://, such as: postgresql://USER@HOST:5432/DATABASE"
            )
        if "@" in self.url and ":" in self.url.split("//", 1)[1].rpartition("@")[0]:
            raise ConfigError(
                "storage.url holds a password, which the page of settings and the list of processes would show. "
                "Leave it out, and put it into ~/.pgpass, as HOST:PORT:DATABASE:USER:PASSWORD, or into PGPASSWORD"
            )
        if self.workers and not self.url:
            raise ConfigError(
                "storage.workers needs a server that they share. Name one: storage.url=postgresql://USER@HOST/DATABASE"
            )
        if not re.fullmatch("[a-z][a-z0-9_]{0,19}", self.prefix):
            raise ConfigError(
                f"storage.prefix={self.prefix} must be up to 20 small letters, digits and _, a letter first"
            )
