"""A language model that is listened to: what it wrote after which prompt, and which of its experts worked on it."""

from collections.abc import Iterator, Sequence
from threading import Event
from types import GeneratorType

from deepseek_mm.lm.generator import Generator, TracingGenerator
from deepseek_mm.types import Message, Role, Trace, Utterance

MOST_KEPT = 20_000  # characters of a prompt that is kept with its answer


class RecordingGenerator:
    """Listens to a language model, and keeps what it wrote and which of its experts worked, if it has any."""

    def __init__(self, lm: Generator) -> None:
        self.name, self.utterances, self._lm = lm.name, list[Utterance](), lm

    @property
    def traces(self) -> list[Trace]:
        """Of all that it wrote, in order."""
        return [each.trace for each in self.utterances]

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: Event) -> Iterator[str]:
        """Pieces of text."""
        if not isinstance(self._lm, TracingGenerator):
            yield from self._lm.stream(messages, max_tokens=max_tokens, stop=stop)
            return
        traces, pieces = list[Trace](), list[str]()
        heard = self._lm.stream_traced(messages, max_tokens=max_tokens, stop=stop, traces=traces)
        try:
            yield from note_pieces(heard, pieces)
        finally:
            prompt = keep_prompt(messages)
            self.utterances += [Utterance(prompt=prompt, text="".join(pieces), trace=trace) for trace in traces]


def note_pieces(heard: Iterator[str], pieces: list[str]) -> Iterator[str]:
    """The pieces as they come; each is noted first. Whoever leaves early ends the model's answer at once."""
    try:
        for piece in heard:
            pieces.append(piece)
            yield piece
    finally:
        if isinstance(heard, GeneratorType):
            heard.close()


def keep_prompt(messages: Sequence[Message]) -> tuple[tuple[Role, str], ...]:
    """Role and text of each message; nothing of a prompt that is too long to be kept with every answer."""
    fits = sum(len(message.text) for message in messages) <= MOST_KEPT
    return tuple((message.role, message.text) for message in messages) if fits else ()
