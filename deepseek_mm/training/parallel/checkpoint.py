"""Checkpoints that any layout can read: every rank writes the pieces that it has, each named by where it belongs.

A piece is a stretch of one parameter, or of one of its moments, on one tensor rank. A reader of another layout puts the
pieces of a parameter together and cuts the whole anew. No process ever holds the whole model. The manifest is written
when all ranks have, and then the folder gets its name: a checkpoint is whole or absent.
"""

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepseek_mm.errors import BadCheckpoint, ConfigError, NothingThere
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.parallel.shards import ShardCut, join_parts

MANIFEST, DRAFT, KEPT = "manifest.json", ".draft", 2  # checkpoints kept
Pieces = Mapping[str, list[tuple[str, int, Tensor]]]  # kind -> parameter, where the piece begins, its values


def save_pieces(out: Path, step: int, pieces: Pieces, *, rank: int, tensor: int) -> None:
    """This rank's file of the checkpoint in the making."""
    draft = name_draft(out, step)
    draft.mkdir(parents=True, exist_ok=True)
    named = {f"{kind}|{name}|{tensor}|{at}": value for kind, some in pieces.items() for name, at, value in some}
    beside = draft / f".rank-{rank:04}"
    save_file({name: value.contiguous() for name, value in named.items()}, beside)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(draft / f"rank-{rank:04}.safetensors")


def finish_checkpoint(
    out: Path, step: int, settings: Mapping[str, Any], sizes: Mapping[str, list[int]], *, layout: str
) -> None:
    """Called by one rank when all have saved: name the folder, and drop those that nobody needs any more."""
    draft, done = name_draft(out, step), out / f"step-{step:08}"
    told = {"step": step, "layout": layout, "settings": settings, "sizes": sizes}
    atomic_write(draft / MANIFEST, json.dumps(told, indent=1).encode())
    shutil.rmtree(done, ignore_errors=True)
    draft.rename(done)
    for old in _list_checkpoints(out)[:-KEPT]:
        shutil.rmtree(old)


def name_draft(out: Path, step: int) -> Path:
    """Where a checkpoint is written before it has its name."""
    return out / f"step-{step:08}{DRAFT}"


def find_latest(out: Path) -> Path | None:
    """The newest whole checkpoint of a run, if it has one."""
    folders = _list_checkpoints(out)
    return folders[-1] if folders else None


class ShardedCheckpoint:
    """One checkpoint, open for reading; only what is asked for is read."""

    def __init__(self, folder: Path, files: list[Any], cuts: Mapping[str, ShardCut]) -> None:
        self.folder, self._cuts = folder, cuts
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self.step, self.settings = int(manifest["step"]), dict(manifest["settings"])
        self.sizes = {name: torch.Size(size) for name, size in manifest["sizes"].items()}
        self._found: dict[tuple[str, str], dict[int, dict[int, Any]]] = defaultdict(lambda: defaultdict(dict))
        for file in files:
            for key in file.keys():  # noqa: SIM118  # safetensors' files are no mappings
                kind, name, tensor, at = key.split("|")
                self._found[kind, name][int(tensor)][int(at)] = (file, key)

    def whole(self, kind: str, name: str) -> Tensor:
        """A parameter (kind `weight`), or one of its moments, as one process would have it."""
        size, ranks = self.sizes[name], self._found.get((kind, name), {})
        cut = self._cuts.get(name)
        parts = [self._join_pieces(ranks[tensor]) for tensor in sorted(ranks)]
        if sum(len(part) for part in parts) != size.numel():
            raise BadCheckpoint(
                f"{self.folder} lacks a part of {name} ({kind}). Remove that folder to use the one before"
            )
        own = list(size)
        if cut is not None:
            own[cut.dim] //= len(parts)
        return join_parts([part.view(own) for part in parts], cut)

    def check(self, settings: Mapping[str, Any]) -> None:
        """ConfigError if it was made by another recipe; the layout may be another."""
        differ = sorted(k for k in settings if settings[k] != self.settings.get(k))
        if differ:
            raise ConfigError(f"{self.folder} was made with other settings ({', '.join(differ)}). Use another --out")

    @staticmethod
    def _join_pieces(pieces: Mapping[int, Any]) -> Tensor:
        return torch.cat([pieces[at][0].get_tensor(pieces[at][1]) for at in sorted(pieces)])


@contextmanager
def open_checkpoint(folder: Path, cuts: Mapping[str, ShardCut]) -> Iterator[ShardedCheckpoint]:
    """The checkpoint in the folder. NothingThere or BadCheckpoint say what is wrong with it."""
    if not (folder / MANIFEST).is_file():
        raise NothingThere(f"no checkpoint in {folder}. Train first, or name a folder like step-00000010")
    with ExitStack() as stack:
        try:
            files = [stack.enter_context(safe_open(path, framework="pt")) for path in sorted(folder.glob("rank-*"))]
            found = ShardedCheckpoint(folder, files, cuts)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise BadCheckpoint(f"{folder} cannot be read ({error}). Remove it to use the one before") from error
        yield found


def read_weights(folder: Path, cuts: Mapping[str, ShardCut]) -> dict[str, Tensor]:
    """Every parameter of a checkpoint, whole, by its name in `Decoder`."""
    with open_checkpoint(folder, cuts) as found:
        return {name: found.whole("weight", name) for name in found.sizes}


def _list_checkpoints(out: Path) -> list[Path]:
    return sorted(path for path in out.glob("step-*") if not path.name.endswith(DRAFT))
