"""Models of a hub: fetched by name, kept at the revision that came first, and checked in size before they are built.

Whoever owns OWNER/MODEL may put other weights there at any time. So DATA/models.json remembers which commit a library
was opened with, and every later start asks for that one. `OWNER/MODEL@REVISION` names one outright.
Nothing is fetched that could run as code.

A model is built to the sizes that are written there, whatever the files hold: one absurd number fills the memory, or
takes hours. So no width may be larger than the largest side of a tensor, there may be no more layers than tensors, and
the matrices that the sizes ask for may hold no more numbers than the files do, with room for weights that were packed.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import Any

from deepseek_mm.errors import BadQuestion, LibraryError
from deepseek_mm.storage.files import atomic_write, parse_json, read_json, read_small

HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)  # OWNER/MODEL
AT = "@"  # between a name and its revision
FILE = "models.json"
WANTED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")  # of a repository; never pickles or code
UNWANTED = ("original/*", "consolidated*")  # the same weights a second time
UNREACHABLE = (OSError, ValueError)  # whatever the hub's package raises; ValueError is a name that it does not take


def fetch(name: str, patterns: Sequence[str] = WANTED) -> Path:
    """The folder of a hub's model, with the files of these patterns; at its newest revision unless one is named.

    Raises one of UNREACHABLE.
    """
    from huggingface_hub import snapshot_download  # here, because lists of models must not wait for the hub's package

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
    from huggingface_hub import try_to_load_from_cache  # as above

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


MOST_HEADER_BYTES = 100_000_000  # as safetensors itself has it
MOST_CONFIG_BYTES = 10_000_000
PACKED = 16  # times: numbers of 2 bits in words of 32
USUAL = 4_096  # a width that some settings have which nothing uses
SMALL = 10_000_000  # numbers that a model may have whatever its files hold
WIDTHS = ("hidden_size", "d_model", "n_embd", "embed_dim", "projection_dim", "intermediate_size", "ffn_dim", "d_ff",
          "mlp_dim", "vocab_size", "head_dim")  # fmt: skip
LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "depth", "encoder_layers", "decoder_layers")
HEADS = ("num_attention_heads", "num_key_value_heads", "n_head")
BOUNDS = {"image_size": 1 << 16, "patch_size": 1 << 12, "num_channels": 1 << 12, "max_position_embeddings": 1 << 24}
Section = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightSummary:
    """What the files hold, by their headers."""

    tensors: int
    longest: int  # side of a tensor
    numbers: int


def check_sizes(folder: Path, files: Sequence[Path]) -> None:
    """ValueError says which size is absurd, and what the files hold. A config that cannot be read is left to others."""
    config = folder / "config.json"
    if not config.is_file() or not files:
        return
    weights = weights_of(files)
    try:
        written = parse_json(read_small(config, most_bytes=MOST_CONFIG_BYTES))
    except ValueError as error:
        raise ValueError(f"{config} holds no settings: {error}") from error
    for section in sections(written):
        for name, value, most in bounds_of(section, weights):
            if not isinstance(value, int) or not 0 <= value <= most:
                raise ValueError(
                    f"{config} says {name}={value!r:.40}, and the weights beside it allow at most {most:,}"
                )
        needed = numbers_of(section)
        if needed > PACKED * weights.numbers + SMALL:
            raise ValueError(
                f"{config} describes a model of {needed:,} numbers or more, and the weights beside it hold "
                f"{weights.numbers:,}"
            )


def weights_of(files: Sequence[Path]) -> WeightSummary:
    """What the headers say. ValueError for a file that has none."""
    shapes = [shape for file in files for shape in shapes_in(file)]
    longest = max((side for shape in shapes for side in shape), default=0)
    return WeightSummary(tensors=len(shapes), longest=longest, numbers=sum(map(prod, shapes)))


def shapes_in(file: Path) -> list[tuple[int, ...]]:
    """The shapes of a safetensors file: 8 bytes of length, little-endian, then JSON. ValueError if it is none."""
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > MOST_HEADER_BYTES:
            raise ValueError(f"{file} is no safetensors file: its header claims {size:,} bytes")
        try:
            header = parse_json(stream.read(size))
            return [tuple(map(int, row["shape"])) for name, row in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ValueError(f"{file} is no safetensors file: {type(error).__name__}, {error}") from error


def sections(written: Any, depth: int = 0) -> Iterator[Section]:
    """Every object of a config, the outermost first."""
    if isinstance(written, dict) and depth < 8:
        yield written
        for value in written.values():
            yield from sections(value, depth + 1)


def bounds_of(section: Section, weights: WeightSummary) -> Iterator[tuple[str, Any, int]]:
    """(name, value, most) of every size in one object."""
    widest = max(weights.longest, USUAL)
    limits = dict.fromkeys(WIDTHS, widest) | dict.fromkeys(LAYERS, weights.tensors)
    limits |= dict.fromkeys(HEADS, widest) | BOUNDS
    for name, most in limits.items():
        if section.get(name) is not None and not isinstance(section[name], list | dict):
            yield name, section[name], most


def numbers_of(section: Section) -> int:
    """How many numbers a model of these sizes has at least: one matrix a layer, the words, the places in a picture."""

    def size(*names: str, otherwise: int = 0) -> int:
        return next((section[name] for name in names if isinstance(section.get(name), int)), otherwise)

    width = size("hidden_size", "d_model", "n_embd", "embed_dim")
    inner = size("intermediate_size", "ffn_dim", "d_ff", "mlp_dim", otherwise=width)
    patches = (size("image_size") // max(1, size("patch_size", otherwise=16))) ** 2
    return width * (size(*LAYERS, otherwise=1) * inner + size("vocab_size") + patches)
