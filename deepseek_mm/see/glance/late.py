"""A glance that is opened beside other work: reading its weights takes seconds, and most questions come later."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Lock, Thread

from torch import Tensor

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.see.glance.glance import VisualPrompt


class LateVisualPrompt:
    """Looks as soon as it is open; one that cannot be opened sees nothing, and the reader answers alone."""

    def __init__(self, opened: Callable[[], VisualPrompt]) -> None:
        self._opened, self._lock = opened, Lock()
        self._glance: VisualPrompt | None = None
        self._thread: Thread | None = None

    def start(self) -> Thread:
        """Begin to open it, if nobody has."""
        with self._lock:
            if self._thread is None:
                # No daemon: a program that ends meanwhile waits for it, since torch dies badly under a thread.
                self._thread = Thread(target=self._open, name="glance")
                self._thread.start()
            return self._thread

    def weigh(
        self, questions: Sequence[str], photo_Q: Tensor, cells_BPC: Tensor, options: Sequence[Sequence[str]]
    ) -> list[Mapping[str, float]]:
        """As `VisualPrompt.weigh`; waits until it is open. Nothing of each question where it cannot be opened."""
        glance = self.opened()
        if glance is None:
            return [{} for _ in questions]
        return glance.weigh(questions, photo_Q, cells_BPC, options)

    def opened(self) -> VisualPrompt | None:
        """Itself, when it is open; None where it cannot be."""
        self.start().join()
        return self._glance

    def _open(self) -> None:
        with suppress(DeepSeekMMError):
            self._glance = self._opened()
