"""`bench plan`: what the chosen plan saves of an answer's time, beside the same models in 32 bits by torch alone.

Two houses answer the same questions about bundled photos, each photo once in each house, in turns. One has what the
plan chose. The other is "eager": no engine in the place of a module, no bfloat16, no packed layer, no loop of ours. Of
an ask only pairs count whose answers have as many words. The parts are timed in turns too: the towers' passes, and the
language model's reading of a prompt and its writing behind one.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import torch
from PIL import Image

from deepseek_mm.bench.answer import QUESTIONS
from deepseek_mm.bench.intake import BUNDLED
from deepseek_mm.bench.lm_open import Model, find_model, open_fast, open_plain
from deepseek_mm.bench.lm_ours import Ours
from deepseek_mm.bench.result import Line, Result, Setting
from deepseek_mm.config import OUR_LM, cache_folder
from deepseek_mm.encoders.autocast import autocast_to
from deepseek_mm.encoders.default import DefaultSpace
from deepseek_mm.errors import NothingThere
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_own
from deepseek_mm.lm.model_folders import find_folder
from deepseek_mm.lm.weights import WEIGHTS
from deepseek_mm.load import load
from deepseek_mm.parse.photo import read_photo
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.records import Picture, Question
from deepseek_mm.runtime.calibration import pass_ms
from deepseek_mm.runtime.fast_decoder import torch_alone
from deepseek_mm.see.glance.glance import LateVisualPrompt
from deepseek_mm.see.reader.reader import VqaModel
from deepseek_mm.threads import num_cores

BAR = 0.60  # of the time, saved
PROMPT, CONTEXT, WRITTEN = 256, 256, 24  # tokens
CHUNK = 512  # tokens of a prompt at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Milliseconds of one part, as it was chosen and eager."""

    name: str
    says: str
    chosen_ms: float
    eager_ms: float

    @property
    def saved(self) -> float:
        """0 to 1."""
        return 1 - self.chosen_ms / self.eager_ms


def plan(setting: Setting) -> Result:
    """Everything in one run. NothingThere without the bundled photos."""
    paths = sorted(BUNDLED.glob("*.jpg"))[: setting.sizes.plan_photos]
    if not paths:
        raise NothingThere(f"no photos in {BUNDLED}. Run this from a clone of the repository")
    with ExitStack() as stack:
        chosen = stack.enter_context(load(replace(setting.config, data=setting.folder / "a"), progress=setting.note))
        eager = stack.enter_context(open_eager(setting))
        setting.note(f"asking about {len(paths)} photos, in turns")
        asked = asks(chosen, eager, paths)
        setting.note("timing the parts, in turns")
        rounds = setting.sizes.plan_rounds
        parts = [*towers(spaces_of(chosen, eager), rounds), *language(setting, rounds)]
        words = {"plan": chosen.planned.plan.short if chosen.planned else "none"}
    return told([*asked[0], *parts], questions=asked[1], words=words)


def told(pairs: Sequence[Pair], *, questions: int, words: dict[str, str]) -> Result:
    """The first pair is the whole ask."""
    numbers: dict[str, float] = {"questions": questions}
    for number, pair in enumerate(pairs):
        end = f"_{pair.name}" if number else ""
        numbers |= {
            f"latency_saved{end}": round(pair.saved, 3),
            f"{pair.name}_ms": round(pair.chosen_ms, 2),
            f"{pair.name}_eager_ms": round(pair.eager_ms, 2),
        }
    lines = tuple(
        Line(
            what=pair.says,
            value=f"{pair.saved:.2f} saved",
            beside=f"{pair.chosen_ms:.1f} ms for {pair.eager_ms:.1f} ms",
            bar=f"{BAR:.2f}",
        )
        for pair in pairs
    )
    return Result(lines=lines, numbers=numbers, words=words)


@contextmanager
def open_eager(setting: Setting) -> Iterator[Assistant]:
    """A house whose every model computes in 32 bits by torch alone; ask it `in_full`."""
    runtime = replace(setting.config.runtime, engine="torch-fp32")
    config = replace(setting.config, data=setting.folder / "b", runtime=runtime)
    with load(config, progress=setting.note) as assistant:
        if config.lm.name == OUR_LM and config.lm.trained_here:
            folder = find_folder(OUR_LM, cache=cache_folder(), progress=setting.note)
            checkpoint = ModelCheckpoint(folder=folder, name=OUR_LM, changes=WEIGHTS)
            assistant.lm = open_own(checkpoint, threads=config.lm.threads, dtype=torch.float32)
        reader = assistant.eyes.reader
        late = reader.glance if isinstance(reader, VqaModel) else None
        if isinstance(late, LateVisualPrompt) and (glance := late.opened()):
            glance.decoder.float()
        yield assistant


def in_full() -> AbstractContextManager[None]:
    """Nothing becomes bfloat16 of itself meanwhile, in this thread."""
    return autocast_to(torch.float32)


