"""The vector spaces of a library, as callers see and change them: what is indexed where, and which is searched."""

from dataclasses import dataclass

from deepseek_mm.accounts.permissions import Caller, require_local, requires_by_default
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadQuestion
from deepseek_mm.jobs import Job
from deepseek_mm.library.space_change import CHANGE_SPACE, SpaceFolder, find_space, list_spaces, remove_space
from deepseek_mm.models.catalogue import find_by_name
from deepseek_mm.services.settings_service import check_change
from deepseek_mm.settings_file import SettingsFile

SETTING = "encoder.name"


@requires_by_default("settings")
@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceService:
    """The indexes of one library."""

    assistant: Assistant
    file: SettingsFile

    def change_space(self, caller: Caller, name: str) -> Job:
        """Index every file in the space of this name, beside the one that is searched; then that is searched.

        BadQuestion for a model that is no vector space; Conflict or Forbidden if this start or caller cannot.
        """
        check_change(SETTING, self.file.read().origin, caller)
        card = find_by_name(name)
        if not name.strip() or (card is not None and card.kind != "space"):
            raise BadQuestion(f"{name[:80]!r} is no vector space. Choose one of: models list")
        chosen = card.id if card else name.strip()
        jobs = self.assistant.library.jobs
        return jobs.add(CHANGE_SPACE, {"space": chosen}, title=f"Index all files in {chosen}", unique=True)

    def list_spaces(self, caller: Caller) -> list[SpaceFolder]:
        """Every index with its size, by name."""
        return list_spaces(self.assistant.config, self.assistant.store)

    def remove_space(self, caller: Caller, name: str) -> int:
        """Delete an index that is not searched; how many bytes that frees. NothingThere, Conflict, Forbidden."""
        folder = find_space(self.assistant.config, name)
        require_local(caller, "remove an index")
        self.assistant.close_stores_before()
        return remove_space(folder, self.assistant.store)
