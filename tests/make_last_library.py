"""Makes tests/data/last_library.tar.xz: a library as another commit writes it, so that later ones open it.

Run it with the code of that commit, from anywhere, and never with the code under test:

    cd CHECKOUT_OF_THAT_COMMIT && PYTHONPATH=$PWD python HERE/tests/make_last_library.py HERE/tests/data/FILE

The file there was made by commit 49cd242, the last one before the migrations were squashed. Three photos of which one
has a copy, one page of text, one piece of code, a photo that was taken out and can be put back; two conversations with
a citation, a check, a correction, a rating and a saved search; a job that waits, one that is done with a failed item, a
task of the API and a file that is passed over.
"""

import sqlite3
import sys
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from deepseek_mm.config import IndexConfig
from deepseek_mm.history import Corrected, History
from deepseek_mm.jobs import Jobs
from deepseek_mm.jobs.records import SetAside
from deepseek_mm.types import Answer, Check, Citation, Question
from deepseek_mm.vision.vqa_net import QuestionBatch
from index import Label, Region, Source, Symbol
from index.store import RegionStore

DIM = 8
SPACE = {"space_name": "toy", "fingerprint": "f" * 64, "dim": DIM, "config": IndexConfig()}


def photo(name: str) -> Source:
    return Source(
        path=f"/photos/{name}.jpg",
        digest=name * 8,
        size_bytes=1000,
        modified_ns=1_700_000_000_123_456_789,
        width_px=640,
        height_px=480,
        taken_at=datetime(2024, 5, 6, 7, 8, 9),
        latitude=48.5,
        longitude=9.25,
        format="jpeg",
    )


def unit_row(place: int) -> np.ndarray:
    return np.eye(DIM)[[place]]


def fill_store(folder: Path) -> Region:
    """Returns the region that the history cites."""
    with RegionStore(folder / "spaces" / "toy", **SPACE) as store:
        for place, name in enumerate(("kite", "dog", "cat")):
            marks = (Label(name=name, score=0.75),)
            region = Region(source=photo(name), kind="whole", box_px=(1, 2, 30, 40), labels=marks, colours=("red",))
            store.add(photo(name), [region], unit_row(place), marks=["ocr"])
        store.add_place(store.source_at("/photos/dog.jpg").id, "/more/dog.jpg", size_bytes=1000, modified_ns=5)
        page = Source(path="/texts/menu.txt", kind="page", format="txt")
        text = Region(source=page, kind="text", box_px=(0, 0, 0, 0), text="Oat milk 3.50", page=1, lines=(2, 3))
        store.add(page, [text], unit_row(3))
        code = Source(path="/code/fly.py", kind="code", format="py")
        symbol = Symbol(name="fly", parent="Kite", kind="method", signature="def fly(self)", doc="Up.", calls=("lift",))
        store.add(
            code, [Region(source=code, kind="code", box_px=(0, 0, 0, 0), text="lift()", symbol=symbol)], unit_row(4)
        )
        store.take(["/photos/cat.jpg"], folder / "trash" / "1700000000-taken.db")
        kite = store.source_at("/photos/kite.jpg").id
        return store.regions_of([kite])[kite][0]


def fill_history(path: Path, region: Region) -> None:
    with closing(History(path)) as history:
        first, turn = history.begin(Question(text="what flies?"), image_path="", settings={"k": 6}, fingerprint="ff")
        answer = Answer(
            text="A red kite [1].",
            citations=(Citation(number=1, region=region, score=0.5),),
            checks=(Check(claim="a dog", numbers=(1,), kept=False, reason="no evidence shows a dog"),),
            confidence=0.75,
            model="smollm2",
        )
        history.finish(turn, answer)
        history.rate(turn, "up", session="")
        box = Corrected(number=1, box_px=(3, 4, 5, 6), label="a kite", made_at=datetime(2026, 1, 2, tzinfo=UTC))
        history.correct(turn, box, session="")
        history.pin(first, True, session="")
        _, turn = history.begin(Question(text="is there milk?"), image_path="", settings={}, fingerprint="ff")
        history.finish(turn, Answer(text="Yes, oat milk."))
        history.save_search("kites", "kite", {"kind": "photo"}, session="")


def fill_jobs(path: Path) -> None:
    with closing(Jobs(path)) as jobs:
        jobs.add("index", {"paths": ["/photos"]}, title="Photos")
        task = jobs.claim(["index"])
        task.report(1, 2, "kite.jpg")
        task.fail("/photos/torn.jpg", "it is torn")
        task.finish("done", "1 photo")
        jobs.add("watch", {"folder": "/photos"}, title="Watch /photos")
        jobs.add("ask", {"text": "what flies?"}, asked=QuestionBatch(by="anna", key="k1", bulk=True))
        jobs.put_aside(SetAside(path="/photos/huge.png", size_bytes=9, modified_ns=5, limits="1", reason="Too large."))


def fold_logs(folder: Path) -> None:
    """Everything into the databases themselves, and nothing beside them but the counters."""
    for path in folder.rglob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in [*folder.rglob("*-wal"), *folder.rglob("*-shm"), *folder.rglob("*.faiss")]:
        path.unlink()


def main(archive: Path) -> None:
    with TemporaryDirectory() as name, tarfile.open(archive, "w:xz") as file:
        folder = Path(name)
        fill_history(folder / "history.db", fill_store(folder))
        fill_jobs(folder / "jobs.db")
        fold_logs(folder)
        file.add(folder, ".")
        file.add(__file__, "made_by.py")  # as it was then: a later change of names may reach this file


if __name__ == "__main__":
    main(Path(sys.argv[1]))
