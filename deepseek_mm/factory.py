"""The one place where parts are chosen and joined: a Config becomes an Assistant.

A server may be down, a folder moved: the next start must not need an editor. What a flag or a variable of this start
says is meant now, so that stops with its error. The setting stays in the file, and counts again when it can be opened.
"""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypeVar

from PIL import Image as PILImage

from deepseek_mm.accounts.host_keys import read_keyring
from deepseek_mm.addresses import split_addresses
from deepseek_mm.answering.request_model import RequestModel
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import (
    AUTO,
    BASE_LM,
    DEFAULT,
    EDGE,
    PACKAGED_SPACES,
    RETIRED_SPACES,
    Config,
    Notice,
    cache_folder,
)
from deepseek_mm.database_places import mark_folder, place_of, server_place, space_places
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.default import DefaultSpace, SeeingSpace
from deepseek_mm.embeddings.encoder_boxes import open_boxes
from deepseek_mm.embeddings.inference import round_linears
from deepseek_mm.embeddings.space import EmbeddingModel, SharingSpace
from deepseek_mm.errors import DeepSeekMMError, LibraryError, MissingWeights, explain
from deepseek_mm.history import History
from deepseek_mm.hub import Revisions, short_name
from deepseek_mm.jobs import Jobs
from deepseek_mm.language.understanding import HEADS, LAYERS
from deepseek_mm.library import Library
from deepseek_mm.library.space_change import CHANGE_SPACE, SpaceChange, take_over_lost
from deepseek_mm.library.starters import STARTERS, StarterTrial
from deepseek_mm.lm.generator import Generator, silence
from deepseek_mm.lm.model_folders import find_folder
from deepseek_mm.models.downloads import Downloads, HubPermission
from deepseek_mm.models.rankers import CODE, PASSAGES, named_rankers, open_ranker
from deepseek_mm.models.speakers import NamedModels, hub_models, open_speaker, saved_models
from deepseek_mm.parse.workers.pool import shared_pool
from deepseek_mm.read_only import notice_of
from deepseek_mm.retrieval.passages import Rerankers, Scorer
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.runtime.engines import AS_IT_IS
from deepseek_mm.runtime.hardware import Hardware, probe
from deepseek_mm.runtime.machine_plan import MachinePlan, are_engines_made, encoder_here, fit, fit_detector
from deepseek_mm.runtime.memory_tuning import give_back, hold_few_shapes
from deepseek_mm.runtime.planner import Plan, apply_preset
from deepseek_mm.runtime.preset_measurement import MEASURE, PresetMeasurement
from deepseek_mm.runtime.towers.backends import engines_folder
from deepseek_mm.runtime.towers.parts import Samples, detector_part
from deepseek_mm.settings_file import SettingsFile, value_of, with_defaults, with_values
from deepseek_mm.storage.exchange import is_read_only
from deepseek_mm.storage.files import read_lines
from deepseek_mm.threads import one_for_blas
from deepseek_mm.types import Answer, Query, Question
from deepseek_mm.vision.box_reader import read_box_reader
from deepseek_mm.vision.description import read_describer
from deepseek_mm.vision.detector.detector import WEIGHTS as DETECTOR
from deepseek_mm.vision.detector.detector import Detector, read_detector, read_samples
from deepseek_mm.vision.detector.net import SIDE_PX as DETECTOR_PX
from deepseek_mm.vision.drawings import read_paper
from deepseek_mm.vision.ocr import TextReader
from deepseek_mm.vision.pipeline import VisionModels, VisionPipeline
from deepseek_mm.vision.presence import WEIGHTS as WITNESS
from deepseek_mm.vision.presence import read_witness
from deepseek_mm.vision.visual_prompt import WEIGHTS as GLANCE
from deepseek_mm.vision.visual_prompt import LateVisualPrompt, read_glance
from deepseek_mm.vision.vocabulary import names_in
from deepseek_mm.vision.vqa import read_reader
from deepseek_mm.vision.vqa_net import read_noticer
from index.database import SpaceMismatch
from index.store import RegionStore

Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fallback:
    """Opens parts, and notes which settings gave way."""

    saved: Collection[str] = ()  # dotted names that the library's own file says, and nobody else
    say: Callable[[str], None]
    notices: list[Notice] = field(default_factory=list)  # what gave way, for whoever uses what was opened

    def open(self, opens: Callable[[Config], Part], config: Config, names: Sequence[str]) -> tuple[Part, Config]:
        """The part, and the Config that it was opened with: if need be without what was saved under these names.

        Raises what `opens` raises where none of them was saved, or the defaults cannot be opened either.
        """
        try:
            return opens(config), config
        except Exception as error:  # a library may raise anything over somebody's files, and none of it ends a start
            mine = [name for name in names if name in self.saved]
            given = [name for name in mine if value_of(config, name) != value_of(Config(), name)]
            if not given:
                raise
            told = f"what is saved as {', '.join(given)} cannot be opened, so the default is used until a start can"
            text = f"{told}: {explain(error)}"  # without values: an address may hold a password
            notice = Notice(short=told, text=text, settings=tuple(given))
        plain = with_defaults(config, given)
        self.say(notice.text)
        opened = opens(plain)
        self.notices.append(notice)
        return opened, plain


