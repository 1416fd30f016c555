"""An LRU cache of the vectors of texts: names of things come again and again.

Shape key:  T texts, D width of the space
"""

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
from cachetools import LRUCache

from deepseek_mm.encoders.space import Floats


class VectorCache:
    """Vectors by text; safe in many threads. What makes them must stay as it is."""

    def __init__(self, embed: Callable[[Sequence[str]], Floats], dim: int, maxsize: int) -> None:
        """`embed` gives (T, D) of texts that are not known yet, all in one pass."""
        self._embed, self._dim = embed, dim
        self._known: LRUCache[str, Floats] = LRUCache(maxsize)
        self._lock = Lock()

    def vectors(self, texts: Sequence[str]) -> Floats:
        """(T, D), in order."""
        if not texts:
            return np.zeros((0, self._dim), np.float32)
        with self._lock:
            known = {text: vector_D for text in texts if (vector_D := self._known.get(text)) is not None}
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            made = dict(zip(new, self._embed(new), strict=True))
            with self._lock:
                self._known.update(made)
            known |= made
        return np.stack([known[text] for text in texts])
