"""Models of a hub: fetched by name, and kept at the revision that came the first time.

Whoever owns OWNER/MODEL may put other weights there at any time. So DATA/models.json remembers which commit a library
was opened with, and every later start asks for that one. `OWNER/MODEL@REVISION` names one outright.
Nothing is fetched that could run as code.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from huggingface_hub import snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

from deepseek_mm.errors import BadQuestion, LibraryError
from deepseek_mm.storage.files import atomic_write, read_json

HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)  # OWNER/MODEL
AT = "@"  # between a name and its revision
FILE = "models.json"
WANTED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")  # of a repository; never pickles or code
UNWANTED = ("original/*", "consolidated*")  # the same weights a second time
UNREACHABLE = (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError)


def fetch(name: str, patterns: Sequence[str] = WANTED) -> Path:
    """The folder of a hub's model, with the files of these patterns; at its newest revision unless one is named.

    Raises one of UNREACHABLE.
    """
    owned, revision = split_revision(name)
    wanted, unwanted = list(patterns), list(UNWANTED)
    return Path(snapshot_download(owned, revision=revision, allow_patterns=wanted, ignore_patterns=unwanted))


def next_step(name: str) -> str:
    """What may help with a revision that the hub does not give any more; empty for a name without one."""
    owned, revision = split_revision(name)
    return f". Or take the newest one: python -m deepseek_mm models update {owned}" if revision else ""


def split_revision(name: str) -> tuple[str, str | None]:
    """ "OWNER/MODEL@REVISION" in its two parts; no revision where there is none, or where it is no hub's name."""
    owned, mark, revision = name.partition(AT)
    return (owned, revision) if mark and revision and is_hub_name(owned) else (name, None)


def without_revision(name: str) -> str:
    """The name alone."""
    return split_revision(name)[0]


def is_hub_name(name: str) -> bool:
    """Whether a model can only be the hub's: OWNER/MODEL, and no folder here."""
    return HUB_NAME.fullmatch(name) is not None and not Path(name).is_dir()


def short_name(name: str) -> str:
    """A name that is safe in a folder name: the folder's last part, or OWNER-MODEL."""
    last = Path(name).expanduser().resolve().name if Path(name).expanduser().is_dir() else without_revision(name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip(".-") or "checkpoint"


def in_cache(name: str) -> Path | None:
    """The folder of a hub's model that was fetched before."""
    owned, revision = split_revision(name)
    config = try_to_load_from_cache(owned, "config.json", revision=revision) if HUB_NAME.fullmatch(owned) else None
    return Path(config).parent if isinstance(config, str) else None


class Revisions:
    """Which revision of each hub's model a library is used with."""

    def __init__(self, data: Path) -> None:
        self.file = data / FILE

    def all(self) -> Mapping[str, str]:
        """Name -> commit. LibraryError if the file is damaged: then nothing is taken for what it is not."""
        try:
            rows = read_json(self.file)
            return {str(name): text_in(row, "revision") for name, row in rows.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise LibraryError(
                f"cannot read which models the library uses in {self.file}: {error}. Move it away, and the next start "
                f"notes those that are there: mv {self.file} {self.file}.damaged"
            ) from error

    def pin(self, name: str) -> str:
        """The name with its revision, if one was recorded; any other name as it is."""
        known = self.all().get(name) if is_hub_name(name) else None
        return f"{name}{AT}{known}" if known else name

    def record(self, *names: str) -> None:
        """Keep the revisions of these names that were just opened for the first time, as the hub's cache has them."""
        known = self.all()
        for name in names:
            if is_hub_name(name) and name not in known and (folder := in_cache(name)) is not None:
                self.keep(name, folder.name)

    def update(self, name: str) -> tuple[str, str]:
        """Go over to the newest revision from the next start on: (the one before, this one). BadQuestion for no name
        of a hub. Raises what `fetch` raises.
        """
        if not is_hub_name(name):
            raise BadQuestion(f"{name!r} is no hub's model, which is called OWNER/MODEL. See: models list")
        before, now = self.all().get(name, ""), fetch(name).name
        self.keep(name, now)
        return before, now

    def keep(self, name: str, revision: str) -> None:
        """Write one down. LibraryError says why it cannot be."""
        rows = {each: {"revision": known} for each, known in self.all().items()} | {
            name: {"revision": revision, "noted_at": datetime.now(UTC).isoformat(timespec="seconds")}
        }
        atomic_write(self.file, json.dumps(rows, indent=1).encode())


def text_in(row: Mapping[str, object], key: str) -> str:
    """The text of a row. TypeError if it is none."""
    if not isinstance(value := row[key], str):
        raise TypeError(f"{key} is {value!r:.80}")
    return value
