"""Changes to the library: files are added, collected, described, taken out and put back; and rules over its photos.

Uploads lie apart, below the library's own folder, under names that are only names. Paths are for callers on this
machine, or below `serve.roots`: the service sees to it.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal, Self

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, Field, model_validator

from deepseek_mm.answering.scene_programs import Checked
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Asker, Librarian, OurAssistant, OurServices
from deepseek_mm.api.routes.library_routes import CountOut, count_collections
from deepseek_mm.api.schemas import Body, BoxOut, JobOut, LinkIn, Number, PathIn, RegionOut, Text, Typed
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadFile, Conflict, NothingThere, TooLarge
from deepseek_mm.logic.rules import FORM, Rule, rules_of
from deepseek_mm.shapes import held_shape, rule_shape
from deepseek_mm.sharing.files import same_name
from index import LIBRARY, Filter

MOST_FILES = 1000  # of one upload
NAME_CHARS = 200  # of a collection
Named = Annotated[Typed, Field(max_length=NAME_CHARS, examples=["Summer"])]


class PathsIn(Body):
    """Files and folders of the server's machine, and addresses of pictures and pages."""

    paths: list[PathIn] = Field(default=[], max_length=MOST_FILES, examples=[["/home/me/photos"]])
    links: list[LinkIn] = Field(default=[], max_length=64, description="fetched now, each once", examples=[[]])
    collection: Named = Field(default="", description="that all of it goes into; empty is none")
    anew: bool = Field(default=False, description="read what has not changed again, too")


class FolderIn(Body):
    """A folder of the server's machine."""

    folder: PathIn = Field(examples=["/home/me/photos"])


class WatchedOut(BaseModel):
    """A folder that is watched."""

    folder: Text


router = APIRouter(tags=["library"], responses=DECLARED)


@router.post("/library/files", status_code=202)
def files(
    services: OurServices,
    assistant: OurAssistant,
    caller: Librarian,
    files: Annotated[list[UploadFile], File(description="photos, documents, code, archives of them")],
    collection: Annotated[Named, Form()] = "",
) -> JobOut:
    """Keep uploaded files in the library's folder, and take them in."""
    data, most_bytes = assistant.config.data, assistant.config.serve.max_body_bytes
    if not 0 < len(files) <= MOST_FILES:
        raise BadFile(f"{len(files)} files came, and 1 to {MOST_FILES} are taken at once. Send them in turn")
    if sum(file.size or 0 for file in files) > most_bytes:
        raise TooLarge(f"the files have more than serve.max_body_bytes={most_bytes:,}. Send fewer")
    with TemporaryDirectory(prefix=f"upload-{os.getpid()}-", dir=data) as room:  # as `trash.sweep` knows them
        kept = [store_upload(file, Path(room) / str(n)) for n, file in enumerate(files)]
        return JobOut.of(services.library.add(caller, uploads=kept, collection=collection))


@router.post("/library/paths", status_code=202)
def paths(services: OurServices, asked: PathsIn, caller: Librarian) -> JobOut:
    """Take files and folders in where they lie, and copies of what lies at addresses."""
    add = services.library.add
    return JobOut.of(add(caller, asked.paths, links=asked.links, collection=asked.collection, anew=asked.anew))


@router.get("/library/watched", name="watched")
def list_watched(services: OurServices, caller: Asker) -> list[WatchedOut]:
    """The folders that are watched, sorted."""
    return [WatchedOut(folder=folder) for folder in services.library.list_watched(caller)]


@router.post("/library/watched", status_code=202)
def watch(services: OurServices, asked: FolderIn, caller: Librarian) -> JobOut:
    """Take a folder in, now and whenever something changes in it."""
    return JobOut.of(services.library.watch(caller, asked.folder))


@router.delete("/library/watched")
def unwatch(services: OurServices, folder: Annotated[PathIn, Query()], caller: Librarian) -> WatchedOut:
    """Watch it no longer; what is known of it stays."""
    if not services.library.unwatch(caller, folder):
        raise Conflict(f"{folder} is not watched. See what is: GET /library/watched")
    return WatchedOut(folder=folder)


