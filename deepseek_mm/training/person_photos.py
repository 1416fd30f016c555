"""Photos of people and of nobody, with their cached feature maps.

Some photos carry boxes around people, though not around all of them; others are known to show nobody: captions that
never speak of a person, or a folder of such photos. The tower's maps of a few views of each photo (the photo, its
mirror image, and random crops with changed colours) are computed once and read back in every epoch.

Shape key:  N photos, M side of the middle map (17), G side of the feature map (9), C channels
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor

from deepseek_mm.embeddings.inference import autocast_bf16, prefetch_batches
from deepseek_mm.embeddings.space import Share
from deepseek_mm.embeddings.towers import (
    GRID,
    MAP_CHANNELS,
    MIDDLE_CHANNELS,
    MIDDLE_SIDE,
    SIDE_PX,
    ImageTower,
    squeeze,
    to_pixels,
)
from deepseek_mm.evaluation.regions import BoxRow
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_picture
from deepseek_mm.vision.regions import PEOPLE

BATCH = 32
MAPS = {  # name of the file -> shape of one photo's map, channels last
    "middle": (MIDDLE_SIDE, MIDDLE_SIDE, MIDDLE_CHANNELS),
    "packaged": (GRID, GRID, MAP_CHANNELS),
}
GIVEAWAYS = """
    he she his her him someone male female team group players friends lady ladies guys adults teen teenager teenagers
    youth biker bikers climbers hikers skiers surfers boxer wrestler racer driver worker officer performer band student
    students daughter son mother father mom dad brother sister parent owner clown actor fisherman golfer spectators
    motorcyclist kayaker wakeboarder skater diver hand hands arm arms leg legs face feet wearing shirt two three
