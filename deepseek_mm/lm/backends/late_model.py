"""A language model that is opened when it is first asked, or beside other work: many questions need none.

It is the packaged model, whose name and fingerprint are known before it is open.
"""

import threading
from collections.abc import Callable, Iterator, Sequence

from deepseek_mm.errors import DeepSeekMMError, ModelFailed
from deepseek_mm.lm.backends.own_model import OwnModel
from deepseek_mm.lm.engine.sampling import Sampling
from deepseek_mm.lm.generator import EngineStats, TokenUsage
from deepseek_mm.types import Message, Trace


class LateModel:
    """Fills every protocol that `OwnModel` fills; whoever calls waits until that is open.

    What opening raises is raised to whoever asks, each time.
    """

    sees = False

    def __init__(self, opens: Callable[[], OwnModel], *, name: str, fingerprint: str) -> None:
        self.name, self.fingerprint, self._opens = name, fingerprint, opens
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._model: OwnModel | None = None
        self._error: Exception | None = None

    def start(self) -> threading.Thread:
        """Begin to open it, if nobody has."""
        with self._lock:
            if self._thread is None:
                # No daemon: a program that ends meanwhile waits for it, since torch dies badly under a thread.
                self._thread = threading.Thread(target=self._open, name="language-model")
                self._thread.start()
            return self._thread

    def wait_open(self) -> OwnModel:
        """The model itself, when it is open. ModelFailed, or the error that says what it lacks."""
        self.start().join()
        if self._model is None:
            raise self._error if isinstance(self._error, DeepSeekMMError) else self._failure()
        return self._model

    @property
    def context(self) -> int:
        """As `TextCompleter` says."""
        return self.wait_open().context

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        """As `Generator` says."""
        yield from self.wait_open().stream(messages, max_tokens=max_tokens, stop=stop)

    def stream_traced(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event, traces: list[Trace]
    ) -> Iterator[str]:
        """As `TracingGenerator` says."""
        yield from self.wait_open().stream_traced(messages, max_tokens=max_tokens, stop=stop, traces=traces)

    def stream_sampled(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event, spent: list[TokenUsage]
    ) -> Iterator[str]:
        """As `SamplingGenerator` says."""
        yield from self.wait_open().stream_sampled(messages, sampling, stop=stop, spent=spent)

    def write(self, text: str, sampling: Sampling, *, stop: threading.Event, spent: list[TokenUsage]) -> Iterator[str]:
        """As `TextCompleter` says."""
        yield from self.wait_open().write(text, sampling, stop=stop, spent=spent)

    def nats(self, text: str, tail: str, *, stop: threading.Event) -> float:
        """As `TextCompleter` says."""
        return self.wait_open().nats(text, tail, stop=stop)

    def room(self, messages: Sequence[Message]) -> int:
        """As `SamplingGenerator` says."""
        return self.wait_open().room(messages)

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return self.wait_open().count(text)

    def stats(self) -> EngineStats:
        """As `CountingGenerator` says; nothing where it is not open yet."""
        return self._model.stats() if self._model is not None else EngineStats()

    def _failure(self) -> ModelFailed:
        return ModelFailed(f"the language model {self.name} could not be opened: {self._error!r}. See the server's log")

    def _open(self) -> None:
        try:
            self._model = self._opens()
        except Exception as error:  # noqa: BLE001  whoever asks must hear of it
            self._error = error
