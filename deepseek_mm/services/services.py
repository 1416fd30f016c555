"""All services of one assistant, built in one place."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deepseek_mm.assistant import Assistant
from deepseek_mm.batcher import Heard
from deepseek_mm.services.answer_engine import ignore_batch
from deepseek_mm.services.answer_service import AnswerService
from deepseek_mm.services.history_service import HistoryService
from deepseek_mm.services.learning_service import LearningService
from deepseek_mm.services.library_service import LibraryService, RulesService
from deepseek_mm.services.program_service import ProgramService
from deepseek_mm.services.settings_service import ModelService, SettingsService
from deepseek_mm.settings_file import SettingsFile

WRITTEN_S = 5.0  # how long answers under way may take to end before what they are written into is exchanged


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What the API, the page, tools for agents and the command line act through."""

    answers: AnswerService
    library: LibraryService
    settings: SettingsService
    models: ModelService
    history: HistoryService
    learning: LearningService
    rules: RulesService
    programs: ProgramService


def build_services(
    assistant: Assistant, file: SettingsFile, *, heard: Heard = ignore_batch, photos: Path | None = None
) -> Services:
    """Over this assistant; changed settings go into `file`, and `heard` is told of every batch of questions.

    `photos` is a folder of the program's own photos that an empty library can begin with.
    """
    answers = AnswerService.of(assistant, heard=heard)
    stop_answers = partial(answers.engine.stop_pages, wait_s=WRITTEN_S)
    return Services(
        answers=answers,
        library=LibraryService(assistant=assistant, stop_answers=stop_answers, photos=photos),
        settings=SettingsService(assistant=assistant, file=file),
        models=ModelService(assistant=assistant, file=file),
        history=HistoryService(assistant=assistant),
        learning=LearningService(assistant=assistant),
        rules=RulesService(assistant=assistant),
        programs=ProgramService.of(assistant.config),
    )