Progress = Callable[[str], None]
Trained = TypeVar("Trained")


def load(
    config: Config,
    *,
    progress: Progress | None = None,
    saved: Collection[str] = (),
    admit: Callable[[EmbeddingModel], object] = id,
) -> Assistant:
    """Everything that answers needs, opened in order. For searches and indexing `lm.name="none"` saves the model.

    `admit` is called with the space before the library is opened with it, and may raise.

    Settings named in `saved` were kept by somebody earlier: where one cannot be opened its default is used, and the
    assistant's `notices` say so. LibraryError, an IndexProblem or a missing package or weight file say what to do.
    """
    say = progress or (lambda text: None)
    one_for_blas()
    shared_pool().warm(config.parse)  # while models are opened
    make_folder(config.data)
    mark_folder(config)
    config = asked = without_links(config)
    fallback, revisions = Fallback(saved=saved, say=say), Revisions(config.data)
    models = open_models(config, revisions, fallback)
    space, planned, lm, config = models.space, models.planned, models.lm, models.config
    admit(space)
    say("opening the eyes")
    eyes = open_vision(space, config, open_detector(config, planned, say))
    round_linears(small_nets(eyes, planned.plan))
    say(f"opening the library at {config.data}")
    store = open_store(config, space)
    say("opening the history")
    history = History(place_of(config, "history"))
    revisions.record(config.encoder.name, *hub_models(config.lm), *named_rankers(config.rag))
    retriever = Retriever(space, store, eyes, config, models.rerankers)
    closed = [notice_of(store.folder)] if store.read_only else []
    for notice in closed:
        say(notice.text)
    jobs = Jobs(place_of(config, "jobs"), closed="".join(notice.text for notice in closed))
    library = Library(config, eyes=eyes, reader=TextReader(), store=store, jobs=jobs, history=history)
    permission = HubPermission.of(config)
    library.crew.add(Downloads(config=config, jobs=jobs, permission=permission).handlers)
    assistant = Assistant(config, eyes=eyes, retriever=retriever, library=library, lm=lm, history=history)
    open_request_model(assistant)
    assistant.planned, assistant.hub_permission = planned, permission
    assistant.add_notices(*closed, *fallback.notices)
    measurement = PresetMeasurement(config=partial(name_measured, asked, assistant), hardware=planned.hardware)
    add_own_work(assistant, measurement)
    if any("encoder.name" in notice.settings for notice in fallback.notices) and not store.read_only:
        take_over_lost(library, short_name(Path(asked.encoder.name).name))
    give_back()
    return assistant


