"""A peer in a process of its own, so that two programs in one do not disturb each other.

torch's oneDNN leaves AMX's tiles released, and llama.cpp, which prepares them once a thread, then stops with an illegal
instruction (seen on a processor with AMX). Apart each also has memory and threads of its own.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from deepseek_mm.benchmarks.peer import Peer
from deepseek_mm.errors import DeepSeekMMError, NothingThere

_here: list[Peer] = []  # in the other process: the peer, once it is open


class PeerProcess:
    """A Peer. `make` opens the real one over there; it must be picklable. NothingThere says why it cannot."""

    def __init__(self, make: Callable[[], Peer]) -> None:
        self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        self.settings, trouble = self._process.submit(_open, make).result()
        if trouble:
            self._process.shutdown()
            raise NothingThere(trouble)

    def decode_speed(self, context: int, new_tokens: int) -> float:
        """As `Peer` says."""
        return self._process.submit(_decode_speed, context, new_tokens).result()

    def first_token_s(self, prompt_tokens: int) -> float:
        """As `Peer` says."""
        return self._process.submit(_first_token_s, prompt_tokens).result()


def _open(make: Callable[[], Peer]) -> tuple[str, str]:
    """The peer's settings, and why there is none. Errors of ours cannot travel between processes; what they say can."""
    try:
        _here[:] = [make()]
    except DeepSeekMMError as error:
        return "", str(error)
    return f"{_here[0].settings}, in a process of its own", ""


def _decode_speed(context: int, new_tokens: int) -> float:
    return _here[0].decode_speed(context, new_tokens)


def _first_token_s(prompt_tokens: int) -> float:
    return _here[0].first_token_s(prompt_tokens)
