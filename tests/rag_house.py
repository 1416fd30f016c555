"""A small house for the Assistant's tests: painted photos, real store, eyes and history, a model that parrots."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from fakes import BlankPaper, ColourSpace, Parrot, picture
from PIL import Image
from storage_contract import place_of

from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config
from deepseek_mm.errors import ServerError
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs
from deepseek_mm.library import Library
from deepseek_mm.lm.generator import Generator
from deepseek_mm.parse.document import read_photo
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.types import Evidence, Message
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from index import Label, Region, Source
from index.store import RegionStore


class BrokenServer:
    """Says a few words, then fails as a server does."""

    name, fingerprint, sees = "far-away", "far-1", False

    def __init__(self, text: str = "") -> None:
        self.text = text

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: Event) -> Iterator[str]:
        yield self.text
        raise ServerError("http://127.0.0.1:9/v1 did not answer. Start the server, or choose another with --llm URL")


def paint(folder: Path, name: str, colour: str, patch: str = "") -> Path:
    """A photo file, 64 x 48, lossless."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    picture(colour, patch=patch).save(path)
    return path


def build(
    data: Path,
    *,
    lm: Generator | None = None,
    space: ColourSpace | None = None,
    home: str = "space",
    eyes: VisionPipeline | None = None,
    **changes: object,
) -> Assistant:
    """An Assistant over `data` with nothing indexed, its store in `home`; changes go into its LMConfig."""
    config = Config(data=data)
    config = replace(config, lm=replace(config.lm, **{"phrasing": "free", **changes}))
    space = eyes.space if eyes else space or ColourSpace()
    eyes = eyes or VisionPipeline(space, config.see)
    store = RegionStore(
        data / home,
        space_name=space.name,
        fingerprint=space.fingerprint,
        dim=space.dim,
        config=config.index,
        place=place_of(data / home),
    )
    history = History(data / "history.db")
    jobs = Jobs(data / "jobs.db")
    library = Library(config, eyes=eyes, reader=BlankPaper(), store=store, jobs=jobs, history=history)
    retriever = Retriever(space, store, eyes, config)
    return Assistant(config, eyes=eyes, retriever=retriever, library=library, lm=lm or Parrot(""), history=history)


def put(assistant: Assistant, *paths: Path) -> None:
    """Index these photos."""
    for path in paths:
        photo = read_photo(path, max_pixels=assistant.config.parse.max_pixels)
        (seen,) = assistant.eyes.see_many([ImageAnalysis(photo.image, photo.source)])
        assistant.store.add(photo.source, seen.regions, seen.vectors_ND)


def photo_of(
    *parts: tuple[str, tuple[int, int, int, int], str, float],
    name: str = "beach.jpg",
    labels: Sequence[tuple[str, float]] = (),
    presence: Sequence[tuple[str, float]] = (),
    start: int = 1,
    **source: object,
) -> list[Evidence]:
    """Hand-made evidence of one photo of 300 x 300: the whole, then the parts (label, box, colours, score)."""
    of = Source(path=f"/photos/{name}", width_px=300, height_px=300, size_bytes=1_500_000, **source)
    named = tuple(Label(name=label, score=score) for label, score in (*labels, *((p[0], p[3]) for p in parts)))
    regions = [Region(source=of, kind="whole", box_px=(0, 0, 300, 300), labels=named, colours=("blue", "white"))]
    for label, box, colours, score in parts:
        box_labels = (Label(name=label, score=score),)
        regions.append(Region(source=of, box_px=box, labels=box_labels, colours=tuple(colours.split())))
    return [
        Evidence(number=n, region=region, score=0.5, siblings=tuple(regions), presence=tuple(presence))
        for n, region in enumerate(regions, start=start)
    ]


def upload() -> Image.Image:
    """A green picture with a red corner: grass, and a kite at the top left."""
    return picture("green", patch="red")
