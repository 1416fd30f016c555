"""The page on paper: an Assistant with a real history and no model, and a script that serves it.

    python tests/fake_app.py --port 8001 --data /tmp/library

It knows plain pictures by their colour (see fakes.COLOURS) and says one sentence, word by word. It keeps to the public
face of deepseek_mm.Assistant, and to nothing else.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, ClassVar

from PIL import Image

if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(Path(__file__).parent.parent)]

from fakes import COLOURS, ColourSpace, picture
from inspections import WROTE, Mixture
from nasty import TEXTS
from starters_help import tell_starters

import app
from deepseek_mm.answering.scene_programs import rerun_program
from deepseek_mm.config import Config, Notice
from deepseek_mm.errors import BadFile, BadQuestion
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs
from deepseek_mm.learning import Learning
from deepseek_mm.library import Taken
from deepseek_mm.library.photo_facts import PhotoFacts
from deepseek_mm.stage_clock import AnswerStage, AnswerTimeline
from deepseek_mm.types import (
    Act,
    Answer,
    Check,
    Citation,
    Found,
    Match,
    Offer,
    PhotoDescription,
    Query,
    Question,
    Request,
    Said,
    Verdict,
    Worked,
)
from index import EVERYTHING, Counts, Filter, Hit, Label, LabelCount, Region, Source

NAMES = {"red": "kite.jpg", "green": "grass.jpg", "blue": "<img src=x onerror=alert(1)>.jpg"}  # file names
TIMELINE = AnswerTimeline(
    stages=(
        AnswerStage(name="understood", seconds=0.01),
        AnswerStage(name="retrieved", seconds=0.04, kept=1, among=3, left_out=(("sky.jpg", 0.2),), needed=0.45),
        AnswerStage(name="looked", seconds=0.1, kept=1, by=("reader",), files=("kite.jpg",)),
        AnswerStage(name="weighed", seconds=0.02),
        AnswerStage(name="said", seconds=0.03, by=("paper",)),
        AnswerStage(name="verified", seconds=0.002),
    )
)


class Shelf:
    """Plain pictures on disk: each a whole photo with a part in its upper left quarter."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.space = folder, ColourSpace()
        folder.mkdir(parents=True, exist_ok=True)
        self.regions: tuple[Region, ...] = tuple(self._add(colour, name) for colour, name in NAMES.items())

    read_only = False

    def latest(self) -> int:
        return len(NAMES)

    def counts(self) -> Counts:
        return Counts(sources=len(NAMES), regions=len(self.regions))

    def labels(self, limit: int) -> list[LabelCount]:
        return [LabelCount(f"{colour} thing", 1) for colour in NAMES][:limit]

    def formats(self) -> dict[str, int]:
        return {"jpeg": len(NAMES)}

    def collections(self) -> dict[str, int]:
        return {"library": len(NAMES)}

    def kinds(self, *, where: Filter = EVERYTHING) -> dict[str, int]:
        return {"photo": len(NAMES), "document": 0, "code": 0}

    def busiest(self, *, limit: int, where: Filter = EVERYTHING) -> list[Region]:
        return []

    def symbol_names(self, prefix: str, *, limit: int, where: Filter = EVERYTHING) -> list[str]:
        return []

    def sources(self, where: Filter = EVERYTHING, *, order: str = "added", limit: int, offset: int = 0) -> list[Source]:
        wanted = [each.source for each in self.regions if not where.source_ids or each.source.id in where.source_ids]
        return wanted[offset : offset + limit]

    def is_hidden(self, path: str) -> bool:
        return False

    def companions(self, source_ids: Sequence[int]) -> dict[int, tuple[Source, ...]]:
        return {}

    def leading(self, source_ids: Sequence[int]) -> dict[int, Region]:
        return {region.source.id: region for region in self.regions if region.source.id in source_ids}

    def places_of(self, source_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        return {region.source.id: (region.source.path,) for region in self.regions if region.source.id in source_ids}

    def add_nasty(self) -> None:
        """One more photo for each nasty text, which is its name, its label, its note and what is written there."""
        for n, text in enumerate(TEXTS):
            path = self.folder / f"{text.replace('/', '_')[:80]}.jpg"
            picture("red", size=(64, 48)).save(path, "JPEG")
            source = Source(path=str(path.absolute()), width_px=64, height_px=48, note=text, collection=text)
            labels = (Label(name=text, score=0.9),)
            region = Region(source=source, box_px=(4, 3, 32, 24), labels=labels, colours=(f"nasty{n}",), text=text)
            self.regions += (region,)

    def _add(self, colour: str, name: str) -> Region:
        path = self.folder / name.replace("/", "_")
        picture(colour, size=(640, 480), patch="white").save(path, "JPEG")
        source = Source(id=list(NAMES).index(colour) + 1, path=str(path.absolute()), width_px=640, height_px=480)
        labels = (Label(name=f"{colour} thing", score=0.9),)
        return Region(source=source, box_px=(40, 30, 320, 240), labels=labels, colours=(colour,))


class Shelves:
    """A library in which nothing is ever done, but that descriptions are kept."""

    def __init__(self, data: Path) -> None:
        self.jobs = Jobs(data / "jobs.db")
        self.said: dict[str, PhotoDescription] = {}
        self.taken: list[str] = []  # paths
        self.collections: dict[str, str] = {}  # path -> name
        paper: Any = SimpleNamespace(reader=None)  # has nothing that could learn
        self.learning = Learning(Config(data=data), eyes=paper, jobs=self.jobs, history=paper)

    def description_of(self, source: Source) -> PhotoDescription:
        return self.said.get(source.path, PhotoDescription(text="A thing on paper", machine_made=True))

    def describe(self, source: Source, text: str) -> None:
        if not text.strip():
            raise BadFile("a description needs words. Type some, for example: a dog on a beach")
        self.said[source.path] = PhotoDescription(text=text)

    def undo_description(self, source: Source) -> None:
        del self.said[source.path]

    def read_facts(self, source: Source) -> PhotoFacts:
        return PhotoFacts(said=self.description_of(source), paths=(source.path,))

    def list_taken(self) -> tuple[()]:
        return ()

    def take_out(self, paths: Sequence[str]) -> Taken:
        self.taken += paths
        return Taken(token="t", num_sources=len(paths))

    def assign(self, paths: Sequence[str], collection: str) -> int:
        self.collections |= dict.fromkeys(paths, collection)
        return len(paths)


@dataclass(kw_only=True)
class PaperAssistant:
    """Cites the photo whose colour the question names."""

    config: Config
    store: Any
    history: History
    library: Shelves
    says: str = "It is a thing [1] that one can see from afar."
    pause_s: float = 0.0  # before each word
    lm: ClassVar[Any] = Mixture()  # paper writes its words itself, but shows experts for them
    hub_permission: None = None  # and downloads nothing
    planned: None = None  # paper needs no engine
    notices: tuple[Notice, ...] = ()
    files: None = None  # paper lies where it lies
    retriever: ClassVar[Any] = SimpleNamespace(
        search=SimpleNamespace(measured_errors=None), space=None
    )  # measured none

    def __post_init__(self) -> None:
        tell_starters(self.library.jobs, self.store, questions=["Show me something red."], searches=["red"])

    def about(self) -> dict[str, Any]:
        return {"model": "paper", "space": "colours"}

    def add_notices(self, *more: Notice) -> None:
        self.notices += more

    def tidy(self) -> None:
        self.history.purge()

    def close(self) -> None:
        self.history.close()
        self.library.jobs.close()

    def find(self, query: Query, *, k: int, where: Filter = EVERYTHING) -> Found:
        hits = self.search(query, k=k, where=where)
        matches = tuple(Match(region=hit.region, score=hit.score, why=(hit.region.label,)) for hit in hits)
        return Found(matches=matches, found=bool(matches), certainty=0.9 if matches else 0.1)

    def picture(self, source: Source, page: int = 0) -> Image.Image:
        return Image.open(source.path).convert("RGB")

    def find_away(self, path: str) -> str:
        return ""

    def original(self, source: Source) -> bytes:
        return Path(source.path).read_bytes()

    def search(self, query: Query, *, k: int, where: Filter = EVERYTHING) -> list[Hit]:
        if query.text == "crash":
            raise RuntimeError("a bug, as tests need one now and then")
        words = query.text.lower().split()
        seen = self._colour(query.image)
        found = [r for r in self.store.regions if r.colours[0] in (*words, seen)]
        return [Hit(region=region, score=0.5) for region in found[:k]]

    def stream(self, question: Question, *, stop: Event | None = None) -> Iterator[Answer]:
        if not question.text:
            raise BadQuestion("the question is empty. Type one, or add a picture")
        if len(question.text) > self.config.rag.max_question_chars:
            raise BadQuestion(f"the question has {len(question.text)} characters. Shorten it to at most 4000")
        image_path = self._keep(question.image)
        more = [(each.name, self._keep(each.image)) for each in question.more]
        conversation, turn = self.history.begin(
            question, image_path=image_path, settings={}, fingerprint=f"paper+{self.lm.fingerprint[:8]}", more=more
        )
        first = self._start(question, Answer(text="", state="running", conversation=conversation, turn=turn))
        for answer in self._words(first, question.text, stop or Event()):
            if answer.state == "running":
                self.history.progress(turn, answer.text)
            else:
                self.history.finish(turn, answer)
            yield answer

    def stream_many(self, questions: Sequence[Question], *, stops: Sequence[Event]) -> list[Iterator[Answer]]:
        return [self.stream(question, stop=stop) for question, stop in zip(questions, stops, strict=True)]

    def _words(self, answer: Answer, question: str, stop: Event) -> Iterator[Answer]:
        says = self.says.replace("ECHO", question)
        text = says if answer.found else "Nothing in the library matches that."
        for n in range(len(text.split())):
            yield (answer := replace(answer, text=" ".join(text.split()[: n + 1])))
            if stop.wait(self.pause_s):
                yield replace(answer, state="stopped", seconds=0.1)
                return
        checks = (
            Check(claim="It is a thing.", numbers=(1,), kept=True, reason="the label says so"),
            Check(claim=f"It is <b>loud</b>: {question}", numbers=(1,), kept=False, reason="a picture has no sound"),
        )
        told = self._settled(answer) if question.startswith("How many") else {}
        told |= {"offers": offers_of(question, answer), "utterances": (replace(WROTE, text=text),)}
        told |= {"timeline": TIMELINE}
        yield replace(answer, state="done", seconds=0.2, model="paper", checks=checks if answer.found else (), **told)

    def _settled(self, answer: Answer) -> dict[str, Any]:
        """How a question that counts was settled."""
        said = (Said(by="reader", answer="1", chance=0.7),)
        heat = ((0.1, 0.2), (0.3, 0.4))
        verdict = Verdict(
            answer="1", chance=0.7, outcome="unsure", runner_up="2", runner_chance=0.2, said=said, heat=heat
        )
        settled = replace(answer, verdict=verdict)
        return {"verdict": verdict, "worked": self.work_out(settled, 'count(filter(all(), "red thing"))')}

    def work_out(self, answer: Answer, program: str) -> Worked:
        path = answer.citations[0].region.source.path
        regions = [region for region in self.store.regions if region.source.path == path]
        return rerun_program(program, answer, regions, least=0.1)

    def _start(self, question: Question, answer: Answer) -> Answer:
        hits = self.search(Query(text=question.text.rstrip("?."), image=question.image), k=6)
        cited = tuple(Citation(number=n, region=hit.region, score=hit.score) for n, hit in enumerate(hits, start=1))
        act = Act(kind="look", text=question.text, subject=question.text.rstrip("?."), chance=0.97)
        request = question.request or Request(acts=(act,), chance=0.97)
        return replace(answer, citations=cited, found=bool(cited), request=request)

    def _colour(self, image: Image.Image | None) -> str:
        if image is None:
            return ""
        vector = self.space.embed_images([image])[0]
        return list(COLOURS)[int(vector[: len(COLOURS)].argmax())]

    @property
    def space(self) -> ColourSpace:
        return self.store.space

    def _keep(self, image: Image.Image | None) -> str:
        if image is None:
            return ""
        path = self.config.data / "uploads" / f"{time.time_ns()}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
        return str(path)


def offers_of(question: str, answer: Answer) -> tuple[Offer, ...]:
    """What an answer offers to a question that wants something changed."""
    paths = tuple(citation.region.source.path for citation in answer.citations)
    known = {
        "Delete": Offer(action="delete", text="Delete it <now>", targets=paths),
        "Move": Offer(action="move", text="Move it", targets=paths, value="kites"),
        "Take": Offer(action="move", text="Take it out", targets=paths),
        "Forget": Offer(action="forget", text="Forget all this", targets=(str(answer.conversation),)),
        "Open": Offer(action="open", text="Open the library", targets=("library",)),
    }
    return tuple(offer for word, offer in known.items() if word in question)


def paper(config: Config, **options: Any) -> PaperAssistant:
    """An assistant with its library below config.data; with nasty=True there are photos with nasty texts in it."""
    config.data.mkdir(parents=True, exist_ok=True)
    shelf = Shelf(config.data / "photos")
    if options.pop("nasty", False):
        shelf.add_nasty()
    history, library = History(config.data / "history.db"), Shelves(config.data)
    return PaperAssistant(config=config, store=shelf, history=history, library=library, **options)


def main(argv: Sequence[str]) -> int:
    """Serve it as `python app.py` serves the real one; SAYS=, PAUSE_S=, NASTY= change what, how fast, of what."""
    options: dict[str, Any] = {"pause_s": float(os.environ.get("PAUSE_S", "0.05"))}
    if says := os.environ.get("SAYS"):
        options["says"] = says
    options["nasty"] = bool(os.environ.get("NASTY"))
    return app.main(argv, load=lambda config: paper(config, **options))


if __name__ == "__main__":
    app.leave(main(sys.argv[1:]))
