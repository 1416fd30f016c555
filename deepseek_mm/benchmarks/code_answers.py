"""`bench answer --code FOLDER`: how long somebody waits for an answer about code, without a larger language model.

The questions are made from the code that is indexed: names that are called from most places, their files, and open
questions in the words of their docstrings. Each is asked once; two go ahead unmeasured.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from deepseek_mm.answering.code.source_files import CODE
from deepseek_mm.assistant import Assistant
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.errors import NothingThere
from deepseek_mm.factory import load
from deepseek_mm.jobs import follow
from deepseek_mm.library.code_pass import MAP
from deepseek_mm.types import Question
from index import Region

NAMES = 8  # that are asked about
AHEAD = 2  # questions that are not measured
BAR_S = 0.4


def measure_code_answers(setting: BenchSetting) -> BenchResult:
    """Medians by kind of question, and of all. NothingThere where the folder holds no code with names."""
    assert setting.code is not None, "a folder of code"
    lm = replace(setting.config.lm, name="none")
    config = replace(setting.config, data=setting.folder / "library", lm=lm)
    with load(config, progress=setting.note) as assistant:
        assistant.library.start()
        *_, job = follow(assistant.library.jobs, assistant.library.add([setting.code]).id)
        linked_s = wait_for_graph(assistant)
        busiest = assistant.store.busiest(limit=NAMES, where=CODE)
        if not busiest:
            raise NothingThere(f"{setting.code} holds no code with names that are called. Name another folder: --code")
        asked = list(list_questions(busiest))
        setting.note(f"{job.done} files are there; asking {len(asked)} questions")
        for _, text in asked[:AHEAD]:
            time_question(assistant, text)
        taken: dict[str, list[float]] = defaultdict(list)
        for kind, text in asked:
            taken[kind].append(time_question(assistant, text))
    every = [seconds for times in taken.values() for seconds in times]
    lines = [
        TableLine(
            "question about code", f"{statistics.median(every):.3f} s",
            beside=f"slowest {max(every):.2f} s", bar=f"{BAR_S:g} (aim 0.2)",
        ),
        *(TableLine(f"  {kind}", f"{statistics.median(times):.3f} s") for kind, times in taken.items()),
    ]  # fmt: skip
    numbers = {
        "code_answer_s": round(statistics.median(every), 4),
        "slowest_code_answer_s": round(max(every), 4),
        "files": job.done,
        "graph_s": round(linked_s, 1),
        "questions": len(every),
    }
    return BenchResult(lines=tuple(lines), numbers=numbers)


def wait_for_graph(assistant: Assistant) -> float:
    """Seconds until the graph of the code was made."""
    start, jobs = time.perf_counter(), assistant.library.jobs
    for made in jobs.find(kinds=(MAP,), states=("waiting", "running"), limit=1):
        list(follow(jobs, made.id))
    return time.perf_counter() - start


def list_questions(regions: Sequence[Region]) -> Iterator[tuple[str, str]]:
    """Kind and words of each question."""
    for region, other in zip(regions, [*regions[1:], regions[0]], strict=True):
        name, beside = (each.symbol.name if each.symbol else each.source.name for each in (region, other))
        doc = region.symbol.doc.strip().split("\n")[0].rstrip(".") if region.symbol else ""
        yield "where", f"Where is {name} defined?"
        yield "callers", f"who calls {name}"
        yield "calls", f"what does {name} call?"
        yield "tests", f"which tests reach {name}?"
        yield "path", f"what happens when `{name}` is called?"
        yield "explain", f"what does {name} do?"
        yield "compare", f"difference between {name} and {beside}"
        yield "list", f"list the functions in {region.source.name}"
        yield "review", f"is there a bug in {name}?"
        if doc:
            yield "open", f"how is this done: {doc.lower()}?"
        yield "open", f"what happens in {name.replace('_', ' ')} if the input is empty"


def time_question(assistant: Assistant, text: str) -> float:
    """Seconds of one answer."""
    start = time.perf_counter()
    assistant.ask(Question(text=text, about="code"))
    return time.perf_counter() - start
