"""How an answer came about: which stage took how long, and what was looked through, measured where stages meet.

Stages lie in each other, since a search may look at a picture: time counts for the innermost one. Whoever works for an
answer says so with `in_stage` and the `note_` functions; without a clock under way in this thread they do nothing.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self, TypeVar, get_args

StageName = Literal[
    "understood",  # what is asked for, and which files it is about
    "retrieved",  # evidence out of the index
    "looked",  # models looked at pictures
    "weighed",  # what the evidence says, and how sure that is
    "said",  # put into words
    "verified",  # words compared with the evidence
]
STAGES: tuple[StageName, ...] = get_args(StageName)
MOST_NAMED = 12  # files of one stage that are named
State = TypeVar("State")


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerStage:
    """One stage of an answer."""

    name: StageName
    seconds: float  # wall time of this stage alone
    kept: int = 0  # retrieved: pieces of evidence; looked: pictures; said: sentences; verified: those that stayed
    among: int = 0  # that were looked through, or weighed; 0 where nobody counted
    by: tuple[str, ...] = ()  # models that were asked, as `Said.by` names them; of "said" who worded it
    files: tuple[str, ...] = ()  # names of pictures that were looked at
    left_out: tuple[tuple[str, float], ...] = ()  # the nearest files that were not likely enough, with their chance
    needed: float = 0.0  # the chance that they needed


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerTimeline:
    """The stages of an answer, in their order; those that were not entered are absent."""

    stages: tuple[AnswerStage, ...] = ()
    together: int = 1  # questions that were looked up at the same time: until "weighed" the seconds are those of all

    @property
    def seconds(self) -> float:
        """Of all stages."""
        return sum(stage.seconds for stage in self.stages)

    def find(self, name: StageName) -> AnswerStage | None:
        """The stage of this name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def followed_by(self, later: "AnswerTimeline") -> Self:
        """With what was measured later; stages that were entered again last longer."""
        known = {stage.name: stage for stage in self.stages}
        for stage in later.stages:
            known[stage.name] = join_stages(known[stage.name], stage) if stage.name in known else stage
        return replace(self, stages=tuple(known[name] for name in STAGES if name in known),
                       together=max(self.together, later.together))  # fmt: skip

    def with_stage(self, name: StageName, **values: Any) -> Self:
        """With other values of one stage; nothing changes where it was not entered."""
        changed = (replace(stage, **values) if stage.name == name else stage for stage in self.stages)
        return replace(self, stages=tuple(changed))

    def without_left_out(self) -> Self:
        """Without names of files that the answer has nothing to do with, as it is kept."""
        return replace(self, stages=tuple(replace(stage, left_out=(), needed=0.0) for stage in self.stages))

    def as_json(self) -> dict[str, Any]:
        """Values that JSON knows."""
        return asdict(self)

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Self:
        """Out of what `as_json` gave."""
        return cls(stages=tuple(read_stage(each) for each in told["stages"]), together=told["together"])


def join_stages(one: AnswerStage, other: AnswerStage) -> AnswerStage:
    """The same stage, entered twice."""
    files = tuple(dict.fromkeys((*one.files, *other.files)))
    return replace(
        one,
        seconds=one.seconds + other.seconds,
        kept=max(one.kept, other.kept, len(files)),
        among=one.among + other.among,
        by=tuple(dict.fromkeys((*one.by, *other.by))),
        files=files[:MOST_NAMED],
        left_out=(*one.left_out, *other.left_out),
        needed=max(one.needed, other.needed),
    )


def read_stage(told: Mapping[str, Any]) -> AnswerStage:
    """A stage as it was kept."""
    values = {name: tuple(each) if isinstance(each, list) else each for name, each in told.items()}
    return AnswerStage(**values | {"left_out": tuple((name, chance) for name, chance in told["left_out"])})


