"""Models of a hub in the cache of this machine: fetched at once, gone over to a newer commit, removed.

`fetch_model` is for a start that names a model by a flag, and for the command line; on the page and over the API a
download is a job (`downloads`).
"""

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from filelock import FileLock, Timeout

from deepseek_mm.config import Config, HubConfig, cache_folder
from deepseek_mm.errors import BadQuestion, Conflict, DeepSeekMMError, NothingThere
from deepseek_mm.hub import MAIN, WANTED, Revisions, in_cache, is_hub_name, split_revision
from deepseek_mm.hub.cache import repository_folder
from deepseek_mm.lm.model_folders import remove_converted
from deepseek_mm.models.downloads import show_megabytes
from deepseek_mm.models.hub_client import HubClient
from deepseek_mm.models.transfer import ModelRequest, ModelTransfer, TransferWatch, lock_file

TELL_S = 5.0  # between two lines about how far it is


def fetch_model(
    name: str, config: HubConfig, environ: Mapping[str, str], say: Callable[[str], None], *, newest: bool = False
) -> Path:
    """The folder of OWNER/MODEL or OWNER/MODEL@REVISION, fetched now. Any DeepSeekMMError says why it cannot be had."""
    owned, revision = split_revision(name)
    request = ModelRequest(name=owned, revision=revision or MAIN, wanted=WANTED, newest=newest)
    with closing(HubClient(environ, config)) as client:
        return ModelTransfer(client, request, config, tell_progress(owned, say)).run()


def tell_progress(name: str, say: Callable[[str], None]) -> TransferWatch:
    """Every few seconds a line of how far it is."""
    told_at_s = [time.monotonic()]

    def report(done: int, total: int, path: str) -> None:
        if time.monotonic() - told_at_s[0] >= TELL_S:
            told_at_s[0] = time.monotonic()
            say(f"downloading {name}: {show_megabytes(done)} of {show_megabytes(total)}")

    return TransferWatch(report=report, say=lambda text: say(f"downloading {name}: {text}"), stopping=lambda: False)


def update_model(name: str, config: Config, environ: Mapping[str, str], say: Callable[[str], None]) -> tuple[str, str]:
    """Go over to the newest commit from the next start on: (the one before, this one).

    Where no hub answers that is the newest one that is here. BadQuestion for no name of a hub; NothingThere, and
    nothing was changed.
    """
    if not is_hub_name(name):
        raise BadQuestion(f"{name!r} is no hub's model, which is called OWNER/MODEL. See: models list")
    revisions = Revisions(config.data)
    before = revisions.all().get(name, "")
    try:
        folder = fetch_model(name, config.hub, environ, say, newest=True)
    except DeepSeekMMError as error:
        here = in_cache(name)
        if here is None or here.name == before:
            raise NothingThere(f"{error}. Of {name} nothing was changed") from error
        folder = here
    revisions.keep(name, folder.name)
    return before, folder.name


def folder_size(folder: Path) -> int:
    """Bytes of its files; links lead to them and count nothing."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(path.stat().st_size for path in files)


def find_repository(name: str) -> Path:
    """What is kept of a model, whole or not. BadQuestion for no name of a hub, NothingThere if there is nothing."""
    if not is_hub_name(name):
        raise BadQuestion(f"{name[:80]!r} is no hub's model, which is called OWNER/MODEL. See: models list")
    folder = repository_folder(name)
    if not folder.is_dir():
        raise NothingThere(f"{name} is not on this machine, so there is nothing to remove. See: models list")
    return folder


def remove_model(name: str, data: Path) -> int:
    """Remove all commits of a model from the cache, also for other programs, and what was unpacked of its GGUF files;
    how many bytes that frees.

    NothingThere if it is not here, Conflict while it is being downloaded.
    """
    folder = find_repository(name)
    lock = FileLock(lock_file(name, "model"), mode=0o664)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Conflict(f"{name} is being downloaded. Cancel that first, then remove it") from None
    try:
        freed = folder_size(folder)
        freed += sum(remove_converted(gguf, cache_folder()) for gguf in folder.glob("snapshots/*/*.gguf"))
        _delete(folder)
    finally:
        lock.release()
    Revisions(data).forget(name)
    return freed


def _delete(folder: Path) -> None:
    """By the hub's own package first, which knows what models share; then what it does not know of."""
    from huggingface_hub import scan_cache_dir

    found = scan_cache_dir(folder.parent)
    commits = [each.commit_hash for repo in found.repos if repo.repo_path == folder for each in repo.revisions]
    if commits:
        found.delete_revisions(*commits).execute()
    shutil.rmtree(folder, ignore_errors=True)
