"""All services of one assistant, built in one place."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.services.history_service import HistoryService
from deepseek_mm.services.learning_service import LearningService
from deepseek_mm.services.library_service import LibraryService
from deepseek_mm.services.model_service import ModelService
from deepseek_mm.services.program_service import ProgramService
from deepseek_mm.services.rules_service import RulesService
from deepseek_mm.services.settings_service import SettingsService
from deepseek_mm.settings_file import SettingsFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What the API, the page, tools for agents and the command line act through."""

    library: LibraryService
    settings: SettingsService
    models: ModelService
    history: HistoryService
    learning: LearningService
    rules: RulesService
    programs: ProgramService


def do_nothing() -> None:
    """Where no answers are under way."""


def build_services(
    assistant: Assistant,
    file: SettingsFile,
    *,
    hush: Callable[[], object] = do_nothing,
    photos: Path | None = None,
) -> Services:
    """Over this assistant; changed settings go into `file`.

    `hush` ends the answers under way, before what they are written into is exchanged or deleted; `photos` is a folder
    of the program's own photos that an empty library can begin with.
    """
    return Services(
        library=LibraryService(assistant=assistant, hush=hush, photos=photos),
        settings=SettingsService(assistant=assistant, file=file),
        models=ModelService(assistant=assistant, file=file),
        history=HistoryService(assistant=assistant),
        learning=LearningService(assistant=assistant),
        rules=RulesService(assistant=assistant),
        programs=ProgramService.of(assistant.config),
    )