"""
SPEAKS_OF_PEOPLE = PEOPLE.union(GIVEAWAYS.split())
SMALLEST_CROP, MOST_STRETCHED = 0.35, 1.5  # of the photo's area; of a crop's sides
LEFT_OVER = 0.3  # of a box that a crop must keep for the person to count
TRIES = 20  # crops that show nobody are thrown away, so often
STRONGEST = 0.25  # change of brightness, contrast and saturation


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxedPhoto:
    """One photo, and the boxes of the people in it; none means that nobody is there."""

    path: Path
    boxes: tuple[Share, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CropWindow:
    """A piece of a photo, mirrored or not."""

    box: Share = (0.0, 0.0, 1.0, 1.0)
    mirrored: bool = False

    def crop_image(self, image: Image.Image) -> Image.Image:
        """The piece as a picture of the tower's size."""
        left, top, right, bottom = self.box
        place = (left * image.width, top * image.height, right * image.width, bottom * image.height)
        piece = image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=place)
        return piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.mirrored else piece

    def crop_boxes(self, boxes: Sequence[Share]) -> tuple[Share, ...]:
        """What remains of the boxes, as shares of the piece; those of which too little remains are gone."""
        kept = []
        x, y, right, bottom = self.box
        for box in boxes:
            cut = (max(box[0], x), max(box[1], y), min(box[2], right), min(box[3], bottom))
            if cut[0] < cut[2] and cut[1] < cut[3] and compute_area(cut) > LEFT_OVER * compute_area(box):
                across = ((cut[0] - x) / (right - x), (cut[2] - x) / (right - x))
                start, end = (1 - across[1], 1 - across[0]) if self.mirrored else across
                kept.append((start, (cut[1] - y) / (bottom - y), end, (cut[3] - y) / (bottom - y)))
        return tuple(kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxFeatures:
    """What the tower makes of the photos, one pair of arrays a view, and the boxes as they lie in each view."""

    boxes: tuple[tuple[tuple[Share, ...], ...], ...]  # view, photo
    maps: tuple[dict[str, NDArray[np.float16]], ...]  # view -> name -> (N, side, side, C)

    def batch(self, photos: Sequence[int], views: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Middle and packaged maps of the given photos, each in the given view, channels first, float32."""
        picked = (
            np.stack([self.maps[view][name][photo] for photo, view in zip(photos, views, strict=True)]) for name in MAPS
        )
        middle, packaged = (torch.from_numpy(maps.astype(np.float32)).permute(0, 3, 1, 2) for maps in picked)
        return middle, packaged


def gather_photos(
    rows: Sequence[BoxRow], images: Path, captioned: Sequence[CaptionRow], folder: Path | None
) -> list[BoxedPhoto]:
    """Photos with boxes, then those whose captions never speak of a person, which lie in `folder`."""
    boxed = zip(find_pictures(images, [row.image for row in rows]), rows, strict=True)
    photos = [BoxedPhoto(path=path, boxes=row.boxes) for path, row in boxed]
    nobody = [row.image for row in captioned if not any(speaks_of_people(caption) for caption in row.captions)]
    return photos + [BoxedPhoto(path=path) for path in find_pictures(folder or images, nobody)]


def speaks_of_people(caption: str) -> bool:
    """Whether any of its words is a person's name or gives one away."""
    return not SPEAKS_OF_PEOPLE.isdisjoint(re.findall(r"[a-z]+", caption.lower()))


def choose_window(view: int, number: int, boxes: Sequence[Share]) -> CropWindow:
    """View 0 is the photo, view 1 its mirror image, any other a crop that depends on photo and view only."""
    if view < 2:
        return CropWindow(mirrored=view == 1)
    chance = np.random.default_rng((view, number))
    for _ in range(TRIES):
        size, shape = chance.uniform(SMALLEST_CROP, 1), MOST_STRETCHED ** chance.uniform(-1, 1)
        wide, high = min(1.0, (size * shape) ** 0.5), min(1.0, (size / shape) ** 0.5)
        x, y = chance.uniform(0, 1 - wide), chance.uniform(0, 1 - high)
        window = CropWindow(box=(x, y, x + wide, y + high), mirrored=bool(chance.integers(2)))
        if not boxes or window.crop_boxes(boxes):
            return window
    return CropWindow()


def prepare_box_features(
    tower: ImageTower, photos: Sequence[BoxedPhoto], folder: Path, *, num_views: int
) -> BoxFeatures:
    """Maps of every view, made where `folder` does not hold them yet."""
    folder.mkdir(parents=True, exist_ok=True)
    windows = [[choose_window(view, n, photo.boxes) for n, photo in enumerate(photos)] for view in range(num_views)]
    return BoxFeatures(
        boxes=tuple(
            tuple(window.crop_boxes(photo.boxes) for window, photo in zip(row, photos, strict=True)) for row in windows
        ),
        maps=tuple(_view(tower, photos, row, folder / f"view{view}") for view, row in enumerate(windows)),
    )


def _view(
    tower: ImageTower, photos: Sequence[BoxedPhoto], windows: Sequence[CropWindow], folder: Path
) -> dict[str, NDArray[np.float16]]:
    shapes = {name: (len(photos), *shape) for name, shape in MAPS.items()}
    files = {name: folder.with_name(f"{folder.name}-{name}.npy") for name in MAPS}
    if not all(file.is_file() and np.load(file, mmap_mode="r").shape == shapes[name] for name, file in files.items()):
        drafts = {name: file.with_suffix(".draft") for name, file in files.items()}
        maps = {
            name: np.lib.format.open_memmap(draft, "w+", dtype=np.float16, shape=shapes[name])
            for name, draft in drafts.items()
        }
        _fill(maps, tower, photos, windows)
        for name, draft in drafts.items():
            draft.replace(files[name])
    return {name: np.load(file, mmap_mode="r") for name, file in files.items()}


def _fill(
    maps: Mapping[str, NDArray[np.float16]],
    tower: ImageTower,
    photos: Sequence[BoxedPhoto],
    windows: Sequence[CropWindow],
) -> None:
    done = 0
    for squares in prefetch_batches(_squares(photos, windows), size=BATCH):
        with torch.inference_mode(), autocast_bf16():
            middle = tower.lower(to_pixels(squares))
            made = {"middle": middle, "packaged": tower.upper(middle)}
        for name, of_batch in made.items():
            maps[name][done : done + len(squares)] = of_batch.float().permute(0, 2, 3, 1).numpy()
        done += len(squares)


def _squares(photos: Sequence[BoxedPhoto], windows: Sequence[CropWindow]) -> Iterator[NDArray[np.uint8]]:
    for number, (photo, window) in enumerate(zip(photos, windows, strict=True)):
        image = read_picture(photo.path)
        whole = window.box == (0.0, 0.0, 1.0, 1.0)
        yield squeeze(window.crop_image(image) if whole else recolour(window.crop_image(image), number))


def recolour(image: Image.Image, number: int) -> Image.Image:
    """With brightness, contrast and saturation changed by up to STRONGEST, depending on the number only."""
    chance = np.random.default_rng(number)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = change(image).enhance(chance.uniform(1 - STRONGEST, 1 + STRONGEST))
    return image


def compute_area(box: Share) -> float:
    """As a share of the picture."""
    return (box[2] - box[0]) * (box[3] - box[1])
