"""Which models of the catalogue the hub's cache holds whole, seen by its folders alone.

The hub's package is not asked, because importing it takes longer than everything else that a list of models needs. The
folders are those that it documents: models--OWNER--MODEL/snapshots/COMMIT/FILE, and refs/main with the newest commit.
A file appears in a snapshot only once it is there whole.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

from deepseek_mm.models.catalogue import ModelCard

WEIGHTS = (".safetensors", ".gguf")
SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.")  # of weights in several files


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where the hub's package keeps what it fetched."""
    if named := environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(named).expanduser()
    home = environ.get("HF_HOME") or Path(environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def find_snapshot(card: ModelCard, cache: Path, revision: str = "") -> Path | None:
    """The folder with this revision of a model, or with the newest that was fetched; None unless it is whole."""
    repository = cache / f"models--{card.id.replace('/', '--')}"
    try:
        commit = revision or (repository / "refs" / "main").read_text().strip()
        folder = repository / "snapshots" / commit
        names = [path.name for path in folder.iterdir() if path.is_file()]
    except OSError:
        return None
    return folder if commit and holds_weights(card, names) else None


def holds_weights(card: ModelCard, names: list[str]) -> bool:
    """Whether these files are all the weights that the row asks for, every part of them."""
    asked = [pattern for pattern in card.files if pattern.endswith(WEIGHTS)]
    found = [name for name in names if any(fnmatch(name, pattern) for pattern in asked)]
    parts = [part for name in found if (part := SHARD.search(name))]
    return bool(found) and len(parts) == max((int(part[2]) for part in parts), default=0)