def store_upload(file: UploadFile, room: Path) -> str:
    """The upload as a file in a new folder, under a name that is only a name."""
    room.mkdir()
    target = room / same_name(file.filename or "file")
    with target.open("wb") as out:
        shutil.copyfileobj(file.file, out)
    return str(target)


MOST_CHOSEN = 1000  # files or folders at once
Name = Annotated[Typed, Field(min_length=1, max_length=NAME_CHARS, examples=["Summer"])]


class Chosen(Body):
    """Files that the library knows, by id, or by path: a folder stands for all below it."""

    sources: list[Number] = Field(default=[], max_length=MOST_CHOSEN, examples=[[7]])
    paths: list[PathIn] = Field(default=[], max_length=MOST_CHOSEN, examples=[[]])

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.sources and not self.paths:
            raise ValueError("nothing is chosen. Name some sources, or paths")
        return self


class CollectIn(Chosen):
    """Files, and the collection that they go into."""

    name: Name = Field(description='"library" takes them out of any')


class RenameIn(Body):
    """A collection, and its new name."""

    name: Name
    new_name: Name = Field(description="if there is one of that name, the two are one from then on")


class MovedOut(BaseModel):
    """How many files were elsewhere before."""

    sources: int


class TakenOut(BaseModel):
    """What was taken out."""

    token: str = Field(description="by which it can be put back", examples=["0123456789abcdef"])
    sources: int


class TokenIn(Body):
    """What take-out gave."""

    token: Annotated[Typed, Field(max_length=64, examples=["0123456789abcdef"])]


class DescriptionIn(Body):
    """What somebody says of a photo."""

    text: Annotated[Typed, Field(min_length=1, max_length=500, examples=["A red kite over the beach"])]


class DescribedOut(BaseModel):
    """What is known to be said of it."""

    text: Text


@router.get("/library/collections")
def collections(assistant: OurAssistant, caller: Asker) -> list[CountOut]:
    """Their names, and how many files each has."""
    return count_collections(assistant)


@router.post("/library/collections")
def collect(services: OurServices, assistant: OurAssistant, asked: CollectIn, caller: Librarian) -> MovedOut:
    """Put files into a collection, which may be a new one."""
    return MovedOut(sources=services.library.assign(caller, paths_of(asked, assistant), asked.name))


@router.patch("/library/collections")
def rename(services: OurServices, asked: RenameIn, caller: Librarian) -> MovedOut:
    """Give a collection another name; "library" dissolves it."""
    return MovedOut(sources=services.library.rename_collection(caller, asked.name, asked.new_name))


@router.post("/library/take-out")
def take_out(services: OurServices, assistant: OurAssistant, asked: Chosen, caller: Librarian) -> TakenOut:
    """Forget files; put-back undoes it for library.undo_s seconds."""
    taken = services.library.take_out(caller, paths_of(asked, assistant))
    if not taken.num_sources:
        raise NothingThere("the library knows none of these. List what it knows: GET /library/sources")
    return TakenOut(token=taken.token, sources=taken.num_sources)


@router.get("/library/taken", name="taken")
def list_taken(services: OurServices, caller: Librarian) -> list[TakenOut]:
    """What can be put back, the newest first."""
    return [TakenOut(token=each.token, sources=each.num_sources) for each in services.library.list_taken(caller)]


@router.post("/library/put-back")
def put_back(services: OurServices, asked: TokenIn, caller: Librarian) -> MovedOut:
    """Undo a take-out."""
    return MovedOut(sources=services.library.put_back(caller, asked.token))


@router.put("/library/sources/{source}/description")
def describe(services: OurServices, source: Number, asked: DescriptionIn, caller: Librarian) -> DescribedOut:
    """Say in one's own words what a photo shows; searches find it by them."""
    return DescribedOut(text=services.library.describe(caller, source, asked.text))


@router.delete("/library/sources/{source}/description")
def undescribe(services: OurServices, source: Number, caller: Librarian) -> DescribedOut:
    """Take the last own words about a photo back; what was said before them is said again."""
    return DescribedOut(text=services.library.undo_description(caller, source).text)


