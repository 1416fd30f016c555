"""A library's own rules over its photos: read, kept, and checked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deepseek_mm.accounts.permissions import Caller, requires
from deepseek_mm.answering.rule_checks import Checked, keep_rules, kept_rules
from deepseek_mm.assistant import Assistant
from deepseek_mm.logic.rules import Rule, rules_of
from index import LIBRARY


@dataclass(frozen=True, kw_only=True, slots=True)
class RulesService:
    """The rules of one library."""

    assistant: Assistant

    @requires("ask")
    def read(self, caller: Caller) -> str:
        """The text that is kept; empty at first."""
        return kept_rules(self.assistant.config.data)

    @requires("library")
    def write(self, caller: Caller, text: str) -> tuple[Rule, ...]:
        """Keep these, if all of them can be understood. BadProgram points at what cannot."""
        rules = rules_of(text.splitlines())
        keep_rules(self.assistant.config.data, text)
        return rules

    @requires("ask")
    def check(self, caller: Caller, rules: Sequence[Rule], *, collection: str = LIBRARY) -> Iterator[Checked]:
        """In which photos each rule holds, and by which boxes. Nothing is kept."""
        return self.assistant.check_rules(rules, collection=collection)
