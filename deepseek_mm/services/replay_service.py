"""Conversations answered again and compared, for callers: one at a time, in a thread, each caller their own.

A conversation that was taken in from a bundle is answered again out of that bundle, as long as it is kept; any other
one as it stands in the history.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from deepseek_mm.accounts.permissions import Caller, require_right, requires_by_default
from deepseek_mm.accounts.quotas import Quotas
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import Conflict, DeepSeekMMError, explain
from deepseek_mm.runtime.memory_tuning import give_back
from deepseek_mm.services.conversation_replay import (
    ModelDifference,
    Over,
    Place,
    ReplayedTurn,
    choose_place,
    compare_models,
    models_then,
    open_room,
)
from deepseek_mm.services.history_service import HistoryService, limits_in
from deepseek_mm.services.replay_export import list_models
from deepseek_mm.sharing.files import sha256
from deepseek_mm.sharing.replay_bundle import (
    SUFFIX,
    BundleLimits,
    MissingFile,
    ReplayBundle,
    is_bundle,
    read_bundle,
)
from deepseek_mm.storage.files import atomic_write

ReplayStep = Literal["none", "indexing", "asking", "stopping", "done", "failed", "stopped"]
KEPT_S = 3600.0  # how long a bundle is kept that a conversation was taken in from
BUNDLES = Path("page") / "bundles"  # below the library's folder; a start empties it
SESSION_CHARS = 16  # of the digest of whose a bundle is, in its name
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleFacts:
    """What there is to know of a bundle before it is answered again."""

    from_bundle: bool  # False: it is a conversation of this library, as it stands
    num_turns: int
    num_files: int
    program: str  # version that exported it
    machine: str
    models: tuple[ModelDifference, ...]  # that are not here, or others than then
    left_out: tuple[MissingFile, ...]
    place: Place  # over what it is answered unless somebody chooses


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayState:
    """How the last replay stands."""

    conversation: int = 0
    step: ReplayStep = "none"
    total: int = 0  # questions
    turns: tuple[ReplayedTurn, ...] = ()  # that were answered again
    files: tuple[int, int] = (0, 0)  # taken in, of how many
    place: Place = "library"
    models: tuple[ModelDifference, ...] = ()
    left_out: tuple[MissingFile, ...] = ()
    message: str = ""  # why it ended early

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.step in ("indexing", "asking", "stopping")

    @property
    def num_same(self) -> int:
        """Answers whose text and citations are the same."""
        return sum(turn.is_same for turn in self.turns)

    @property
    def is_same(self) -> bool:
        """Whether all of it is."""
        return self.step == "done" and self.num_same == self.total


@dataclass(kw_only=True)
class ConversationReplay:
    """One at a time, in a thread of its own."""

    assistant: Assistant
    _state: ReplayState = ReplayState()
    _session: str = ""  # whose it is
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def state(self, session: str) -> ReplayState:
        """How it stands; nothing of somebody else's."""
        now = self._state
        if session != self._session:
            return ReplayState()
        return replace(now, step="stopping") if now.is_active and self._stop.is_set() else now

    def begin(self, conversation: int, bundle: ReplayBundle, facts: BundleFacts, session: str) -> ReplayState:
        """Answer it again. Conflict while another one is answered."""
        with self._lock:
            if self._state.is_active:
                raise Conflict("a conversation is being answered again. Wait until that has ended, or stop it")
            self._stop, self._session = threading.Event(), session
            self._state = ReplayState(
                conversation=conversation,
                step="indexing" if facts.place == "bundle" else "asking",
                total=facts.num_turns,
                place=facts.place,
                models=facts.models,
                left_out=facts.left_out,
            )
        threading.Thread(target=self._run, args=(bundle, facts.place), name="replay", daemon=True).start()
        return self.state(session)

    def stop(self, session: str) -> ReplayState:
        """End one's own; an answer under way is cut short, and its question does not count."""
        if session == self._session:
            self._stop.set()
        return self.state(session)

    def _run(self, bundle: ReplayBundle, place: Place) -> None:
        try:
            with open_room(self.assistant, bundle, place, stop=self._stop, tell=self._tell_files) as room:
                self._change(step="asking", total=len(room.turns))
                for turn in room.ask_all(self._stop):
                    self._change(turns=(*self._state.turns, turn))
        except Exception as error:  # whatever answering raises ends the replay, and nothing else
            if not isinstance(error, DeepSeekMMError):
                log.error("a replay broke", exc_info=error)
            self._change(step="failed", message=explain(error))
        else:
            self._change(step="stopped" if self._stop.is_set() else "done")
        give_back()

    def _tell_files(self, done: int, total: int) -> None:
        self._change(files=(done, total))

    def _change(self, **values: object) -> None:
        self._state = replace(self._state, **values)  # type: ignore[arg-type]  # fields of the state


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayService:
    """Replays of conversations, as callers ask for them."""

    history: HistoryService
    replay: ConversationReplay
    limits: BundleLimits = BundleLimits()
    clock: Callable[[], float] = time.time
    quotas: Quotas = Quotas()

    @classmethod
    def of(cls, assistant: Assistant, history: HistoryService, quotas: Quotas | None = None) -> Self:
        """Over this assistant and its history; `quotas` count every question that is answered again."""
        return cls(history=history, replay=ConversationReplay(assistant=assistant), quotas=quotas or Quotas())

    def take_in(self, caller: Caller, data: bytes) -> int:
        """A conversation out of an export as JSON or a bundle, which is kept for a while: its new id. BadFile."""
        if not is_bundle(data):
            return self.history.take_in(caller, data)
        number = self.history.take_in(caller, read_bundle(data, limits=self.limits).conversation)
        atomic_write(self._file(caller, number), data)
        return number

    def describe_bundle(self, caller: Caller, conversation: int, *, over: Over = "auto") -> BundleFacts:
        """What is known before it is answered again. NothingThere if it is not the caller's."""
        return self._describe(caller, self._open(caller, conversation, over), conversation, over)

    def begin(self, caller: Caller, conversation: int, *, over: Over = "auto") -> ReplayState:
        """Answer it again and compare. Conflict while another one is; Forbidden where files have to be taken in and the
        caller may not have that done.
        """
        bundle = self._open(caller, conversation, over)
        facts = self._describe(caller, bundle, conversation, over)
        if facts.place == "bundle":
            require_right(caller, "library")
        self.quotas.count_asks(caller, facts.num_turns)
        return self.replay.begin(conversation, bundle, facts, caller.session)

    def find_replay(self, caller: Caller) -> ReplayState:
        """How the caller's last one stands."""
        return self.replay.state(caller.session)

    def stop_replay(self, caller: Caller) -> ReplayState:
        """End it; an answer under way is cut short."""
        return self.replay.stop(caller.session)

    def _open(self, caller: Caller, conversation: int, over: Over) -> ReplayBundle:
        """The bundle it came from, as long as that is kept, or a new one; without files where these are here."""
        self.history.find_conversation(caller, conversation)
        self._tidy()
        file = self._file(caller, conversation)
        if file.is_file():
            return read_bundle(file.read_bytes(), limits=self.limits)
        return self.history.make_bundle(caller, conversation, files=over == "bundle")

    def _describe(self, caller: Caller, bundle: ReplayBundle, conversation: int, over: Over) -> BundleFacts:
        assistant, manifest = self.replay.assistant, bundle.manifest
        parcel = bundle.open_parcel(limits_in(assistant.config))
        return BundleFacts(
            from_bundle=self._file(caller, conversation).is_file(),
            num_turns=len(parcel.turns),
            num_files=len(manifest.files),
            program=manifest.program,
            machine=manifest.machine,
            models=tuple(compare_models(models_then(manifest, parcel), list_models(assistant))),
            left_out=manifest.left_out,
            place=choose_place(assistant, bundle, over),
        )

    def _file(self, caller: Caller, conversation: int) -> Path:
        """Where the bundle is kept that this caller's conversation came from."""
        whose = sha256(caller.session.encode())[:SESSION_CHARS]
        return self.replay.assistant.config.data / BUNDLES / f"{conversation}-{whose}{SUFFIX}"

    def _tidy(self) -> None:
        """Remove bundles that were taken in longer ago."""
        for file in (self.replay.assistant.config.data / BUNDLES).glob(f"*{SUFFIX}"):
            if self.clock() - file.stat().st_mtime > KEPT_S:
                file.unlink(missing_ok=True)
