"""A small library as a person has it: bundled photos with dates and places, and a video over three of them."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import av
from PIL import Image, ImageOps
from serving import ROOT

BUNDLED = ROOT / "examples" / "photos"
PISA = {1: "N", 2: (43.0, 43.0, 22.0), 3: "E", 4: (10.0, 23.0, 47.0)}  # as EXIF writes it
ROME = {1: "N", 2: (41.0, 53.0, 25.0), 3: "E", 4: (12.0, 29.0, 32.0)}
RATE, SIZE, SCENE_S = 10, (640, 360), 3  # of the video


def keep_photo(
    folder: Path, name: str, source: str, day: datetime, place: dict | None = None, cut: float = 1.0
) -> Path:
    """A bundled photo, as large a part of it, taken on this day at this place."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = f"{day:%Y:%m:%d %H:%M:%S}"
    if place:
        exif.get_ifd(0x8825).update(place)
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(BUNDLED / source) as photo:
        width, height = round(photo.width * cut), round(photo.height * cut)
        photo.convert("RGB").crop((0, 0, width, height)).save(folder / name, exif=exif, quality=92)
    return folder / name


def film(path: Path, sources: Sequence[str]) -> Path:
    """A video that moves over these bundled photos, three seconds each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=RATE)
        stream.width, stream.height = SIZE
        stream.pix_fmt, stream.codec_context.gop_size = "yuv420p", RATE
        for source in sources:
            with Image.open(BUNDLED / source) as photo:
                wide = ImageOps.fit(photo.convert("RGB"), (SIZE[0] + 2 * RATE * SCENE_S, SIZE[1]))
            for n in range(RATE * SCENE_S):
                picture = wide.crop((2 * n, 0, 2 * n + SIZE[0], SIZE[1]))
                container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode(None))
    return path


def make_holidays(folder: Path, year: int) -> Path:
    """The folder, filled: a summer of this year at lakes, a trip to Italy, Christmas of the year before, a video."""
    lake = folder / "lake"
    keep_photo(lake, "lake-1.jpg", "lake-mountains.jpg", datetime(year, 7, 3, 10))
    keep_photo(lake, "lake-2.jpg", "lake-mountains.jpg", datetime(year, 7, 4, 11), cut=0.9)
    keep_photo(lake, "lake-3.jpg", "pagoda-lake.jpg", datetime(year, 8, 9, 18))
    keep_photo(lake, "dune.jpg", "desert-dune.jpg", datetime(year, 8, 12, 9))
    keep_photo(folder / "old", "lake-old.jpg", "lake-mountains.jpg", datetime(year - 3, 7, 3, 10), cut=0.8)
    italy = folder / "italy"
    keep_photo(italy, "tower.jpg", "tower-of-pisa.jpg", datetime(year, 5, 2, 12), PISA)
    keep_photo(italy, "flowers.jpg", "flower-dahlia.jpg", datetime(year, 5, 2, 13), PISA)
    keep_photo(italy, "friend.jpg", "portrait-grace-hopper.jpg", datetime(year, 5, 2, 14), PISA)
    keep_photo(italy, "colosseum.jpg", "colosseum.jpg", datetime(year, 5, 4, 9), ROME)
    keep_photo(folder / "winter", "tree.jpg", "wine-and-drum.jpg", datetime(year - 1, 12, 24, 18))
    film(folder / "clips" / "clip.webm", ["desert-dune.jpg", "dogs-window.jpg", "saturn.jpg"])
    return folder
