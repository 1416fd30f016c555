"""Names of a hub's models, the revision of each that a library uses, and where one lies on this machine."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from deepseek_mm.errors import LibraryError
from deepseek_mm.hub.cache import WEIGHTS, commit_of, list_missing, repository_folder, snapshot_folder
from deepseek_mm.storage.files import atomic_write, read_json

HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)  # OWNER/MODEL
AT = "@"  # between a name and its revision
MAIN = "main"  # the branch that a name without a revision means
FILE = "models.json"
WANTED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")  # of a repository; never pickles or code
UNWANTED = ("original/*", "consolidated*")  # the same weights a second time


def split_revision(name: str) -> tuple[str, str | None]:
    """ "OWNER/MODEL@REVISION" in its two parts; no revision where there is none, or where it is no hub's name."""
    owned, mark, revision = name.partition(AT)
    return (owned, revision) if mark and revision and is_hub_name(owned) else (name, None)


def without_revision(name: str) -> str:
    """The name alone."""
    return split_revision(name)[0]


def is_hub_name(name: str) -> bool:
    """Whether a model can only be the hub's: OWNER/MODEL, and no folder or file here."""
    return HUB_NAME.fullmatch(name) is not None and not Path(name).exists()


def short_name(name: str) -> str:
    """A name that is safe in a folder name: the folder's last part, or OWNER-MODEL."""
    last = Path(name).expanduser().resolve().name if Path(name).expanduser().is_dir() else without_revision(name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip(".-") or "checkpoint"


def in_cache(name: str, wanted: Sequence[str] = WANTED) -> Path | None:
    """The folder of a hub's model that is here with every file of these patterns; None if it is not whole."""
    owned, revision = split_revision(name)
    if HUB_NAME.fullmatch(owned) is None:
        return None
    repository = repository_folder(owned)
    commit = commit_of(repository, revision or MAIN)
    folder = snapshot_folder(repository, commit)
    whole = folder.is_dir() and not list_missing(repository, commit, wanted, UNWANTED)
    return folder if whole else None


def explain_absence(name: str, wanted: Sequence[str] = WANTED) -> str:
    """Why `in_cache` finds nothing of this hub's name, and the next step; a sentence without its full stop."""
    owned, revision = split_revision(name)
    repository = repository_folder(owned)
    commit = commit_of(repository, revision or MAIN)
    folder = snapshot_folder(repository, commit)
    step = f"Where there is a network: python -m deepseek_mm models download {owned}"
    newest = f". Or take the newest one: python -m deepseek_mm models update {owned}" if revision else ""
    if not folder.is_dir():
        which = f"revision {revision} of {owned}" if revision else owned
        return f"{which} was not downloaded. {step}{newest}"
    missing = list_missing(repository, commit, wanted, UNWANTED)
    if pickled := sorted(each.name for each in folder.glob("*.bin")) if missing == [WEIGHTS[0]] else []:
        return (
            f"{owned} has no safetensors but {pickled[0]}, and pickled weights are never read, since they can run "
            "code. Choose another model, or have its author convert it"
        )
    return f"{owned} is not here whole: it lacks {len(missing)} files, such as {missing[0]}. {step}{newest}"


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

    def keep(self, name: str, revision: str) -> None:
        """Write one down. LibraryError says why it cannot be."""
        rows = {each: {"revision": known} for each, known in self.all().items()} | {
            name: {"revision": revision, "noted_at": datetime.now(UTC).isoformat(timespec="seconds")}
        }
        self._write(rows)

    def forget(self, name: str) -> None:
        """Keep none of this name any more. LibraryError says why the file cannot be written."""
        known = self.all()
        if name in known:
            self._write({each: {"revision": commit} for each, commit in known.items() if each != name})

    def _write(self, rows: Mapping[str, Mapping[str, str]]) -> None:
        atomic_write(self.file, json.dumps(rows, indent=1).encode())


def text_in(row: Mapping[str, object], key: str) -> str:
    """The text of a row. TypeError if it is none."""
    if not isinstance(value := row[key], str):
        raise TypeError(f"{key} is {value!r:.80}")
    return value
