"""A conversation is answered again: question after question, each after the turns before it as they were then.

Nothing of it stays: turns go into a history of their own. It is answered over the library here where that knows every
file of the bundle, else over one that is made of these files, and thrown away afterwards. What was set for an answer
then holds for it again, as far as it decides answers; models stay those that are here, and what differs is named.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from importlib import import_module
from os import utime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, Literal

from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config, SeeConfig
from deepseek_mm.database_places import keep_in_files
from deepseek_mm.errors import ConfigError, DeepSeekMMError
from deepseek_mm.history import History, Turn
from deepseek_mm.jobs import Jobs, follow
from deepseek_mm.library import Library
from deepseek_mm.library.index_jobs import INDEX, READ
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.services.replay_export import HEXADECIMAL, NOBODY, SPACE, SPEAKER
from deepseek_mm.settings_file import value_of, with_values
from deepseek_mm.sharing import ExportLimits, Sharing, here_in
from deepseek_mm.sharing.answer_differences import AnswerDifference, compare_answers
from deepseek_mm.sharing.packer import same_source
from deepseek_mm.sharing.parcel import Parcel
from deepseek_mm.sharing.privacy import ALLOWED
from deepseek_mm.sharing.replay_bundle import BundledFile, BundledModel, BundleManifest, ReplayBundle
from deepseek_mm.types import Answer, Picture, Question
from deepseek_mm.vision.pipeline import VisionPipeline
from index import LIBRARY, Region, Source
from index.store import RegionStore

Place = Literal["library", "bundle"]  # over what a conversation is answered again
Over = Literal["auto", "library", "bundle"]
UNNAMED = "unknown"  # a space that a turn was answered in, and that has gone since
SESSION = "replay"  # whose turns these are, in a history of their own
HELD: Mapping[str, tuple[str, ...]] = {
    "rag": tuple(name for name in ALLOWED["rag"] if "reranker" not in name),
    "see": ALLOWED["see"],
    "lm": ("phrasing", "max_tokens"),
}  # settings of a turn that decide its answer, and that no start has to open anything for
Tell = Callable[[int, int], object]  # how many files were taken in, of how many


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelDifference:
    """A model that had a part in the answers and has none here, or the other way round."""

    role: str
    before: BundledModel | None = None
    after: BundledModel | None = None

    @property
    def sentence(self) -> str:
        """For people."""
        if self.before is None:
            assert self.after is not None, "one of them is there"
            return f"there was no {self.role} then, and {self.after.title} answers here"
        if self.after is None:
            instead = "the program's own words answer instead" if self.role == SPEAKER else "nothing takes its place"
            return f"the {self.role} {self.before.title} is not in use here; {instead}"
        if self.before.name == self.after.name:
            return f"the {self.role} {self.before.title} is another version here: {self.after.fingerprint[:8]}"
        return f"the {self.role} {self.before.title} is not in use here; {self.after.title} answers instead"


def compare_models(then: Sequence[BundledModel], here: Sequence[BundledModel]) -> list[ModelDifference]:
    """What differs, by what models do; of one role there may have been several then."""
    found = []
    for role in dict.fromkeys(each.role for each in (*then, *here)):
        before = [each for each in then if each.role == role]
        after = next((each for each in here if each.role == role), None)
        if not before:
            found.append(ModelDifference(role=role, after=after))
        found += [ModelDifference(role=role, before=each, after=after) for each in before if not is_same(each, after)]
    return found


def is_same(one: BundledModel, other: BundledModel | None) -> bool:
    """By their weights as far as these are known, else by name."""
    if other is None:
        return False
    if one.fingerprint and other.fingerprint:
        return one.fingerprint.startswith(other.fingerprint) or other.fingerprint.startswith(one.fingerprint)
    return one.name == other.name


def models_then(manifest: BundleManifest, parcel: Parcel) -> list[BundledModel]:
    """Those of the manifest, but two as each turn names them: they may have changed meanwhile."""
    spaces, speakers = [], []
    for turn in parcel.turns:
        space, _, lm = turn.fingerprint.partition("+")
        spaces.append(recognise(SPACE, "", space, manifest))
        if lm != NOBODY:
            named = turn.answer.model or str(turn.settings.get("lm", {}).get("name", ""))
            speakers.append(recognise(SPEAKER, named, lm, manifest))
    others = [each for each in manifest.models if each.role not in (SPACE, SPEAKER)]
    return [*dict.fromkeys(spaces), *dict.fromkeys(speakers), *others]


def recognise(role: str, name: str, known_by: str, manifest: BundleManifest) -> BundledModel:
    """The model of the manifest that the begin of a turn's fingerprint is of, or one that had gone before the export.

    A server's model has no fingerprint that tells anything: the manifest's is taken for it.
    """
    listed = next((each for each in manifest.models if each.role == role), None)
    known = known_by if HEXADECIMAL.fullmatch(known_by) else ""
    if listed and listed.fingerprint.startswith(known):
        return listed
    return BundledModel(role=role, name=name or UNNAMED, fingerprint=known)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayedTurn:
    """A question with its answer of then and that of now."""

    question: str
    before: Answer
    after: Answer
    difference: AnswerDifference
    lost: tuple[str, ...] = ()  # pictures of the question that did not come along
    unheld: str = ""  # why its settings of then do not hold

    @property
    def is_same(self) -> bool:
        """Whether text and citations are the same."""
        return self.difference.is_same

    @property
    def understood_otherwise(self) -> bool:
        """Whether the question was understood as something else; of an old turn it may not be known."""
        known = self.before.request is not None and self.after.request is not None
        return known and self.difference.requests_differ


def choose_place(assistant: Assistant, bundle: ReplayBundle, over: Over) -> Place:
    """Over what it is answered: the library here, unless it lacks a file that the bundle brings."""
    if over != "auto":
        return over
    sources = (Source(path=each.member, digest=each.digest) for each in bundle.manifest.files)
    return "library" if all(same_source(assistant.store, source) for source in sources) else "bundle"


@dataclass(frozen=True, kw_only=True)
class ReplayRoom:
    """Where a conversation is answered again."""

    assistant: Assistant
    conversation: int
    turns: list[Turn]

    def ask_all(self, stop: Event) -> Iterator[ReplayedTurn]:
        """Each turn again, in order; ends early when `stop` is set."""
        for turn in self.turns:
            replayed = self.ask_again(turn, stop)
            if stop.is_set():  # perhaps cut short
                return
            yield replayed

    def ask_again(self, turn: Turn, stop: Event) -> ReplayedTurn:
        """One turn, after those before it as they were; an error is an answer that failed."""
        history, answer = self.assistant.history, Answer(text="", state="failed")
        config, unheld = settings_then(turn, self.assistant.config)
        before = history.branch(self.conversation, before=turn.id, session=SESSION)
        try:
            *_, answer = self._answering(config).stream(question_of(turn, before), stop=stop)
        except DeepSeekMMError as error:
            answer = replace(answer, text=str(error), state="failed")
        return ReplayedTurn(
            question=turn.question,
            before=turn.answer,
            after=answer,
            difference=compare_answers(turn.answer, answer),
            lost=tuple(name for name, path in pictures_of(turn) if not path),
            unheld=unheld,
        )

    def _answering(self, config: Config) -> Assistant:
        """The assistant with these settings."""
        return self.assistant if config == self.assistant.config else rejoin(self.assistant, config)


def question_of(turn: Turn, before: int | None) -> Question:
    """As it was asked; a meaning that its asker gave it is given again."""
    request = turn.answer.request
    return Question.of(
        turn.question,
        [Picture(name=name, path=path) for name, path in pictures_of(turn) if path],
        conversation=before,
        session=SESSION,
        about=turn.about,
        request=request if request and request.by == "person" else None,
    )


def pictures_of(turn: Turn) -> list[tuple[str, str]]:
    """Name and path of each picture that came with the question; no path of one that is gone."""
    first = [(turn.image_name, turn.image_path)] if turn.image_name or turn.image_path else []
    return [*first, *turn.more]


def settings_then(turn: Turn, config: Config) -> tuple[Config, str]:
    """The settings here with those of the turn that decide answers; and why these do not hold, where they do not."""
    try:
        return with_values(config, dict(values_then(turn, config))), ""
    except ConfigError as error:
        return config, str(error)


def values_then(turn: Turn, config: Config) -> Iterator[tuple[str, Any]]:
    """By their dotted names. ConfigError if one is of another type than it can be."""
    for section, names in HELD.items():
        told = turn.settings.get(section, {})
        for name in (name for name in names if name in told):
            value, now = told[name], value_of(config, f"{section}.{name}")
            if type(value) is not type(now) and not (type(value) is int and type(now) is float):
                raise ConfigError(f"{section}.{name}={value!r:.40} cannot be set: it must be like {now!r}")
            yield f"{section}.{name}", value


def rejoin(
    assistant: Assistant, config: Config, *, library: Library | None = None, history: History | None = None
) -> Assistant:
    """The same models over this library, with these settings and this history; the assistant itself stays as it is."""
    library = library or assistant.library
    eyes = library.filling.eyes if library is not assistant.library else assistant.eyes
    eyes = eyes if config.see == eyes.config else look_otherwise(eyes, config.see)
    space, rerankers = assistant.retriever.space, assistant.retriever.rerankers
    other = Assistant(
        config,
        eyes=eyes,
        retriever=Retriever(space, library.store, eyes, config, rerankers),
        library=library,
        lm=assistant.lm,
        history=history or assistant.history,
    )
    other.planned = assistant.planned
    if assistant.requests is not None:
        other.understand_with(assistant.requests, assistant.passage_reader)
    return other


def look_otherwise(eyes: VisionPipeline, config: SeeConfig) -> VisionPipeline:
    """The same that looks, by other numbers: those eyes keep theirs."""
    other = copy(eyes)
    other.config = config
    if eyes.reader is not None:
        other.reader = copy(eyes.reader)
        other.reader.is_glancing = config.glance
    return other


@contextmanager
def open_room(
    assistant: Assistant, bundle: ReplayBundle, place: Place, *, stop: Event, tell: Tell
) -> Iterator[ReplayRoom]:
    """The bundle's conversation over the library here, or over its own files; all of it is gone afterwards.

    BadFile if the conversation cannot be taken in.
    """
    with TemporaryDirectory(prefix="deepseek-mm-replay-") as folder, ExitStack() as closing:
        home = Path(folder).resolve()
        history = History(home / "history.db")
        closing.callback(history.close)
        library, config, carried = assistant.library, assistant.config, dict[str, str]()
        if place == "bundle":
            library = open_library(assistant, home, history, closing)
            take_in_files(library, bundle, home, stop=stop, tell=tell)
            config, carried = library.config, {each.digest: each.sha256 for each in bundle.manifest.files}
        other = rejoin(assistant, config, library=library, history=history)
        conversation = sharing_in(other, carried).take_in(bundle.conversation, session=SESSION)
        turns = history.turns(conversation, session=SESSION)
        yield ReplayRoom(assistant=other, conversation=conversation, turns=turns)


def sharing_in(assistant: Assistant, carried: Mapping[str, str]) -> Sharing:
    """What takes the conversation in; `carried`: digest of a file -> that of the bytes that came along for it."""
    here, config = here_in(assistant.store), assistant.config

    def find(region: Region) -> Region | None:
        digest = region.source.digest
        return here(replace(region, source=replace(region.source, digest=carried.get(digest, digest))))

    return Sharing(
        history=assistant.history,
        picture=assistant.picture,
        uploads=config.data / "uploads",
        version=str(import_module("deepseek_mm").__version__),
        here=find,
        limits=ExportLimits(max_pixels=config.parse.max_pixels),
    )


def open_library(assistant: Assistant, home: Path, history: History, closing: ExitStack) -> Library:
    """An empty one in this folder, looked at by the same models."""
    config, space = keep_in_files(assistant.config, home / "library"), assistant.retriever.space
    folder = config.data / "space"
    folder.mkdir(parents=True)
    store = RegionStore(
        folder, space_name=space.name, fingerprint=space.fingerprint, dim=space.dim, config=config.index
    )
    closing.callback(store.close)
    eyes = copy(assistant.eyes)
    eyes.reader = None  # a library gives its reader what was learned there, and this one has learned nothing
    library = Library(
        config,
        eyes=eyes,
        reader=assistant.library.text_reader,
        store=store,
        jobs=Jobs(config.data / "jobs.db"),
        history=history,
    )
    closing.callback(library.close)
    eyes.reader = assistant.eyes.reader
    return library


def take_in_files(library: Library, bundle: ReplayBundle, home: Path, *, stop: Event, tell: Tell) -> None:
    """Write the bundle's files below the folder and index them, each into its collection."""
    collections: dict[str, list[Path]] = {}
    for each in bundle.manifest.files:
        path = write_file(home, each, bundle.files[each.member])
        collections.setdefault(each.collection, []).append(path)
    tell(0, len(bundle.manifest.files))
    library.start()
    try:
        for name, paths in collections.items():
            library.add(paths, collection="" if name == LIBRARY else name)
        finish_jobs(library, len(bundle.manifest.files), stop=stop, tell=tell)
    finally:
        library.stop()


def write_file(home: Path, file: BundledFile, data: bytes) -> Path:
    """The bytes under their name, as old as they were; what is written there was checked when the bundle was read."""
    path = home / file.member
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    utime(path, ns=(max(0, file.modified_ns), max(0, file.modified_ns)))
    return path


def finish_jobs(library: Library, total: int, *, stop: Event, tell: Tell) -> None:
    """Wait until all files are taken in, read and described; what is not done when `stop` is set is left."""
    while not stop.is_set():
        waiting = library.jobs.find(kinds=(INDEX, READ), states=("waiting", "running"), limit=1)
        if not waiting:
            return
        for job in follow(library.jobs, waiting[0].id):
            if job.kind == INDEX:
                tell(min(job.done, total), total)
            if stop.is_set():
                return
