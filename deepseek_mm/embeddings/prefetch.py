"""Work ahead: a thread draws the next batch from an iterator while its consumer is busy with the last one."""

import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from queue import Full, Queue
from typing import TypeVar

Item = TypeVar("Item")

DEPTH = 2  # batches that may wait
POLL_S = 0.1  # how soon the thread notices that nobody listens any more


def prefetch_batches(items: Iterable[Item], *, size: int) -> Iterator[list[Item]]:
    """Lists of up to `size` items, in order. What drawing raises is raised here, after the batches before it.

    The first one is drawn at once, since nobody is busy yet; if it is all, there is no thread.
    """
    items = iter(items)
    first = list(islice(items, size))
    if len(first) < size:
        yield from [first] if first else []
        return
    waiting: Queue[list[Item] | BaseException | None] = Queue(DEPTH)
    left = threading.Event()
    threading.Thread(target=_draw, args=(items, size, waiting, left), daemon=True).start()
    try:
        yield first
        while (batch := waiting.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            yield batch
    finally:
        left.set()


def _draw(
    items: Iterator[Item], size: int, waiting: "Queue[list[Item] | BaseException | None]", left: threading.Event
) -> None:
    try:
        while not left.is_set() and (batch := list(islice(items, size))):
            _enqueue(batch, waiting, left)
        _enqueue(None, waiting, left)
    except BaseException as error:  # noqa: BLE001  it belongs to the consumer, who re-raises it
        _enqueue(error, waiting, left)


def _enqueue(
    batch: list[Item] | BaseException | None, waiting: "Queue[list[Item] | BaseException | None]", left: threading.Event
) -> None:
    while not left.is_set():
        try:
            waiting.put(batch, timeout=POLL_S)
            return
        except Full:
            continue
