"""What the tests of sharing have in common: a home with a photo, a note and an upload, and a talk about them."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fakes import picture
from PIL import Image

from deepseek_mm.errors import NothingThere
from deepseek_mm.history import Corrected, History, Turn
from deepseek_mm.sharing import ExportLimits, Sharing
from deepseek_mm.sharing.files import sha256
from deepseek_mm.types import Act, ActFilters, Answer, Check, Citation, Request
from index import Label, Region, Source, Symbol
from index.region import UPLOADS

HEADING = Symbol(name="Shopping", parent="Home", kind="section", doc="What to buy.", calls=("milk",))
NOON = datetime(2026, 11, 25, 12, 0, 0, 250, tzinfo=UTC)
LATER = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
SETTINGS = {
    "data": "/home/alice/library",
    "encoder": {"name": "/home/alice/models/clip", "batch": 16},
    "rag": {"num_regions": 6, "min_score": 0.15},
    "lm": {"name": "smollm2", "url": "http://alice:secret@host/v1", "api_key_env": "ALICE_KEY", "sees": False},
}


class Home:
    """A data folder with a history and a door, and photos beside it."""

    def __init__(self, folder: Path, *, here: Callable[[Region], Region | None] = lambda region: None) -> None:
        self.photos, self.data = folder / "photos", folder / "data"
        self.photos.mkdir(parents=True)
        self.data.mkdir()
        self.history = History(self.data / "history.db")
        self.door = Sharing(
            history=self.history,
            picture=self.picture,
            uploads=self.data / "uploads",
            version="0.1.0",
            here=here,
            limits=ExportLimits(),
            clock=lambda: LATER,
        )

    def picture(self, source: Source, page: int) -> Image.Image:
        try:
            return Image.open(source.path).convert("RGB")
        except FileNotFoundError:
            raise NothingThere(f"no file at {source.path}. Check the name") from None

    def export(self, conversation: int, kind: str = "json", **more) -> bytes:
        return self.door.export(conversation, kind, session="s", **more).data

    def turns(self, conversation: int) -> list[Turn]:
        return self.history.turns(conversation, session="s")

    def files(self) -> list[str]:
        found = (self.data / "uploads").rglob("*")
        return sorted(str(path.relative_to(self.data)) for path in found if path.is_file())


def photo(home: Home, name: str = "kite.png", *, size: tuple[int, int] = (2048, 1024)) -> Source:
    """A painted photo of the library."""
    path = home.photos / name
    picture("red", size=size, patch="blue").save(path, "PNG")
    return Source(
        path=str(path),
        format="png",
        digest=sha256(path.read_bytes()),
        size_bytes=path.stat().st_size,
        modified_ns=1_700_000_000_123_456_789,
        width_px=size[0],
        height_px=size[1],
        taken_at=datetime(2021, 7, 4, 12, 30, 1, 250),
        latitude=-33.5,
        longitude=151.25,
        note="Only the first of its 12 pictures is shown.",
    )


def upload(home: Home, name: str = "mine.png") -> Source:
    """A picture that came with a question, kept where the shelf keeps it."""
    drawn = home.photos / "drawn.png"
    picture("green").save(drawn, "PNG")
    digest = sha256(drawn.read_bytes())
    path = home.data / "uploads" / digest[:16] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.rename(path)
    return Source(path=str(path), format="png", collection=UPLOADS, digest=digest, width_px=64, height_px=48)


def cite(number: int, source: Source, **more) -> Citation:
    """A region of it, with every field filled."""
    region = Region(
        id=8,
        source=replace(source, id=3),
        box_px=(200, 100, 1000, 500),
        labels=(Label(name="kite", score=0.9), Label(name="bird", score=0.25)),
        colours=("red", "white"),
        text="MILK 1.5 %",
        lines=(0, 0),
    )
    return Citation(number=number, region=replace(region, **more), score=0.625)


FLIES = Request(
    acts=(Act(kind="find", text="What flies?", subject="kites", filters=ActFilters(date="May"), chance=0.75),),
    chance=0.75,
)


def talk(home: Home, *, size: tuple[int, int] = (2048, 1024)) -> list[Turn]:
    """Two turns: about the library, and about two pictures of the user's own."""
    kite, mine = photo(home, size=size), upload(home)
    note = Source(path=str(home.photos / "todo.txt"), kind="document", format="text", digest="cd" * 32)
    first = Turn(
        id=0,
        conversation=0,
        asked_at=NOON,
        question="What flies?\nSay it twice \u2603",
        image_name="",
        image_path="",
        answer=Answer(
            text="A red kite [2], as the note says [1].",
            citations=(cite(2, kite), cite(1, note, kind="text", box_px=(0, 0, 0, 0), lines=(5, 9), symbol=HEADING)),
            checks=(
                Check(claim="A red kite", numbers=(2,), kept=True, reason="[2] is labelled kite"),
                Check(claim="a dog", numbers=(1, 2), kept=False, reason="no evidence shows a dog"),
            ),
            found=False,
            confidence=0.875,
            model="parrot",
            seconds=1.5,
            request=FLIES,
        ),
        meant=replace(FLIES, by="person"),
        settings=SETTINGS,
        fingerprint="ab12+cd34",
        rating="down",
        boxes=(Corrected(number=2, box_px=(20, 40, 400, 600), label="a dragon", made_at=LATER),),
    )
    second = replace(
        first,
        asked_at=LATER,
        question="And here?",
        image_name="My picture.png",
        image_path=mine.path,
        more=(("lost.png", str(home.data / "uploads" / "gone" / "lost.png")),),
        answer=Answer(text="Grass [1].", citations=(cite(1, mine, box_px=(0, 0, 32, 24)),), state="stopped"),
        rating="",
        boxes=(),
        about="code",
    )
    return [first, second]


def keep(home: Home, turns: list[Turn] | None = None, *, title: str = "Kites: what flies?") -> int:
    """The talk in the history."""
    return home.history.adopt(turns or talk(home), title=title, pinned=True, session="s")


def comparable(data: bytes) -> dict:
    """A JSON export without the moment of its making."""
    return {key: value for key, value in json.loads(data).items() if key != "exported_at"}


def changed(data: bytes, change: Callable[[dict], object]) -> bytes:
    """The export with its payload changed, and a sum that fits: what an attacker would hand in."""
    from deepseek_mm.sharing.parcel import checksum

    whole = json.loads(data)
    change(whole["payload"])
    return json.dumps(whole | {"sha256": checksum(whole["payload"])}).encode()
