"""`bench answer` and `bench plan`: how long somebody waits for an answer about a photo, and what the plan saves of it.

`bench answer` has a fresh library, the product's own language model, and bundled photos one after another: each is
uploaded with a question, as the page does it. The clock starts with the question and stops at the first word, and at
the last. One question goes ahead unmeasured: programs are prepared then.

With `--code FOLDER` the questions are about code, see `code_answers`.

`bench plan` has two products that answer the same questions, each photo once in each, in turns. One has what the plan
chose. The other is "eager", 32 bits by torch alone: no engine in the place of a module, no bfloat16, no packed layer,
no compiled loop. Of an ask only pairs count whose answers have as many words. Towers, prompt reading and decoding are
timed in turns too. `measure_dial` is what `plan --dial` calls: seconds and right answers of each quality preset here.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image

from deepseek_mm.assistant import Assistant
from deepseek_mm.benchmarks.code_answers import measure_code_answers
from deepseek_mm.benchmarks.ingestion import bundled_photos
from deepseek_mm.benchmarks.lm_models import find_model, open_fast, open_plain
from deepseek_mm.benchmarks.lm_peers import Ours
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.config import OUR_LM, Config, cache_folder
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.inference import autocast_to
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.pointing_game import (
    PointRow,
    locate_citation,
    make_placement_questions,
    make_questions,
    program_answer,
    read_point_rows,
)
from deepseek_mm.evaluation.retrieval import read_pictures
from deepseek_mm.factory import load
from deepseek_mm.language.words import normalize_answer
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_own
from deepseek_mm.lm.model_folders import find_folder
from deepseek_mm.lm.weights import WEIGHTS
from deepseek_mm.machine import ROOT
from deepseek_mm.parse.document import read_photo
from deepseek_mm.runtime.calibration import pass_ms
from deepseek_mm.runtime.engines import Tower
from deepseek_mm.runtime.fast_decoder import torch_alone
from deepseek_mm.runtime.planner import PRESETS, PresetResult, QualityPreset
from deepseek_mm.threads import num_cores
from deepseek_mm.types import Picture, Question
from deepseek_mm.vision.visual_prompt import LateVisualPrompt
from deepseek_mm.vision.vqa import VqaModel
from index.region import UPLOADS

PHOTOS = 24
QUESTIONS = (
    "Is there a person in this photo?",
    "What is in this photo?",
    "What colour is it?",
    "How many people are there?",
    "What is happening here?",
    "Where was this taken?",
)


def measure_answer(setting: BenchSetting) -> BenchResult:
    """Medians and the slowest of all; of questions about code where a folder of it is named."""
    if setting.code is not None:
        return measure_code_answers(setting)
    paths = bundled_photos()[:PHOTOS]
    with load(replace(setting.config, data=setting.folder / "library"), progress=setting.note) as assistant:
        setting.note(f"asking about {len(paths)} photos")
        time_answer(assistant, paths[-1], QUESTIONS[0])
        told = [time_answer(assistant, path, line) for path, line in zip(paths, cycle(QUESTIONS), strict=False)]
        model = assistant.lm.name
    firsts, wholes = zip(*told, strict=True)
    lines = (
        TableLine(
            "question with a photo to the first word",
            f"{median(firsts):.2f} s",
            beside=f"slowest {max(firsts):.2f} s",
            bar="1 (aim 0.5)",
        ),
        TableLine(
            "  to the whole answer", f"{median(wholes):.2f} s", beside=f"slowest {max(wholes):.2f} s", bar="3 (aim 1.5)"
        ),
    )
    numbers = {
        "first_word_s": median(firsts),
        "answer_s": median(wholes),
        "slowest_first_word_s": round(max(firsts), 3),
        "slowest_answer_s": round(max(wholes), 3),
        "questions": len(told),
    }
    return BenchResult(lines=lines, numbers=numbers, words={"model": model})


def time_answer(assistant: Assistant, path: Path, text: str) -> tuple[float, float]:
    """Seconds to the first word and to the whole answer of one question about a file."""
    start, first = time.perf_counter(), 0.0
    photo = read_photo(path, max_pixels=assistant.config.parse.max_pixels, collection=UPLOADS)
    shown = Question(
        text=text, image=photo.image, image_name=path.name, image_path=str(path), image_source=photo.source
    )
    for growing in assistant.stream(shown):
        if growing.text and not first:
            first = time.perf_counter() - start
    return first, time.perf_counter() - start


def median(values: tuple[float, ...]) -> float:
    """The median in seconds, rounded to milliseconds."""
    return round(statistics.median(values), 3)


BAR = 0.60  # of the time, saved
PROMPT, CONTEXT, WRITTEN = 256, 256, 24  # tokens
CHUNK = 512  # tokens of a prompt at once


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyPair:
    """Milliseconds of one part, as it was chosen and eager."""

    name: str
    says: str
    chosen_ms: float
    eager_ms: float

    @property
    def saved_share(self) -> float:
        """0 to 1."""
        return 1 - self.chosen_ms / self.eager_ms


def measure_plan(setting: BenchSetting) -> BenchResult:
    """Everything in one run. NothingThere without the bundled photos."""
    paths = bundled_photos()[: setting.sizes.plan_photos]
    with ExitStack() as stack:
        chosen = stack.enter_context(load(replace(setting.config, data=setting.folder / "a"), progress=setting.note))
        eager = stack.enter_context(open_eager(setting))
        setting.note(f"asking about {len(paths)} photos, in turns")
        asked = time_asks(chosen, eager, paths)
        setting.note("timing the parts, in turns")
        rounds = setting.sizes.plan_rounds
        parts = [*time_towers(get_spaces(chosen, eager), rounds), *time_language(setting, rounds)]
        words = {"plan": chosen.planned.plan.short if chosen.planned else "none"}
    return report_pairs([*asked[0], *parts], questions=asked[1], words=words)


def report_pairs(pairs: Sequence[LatencyPair], *, questions: int, words: dict[str, str]) -> BenchResult:
    """A line and figures for each pair; the first pair is the whole ask."""
    numbers: dict[str, float] = {"questions": questions}
    for number, pair in enumerate(pairs):
        end = f"_{pair.name}" if number else ""
        numbers |= {
            f"latency_saved{end}": round(pair.saved_share, 3),
            f"{pair.name}_ms": round(pair.chosen_ms, 2),
            f"{pair.name}_eager_ms": round(pair.eager_ms, 2),
        }
    lines = tuple(
        TableLine(
            pair.says,
            f"{pair.saved_share:.2f} saved",
            beside=f"{pair.chosen_ms:.1f} ms for {pair.eager_ms:.1f} ms",
            bar=f"{BAR:.2f}",
        )
        for pair in pairs
    )
    return BenchResult(lines=lines, numbers=numbers, words=words)


@contextmanager
def open_eager(setting: BenchSetting) -> Iterator[Assistant]:
    """An assistant whose every model computes in 32 bits by torch alone; ask it inside `compute_in_fp32`."""
    runtime = replace(setting.config.runtime, engine="torch-fp32")
    config = replace(setting.config, data=setting.folder / "b", runtime=runtime)
    with load(config, progress=setting.note) as assistant:
        if config.lm.name == OUR_LM and config.lm.trained_here:
            folder = find_folder(OUR_LM, cache=cache_folder(), progress=setting.note)
            checkpoint = ModelCheckpoint(folder=folder, name=OUR_LM, changes=WEIGHTS)
            assistant.lm = open_own(checkpoint, threads=config.lm.threads, dtype=torch.float32)
        reader = assistant.eyes.reader
        late = reader.glance if isinstance(reader, VqaModel) else None
        if isinstance(late, LateVisualPrompt) and (glance := late.open()):
            glance.decoder.float()
        yield assistant


def compute_in_fp32() -> AbstractContextManager[None]:
    """Nothing becomes bfloat16 of itself meanwhile, in this thread."""
    return autocast_to(torch.float32)


def time_asks(chosen: Assistant, eager: Assistant, paths: Sequence[Path]) -> tuple[list[LatencyPair], int]:
    """Median and mean over the questions that both answer with as many words, and how many those are."""
    ahead = Picture(image=rotate_picture(read_photo_picture(paths[0], chosen)), name="ahead.png")
    time_ask(chosen, ahead, QUESTIONS[0])
    with compute_in_fp32():
        time_ask(eager, ahead, QUESTIONS[0])
    kept: list[tuple[float, float]] = []
    for path, text in zip(paths, cycle(QUESTIONS), strict=False):
        picture = read_photo_picture(path, chosen)
        own_ms, own_words = time_ask(chosen, picture, text)
        with compute_in_fp32():
            its_ms, its_words = time_ask(eager, picture, text)
        if own_words == its_words:
            kept.append((own_ms, its_ms))
    if not kept:
        raise NothingThere("no two answers were of the same length. Ask about more photos: Sizes(plan_photos=...)")
    own, its = zip(*kept, strict=True)
    middle, mean = (
        LatencyPair(name=name, says=f"an ask with one photo, the {says}", chosen_ms=over(own), eager_ms=over(its))
        for name, says, over in (("ask", "median", statistics.median), ("ask_mean", "mean", statistics.fmean))
    )
    return [middle, mean], len(kept)


def read_photo_picture(path: Path, assistant: Assistant) -> Picture:
    """As it comes with a question by the page or the command line: read, and with its file."""
    photo = read_photo(path, max_pixels=assistant.config.parse.max_pixels)
    return Picture(image=photo.image, name=path.name, path=str(path))


def rotate_picture(picture: Picture) -> Image.Image:
    """The picture turned by 180 degrees, which no cache knows."""
    assert picture.image is not None, "a decoded picture"
    return picture.image.rotate(180)


def time_ask(assistant: Assistant, picture: Picture, text: str) -> tuple[float, int]:
    """Milliseconds of an ask, and the words of its answer."""
    question = Question(text=text, image=picture.image, image_name=picture.name, image_path=picture.path)
    start = time.perf_counter()
    answer = assistant.ask(question)
    return 1000 * (time.perf_counter() - start), len(answer.text.split())


def get_spaces(chosen: Assistant, eager: Assistant) -> tuple[DefaultSpace, DefaultSpace]:
    """NothingThere for a space that no engine knows."""
    spaces = chosen.retriever.space, eager.retriever.space
    if not isinstance(spaces[0], DefaultSpace) or not isinstance(spaces[1], DefaultSpace):
        raise NothingThere(f"the space {spaces[0].name} has no towers to compare. Choose --encoder default")
    return spaces[0], spaces[1]


def time_towers(spaces: tuple[DefaultSpace, DefaultSpace], rounds: int) -> list[LatencyPair]:
    """A pass over one picture, and over one text."""
    passes: dict[Tower, str] = {"image": "image tower, one picture", "text": "text tower, one text"}
    return [
        time_in_turns(name, says, *(partial(pass_ms, space.model, name, 1) for space in spaces), rounds=rounds)
        for name, says in passes.items()
    ]


def time_language(setting: BenchSetting, rounds: int) -> list[LatencyPair]:
    """Reading a prompt, and a token behind one; nothing where the language model is not ours."""
    if not setting.config.lm.trained_here:
        return []
    model = find_model(setting.config.lm.name, setting.cache, setting.note)
    threads = setting.config.lm.threads or num_cores()
    both = (  # the product's, and the same weights in 32 bits by torch alone
        Ours(*open_fast(model), threads=threads, chunk=CHUNK, says=model.says),
        Ours(open_plain(model), torch_alone, threads=threads, chunk=CHUNK, says=model.says),
    )
    reads = (partial(lambda each: 1000 * each.first_token_s(PROMPT), each) for each in both)
    writes = (partial(lambda each: 1000 / each.decode_speed(CONTEXT, WRITTEN), each) for each in both)
    return [
        time_in_turns("prefill", f"reading a prompt of {PROMPT} tokens", *reads, rounds=rounds),
        time_in_turns("decode", "writing a token", *writes, rounds=rounds),
    ]


def time_in_turns(
    name: str, says: str, chosen: Callable[[], float], eager: Callable[[], float], *, rounds: int
) -> LatencyPair:
    """The medians of both, measured one after the other, round by round; the eager one in full."""
    own_ms, its_ms = [], []
    for _ in range(rounds):
        own_ms.append(chosen())
        with compute_in_fp32():
            its_ms.append(eager())
    return LatencyPair(name=name, says=says, chosen_ms=statistics.median(own_ms), eager_ms=statistics.median(its_ms))


EXAMPLES = ROOT / "examples"
DIAL_PHOTOS = 12
Load = Callable[..., Assistant]


def measure_dial(
    config: Config, load: Load, *, note: Callable[[str], None], examples: Path = EXAMPLES, photos: int = DIAL_PHOTOS
) -> list[PresetResult]:
    """Fast, balanced, best. NothingThere without the bundled photos."""
    rows = read_point_rows(examples / "pointing.jsonl")
    names = list(dict.fromkeys(row.image for row in rows))[:photos]
    kept = [row for row in rows if row.image in names]
    return [_measure_preset(row, config, load, kept, examples / "photos", note) for row in PRESETS]


def _measure_preset(
    dial: QualityPreset, config: Config, load: Load, rows: Sequence[PointRow], photos: Path, note: Callable[[str], None]
) -> PresetResult:
    note(f"asking questions at the preset {dial.name}")
    with TemporaryDirectory(prefix="deepseek-mm-dial-") as folder:
        runtime = replace(config.runtime, dial=dial.name)
        with load(replace(config, data=Path(folder) / "library", runtime=runtime), progress=note) as assistant:
            told = _time_questions(assistant, rows, photos)
    seconds, right = zip(*told, strict=True)
    return PresetResult(
        name=dial.name,
        says=dial.says,
        seconds=round(statistics.median(seconds), 3),
        score=round(100 * sum(right) / len(right), 1),
        questions=len(told),
    )


def _time_questions(assistant: Assistant, rows: Sequence[PointRow], photos: Path) -> list[tuple[float, bool]]:
    """Seconds of each question, and whether its answer is right; one goes ahead unmeasured, to warm up."""
    pictures = read_pictures(photos, [row.image for row in rows])
    assistant.ask(Question(text="Is there a person in this photo?", image=[*pictures.values()][-1].rotate(90)))
    told = []
    for row in rows:
        for text in make_questions(row.thing):
            answer = assistant.ask(Question(text=text, image=pictures[row.image]))
            told.append((answer.seconds, locate_citation(row, text, answer).hit))
    for asked in (one for one in make_placement_questions(rows) if one.kind == "count"):
        answer = assistant.ask(Question(text=asked.text, image=pictures[asked.image]))
        said = program_answer(answer) or (answer.verdict.answer if answer.verdict else "")
        told.append((answer.seconds, normalize_answer(said) == normalize_answer(asked.right)))
    return told
