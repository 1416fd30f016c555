"""Photos with hand-made boxes in a real store, for tests of rules."""

from pathlib import Path

import numpy as np
from fakes import picture

from deepseek_mm.assistant import Assistant
from index import LIBRARY, Label, Region, Source
from index.store import RegionStore

CUP, FAR_CUP = ("cup", (0, 100, 40, 140)), ("cup", (180, 0, 200, 20))
LAPTOP, UNSURE_DOG = ("laptop", (60, 90, 160, 150)), ("dog", (0, 0, 60, 60))
PHOTOS = {"desk.png": (CUP, FAR_CUP, LAPTOP), "bare.png": (), "dog.png": (UNSURE_DOG,), "cups.png": (CUP, FAR_CUP)}
SIDES = (200, 150)
Box = tuple[str, tuple[int, int, int, int]]


def put_photo(store: RegionStore, path: Path, *boxes: Box, collection: str = LIBRARY) -> Source:
    """A photo of 200 x 150 with these boxes; a dog is unlikely."""
    source = Source(path=str(path), collection=collection, width_px=SIDES[0], height_px=SIDES[1])
    parts = [
        Region(source=source, box_px=box, labels=(Label(name=name, score=0.1 if name == "dog" else 0.9),))
        for name, box in boxes
    ]
    regions = [Region(source=source, kind="whole", box_px=(0, 0, *SIDES)), *parts]
    return store.add(source, regions, np.eye(len(regions), store.vectors_of([]).shape[1], dtype=np.float32))


def fill(assistant: Assistant, folder: Path) -> None:
    """The four PHOTOS, as files too; the last one is in a collection."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, boxes in PHOTOS.items():
        picture("red", size=SIDES).save(folder / name)
        put_photo(assistant.store, folder / name, *boxes, collection="Trip" if name == "cups.png" else LIBRARY)