class StageClock:
    """Measures the stages of one answer, or of answers that are looked up together, in one thread."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now, self._since_s = now, 0.0
        self._under_way: list[StageName] = []
        self._seconds: dict[StageName, float] = {}
        self._by: dict[StageName, dict[str, None]] = {}
        self._pictures: dict[str, None] = {}
        self._candidates: set[tuple[str, int]] = set()
        self._left_out: dict[str, float] = {}
        self._needed = 0.0

    @contextmanager
    def run(self, stage: StageName) -> Iterator[Self]:
        """Under way: what is done meanwhile is this stage, but for what says that it is another one."""
        token = UNDER_WAY.set(self)
        try:
            with in_stage(stage):
                yield self
        finally:
            UNDER_WAY.reset(token)

    def time_each(self, begin: Callable[[], Iterator[State]], stage: StageName) -> Iterator[State]:
        """The states as they come; the time in which whoever reads them does something else is not counted."""
        states: Iterator[State] | None = None
        while True:
            with self.run(stage):
                states = begin() if states is None else states
                state = next(states, None)
            if state is None:
                return
            yield state

    def read(self, *, together: int = 1) -> AnswerTimeline:
        """What was measured. Of several questions nobody knows whose files they were: none is named, nor counted."""
        own = together == 1
        found = {name: AnswerStage(name=name, seconds=round(seconds, 6), by=tuple(self._by.get(name, ())))
                 for name, seconds in self._list_seconds().items()}  # fmt: skip
        if own and "looked" in found:
            looked = {"kept": len(self._pictures), "files": tuple(self._pictures)[:MOST_NAMED]}
            found["looked"] = replace(found["looked"], **looked)  # type: ignore[arg-type]
        if own and "retrieved" in found:
            left_out = tuple(self._left_out.items())
            found["retrieved"] = replace(
                found["retrieved"], among=len(self._candidates), left_out=left_out, needed=self._needed
            )
        return AnswerTimeline(stages=tuple(found[name] for name in STAGES if name in found), together=together)

    def enter(self, stage: StageName) -> None:
        """From now on it is this stage."""
        self._count()
        self._under_way.append(stage)

    def leave(self) -> None:
        """From now on it is the stage before again."""
        self._count()
        self._under_way.pop()

    def note(self, *, by: str = "", picture: str = "", candidates: Iterable[tuple[str, int]] = ()) -> None:
        """Who was asked in this stage, what was looked at, what was looked through."""
        if by and self._under_way:
            self._by.setdefault(self._under_way[-1], {})[by] = None
        if picture:
            self._pictures[picture] = None
        self._candidates.update(candidates)

    def leave_out(self, files: Iterable[tuple[str, float]], needed: float) -> None:
        """What was found and not likely enough."""
        self._left_out |= dict(files)
        self._needed = needed

    def _list_seconds(self) -> dict[StageName, float]:
        """Of each stage; where nothing was looked at in the end, that was weighing."""
        seconds = dict(self._seconds)
        if "looked" in seconds and not self._pictures and "looked" not in self._by:
            seconds["weighed"] = seconds.get("weighed", 0.0) + seconds.pop("looked")
        return seconds

    def _count(self) -> None:
        now_s = self._now()
        if self._under_way:
            stage = self._under_way[-1]
            self._seconds[stage] = self._seconds.get(stage, 0.0) + now_s - self._since_s
        self._since_s = now_s


UNDER_WAY: ContextVar[StageClock | None] = ContextVar("stage clock under way", default=None)


@contextmanager
def in_stage(stage: StageName) -> Iterator[None]:
    """What is done meanwhile belongs to this stage of the answer under way."""
    clock = UNDER_WAY.get()
    if clock is None:
        yield
        return
    clock.enter(stage)
    try:
        yield
    finally:
        clock.leave()


def note_model(by: str) -> None:
    """A model is asked, by the name that `Said.by` has for it."""
    if clock := UNDER_WAY.get():
        clock.note(by=by)


def note_picture(name: str) -> None:
    """A picture is looked at."""
    if clock := UNDER_WAY.get():
        clock.note(picture=name)


def note_candidates(kind: str, ids: Collection[int]) -> None:
    """These are looked through: ids of sources or regions; what is looked through twice counts once."""
    if clock := UNDER_WAY.get():
        clock.note(candidates=((kind, each) for each in ids))


def note_left_out(files: Sequence[tuple[str, float]], needed: float) -> None:
    """The nearest files that are not likely enough, with their chance and the one that they need."""
    if clock := UNDER_WAY.get():
        clock.leave_out(files, needed)
