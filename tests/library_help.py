"""What the tests of the library share: one as `load` joins it, around a space of colours, and all that it holds."""

from dataclasses import replace
from pathlib import Path

from fakes import BlankPaper, ColourSpace, picture

from deepseek_mm.config import Config, ParseConfig
from deepseek_mm.factory import open_store
from deepseek_mm.history import History
from deepseek_mm.jobs import Job, Jobs, follow
from deepseek_mm.library import Library
from deepseek_mm.storage_config import StorageConfig
from deepseek_mm.vision.ocr import TextBlock, TextReader
from deepseek_mm.vision.pipeline import VisionModels, VisionPipeline
from index import Filter

COLOURS = ("red", "green", "blue", "yellow")


class Sign(BlankPaper):
    """Reads the same word in every picture that is wider than high."""

    def read(self, image) -> list[TextBlock]:
        return [TextBlock(text="blue", box_px=(2, 4, 20, 10), score=1.0)] if image.width > image.height else []


class House:
    """A library in a folder, at work."""

    def __init__(
        self,
        data: Path,
        *,
        reader: TextReader | None = None,
        parse: ParseConfig | None = None,
        space: ColourSpace | None = None,
        describer=None,
        storage: StorageConfig | None = None,
        **library,
    ) -> None:
        data.mkdir(exist_ok=True)
        plain = Config(data=data, parse=parse or ParseConfig(), storage=storage or StorageConfig())
        self.config = replace(plain, library=replace(plain.library, **library))
        self.space = space or ColourSpace()
        self.store, self.history = open_store(self.config, self.space), History(data / "history.db")
        self.library = Library(
            self.config,
            eyes=VisionPipeline(self.space, self.config.see, models=VisionModels(describer=describer)),
            reader=reader or BlankPaper(),
            store=self.store,
            jobs=Jobs(data / "jobs.db"),
            history=self.history,
        )
        self.library.start()

    def done(self, job: Job) -> Job:
        """The job when it has ended, and what it led to as well."""
        *_, job = follow(self.library.jobs, job.id)
        for other in self.library.jobs.find(kinds=("index", "read text"), states=("waiting", "running"), limit=9):
            list(follow(self.library.jobs, other.id))
        return job

    def failed(self, job: Job) -> dict[str, str]:
        return {each.item: each.reason for each in self.library.jobs.failures(job.id, limit=-1)}

    def names(self) -> list[str]:
        return sorted(source.name for source in self.store.sources(limit=99))

    def close(self) -> None:
        self.library.close()
        self.store.close()
        self.history.close()


def paint(folder: Path) -> Path:
    """A folder with a photo of each colour."""
    folder.mkdir()
    for colour in COLOURS:
        picture(colour).save(folder / f"{colour}.png")
    return folder


def everything(house: House) -> list:
    """All that is stored, vectors included, without the ids."""
    found = []
    for source in sorted(house.store.sources(where=Filter(collection=None), limit=99), key=lambda each: each.path):
        regions = house.store.regions_of([source.id])[source.id]
        vectors = house.store.vectors_of([region.id for region in regions])
        known = [replace(region, id=0, source=replace(source, id=0)) for region in regions]
        found.append((house.store.places_of([source.id])[source.id], known, vectors.tolist()))
    return found