def add_own_work(assistant: Assistant, measurement: PresetMeasurement) -> None:
    """The jobs that change or measure the assistant itself."""
    crew = assistant.library.crew
    crew.add({CHANGE_SPACE: change_space_in(assistant).run})
    crew.add({MEASURE: measurement.run})
    crew.add({STARTERS: starter_trial_in(assistant).run})


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedModels:
    """The models that settings name, and the settings that they were opened with."""

    space: EmbeddingModel
    planned: MachinePlan
    lm: Generator
    rerankers: Rerankers
    config: Config


def open_models(config: Config, revisions: Revisions, fallback: Fallback) -> OpenedModels:
    """The vector space, the plan for this machine, the language model and those that order what was found, each without
    what was saved if need be.
    """
    config, hardware, say = apply_preset(config), probe(), fallback.say
    named = NamedModels(revisions=revisions, hub=config.hub, saved=saved_models(config, fallback.saved), say=say)
    opens = partial(open_encoder, hardware=hardware, named=named, say=say)
    space, config = fallback.open(opens, config, ("encoder.name",))
    fits = partial(fit, cache=cache_folder(), say=say, hardware=hardware)
    planned, config = fallback.open(partial(fits, space), config, ("runtime.engine",))
    if isinstance(space, DefaultSpace) and space.for_engines and AS_IT_IS in (planned.plan.image, planned.plan.text):
        space = open_space(replace(config.encoder, name=DEFAULT))  # an engine failed: its tower is needed after all
        planned, config = fallback.open(partial(fits, space), config, ("runtime.engine",))
    _, config = fallback.open(partial(join_encoders, space, say=say), config, ("encoder.url",))
    speaks = partial(open_speaker, plan=planned.plan, named=named, say=say)
    (lm, plan), config = fallback.open(speaks, config, ("lm.url", "lm.vlm", "lm.name", "lm.bits"))
    planned = replace(planned, plan=plan)
    rerankers, config = open_rerankers(config, plan, named, fallback)
    return OpenedModels(space=space, planned=planned, lm=lm, rerankers=rerankers, config=config)


def join_encoders(space: EmbeddingModel, config: Config, *, say: Progress) -> None:
    """Have the machines of `encoder.url` embed texts and code. ConfigError: one has another space. LibraryError: the
    file of keys cannot be read.
    """
    addresses = split_addresses(config.encoder.url)
    if not addresses:
        return
    say(f"looking for encoders at {', '.join(addresses)}")
    boxes = open_boxes(space, read_keyring(os.environ), addresses)
    boxes.watch()
    if isinstance(space, SharingSpace):
        space.pool = boxes


def open_rerankers(config: Config, plan: Plan, named: NamedModels, fallback: Fallback) -> tuple[Rerankers, Config]:
    """The models that order passages and code; one that does both is opened once."""

    def opens(name: str) -> Scorer | None:
        return open_ranker(name, plan=plan, find=named.find, say=fallback.say)

    passages, config = fallback.open(lambda asked: opens(asked.rag.reranker), config, (PASSAGES,))
    if config.rag.code_reranker == config.rag.reranker:
        return Rerankers(passages=passages, code=passages), config
    code, config = fallback.open(lambda asked: opens(asked.rag.code_reranker), config, (CODE,))
    return Rerankers(passages=passages, code=code), config


def starter_trial_in(assistant: Assistant) -> StarterTrial:
    """What tries questions to begin with, in the program's own words, which come fast."""

    @contextmanager
    def open_asking() -> Iterator[Callable[[str], Answer]]:
        with assistant.without_history() as other:
            other.config = with_values(other.config, {"lm.phrasing": "none"})
            yield lambda text: other.ask(Question(text=text))

    return StarterTrial(
        store=lambda: assistant.store, asks=open_asking, finds=lambda text: assistant.find(Query(text=text), k=1)
    )


def name_measured(asked: Config, assistant: Assistant) -> Config:
    """The models of now, with the owner's own numbers and not those that a preset put in their place."""
    now = assistant.config
    return replace(now, lm=replace(now.lm, phrasing=asked.lm.phrasing), see=asked.see)


