"""Files that come with the program beside its packages: the photos to begin with, the help, the lists of packages.

A clone has them at its top; a wheel brings them in a folder of its own within the package (`setup.py` puts them there).
"""

from pathlib import Path

HOUSE = Path(__file__).parents[1]  # the folder of the clone, or the one that packages are installed in
PACKED = Path(__file__).parent / "bundled"
MODELS = "requirements-models.txt"
IS_CLONE = not PACKED.is_dir()
SETUP = "make setup" if IS_CLONE else "deepseek-mm setup"  # what installs the packages of models


def find_bundled(name: str, *, house: Path = HOUSE, packed: Path = PACKED) -> Path:
    """Where a file or folder of this name, relative to the top of a clone, is; it need not be there."""
    return packed / name if packed.is_dir() else house / name
