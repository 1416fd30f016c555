"""Where a library is kept: the settings `storage`, with what can be wrong with them."""

import re
from dataclasses import dataclass

from deepseek_mm.errors import ConfigError

FOLDER_URL, BUCKET_URL = "file:///", "s3://"
MOST_GB = 100_000
ON_SERVER = "on-server.txt"  # marks a folder as that of a library whose databases lie on a server


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageConfig:
    """Where index, history, jobs and accounts are kept."""

    url: str = ""  # of a PostgreSQL database, postgresql://USER@HOST:5432/DATABASE; empty: in files of the library
    prefix: str = "deepseek_mm"  # that the names of its schemas begin with there
    workers: bool = False  # processes of `python -m deepseek_mm worker` do the long work; servers leave it to them
    files: str = ""  # a store of files that all machines reach, file:///FOLDER or s3://BUCKET/PREFIX; empty: none
    files_endpoint: str = ""  # http(s)://HOST:PORT of the server that has the bucket; empty: Amazon's
    files_here_gb: int = 20  # how much of that store each machine keeps for a while

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
        self._check_files()
        if not re.fullmatch("[a-z][a-z0-9_]{0,19}", self.prefix):
            raise ConfigError(
                f"storage.prefix={self.prefix} must be up to 20 small letters, digits and _, a letter first"
            )

    def _check_files(self) -> None:
        """ConfigError says what is wrong with the store of files."""
        if self.files and not self.files.startswith((FOLDER_URL, BUCKET_URL)):
            raise ConfigError(
                f"storage.files={self.files} must be file:///FOLDER or s3://BUCKET/PREFIX, or empty for none"
            )
        if re.search(r"[@?#]", self.files + self.files_endpoint):
            raise ConfigError(
                "storage.files and storage.files_endpoint hold no keys, which the page of settings would show. "
                "Put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or into ~/.aws/credentials"
            )
        if self.files_endpoint and not re.match("https?://.", self.files_endpoint):
            raise ConfigError(f"storage.files_endpoint={self.files_endpoint} must be like http://HOST:9000")
        if not 1 <= self.files_here_gb <= MOST_GB:
            raise ConfigError(f"storage.files_here_gb={self.files_here_gb} must be in 1 .. {MOST_GB:,}")