def paths_of(chosen: Chosen, assistant: Assistant) -> list[str]:
    """Every place of the chosen files. NothingThere if an id is none of the library's."""
    store = assistant.store
    ids = tuple(dict.fromkeys(chosen.sources))
    found = store.sources(Filter(source_ids=ids), limit=len(ids)) if ids else []
    gone = set(ids) - {source.id for source in found}
    if gone:
        raise NothingThere(f"no file {min(gone)} in the library. List what there is: GET /library/sources")
    places = store.places_of(ids)
    return [os.path.expanduser(path) for path in chosen.paths] + [path for each in ids for path in places[each]]


MOST_CHARS = 200_000  # of a text of rules
Rules = Annotated[Typed, Field(max_length=MOST_CHARS, examples=[FORM])]


class RuleOut(BaseModel):
    """A line of the rules."""

    line: int
    kind: Literal["warn", "note"]
    text: Text = Field(examples=["careful"])
    by_absence: bool = Field(description="it holds as far as boxes tell: what has none may be there")


class RulesOut(BaseModel):
    """The rules that are kept."""

    text: Text = Field(examples=[FORM])
    rules: list[RuleOut]


class RulesIn(Body):
    """Rules, one a line."""

    text: Rules


class CheckIn(Body):
    """What to check, and where."""

    text: Rules | None = Field(default=None, description="null is what is kept")
    collection: Annotated[Typed, Field(max_length=200)] = Field(default="", description="empty is the whole library")
    engine: Literal["own", "clingo"] = Field(default="own", deprecated=True, description="has no effect")
    most: int = Field(default=24, ge=0, le=500, description="photos that are told of each rule")


class BoxedOut(BaseModel):
    """A box that a rule rests on."""

    label: Text
    box_px: BoxOut


class HeldOut(RuleOut):
    """A rule that holds in a photo, and why: the boxes of its conditions; none for what is not there."""

    boxes: list[BoxedOut]


class CaseOut(BaseModel):
    """A photo in which rules hold."""

    photo: RegionOut
    held: list[HeldOut]


class SumOut(RuleOut):
    """A rule, and in how many photos it holds."""

    photos: int


class CheckedOut(BaseModel):
    """What the rules found."""

    photos: int = Field(description="that were checked")
    rules: list[SumOut]
    cases: list[CaseOut] = Field(description="photos in the order in which they came, at most `most` of each rule")


@router.get("/library/rules")
def read(services: OurServices, caller: Asker) -> RulesOut:
    """What is kept; empty at first."""
    text = services.rules.read(caller)
    return RulesOut(text=text, rules=to_rules(rules_of(text.splitlines())))


@router.put("/library/rules")
def write(services: OurServices, asked: RulesIn, caller: Librarian) -> RulesOut:
    """Keep these, if all of them can be understood."""
    return RulesOut(text=asked.text, rules=to_rules(services.rules.write(caller, asked.text)))


@router.post("/library/rules/check")
def check(services: OurServices, asked: CheckIn, caller: Asker) -> CheckedOut:
    """In which photos each rule holds, and by which boxes. Nothing is kept."""
    text = services.rules.read(caller) if asked.text is None else asked.text
    rules = rules_of(text.splitlines())
    every = services.rules.check(caller, rules, collection=asked.collection or LIBRARY)
    return to_checked(rules, every, asked.most)


def to_rules(rules: Iterable[Rule]) -> list[RuleOut]:
    """As JSON says them."""
    return [RuleOut(**rule_shape(rule)) for rule in rules]


def to_checked(rules: Sequence[Rule], every: Iterable[Checked], most: int) -> CheckedOut:
    """All photos counted, the first ones told."""
    counts: Counter[Rule] = Counter()
    cases, photos = list[CaseOut](), 0
    for checked in every:
        photos += 1
        new = [held for held in checked.held if counts[held.rule] < most]
        counts.update(held.rule for held in checked.held)
        if new:
            shown = [HeldOut(**held_shape(held)) for held in new]
            cases.append(CaseOut(photo=RegionOut.of(checked.photo), held=shown))
    sums = [SumOut(**rule_shape(rule), photos=counts[rule]) for rule in rules]
    return CheckedOut(photos=photos, rules=sums, cases=cases)
