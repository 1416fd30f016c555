"""The batcher in front of the models: what several callers want at the same time goes through them together."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np
from PIL.Image import Image

from deepseek_mm.batcher import Batcher, Heard, Work
from deepseek_mm.config import ServeConfig
from deepseek_mm.encoders.space import EmbeddingModel, Floats
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.records import Answer, Question

TEXTS = 64  # that share a pass of the text tower
PICTURES = 16  # the same of the image tower
ASKS = 8  # questions that are looked up together
ASKS_AT_ONCE = 2  # such passes: while one waits for the language model, others look at pictures


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """A question whose answer is about to grow."""

    question: Question
    stop: Event


class Engine:
    """The assistant's models for many at once."""

    def __init__(self, assistant: Assistant, serve: ServeConfig, *, heard: Heard) -> None:
        self._assistant = assistant
        self.batcher = Batcher(
            {
                "text": Work(do=lambda texts: list(self._space.embed_texts(texts)), most=TEXTS),
                "code": Work(do=lambda codes: list(self._space.embed_code(codes)), most=TEXTS),
                "picture": Work(do=lambda images: list(self._space.embed_images(images)), most=PICTURES),
                "ask": Work(do=self._begin, most=ASKS, at_once=ASKS_AT_ONCE),
            },
            wait_s=serve.batch_wait_ms / 1_000,
            most_waiting=serve.bulk_queue,
            heard=heard,
        )

    def stream(self, question: Question, *, stop: Event) -> Iterator[Answer]:
        """As `Assistant.stream`; what is looked up before the first word is shared with others."""
        growing: Iterator[Answer] = self.batcher.run("ask", [Asking(question=question, stop=stop)])[0]
        yield from growing

    def embed(self, kind: str, items: Sequence[str] | Sequence[Image]) -> Floats:
        """(N, D) vectors of "text", "code" or "picture", in order."""
        rows = self.batcher.run(kind, items)
        return np.stack(rows) if rows else np.zeros((0, self._space.dim), np.float32)

    async def embed_soon(self, kind: str, items: Sequence[str] | Sequence[Image]) -> list[Floats]:
        """The same without a thread that waits: handing over to one and back costs more than a text in a full pass."""
        futures = self.batcher.submit_many(kind, items)
        return [*await asyncio.gather(*map(asyncio.wrap_future, futures))]

    def close(self) -> None:
        """Work off what waits."""
        self.batcher.close()

    @property
    def _space(self) -> EmbeddingModel:
        return self._assistant.retriever.space

    def _begin(self, asked: Sequence[Asking]) -> list[Iterator[Answer]]:
        questions, stops = [one.question for one in asked], [one.stop for one in asked]
        return self._assistant.stream_many(questions, stops=stops)
