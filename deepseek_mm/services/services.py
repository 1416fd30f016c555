"""All services of one assistant, built in one place, and the two smallest: programs that are run, and learning.

What learning changes is changed for everybody, so all of it needs the right "settings".
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Self

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.keys import KeyRing
from deepseek_mm.accounts.permissions import Caller, check_run, requires, requires_by_default
from deepseek_mm.accounts.quotas import Quotas
from deepseek_mm.assistant import Assistant
from deepseek_mm.batcher import Heard
from deepseek_mm.config import SandboxConfig
from deepseek_mm.errors import Forbidden
from deepseek_mm.jobs import Job
from deepseek_mm.learning import LEARN, Learning, Version
from deepseek_mm.learning.reliability import Reliability, measure_reliability
from deepseek_mm.sandbox.records import Language, Protection, Ran
from deepseek_mm.sandbox.run import Sandbox, open_sandbox
from deepseek_mm.services.account_erasure import AccountErasure
from deepseek_mm.services.account_service import AccountService
from deepseek_mm.services.answer_service import AnswerService, ignore_batch
from deepseek_mm.services.code_edit_service import CodeEditService, erase_edits
from deepseek_mm.services.collection_service import CollectionService
from deepseek_mm.services.grounding_service import GroundingService
from deepseek_mm.services.history_service import HistoryService
from deepseek_mm.services.inspection_service import InspectionService
from deepseek_mm.services.library_service import LibraryService, RulesService, known_source
from deepseek_mm.services.model_exchange import ModelExchangeService
from deepseek_mm.services.model_service import ModelCatalogueService
from deepseek_mm.services.model_trial import ModelTrialService
from deepseek_mm.services.people_service import PeopleService
from deepseek_mm.services.photo_service import PhotoService
from deepseek_mm.services.replay_service import ReplayService
from deepseek_mm.services.settings_service import ModelService, SettingsService
from deepseek_mm.services.space_service import SpaceService
from deepseek_mm.services.starter_service import StarterService
from deepseek_mm.settings_file import SettingsFile


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramService:
    """Runs programs for callers."""

    config: SandboxConfig
    sandbox: Sandbox
    assistant: Assistant

    @classmethod
    def of(cls, assistant: Assistant) -> Self:
        """Over the sandbox of this app."""
        return cls(config=assistant.config.sandbox, sandbox=open_sandbox(assistant.config), assistant=assistant)

    @requires("ask")
    def list_protections(self, caller: Caller) -> list[Protection]:
        """What holds on this machine while a program runs."""
        return list(self.sandbox.protections())

    @requires("ask")
    def explain_refusal(self, caller: Caller) -> str:
        """Why this caller may have no programs run; empty if it may."""
        try:
            check_run(self.config, caller)
        except Forbidden as error:
            return str(error)
        return ""

    @requires("run")
    def run(
        self,
        caller: Caller,
        code: str,
        *,
        language: Language = "python",
        text: str = "",
        stop: Event | None = None,
    ) -> Ran:
        """Run a program and wait for its end. Forbidden says why it may not be run for this caller."""
        check_run(self.config, caller)
        return self.sandbox.run(code, language=language, text=text, stop=stop or Event())


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningState:
    """How learning stands."""

    answers: str  # what answers now, for people
    answering: int  # its number; 0 is the shipped weights
    trouble: str  # why it is not what was accepted; mostly empty
    waiting: Mapping[str, int]  # new corrections, by where they come from
    versions: tuple[Version, ...]  # newest first
    fewest: int = 0  # new corrections that a training needs


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoExample:
    """A photo of the library with a question and its right answer, or with a description."""

    source: int  # its id
    question: str = ""
    answer: str = ""
    words: str = ""  # a description; instead of question and answer


@requires_by_default("settings")
@dataclass(frozen=True, kw_only=True, slots=True)
class LearningService:
    """The library's learning, as callers steer it."""

    assistant: Assistant

    def describe_state(self, caller: Caller) -> LearningState:
        """What answers, how much is new, and every version with its report."""
        learning = self._learning
        new = learning.waiting()
        return LearningState(
            answers=learning.told,
            answering=learning.answering,
            trouble=learning.trouble,
            waiting=Counter(example.by for example in new),
            versions=tuple(learning.list()),
            fewest=self.assistant.config.learning.fewest,
        )

    def measure_reliability(self, caller: Caller) -> Reliability:
        """How sure answers were against how often they were right, by everybody's thumbs and corrections."""
        return measure_reliability(self.assistant.history.feedback())

    def find_job(self, caller: Caller) -> Job | None:
        """The training that was begun last."""
        return next(iter(self.assistant.library.jobs.find(kinds=(LEARN,), limit=1)), None)

    def train(self, caller: Caller) -> Job:
        """Learn from what is new: a job, whose result names the version. NothingThere says that it is too little."""
        return self._learning.train()

    def find_version(self, caller: Caller, number: int) -> Version:
        """One version. NothingThere, BadCheckpoint."""
        return self._learning.get(number)

    def accept(self, caller: Caller, number: int, *, force: bool = False) -> Version:
        """Answer with it from the next question on. Conflict if its report speaks against it and nobody insists."""
        return self._learning.accept(number, force=force)

    def go_back(self, caller: Caller) -> int:
        """Answer with what answered before: its number, or 0 for the shipped weights."""
        return self._learning.back()

    def teach(self, caller: Caller, examples: Sequence[PhotoExample]) -> int:
        """Keep them to learn from; how many were new. NothingThere if a photo is none of the library's."""
        return self._learning.teach([self._row(example) for example in examples])

    @property
    def _learning(self) -> Learning:
        return self.assistant.library.learning

    def _row(self, example: PhotoExample) -> dict[str, str]:
        plain = {"question": example.question, "answer": example.answer}
        told = {"words": example.words} if example.words else plain
        return {"image": known_source(self.assistant, example.source).path, **told}


