"""`bench inspection`: what an answer costs more so that somebody may look into it later.

Photos are asked about, and the product's own language model writes the words. What it wrote then goes through the
recorder again, in turns with the same pieces and no recorder, and what is kept of the answer becomes JSON once more.
Both are held against the seconds that the answer took: whole asks with and without it differ by less than they do from
one time to the next.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from threading import Event
from timeit import repeat

from deepseek_mm.benchmarks.answer import PHOTOS, QUESTIONS, median, read_photo_picture
from deepseek_mm.benchmarks.ingestion import bundled_photos
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.errors import NothingThere
from deepseek_mm.factory import load
from deepseek_mm.history.records import inside_values
from deepseek_mm.lm.generator import TracingGenerator
from deepseek_mm.lm.recording_generator import RecordingGenerator
from deepseek_mm.types import Answer, Message, Question, Trace, Utterance

BAR = 0.03  # of an answer's time
REPEATS = 50  # of each part, of which the median counts


@dataclass(frozen=True, slots=True)
class WrittenGenerator:
    """A language model that says again what another one wrote."""

    utterance: Utterance
    name: str = "written"
    fingerprint: str = "written"
    sees: bool = False

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: Event) -> Iterator[str]:
        """Its words one by one."""
        yield from self.utterance.text.split(" ")

    def stream_traced(
        self, messages: Sequence[Message], *, max_tokens: int, stop: Event, traces: list[Trace]
    ) -> Iterator[str]:
        """The same, with the trace of then."""
        yield from self.stream(messages, max_tokens=max_tokens, stop=stop)
        traces.append(self.utterance.trace)


def measure_inspection(setting: BenchSetting) -> BenchResult:
    """Share of an answer's time, median and most. NothingThere without the bundled photos, or where no word was
    written by a model with experts.
    """
    paths = bundled_photos()[:PHOTOS]
    lm = replace(setting.config.lm, phrasing="free")
    with load(replace(setting.config, data=setting.folder / "library", lm=lm), progress=setting.note) as assistant:
        if not isinstance(assistant.lm, TracingGenerator):
            raise NothingThere(
                f"{assistant.lm.name} has no experts to look into; leave lm.name as it is, and run again"
            )
        setting.note(f"asking about {len(paths)} photos")
        asked = list[tuple[float, Answer]]()
        for path, text in zip(paths, cycle(QUESTIONS), strict=False):
            picture = read_photo_picture(path, assistant)
            start = time.perf_counter()
            answer = assistant.ask(Question(text=text, image=picture.image, image_name=path.name))
            asked.append((time.perf_counter() - start, answer))
        model = assistant.lm.name
    written = [(seconds, answer) for seconds, answer in asked[1:] if answer.utterances]  # the first one warms up
    if not written:
        raise NothingThere("no answer's words were a model's; leave lm.name as it is")
    added = [measure_recording(answer) for _, answer in written]
    shares = [more / (seconds - more) for more, (seconds, _) in zip(added, written, strict=True)]
    sizes = [len(json.dumps(inside_values(answer))) for _, answer in written]
    lines = (
        TableLine(
            "an answer, kept so that it can be looked into",
            f"{statistics.median(shares):.2%} longer",
            beside=f"most {max(shares):.2%}",
            bar=f"under {BAR:.0%}",
        ),
        TableLine("  of seconds", f"{median(tuple(seconds for seconds, _ in written)):.2f} s"),
        TableLine("  kept with it", f"{statistics.median(sizes) / 1000:.1f} kB"),
    )
    numbers = {
        "inspection_share": round(statistics.median(shares), 6),
        "inspection_most_share": round(max(shares), 6),
        "answers": len(written),
        "kept_bytes": statistics.median(sizes),
    }
    return BenchResult(lines=lines, numbers=numbers, words={"model": model})


def measure_recording(answer: Answer) -> float:
    """Seconds that listening to the model and keeping what it said take."""
    return sum(map(measure_listening, answer.utterances)) + take_median(lambda: json.dumps(inside_values(answer)))


def measure_listening(utterance: Utterance) -> float:
    """Seconds with the recorder less those without, in turns; never below 0."""
    lm, never = WrittenGenerator(utterance), Event()
    messages = [Message(role=role, text=text) for role, text in utterance.prompt]

    def listen() -> None:
        for _ in RecordingGenerator(lm).stream(messages, max_tokens=1, stop=never):
            pass

    def hear() -> None:
        for _ in lm.stream_traced(messages, max_tokens=1, stop=never, traces=[]):
            pass

    return max(0.0, take_median(listen) - take_median(hear))


def take_median(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    return statistics.median(repeat(call, number=1, repeat=REPEATS))
