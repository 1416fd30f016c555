"""Files of quantized weights: safetensors with metadata on what they belong to, and a Markdown card beside each.

A file is valid for one scheme, one version of this format and one base, whose fingerprint it carries; a digest covers
the metadata, the table of its tensors, and all their bytes. A file that is damaged, changed or made for something else
is refused with the reason, since a model of almost right weights gives almost right answers unnoticed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from deepseek_mm.errors import BadCheckpoint, MissingWeights
from deepseek_mm.storage.files import atomic_write, parse_json

FORMAT, VERSION = "deepseek-mm-quantised", 1
PIECE = 1 << 20  # bytes that are hashed at once
Wanted = Mapping[str, tuple[torch.dtype, tuple[int, ...]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantizedFileInfo:
    """The metadata of a file."""

    scheme: str  # as it is named on the command line
    base: str  # fingerprint of the weights in full precision
    full_bytes: int  # that those take in float32
    calibrated: str  # on what
    made: str  # the command that makes it
    note: str = ""  # what else a reader should know


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantizedFile:
    """A file that was read and verified. Its tensors are mapped, not copied."""

    info: QuantizedFileInfo
    tensors: dict[str, Tensor]
    bytes: int  # of the file

    @property
    def share(self) -> float:
        """Of the size in float32, with everything that the file holds: scales, ranges, names."""
        return self.bytes / self.info.full_bytes


def cache_file(cache: Path, scheme: str) -> Path:
    """Where the file of a scheme lies if nobody says otherwise."""
    return cache / "quantised" / f"{scheme}.safetensors"


def write_quantized(file: Path, tensors: Mapping[str, Tensor], told: QuantizedFileInfo) -> Path:
    """Whole or not at all; returns the card's path. LibraryError if there is no room."""
    held = {name: value.detach().contiguous() for name, value in tensors.items()}
    said = json.dumps(asdict(told), sort_keys=True)
    digest = _digest_of(*_split(save(held)), said)
    metadata = {"format": FORMAT, "version": str(VERSION), "told": said, "digest": digest}
    atomic_write(file, save(held, metadata=metadata))
    card = file.with_suffix(".md")
    atomic_write(card, card_of(file, told, held).encode())
    return card


def read_quantized(
    file: Path, *, scheme: str, base: str, wanted: Wanted | None = None, make: str = ""
) -> QuantizedFile:
    """MissingWeights without the file; BadCheckpoint where it is damaged, or for something else, with the reason.

    `base` is the fingerprint that it must have been made of, `wanted` what tensors it must hold, no more and no less;
    `make` the command that makes it, where that is not `quantize`.
    """
    make = make or f"python -m deepseek_mm quantize {scheme} --out {file}"
    if not file.is_file():
        raise MissingWeights(file, make=make)
    try:
        kept = _read(file, scheme, base)
        _compare(kept.tensors, wanted)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BadCheckpoint(f"{file} is refused: {error}. Make it again with: {make}") from error
    return kept


def card_of(file: Path, told: QuantizedFileInfo, tensors: Mapping[str, Tensor]) -> str:
    """For people, in Markdown."""
    sizes: dict[str, int] = {}
    for value in tensors.values():
        kind = str(value.dtype).removeprefix("torch.")
        sizes[kind] = sizes.get(kind, 0) + value.nbytes
    size = file.stat().st_size
    rows = "\n".join(f"| {kind} | {count:,} |" for kind, count in sorted(sizes.items()))
    return (
        f"# {file.name}\n\n{told.scheme}: {size:,} bytes, {size / told.full_bytes:.4f} of {told.full_bytes:,} in"
        f" float32, everything included.\n\n| what | bytes |\n|---|---|\n{rows}\n\n"
        f"- base: the weights with the fingerprint `{told.base}`, and no others\n"
        f"- calibrated on: {told.calibrated}\n- made with: `{told.made}`\n"
        f"- format: {FORMAT} {VERSION}\n" + (f"- note: {told.note}\n" if told.note else "")
    )


def _read(file: Path, scheme: str, base: str) -> QuantizedFile:
    """ValueError and others say what is wrong."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > file.stat().st_size:
            raise ValueError("it is no safetensors file, or torn")
        header: dict[str, Any] = parse_json(stream.read(length))
        said = header.pop("__metadata__", {})
        _expect("format", said.get("format"), FORMAT)
        _expect("version of the format", said.get("version"), str(VERSION))
        digest = hashlib.sha256()
        while piece := stream.read(PIECE):
            digest.update(piece)
    if _digest_of(header, digest.digest(), said["told"]) != said["digest"]:
        raise ValueError("its bytes are not those that were written (the digest differs)")
    told = QuantizedFileInfo(**parse_json(said["told"]))
    _expect("scheme", told.scheme, scheme)
    _expect("base", told.base, base)
    with safe_open(file, framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    return QuantizedFile(info=told, tensors=tensors, bytes=file.stat().st_size)


def _expect(what: str, found: object, wanted: str) -> None:
    if found != wanted:
        raise ValueError(f"its {what} is {found!r}, and {wanted!r} is needed")


def _compare(tensors: Mapping[str, Tensor], wanted: Wanted | None) -> None:
    """ValueError unless the tensors are those wanted, in format and shape."""
    if wanted is None:
        return
    for names, state in ((wanted.keys() - tensors.keys(), "missing"), (tensors.keys() - wanted.keys(), "foreign")):
        if names:
            raise ValueError(f"{len(names)} tensors such as {min(names)} are {state}")
    for name, (dtype, shape) in wanted.items():
        found = tensors[name].dtype, tuple(tensors[name].shape)
        if found != (dtype, shape):
            raise ValueError(f"{name} is {found[0]} of shape {found[1]}, and {dtype} of shape {shape} is needed")


def _split(written: bytes) -> tuple[dict[str, Any], bytes]:
    """The table of tensors, and SHA-256 of their bytes."""
    length = int.from_bytes(written[:8], "little")
    return json.loads(written[8 : 8 + length]), hashlib.sha256(memoryview(written)[8 + length :]).digest()


def _digest_of(header: Mapping[str, Any], data: bytes, said: str) -> str:
    table = json.dumps({name: header[name] for name in sorted(header)}, sort_keys=True)
    return hashlib.sha256(table.encode() + data + said.encode()).hexdigest()
