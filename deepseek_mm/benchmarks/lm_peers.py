"""Decoding beside the programs that people pick instead: transformers, and llama.cpp on the same Q4_1 file.

A task is one thing that everybody does in turn, round after round; a row compares ours with one rival's in it, by the
median of the rounds' own ratios. In a round the best of three tries counts. A rival that is not there costs its rows,
and nothing else.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deepseek_mm.benchmarks.lm_ours import Ours
from deepseek_mm.benchmarks.lm_sizes import LMSizes
from deepseek_mm.benchmarks.peer import Peer
from deepseek_mm.benchmarks.result import Line, Result, Setting, joined
from deepseek_mm.errors import DeepSeekMMError

OURS, TRANSFORMERS, LLAMA = "ours", "transformers", "llamacpp"
Open = Callable[[], Peer]
Times = Mapping[str, Sequence[float]]  # who -> what was measured in each round


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One thing that everybody does."""

    says: str
    unit: str
    measure: Callable[[Peer], float]
    rounds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Ours over a rival's in one task."""

    key: str
    task: str
    rival: str
    bar: str


ROWS = (
    Row(key="decode_vs_transformers", task="decode", rival=TRANSFORMERS, bar="3x (aim 5x)"),
    Row(key="decode_vs_llamacpp", task="decode", rival=LLAMA, bar="0.7x (aim 1.2x)"),
    Row(key="decode_8k_vs_llamacpp", task="decode_8k", rival=LLAMA, bar="1x (aim 2x)"),
    Row(key="ttft_vs_llamacpp", task="ttft", rival=LLAMA, bar="at most 1.5x (aim 0.8x)"),
)


def tasks_of(sizes: LMSizes, *, full: bool) -> dict[str, Task]:
    """What is done. A long context takes long to read: it has one round, except where there is time for everything."""

    def decode(context: int, rounds: int) -> Task:
        says = f"decode, {context:,} tokens of context"
        measure: Callable[[Peer], float] = lambda peer: peer.decode_speed(context, sizes.steps)  # noqa: E731
        return Task(says=says, unit="tokens/s", measure=measure, rounds=rounds)

    return {
        "decode": decode(sizes.context, sizes.rounds),
        "decode_8k": decode(sizes.long_context, sizes.rounds if full else 1),
        "ttft": Task(
            says=f"first token, a prompt of {sizes.first:,}",
            unit="s",
            measure=lambda peer: peer.first_token_s(sizes.first),
            rounds=sizes.rounds,
        ),
    }


def beside_peers(setting: Setting, ours: Ours, rivals: Mapping[str, Open]) -> Result:
    """All rows."""
    peers, absent = opened(rivals)
    parts = [Result(words={f"settings_{name}": peer.settings for name, peer in {OURS: ours, **peers}.items()})]
    for name, task in tasks_of(setting.lm, full=setting.full).items():
        rows = [row for row in ROWS if row.task == name]
        there = {row.rival: peers[row.rival] for row in rows if row.rival in peers}
        setting.note(f"{task.says}: ours, {', '.join(there) or 'nobody else'}")
        times = take_turns(task, {OURS: ours, **there})
        parts.append(Result(numbers={f"{name}_{who}": statistics.median(values) for who, values in times.items()}))
        parts += [
            compared(row, task, times) if row.rival in there else not_there(row, task, absent[row.rival])
            for row in rows
        ]
    return joined(parts)


def opened(rivals: Mapping[str, Open]) -> tuple[dict[str, Peer], dict[str, str]]:
    """Those that can be opened, and why the others cannot."""
    peers: dict[str, Peer] = {}
    absent: dict[str, str] = {}
    for name, start in rivals.items():
        try:
            peers[name] = start()
        except DeepSeekMMError as error:
            absent[name] = str(error)
    return peers, absent


def take_turns(task: Task, everybody: Mapping[str, Peer]) -> Times:
    """Round after round, in turn."""
    times: dict[str, list[float]] = {name: [] for name in everybody}
    for _ in range(task.rounds):
        for name, peer in everybody.items():
            times[name].append(task.measure(peer))
    return times


def ratio(times: Times, rival: str) -> float:
    """Ours over the rival's, the median of the rounds."""
    return statistics.median(ours / theirs for ours, theirs in zip(times[OURS], times[rival], strict=True))


def compared(row: Row, task: Task, times: Times) -> Result:
    """One row."""
    ours, theirs = (statistics.median(times[who]) for who in (OURS, row.rival))
    line = Line(
        what=f"{task.says} / {row.rival}",
        value=f"{ratio(times, row.rival):.2f}x, {ours:.3g} {task.unit}",
        beside=f"{row.rival}: {theirs:.3g} {task.unit}",
        bar=row.bar,
    )
    return Result(lines=(line,), numbers={row.key: ratio(times, row.rival)})


def not_there(row: Row, task: Task, why: str) -> Result:
    """A row whose rival is missing."""
    said = f"not measured: {why}"
    return Result(lines=(Line(what=f"{task.says} / {row.rival}", value=said, bar=row.bar),), words={row.key: said})


def at_once(setting: Setting, ours: Ours) -> Result:
    """Several requests together beside one alone, tokens a second."""
    sizes = setting.lm
    setting.note(f"{sizes.requests} requests at once, and one alone")
    rounds = [
        [ours.together(requests, sizes.context, sizes.steps) for requests in (1, sizes.requests)]
        for _ in range(sizes.rounds)
    ]
    gain = statistics.median(many / one for one, many in rounds)
    one, many = (statistics.median(each) for each in zip(*rounds, strict=True))
    line = Line(
        what=f"{sizes.requests} requests at once",
        value=f"{gain:.2f}x, {many:.0f} tokens/s",
        beside=f"one alone: {one:.1f} tokens/s",
        bar="3x (aim 5x)",
    )
    return Result(lines=(line,), numbers={"batch8_speedup": gain, "batch8_tokens_s": many, "batch1_tokens_s": one})
