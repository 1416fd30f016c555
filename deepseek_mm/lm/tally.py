"""What a language model did since it was opened, and how full its memory is: for those who watch over a service."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(kw_only=True, slots=True)
class EngineStats:
    """Numbers that only grow, but for the pages."""

    prompt_tokens: int = 0  # of prompts that were let in
    known_tokens: int = 0  # of these, in memory already, since another prompt began alike
    written_tokens: int = 0
    read_s: float = 0.0  # spent on prompts
    write_s: float = 0.0  # spent on answers
    pages_taken: int = 0  # of the paged memory, those included that are kept for prompts that begin alike
    pages: int = 0


@runtime_checkable
class CountingGenerator(Protocol):
    """A Generator that counts."""

    def stats(self) -> EngineStats:
        """As of now."""
