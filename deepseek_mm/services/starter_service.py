"""Questions and searches to begin with, as callers see them: made of the library, and tried before they are shown."""

from dataclasses import dataclass
from typing import Literal

from deepseek_mm.accounts.permissions import Caller, requires
from deepseek_mm.assistant import Assistant
from deepseek_mm.library.starters import Starters, find_starters


@dataclass(frozen=True, kw_only=True, slots=True)
class StarterService:
    """What there is to begin with in one library."""

    assistant: Assistant

    @requires("ask")
    def find_starters(self, caller: Caller, language: Literal["en", "zh"]) -> Starters:
        """Those that passed; where the library has changed since, others are tried in the background."""
        if self.assistant.store.read_only:
            return Starters()
        return find_starters(self.assistant.library.jobs, self.assistant.store, language)