def change_space_in(assistant: Assistant) -> SpaceChange:
    """What indexes the library in another space; a model that is not here is an error, and no hub is asked."""
    config = assistant.config

    def opens(name: str) -> tuple[VisionPipeline, RegionStore]:
        assistant.close_stores_before()
        eyes = assistant.eyes
        if name == eyes.space.name:  # that looks anyway
            return eyes.with_index_space(eyes.space), open_store(config, eyes.space)
        space = open_space(replace(config.encoder, name=Revisions(config.data).pin(name)))
        if not isinstance(space, SeeingSpace):
            return eyes.with_index_space(space), open_store(config, space)
        return open_vision(space, config, eyes.detector), open_store(config, space)

    def keep(name: str) -> None:
        SettingsFile.of(config).write({"encoder.name": name})
        Revisions(config.data).record(name)

    return SpaceChange(library=assistant.library, opens=opens, keep=keep, use=assistant.use_space)


def open_request_model(assistant: Assistant) -> None:
    """Have requests understood by the trained model; patterns read them where it was not trained.

    It is opened at once, in a thread, where answers are to be spoken, else when it is needed.
    """
    if HEADS.is_file() and LAYERS.is_file():
        model = RequestModel()
        assistant.understand_with(model)
        if assistant.config.lm.name != "none":
            model.start()


def without_links(config: Config) -> Config:
    """The library's folder as what it leads to, where a link leads to it: files are read by paths without links."""
    real = Path(os.path.realpath(config.data))
    return config if real == config.data.absolute() else replace(config, data=real)


def open_detector(config: Config, planned: MachinePlan, say: Progress) -> Detector | None:
    """What puts boxes around things, on an engine of the plan; None where a setting does without, or it is absent."""
    if not config.see.detector or not DETECTOR.is_file():
        return None
    detector = read_detector()
    part = detector_part(
        detector.model, lambda: read_samples(map(PILImage.open, Samples().files()[::2])), side_px=DETECTOR_PX
    )
    folder = engines_folder(cache_folder(), detector.fingerprint, planned.hardware)
    fit_detector(detector.model, part, planned, folder=folder, asked=config.runtime.engine, say=say)
    return detector


def open_vision(index_space: EmbeddingModel, config: Config, detector: Detector | None = None) -> VisionPipeline:
    """What looks at pictures: a packaged space, the detector, and the small models that were trained on the space's
    cells; vectors are of the index's space.
    """
    space = open_looking_space(index_space, config)
    noticer = open_trained(read_noticer, space)
    boxes = open_trained(read_box_reader, space) if detector else None
    reads = partial(read_reader, noticer=noticer, glance=glance_of(space, config), boxes=boxes)
    models = VisionModels(
        reader=open_trained(reads, space),
        describer=open_trained(partial(read_describer, tagger=noticer), space),
        paper=open_trained(read_paper, space),
        detector=detector,
        witness=read_witness() if detector and WITNESS.is_file() else None,
    )
    eyes = VisionPipeline(space, config.see, names=own_words(config.data), models=models)
    return eyes if space is index_space else eyes.with_index_space(index_space)


def open_looking_space(index_space: EmbeddingModel, config: Config) -> EmbeddingModel:
    """The index's space, or the packaged one of this machine where no small model knows the cells of that."""
    if isinstance(index_space, SeeingSpace):
        return index_space
    packaged = open_space(encoder_here(replace(config, encoder=replace(config.encoder, name=AUTO))))
    return packaged if isinstance(packaged, SeeingSpace) else index_space


def small_nets(eyes: VisionPipeline, plan: Plan) -> list[object]:
    """Heads of the space and nets that look, unless the plan wants 32 bits."""
    if not isinstance(eyes.space, SeeingSpace) or plan.engine("image").numbers == "fp32":
        return []
    model, reader = eyes.space.model, eyes.reader
    nets = [*model.heads, eyes.space.namer]
    looking = (reader, getattr(reader, "noticer", None), eyes.describer)
    return [*nets, *(getattr(each, "net", None) for each in looking)]


