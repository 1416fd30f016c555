"""Language models: what phrases an answer, on this machine, on a server, or not at all."""

import os
from pathlib import Path

from deepseek_mm.config import LMConfig
from deepseek_mm.lm.generator import Generator, Progress, silence

__all__ = ["Generator", "Progress", "open_generator"]


def open_generator(config: LMConfig, *, cache: Path, progress: Progress | None = None) -> Generator:
    """The model that `config` names, ready to speak. `cache` is where models are converted to, once.

    Each kind is imported only when it is wanted: with a server or with "none" no torch is loaded. NothingThere,
    BadCheckpoint, MissingWeights, LibraryError and ServerError say what the model lacks.
    """
    if config.name == "none":
        from deepseek_mm.lm.silent import Silent

        return Silent()
    if config.url:
        from deepseek_mm.lm.remote import open_remote

        return open_remote(config, key=os.environ.get(config.api_key_env, ""))
    from deepseek_mm.lm.checkpoint import open_local

    return open_local(config.name, cache=cache, threads=config.threads, progress=progress or silence)
