"""The model "none": it says nothing, and so the program's own words stand."""

import threading
from collections.abc import Iterator, Sequence

from deepseek_mm.records import Message


class Silent:
    """A Generator without a model."""

    name, fingerprint, sees = "none", "none", False

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        """No pieces at all."""
        return iter(())
