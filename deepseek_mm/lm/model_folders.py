"""A model's name becomes a folder on this machine: the package that comes along, a folder, or the hub.

No model is opened here, and neither torch nor transformers is imported.
"""

import hashlib
from pathlib import Path

from deepseek_mm.config import BASE_LM, EDGE_LM, OUR_LM, PACKAGED_LMS
from deepseek_mm.errors import BadCheckpoint, NothingThere
from deepseek_mm.hub import UNREACHABLE, fetch, next_step, without_revision
from deepseek_mm.lm.backends.packaged_gguf import convert_once, digest_of, packaged_gguf
from deepseek_mm.lm.generator import Progress

EDGE_FOLDER = Path(__file__).parent.parent / "weights" / "edge_lm"


def find_folder(name: str, *, cache: Path, progress: Progress) -> Path:
    """Where the checkpoint lies on this machine; what is not there yet is converted or fetched. Ours has its base's."""
    if name in PACKAGED_LMS:
        return convert_once(packaged_gguf(), cache=cache, progress=progress)
    if name == EDGE_LM:
        return EDGE_FOLDER
    return find_or_fetch(name, progress, otherwise=f"Name a folder, a hub model, {OUR_LM!r}, {BASE_LM!r} or 'none'")


def find_or_fetch(name: str, progress: Progress, *, otherwise: str) -> Path:
    """The folder, or the hub's repository of that name. NothingThere says what to do `otherwise`."""
    if name and Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    progress(f"looking for {without_revision(name)} on the hub")
    try:
        return fetch(name)
    except UNREACHABLE as error:
        raise NothingThere(
            f"no language model {name!r}: it is no folder here, and the hub did not give it ({first_line(error)})."
            f" {otherwise}{next_step(name)}"
        ) from error


def fingerprint(folder: Path) -> str:
    """SHA-256 over the weights' files, hexadecimal, in order of their names."""
    total = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        total.update(digest_of(path))
    return total.hexdigest()


def unreadable_error(folder: Path, reason: str) -> BadCheckpoint:
    """The error for a folder that no model can be made of."""
    return BadCheckpoint(
        f"cannot read the language model in {folder}: {reason}."
        " A folder needs config.json, a tokenizer and *.safetensors, all whole: copy or fetch it again"
    )


def first_line(error: Exception) -> str:
    """What an error of somebody else's says, shortly."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
