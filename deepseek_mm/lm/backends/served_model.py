"""A language model on several servers: each request goes to one that works, and on to another where it fails.

A request that failed before anything of its answer was said goes on; behind the first word it fails as it would with
one server. What a server refuses since any would (a prompt that is too long) is told. A thread looks at servers that
are left out, and at those that had no request for a while.
"""

import asyncio
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Generator as YieldFrom
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from deepseek_mm.addresses import split_addresses
from deepseek_mm.balancer import Balancer, RequestTurn, ServerHealth
from deepseek_mm.config import LMConfig
from deepseek_mm.errors import DeepSeekMMError, NoServerAnswers, RequestRefused, ServerError
from deepseek_mm.lm.backends.server_model import UNNAMED, OpenAIServer, RemoteModel, open_remote, read_names
from deepseek_mm.lm.generator import Generator, Silent, ToolReply
from deepseek_mm.types import Message

TRY_S = 8.0  # how long a server may take to answer somebody who only looks
LOOK_S = 5.0  # the same where nobody waits for it
MOST_NAMED = 5  # models of another server that are named
Opens = Callable[[], Generator]
Piece = TypeVar("Piece")


def split_servers(config: LMConfig) -> tuple[LMConfig, ...]:
    """The settings of each server that `lm.url` names, one at least; what stands behind # is what its model is called
    there.
    """
    split = [address.partition("#") for address in split_addresses(config.url)] or [(config.url, "", "")]
    return tuple(replace(config, url=url, name=name or config.name) for url, _, name in split)


def models_at(config: LMConfig) -> list[str]:
    """Names of the models that the servers at config.url offer, at least one; of several, all that those have together
    that answer. ServerError says what is wrong.
    """
    quick = replace(config, timeout_s=min(TRY_S, config.timeout_s))
    offers, trouble = list[list[str]](), list[ServerError]()
    for server in split_servers(quick):
        try:
            offers.append(OpenAIServer(server).models())
        except ServerError as error:
            trouble.append(error)
    if not offers:
        raise trouble[0]
    if shared := [name for name in offers[0] if all(name in other for other in offers)]:
        return shared
    told = "; ".join(", ".join(names[:MOST_NAMED]) for names in offers)
    raise ServerError(f"the servers have no model of the same name: {told}. Write ADDRESS#MODEL for each")


def address_of(config: LMConfig) -> str:
    """The servers' addresses, fit to be shown: without a name or password in them. ServerError if one is none."""
    named = [(OpenAIServer(each).address, each.name) for each in split_servers(config)]
    return ", ".join(f"{url}#{name}" if name != config.name else url for url, name in named)


def open_served(config: LMConfig) -> Generator:
    """The model at `config.url`; under the default name, the first that the first server that answers has.

    ServerError for an address that is none, or where no server tells the name that is asked for.
    """
    servers = split_servers(config)
    if len(servers) == 1:
        return open_remote(servers[0])
    if config.name == UNNAMED and any(each.name == UNNAMED for each in servers):
        name = models_at(config)[0]
        servers = tuple(replace(each, name=name) if each.name == UNNAMED else each for each in servers)
    return ServedModel([RemoteModel(each.name, each) for each in servers], watch=True)


def add_stand_in(lm: Generator, opens: Opens) -> Generator:
    """A model on servers with another one that speaks while none of them answers, opened when it is wanted."""
    servers = lm.servers if isinstance(lm, ServedModel) else (lm,) if isinstance(lm, RemoteModel) else ()
    return ServedModel(servers, opens=opens, watch=True) if servers else lm


