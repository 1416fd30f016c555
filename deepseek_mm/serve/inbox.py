"""Pictures that came with tasks, kept as files until the task is over: what was acknowledged survives a kill.

DATA/inbox/DIGEST.jpg (or what else it is) holds the bytes that came; the same picture is kept once.
"""

import hashlib
from collections.abc import Set
from pathlib import Path

from PIL.Image import Image

from deepseek_mm.ages import Ages
from deepseek_mm.errors import NothingThere
from deepseek_mm.parse.photo import read_photo
from deepseek_mm.serve.request_pictures import DecodedPicture
from deepseek_mm.storage.files import atomic_write

FOLDER = "inbox"
YOUNG_S = 600.0  # a picture whose task is only about to be written down


class Inbox:
    """The folder, and how large a picture may be."""

    def __init__(self, data: Path, *, max_pixels: int, ages: Ages | None = None) -> None:
        self.folder, self._max_pixels, self._ages = data / FOLDER, max_pixels, ages or Ages()

    def keep(self, taken: DecodedPicture) -> str:
        """Write the picture down: the name that it is found by."""
        name = hashlib.sha256(taken.data).hexdigest() + taken.ending
        if not (self.folder / name).exists():
            atomic_write(self.folder / name, taken.data)
        return name

    def open(self, name: str) -> Image:
        """The picture again. NothingThere if it is gone."""
        return read_photo(self.path(name), max_pixels=self._max_pixels).image

    def path(self, name: str) -> Path:
        """Its file, for those who want the bytes. NothingThere if it is gone."""
        path = self.folder / Path(name).name
        if not path.is_file():
            raise NothingThere(f"the picture {name[:16]} of this task is gone from {self.folder}. Send the task again")
        return path

    def tidy(self, named: Set[str], *, older_s: float = YOUNG_S) -> int:
        """Delete what no task under way names; returns how many went."""
        gone = 0
        for path in self.folder.glob("*"):
            if path.name not in named and self._ages.ago_s(path.stat().st_mtime) >= older_s:
                path.unlink(missing_ok=True)
                gone += 1
        return gone
