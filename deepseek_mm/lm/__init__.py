"""Language models: what phrases an answer, on this machine, on a server, or not at all."""

from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.config import OUR_LM, LMConfig
from deepseek_mm.lm.generator import Generator, Prepare, Progress, silence

if TYPE_CHECKING:
    from deepseek_mm.lm.backends.own_model import Opens

__all__ = ["Generator", "Progress", "open_generator"]


def open_generator(
    config: LMConfig,
    *,
    cache: Path,
    progress: Progress | None = None,
    prepare: Prepare | None = None,
    opens: "Opens | None" = None,
) -> Generator:
    """The model that `config` names, ready to speak. `cache` is where models are converted to, once.

    `prepare` may make our own decoder's layers faster, in place; it knows the machine. `opens` may read the decoder
    from files of its own.

    Each kind is imported only when it is wanted: with a server or with "none" no torch is loaded. NothingThere,
    BadCheckpoint, MissingWeights, MissingPackage, LibraryError and ServerError say what the model lacks.
    """
    if config.vlm:
        from deepseek_mm.lm.backends.vision_language_model import open_vlm

        return open_vlm(config.vlm, threads=config.threads, progress=progress or silence)
    if config.name == "none":
        from deepseek_mm.lm.generator import Silent

        return Silent()
    if config.url:
        from deepseek_mm.lm.backends.served_model import open_served

        return open_served(config)
    return _open_here(config, cache, progress or silence, prepare, opens)


def _open_here(
    config: LMConfig, cache: Path, progress: Progress, prepare: Prepare | None, opens: "Opens | None"
) -> Generator:
    """A model on this machine: in our own decoder if it is a Llama or a Qwen 2 or 3, else by transformers."""
    from deepseek_mm.lm.model_folders import find_folder, read_json, title_of, why_not

    folder = find_folder(config.name, cache=cache, progress=progress)
    name = title_of(config.name)
    if why_not(read_json(folder / "config.json")):
        from deepseek_mm.lm.backends.transformers_model import open_local

        return open_local(folder, name=name, threads=config.threads, progress=progress)
    from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_own
    from deepseek_mm.lm.weights import WEIGHTS

    checkpoint = ModelCheckpoint(folder=folder, name=name, changes=WEIGHTS if name == OUR_LM else None, opens=opens)
    return open_own(checkpoint, threads=config.threads, tokens=config.memory_tokens, progress=progress, prepare=prepare)
