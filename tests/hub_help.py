"""What the tests of downloads share: a hub with one small model, a cache of its own, and one call that downloads."""

import random
from contextlib import closing
from pathlib import Path

from hub_server import HubServer

from deepseek_mm.config import HubConfig
from deepseek_mm.hub import WANTED
from deepseek_mm.hub.cache import repository_folder
from deepseek_mm.models.hub_client import HubClient
from deepseek_mm.models.transfer import ModelRequest, ModelTransfer, TransferWatch

NAME = "some/model"
SIZE = 400_000  # bytes of the weights
FAST = HubConfig(backoff_s=0.01, silence_s=2, connect_s=2, retries=3, longest_wait_s=2, spare_mb=0)
WEIGHTS = "model.safetensors"


def model_files(*, seed: int = 1, size: int = SIZE) -> dict[str, bytes]:
    """A model's files as far as a download can tell, and two that it must leave alone."""
    return {
        "config.json": b'{"model_type": "llama"}',
        "tokenizer.json": b'{"version": "1.0"}',
        "chat_template.jinja": b"{{ messages }}",
        WEIGHTS: random.Random(seed).randbytes(size),
        "modeling_evil.py": b"raise SystemExit(7)",
        "pytorch_model.bin": b"\x80\x04pickle",
    }


def use_cache(monkeypatch, folder: Path) -> Path:
    """Have this process keep models there, and let it ask hubs."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return folder


def begin_anew(hub: HubServer, monkeypatch, folder: Path) -> HubServer:
    """The hub with one model and nothing counted yet, and an empty cache in this folder."""
    use_cache(monkeypatch, folder)
    hub.repositories.clear()
    hub.forget()
    hub.put(NAME, model_files())
    return hub


def environ_of(hub: HubServer, home: Path, **more: str) -> dict[str, str]:
    """The variables of somebody who uses this hub."""
    return {"HF_ENDPOINT": hub.url, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), **more}


def download(
    environ: dict[str, str],
    *,
    config: HubConfig = FAST,
    stopping=lambda: False,
    told: list[object] | None = None,
    **request,
) -> Path:
    """Fetch at once; `told` hears the bytes that are there, and what is said."""
    told = [] if told is None else told
    watch = TransferWatch(report=lambda done, total, path: told.append(done), say=told.append, stopping=stopping)
    with closing(HubClient(environ, config)) as client:
        wanted = request.pop("wanted", WANTED)
        return ModelTransfer(client, ModelRequest(name=NAME, wanted=wanted, **request), config, watch).run()


def parts() -> list[Path]:
    """What unfinished downloads have left."""
    return sorted((repository_folder(NAME) / "blobs").glob("*.incomplete"))