def asks(chosen: Assistant, eager: Assistant, paths: Sequence[Path]) -> tuple[list[Pair], int]:
    """Medians and means over the questions whose answers have as many words in both houses, and how many those are."""
    ahead = Picture(image=turned(picture_at(paths[0], chosen)), name="ahead.png")
    one_ms(chosen, ahead, QUESTIONS[0])
    with in_full():
        one_ms(eager, ahead, QUESTIONS[0])
    kept: list[tuple[float, float]] = []
    for path, text in zip(paths, cycle(QUESTIONS), strict=False):
        picture = picture_at(path, chosen)
        own_ms, own_words = one_ms(chosen, picture, text)
        with in_full():
            its_ms, its_words = one_ms(eager, picture, text)
        if own_words == its_words:
            kept.append((own_ms, its_ms))
    if not kept:
        raise NothingThere("no two answers were of the same length. Ask about more photos: Sizes(plan_photos=...)")
    own, its = zip(*kept, strict=True)
    middle, mean = (
        Pair(name=name, says=f"an ask with one photo, the {says}", chosen_ms=over(own), eager_ms=over(its))
        for name, says, over in (("ask", "median", statistics.median), ("ask_mean", "mean", statistics.fmean))
    )
    return [middle, mean], len(kept)


def picture_at(path: Path, assistant: Assistant) -> Picture:
    """As it comes with a question by the page or the command line: read, and with its file."""
    photo = read_photo(path, max_pixels=assistant.config.parse.max_pixels)
    return Picture(image=photo.image, name=path.name, path=str(path))


def turned(picture: Picture) -> Image.Image:
    """One that nobody has seen."""
    assert picture.image is not None, "a decoded picture"
    return picture.image.rotate(180)


def one_ms(assistant: Assistant, picture: Picture, text: str) -> tuple[float, int]:
    """Milliseconds of an ask, and the words of its answer."""
    question = Question(text=text, image=picture.image, image_name=picture.name, image_path=picture.path)
    start = time.perf_counter()
    answer = assistant.ask(question)
    return 1000 * (time.perf_counter() - start), len(answer.text.split())


def spaces_of(chosen: Assistant, eager: Assistant) -> tuple[DefaultSpace, DefaultSpace]:
    """NothingThere for a space that no engine knows."""
    spaces = chosen.retriever.space, eager.retriever.space
    if not isinstance(spaces[0], DefaultSpace) or not isinstance(spaces[1], DefaultSpace):
        raise NothingThere(f"the space {spaces[0].name} has no towers to compare. Choose --encoder default")
    return spaces[0], spaces[1]


def towers(spaces: tuple[DefaultSpace, DefaultSpace], rounds: int) -> list[Pair]:
    """A pass over one picture, and over one text."""
    return [
        in_turns(
            "image",
            "image tower, one picture",
            lambda: pass_ms(spaces[0].model, "image", 1),
            lambda: pass_ms(spaces[1].model, "image", 1),
            rounds,
        ),
        in_turns(
            "text",
            "text tower, one text",
            lambda: pass_ms(spaces[0].model, "text", 1),
            lambda: pass_ms(spaces[1].model, "text", 1),
            rounds,
        ),
    ]


def language(setting: Setting, rounds: int) -> list[Pair]:
    """Reading a prompt, and a token behind one; nothing where the language model is not ours."""
    if not setting.config.lm.trained_here:
        return []
    model = find_model(setting.config.lm.name, setting.cache, setting.note)
    own, its = models(model, setting.config.lm.threads or num_cores())
    return [
        in_turns(
            "prefill",
            f"reading a prompt of {PROMPT} tokens",
            lambda: 1000 * own.first_token_s(PROMPT),
            lambda: 1000 * its.first_token_s(PROMPT),
            rounds,
        ),
        in_turns(
            "decode",
            "writing a token",
            lambda: 1000 / own.decode_speed(CONTEXT, WRITTEN),
            lambda: 1000 / its.decode_speed(CONTEXT, WRITTEN),
            rounds,
        ),
    ]


def models(model: Model, threads: int) -> tuple[Ours, Ours]:
    """The product's, and the same weights in 32 bits by torch alone."""
    return (
        Ours(*open_fast(model), threads=threads, chunk=CHUNK, says=model.says),
        Ours(open_plain(model), torch_alone, threads=threads, chunk=CHUNK, says=model.says),
    )


def in_turns(name: str, says: str, chosen: Callable[[], float], eager: Callable[[], float], rounds: int) -> Pair:
    """The medians of both, measured one after the other, round by round; the eager one in full."""
    own_ms, its_ms = [], []
    for _ in range(rounds):
        own_ms.append(chosen())
        with in_full():
            its_ms.append(eager())
    return Pair(name=name, says=says, chosen_ms=statistics.median(own_ms), eager_ms=statistics.median(its_ms))