class ServedModel:
    """A Generator that asks one of several servers. Without `watch` nobody looks at them beside their requests."""

    def __init__(
        self,
        servers: Sequence[RemoteModel],
        *,
        opens: Opens | None = None,
        balancer: Balancer | None = None,
        watch: bool = False,
    ) -> None:
        self.servers, self._opens, self._lock = tuple(servers), opens, threading.Lock()
        self.name, self.sees = servers[0].name, servers[0].sees
        self.fingerprint = " ".join(server.fingerprint for server in servers)
        self.balancer = balancer or Balancer([server.address for server in servers])
        self._stand_in: Generator | None = None
        if watch:
            looks = partial(watch_servers, self.balancer, self.servers)
            threading.Thread(target=looks, name="lm-looks", daemon=True).start()
            weakref.finalize(self, self.balancer.close)

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        """Pieces of the answer, as `Generator.stream` says. NoServerAnswers before the first, where it has a stand-in;
        ServerError names the next step.
        """
        yield from self._pass_on(lambda server: server.stream(messages, max_tokens=max_tokens, stop=stop), stop)

    def call_tools(
        self, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any], *, stop: threading.Event
    ) -> ToolReply:
        """As `ToolCaller` says."""

        def call(server: RemoteModel) -> Iterator[ToolReply]:
            yield server.call_tools(messages, options, stop=stop)

        (reply,) = self._pass_on(call, stop, timed=False)
        return reply

    @property
    def is_down(self) -> bool:
        """As `ServedGenerator` says."""
        return self._opens is not None and self.balancer.is_down

    def list_servers(self) -> tuple[ServerHealth, ...]:
        """As `ServedGenerator` says."""
        return self.balancer.states()

    def open_stand_in(self) -> Generator:
        """As `ServedGenerator` says."""
        with self._lock:
            if self._stand_in is None:
                try:
                    self._stand_in = self._opens() if self._opens else Silent()
                except DeepSeekMMError:  # its files are not here: the program speaks for itself
                    self._stand_in = Silent()
            return self._stand_in

    def _pass_on(
        self, ask: Callable[[RemoteModel], Iterator[Piece]], stop: threading.Event, *, timed: bool = True
    ) -> Iterator[Piece]:
        """What the first server that does not fail before its first piece says."""
        tried = set[int]()
        trouble: ServerError | None = None
        while (turn := self.balancer.begin(tried)) is not None:
            tried.add(turn.number)
            trouble = yield from hear_turn(turn, ask(self.servers[turn.number]), stop, timed=timed)
            if trouble is None:
                return
        raise self._explain(trouble)

    def _explain(self, trouble: ServerError | None) -> ServerError:
        """Why there is no answer."""
        reasons = "; ".join(state.reason or f"{state.name} is tried again" for state in self.list_servers())
        several = f"none of the servers of {self.name} answers ({reasons}). See what: python -m deepseek_mm doctor"
        told = str(trouble) if len(self.servers) == 1 and trouble else several
        return NoServerAnswers(told) if self._opens else ServerError(told)


def hear_turn(
    turn: RequestTurn, pieces: Iterator[Piece], stop: threading.Event, *, timed: bool
) -> YieldFrom[Piece, None, ServerError | None]:
    """What one server says; at the end why it failed, where that was before its first piece."""
    begun, note = False, turn.speak if timed else pass_over
    with turn:
        try:
            for piece in pieces:
                begun = True
                note()
                yield piece
        except (RequestRefused, GeneratorExit):  # the second: whoever listened has enough
            turn.succeed()
            raise
        except ServerError as error:
            turn.fail(str(error))
            if begun:
                raise
            return error
        if begun or not stop.is_set():
            turn.succeed()
    return None


def pass_over() -> None:
    """Of a reply that comes whole nothing is timed."""


def watch_servers(balancer: Balancer, servers: Sequence[RemoteModel]) -> None:
    """Look at servers whenever one is due, until nobody asks them any more."""
    while balancer.wait():
        look_at_due(balancer, servers)


def look_at_due(balancer: Balancer, servers: Sequence[RemoteModel]) -> None:
    """Look at those that are due, at the same time."""
    due = balancer.take_due()
    for number, (reason, unfit) in zip(due, asyncio.run(look_at_all([servers[n] for n in due])), strict=True):
        balancer.note_look(number, reason, unfit=unfit)


async def look_at_all(servers: Sequence[RemoteModel]) -> list[tuple[str, bool]]:
    """Of each why it does not work, and whether that is since it has another model."""
    return list(await asyncio.gather(*map(look_at, servers)))


async def look_at(server: RemoteModel) -> tuple[str, bool]:
    """The same of one. One that has no list of models may still speak, so only its silence or its failure counts."""
    try:
        status, text = await server.look(LOOK_S)
    except ServerError as error:
        return str(error), False
    if status >= 500:
        return f"{server.address} answers {status}", False
    names = []
    with suppress(ServerError):  # no list
        names = read_names(text) if status == 200 else []
    if not names or server.name in names:
        return "", False
    return f"{server.address} has no {server.name}, but {', '.join(names[:MOST_NAMED])}", True