def open_trained(read: Callable[[SeeingSpace], Trained], space: EmbeddingModel) -> Trained | None:
    """A small model that looks at the space's cells; None in a space without any, or where it was not trained."""
    if not isinstance(space, SeeingSpace):
        return None
    try:
        return read(space)
    except MissingWeights:
        return None


def glance_of(space: EmbeddingModel, config: Config) -> LateVisualPrompt | None:
    """The packaged language model with eyes, opened at once where answers are to be spoken, else when it is needed."""
    if not isinstance(space, DefaultSpace) or not GLANCE.is_file():
        return None
    glance = LateVisualPrompt(lambda: read_glance(space, find_folder(BASE_LM, cache=cache_folder(), progress=silence)))
    if config.lm.name != "none" and config.see.glance:
        glance.start()
    return glance


def open_encoder(config: Config, *, hardware: Hardware, named: NamedModels, say: Progress) -> EmbeddingModel:
    """The vector space of the library; LibraryError or SpaceMismatch where its files were indexed in one that cannot be
    opened.
    """
    encoder = encoder_here(config, hardware)
    refuse_retired(config, encoder.name)
    hold_few_shapes(little=encoder.name == EDGE)
    say(f"loading the vector space {encoder.name}")
    try:
        for_engines = are_engines_made(config, cache=cache_folder(), hardware=hardware)
        return open_space(replace(encoder, name=named.find(encoder.name)), for_engines=for_engines)
    except DeepSeekMMError as error:
        if not is_indexed_in(config):
            raise
        raise LibraryError(
            f"the files of {config.data} were indexed in the vector space {encoder.name}, which cannot be opened: "
            f"{error}. Put the model back where it was. Or begin another index beside that one, with: "
            f"python app.py --data {config.data} --set encoder.name={DEFAULT}"
        ) from error


def refuse_retired(config: Config, name: str) -> None:
    """SpaceMismatch where all that a library holds lies in spaces that this version does not have."""
    spaces = space_places(config)
    homes = [space.name.rpartition("-")[0] for space in spaces]
    if name in PACKAGED_SPACES and homes and set(homes) <= set(RETIRED_SPACES):
        raise SpaceMismatch(config.data / "spaces" / spaces[0].name / "store.db", stored=homes[0], given=name)


def is_indexed_in(config: Config) -> bool:
    """Whether the library has an index in the space that `encoder.name` names, as far as names can tell.

    Another space would find nothing of it, so none takes its place unasked.
    """
    name, homes = config.encoder.name, {space.name.rpartition("-")[0] for space in space_places(config)}
    alike = {short_name(name), short_name(Path(name).name)}  # a folder that is gone may have been known by its end
    return not homes.isdisjoint(alike) or (bool(homes) and name != AUTO and homes.isdisjoint(PACKAGED_SPACES))


def own_words(data: Path) -> tuple[str, ...]:
    """The words that the library's owner added: DATA/labels.txt, one a line; () where there is none."""
    return names_in(read_lines(data / "labels.txt"))


def open_store(config: Config, space: EmbeddingModel) -> RegionStore:
    """The index of this space: every space has a folder of its own, so that two never mix."""
    folder = config.data / "spaces" / f"{space.name}-{space.fingerprint[:8]}"
    if not is_read_only(folder / "store.db"):
        make_folder(folder)
    return RegionStore(
        folder,
        space_name=space.name,
        fingerprint=space.fingerprint,
        dim=space.dim,
        config=config.index,
        place=server_place(config, f"space_{space.fingerprint[:8]}"),
    )


def make_folder(folder: Path) -> None:
    """Make it, and see that files can be written there. LibraryError if not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise LibraryError(
            f"the library's folder {folder.absolute()} cannot be used: {error.strerror or error}. "
            "Choose another one with DATA=FOLDER or --data FOLDER, or make this one writable"
        ) from error