WRITTEN_S = 5.0  # how long answers under way may take to end before what they are written into is exchanged


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What the API, the page, tools for agents and the command line act through."""

    answers: AnswerService
    library: LibraryService
    collections: CollectionService
    photos: PhotoService
    people: PeopleService
    grounding: GroundingService
    settings: SettingsService
    models: ModelService
    catalogue: ModelCatalogueService
    exchange: ModelExchangeService
    trial: ModelTrialService
    spaces: SpaceService
    history: HistoryService
    inspection: InspectionService
    replay: ReplayService
    learning: LearningService
    rules: RulesService
    starters: StarterService
    programs: ProgramService
    edits: CodeEditService
    accounts: AccountService


def build_services(
    assistant: Assistant,
    file: SettingsFile,
    *,
    heard: Heard = ignore_batch,
    photos: Path | None = None,
    accounts: Accounts | None = None,
    keys: KeyRing | None = None,
) -> Services:
    """Over this assistant; changed settings go into `file`, and `heard` is told of every batch of questions.

    `photos` is a folder of the program's own photos that an empty library can begin with; `accounts`, with the `keys`
    of the library, those of people who log in.
    """
    if accounts is not None:
        assistant.accounts = accounts
    quotas = Quotas(accounts=accounts, limits=assistant.config.accounts)
    answers = AnswerService.of(assistant, heard=heard, quotas=quotas)
    if assistant.hub_permission is not None:
        assistant.hub_permission.follow(file)
    stop_answers = partial(answers.engine.stop_pages, wait_s=WRITTEN_S)
    models, history = ModelService(assistant=assistant, file=file), HistoryService(assistant=assistant)
    edits = CodeEditService.of(assistant, quotas)
    edits.store.end_interrupted()
    erasure = AccountErasure(assistant=assistant, engine=answers.engine, erasers=[partial(erase_edits, edits)])
    settings = SettingsService(assistant=assistant, file=file)
    exchange = ModelExchangeService.of(assistant, file, models)
    return Services(
        answers=answers,
        library=LibraryService(assistant=assistant, stop_answers=stop_answers, photos=photos),
        collections=CollectionService(assistant=assistant),
        photos=PhotoService(assistant=assistant),
        people=PeopleService(assistant=assistant, settings=settings),
        grounding=GroundingService(assistant=assistant),
        settings=settings,
        models=models,
        catalogue=ModelCatalogueService(assistant=assistant, file=file),
        exchange=exchange,
        trial=ModelTrialService.of(assistant, exchange.exchange.opens, photos),
        spaces=SpaceService(assistant=assistant, file=file),
        history=history,
        inspection=InspectionService(assistant=assistant, history=history),
        replay=ReplayService.of(assistant, history, quotas),
        learning=LearningService(assistant=assistant),
        rules=RulesService(assistant=assistant),
        starters=StarterService(assistant=assistant),
        programs=ProgramService.of(assistant),
        edits=edits,
        accounts=AccountService(accounts=accounts, keys=keys, quotas=quotas, erasure=erasure),
    )
