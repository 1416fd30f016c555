"""`eval vqa`, `eval doubt`: how many questions about pictures are answered right, and how far confidence can be
trusted.

Answers are compared in one spelling (`language.words`): one answer, or a few, are matched exactly; ten answers
of ten people give min(n / 3, 1) for an answer that n of them gave. Beside the accuracy stand the share of the most
frequent right answer ("majority"), the expected calibration error over ten bins of equally many questions (Naeini et
al. 2015), and with `blind` the same questions over grey pictures.

Questions are also made of other data: presence of nouns in captioned photos, each asked for as often with yes as with
no, and easy-VQA (Victor Zhou, MIT), read from the package of that name. A photo shows what any of its captions names,
and does not show what none of them names; people leave much unsaid, so looking alone cannot reach 100 %.

Shape key:  N questions
"""

import json
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepseek_mm.evaluation.retrieval import read_pictures, read_rows
from deepseek_mm.language.words import normalize_answer

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant
import re
from random import Random

from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.language.words import singular, with_article
from deepseek_mm.storage.files import atomic_write

PEOPLE_ASKED = 10
ENOUGH = 3  # people of ten whose answer counts in full


def score_answer(said: str, right: Sequence[str]) -> float:
    """0 to 1: how right an answer is, where these answers are known."""
    same = sum(normalize_answer(said) == normalize_answer(answer) for answer in right)
    if len(right) == PEOPLE_ASKED:
        return min(1.0, same / ENOUGH)
    return float(same > 0)


BINS = 10
PRECISE = 90  # percent that must be right of what is answered
GREY = (128, 128, 128)


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionRow:
    """A question about a picture, and the answers that are right."""

    image: str  # file name
    question: str
    answers: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy:
    """Of some questions: percent right, its standard error, and how many there are."""

    accuracy: float
    error: float
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class VqaReport:
    """Accuracy and calibration over all questions."""

    whole: Accuracy
    by_kind: Mapping[str, Accuracy]
    majority: float  # percent that the most frequent answer of each kind would get
    ece: float  # expected calibration error, 0 to 1
    coverage: float  # percent of the questions that could be answered if nine of ten answers had to be right
    seconds_per_question: float
    blind: "VqaReport | None" = None

    def table(self) -> str:
        """A table for people."""
        blind = self.blind.by_kind if self.blind else {}
        lines = [f"{'questions':<16}{'right, %':>10}{'+-':>6}{'n':>8}" + (f"{'blind':>8}" if self.blind else "")]
        rows = [*self.by_kind.items(), ("all", self.whole)]
        for kind, part in rows:
            line = f"{kind:<16}{part.accuracy:>10.1f}{part.error:>6.1f}{part.n:>8}"
            without = blind.get(kind) or (self.blind.whole if self.blind and kind == "all" else None)
            lines.append(line + (f"{without.accuracy:>8.1f}" if without else ""))
        told = f"majority {self.majority:.1f} %, calibration error {self.ece:.3f}"
        told += f", {PRECISE} % right of the surest {self.coverage:.1f} %"
        return "\n".join([*lines, f"{told}, {self.seconds_per_question:.4f} s a question"])

    def figures(self) -> dict[str, Any]:
        """The figures by name, for machines."""
        found = {
            **asdict(self.whole),
            "by_kind": {kind: asdict(part) for kind, part in self.by_kind.items()},
            "majority": self.majority,
            "ece": self.ece,
            "coverage": self.coverage,
            "seconds_per_question": self.seconds_per_question,
        }
        return found | ({"blind": self.blind.figures()} if self.blind else {})

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps(self.figures())


def read_question_rows(file: Path, *, split: str = "") -> list[QuestionRow]:
    """Rows of a JSONL file, those of one split where `split` is given. Raises what `read_rows` raises."""

    def make_row(row: Any) -> QuestionRow:
        answers = (row["answer"],) if isinstance(row["answer"], str) else tuple(map(str, row["answer"]))
        return QuestionRow(image=row["image"], question=row["question"], answers=answers, kind=str(row.get("kind", "")))

    return read_rows(file, make_row, shape="{image, question, answer}", split=split)


def write_question_rows(file: Path, rows: Sequence[QuestionRow]) -> None:
    """What `read_question_rows` reads."""
    told = [{"image": row.image, "question": row.question, "answer": row.answers[0], "kind": row.kind} for row in rows]
    atomic_write(file, "".join(json.dumps(each) + "\n" for each in told).encode())


@dataclass(frozen=True, slots=True)
class ScoredQuestions:
    """Of every question, how sure its answer was and how right, 0 to 1; and how long it all took."""

    chance_N: tuple[float, ...]
    right_N: tuple[float, ...]
    seconds: float = 0.0

    def __add__(self, other: "ScoredQuestions") -> "ScoredQuestions":
        return ScoredQuestions(
            self.chance_N + other.chance_N, self.right_N + other.right_N, self.seconds + other.seconds
        )


def evaluate_vqa(decider: "Assistant", rows: Sequence[QuestionRow], images: Path, *, blind: bool = False) -> VqaReport:
    """Ask everything, picture by picture; with `blind` once more over grey pictures."""
    report = make_report(ask_all(decider, rows, images), rows)
    if not blind:
        return report
    grey = {row.image: Image.new("RGB", (260, 260), GREY) for row in rows}
    return replace(report, blind=make_report(ask_about(decider, rows, grey), rows))


def ask_all(decider: "Assistant", rows: Sequence[QuestionRow], images: Path) -> ScoredQuestions:
    """Every question about its picture in this folder; each picture is opened once."""
    return ask_about(decider, rows, read_pictures(images, [row.image for row in rows]))


def ask_about(
    decider: "Assistant", rows: Sequence[QuestionRow], pictures: Mapping[str, Image.Image]
) -> ScoredQuestions:
    """Every question about its picture."""
    began = time.perf_counter()
    settled = decider.decide_many([(row.question, pictures[row.image]) for row in rows])
    seconds = time.perf_counter() - began
    right_N = tuple(score_answer(one.answer, row.answers) for one, row in zip(settled, rows, strict=True))
    return ScoredQuestions(tuple(one.chance for one in settled), right_N, seconds)


def make_report(asked: ScoredQuestions, rows: Sequence[QuestionRow]) -> VqaReport:
    """What came of it, in all and by kind."""
    kinds = sorted({row.kind for row in rows if row.kind})
    told = list(zip(asked.right_N, rows, strict=True))
    return VqaReport(
        whole=measure_accuracy(asked.right_N),
        by_kind={kind: measure_accuracy([right for right, row in told if row.kind == kind]) for kind in kinds},
        majority=majority_accuracy(rows),
        ece=calibration_error(asked.chance_N, asked.right_N),
        coverage=coverage(asked.chance_N, asked.right_N),
        seconds_per_question=round(asked.seconds / len(rows), 5),
    )


def measure_accuracy(right_N: Sequence[float]) -> Accuracy:
    """Percent right and its standard error."""
    share, n = sum(right_N) / len(right_N), len(right_N)
    return Accuracy(accuracy=round(100 * share, 2), error=round(100 * math.sqrt(share * (1 - share) / n), 2), n=n)


def majority_accuracy(rows: Sequence[QuestionRow]) -> float:
    """Percent that a decider gets who says the most frequent right answer of each kind, and never looks."""
    right = 0.0
    for kind in {row.kind for row in rows}:
        own = [row for row in rows if row.kind == kind]
        (best, _), *_ = Counter(normalize_answer(answer) for row in own for answer in row.answers).most_common(1)
        right += sum(score_answer(best, row.answers) for row in own)
    return round(100 * right / len(rows), 2)


def calibration_error(chance_N: Sequence[float], right_N: Sequence[float]) -> float:
    """How far confidence and success are apart, the mean over bins of equally many questions, 0 to 1."""
    gaps = [each.n * abs(each.chance - each.right) for each in split_bins(chance_N, right_N)]
    return round(sum(gaps) / len(chance_N), 4)


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """Questions of about the same confidence: its mean, the share that was right, and how many there are."""

    chance: float
    right: float
    n: int


def split_bins(chance_N: Sequence[float], right_N: Sequence[float]) -> list[ConfidenceBin]:
    """Ten of equally many questions, the least sure first."""
    order_N = np.argsort(np.asarray(chance_N), kind="stable")
    chances, rights = np.asarray(chance_N, np.float64), np.asarray(right_N, np.float64)
    parts = [each for each in np.array_split(order_N, BINS) if len(each)]
    return [ConfidenceBin(float(chances[each].mean()), float(rights[each].mean()), len(each)) for each in parts]


def coverage(chance_N: Sequence[float], right_N: Sequence[float]) -> float:
    """Percent of all questions, the surest first, of which nine of ten are answered right."""
    enough = np.flatnonzero(surest_right(chance_N, right_N) >= PRECISE / 100)
    return round(100 * (int(enough[-1]) + 1) / len(chance_N), 2) if len(enough) else 0.0


def surest_right(chance_N: Sequence[float], right_N: Sequence[float]) -> NDArray[np.float64]:
    """(N,): the share that is right of the surest question, of the two surest, and so on."""
    order_N = np.argsort(-np.asarray(chance_N), kind="stable")
    share_N: NDArray[np.float64] = np.cumsum(np.asarray(right_N, np.float64)[order_N]) / np.arange(1, len(order_N) + 1)
    return share_N


PICTURES = ("reliability.png", "risk_coverage.png")


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """Of each set of questions, how sure and how right each answer was."""

    asked: Mapping[str, ScoredQuestions]

    @property
    def together(self) -> ScoredQuestions:
        """All sets as one."""
        return sum(self.asked.values(), ScoredQuestions((), ()))

    def table(self) -> str:
        """A table for people."""
        lines = [f"{'questions':<12}{'n':>7}{'right, %':>10}{'calibration error':>20}{f'at {PRECISE} % right, %':>22}"]
        for name, each in [*self.asked.items(), ("together", self.together)]:
            told = summarize(each)
            lines.append(
                f"{name:<12}{told['n']:>7}{told['accuracy']:>10.1f}{told['ece']:>20.3f}{told['coverage']:>22.1f}"
            )
        return "\n".join(lines)

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps(
            summarize(self.together) | {"sets": {name: summarize(one) for name, one in self.asked.items()}}
        )

    def draw(self, folder: Path) -> list[Path]:
        """Both pictures; returns their files."""
        folder.mkdir(parents=True, exist_ok=True)
        return [draw_reliability(self.asked, folder / PICTURES[0]), draw_risk(self.asked, folder / PICTURES[1])]


def evaluate_calibration(
    decider: "Assistant", sets: Mapping[str, tuple[Sequence[QuestionRow], Path]]
) -> CalibrationReport:
    """Ask every set; each is rows, and the folder of their pictures."""
    return CalibrationReport({name: ask_all(decider, rows, images) for name, (rows, images) in sets.items()})


def summarize(asked: ScoredQuestions) -> dict[str, Any]:
    """Figures of some questions."""
    part = measure_accuracy(asked.right_N)
    return {
        "ece": calibration_error(asked.chance_N, asked.right_N),
        "n": part.n,
        "accuracy": part.accuracy,
        "coverage": coverage(asked.chance_N, asked.right_N),
    }


def draw_reliability(asked: Mapping[str, ScoredQuestions], file: Path) -> Path:
    """Share that is right against confidence, ten bins of equally many questions a set."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#888888", linestyle=":", label="as it should be")
    for name, each in asked.items():
        bins = split_bins(each.chance_N, each.right_N)
        axes.plot([one.chance for one in bins], [one.right for one in bins], marker="o", label=name)
    axes.set(xlabel="how sure it was", ylabel="share that was right", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(file, dpi=110)
    return file


def draw_risk(asked: Mapping[str, ScoredQuestions], file: Path) -> Path:
    """Share that is wrong against the share of questions that are answered, the surest first."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.axhline(1 - PRECISE / 100, color="#888888", linestyle=":", label=f"{PRECISE} % right")
    for name, each in asked.items():
        share_N = surest_right(each.chance_N, each.right_N)
        axes.plot([(n + 1) / len(share_N) for n in range(len(share_N))], 1 - share_N, label=name)
    axes.set(xlabel="share of the questions that are answered", ylabel="share of them that is wrong", xlim=(0, 1))
    axes.set_ylim(0, 0.6)
    axes.legend()
    figure.savefig(file, dpi=110)
    return file


EASY = "easy-vqa"  # said in place of a file of rows
SPLITS = ("train", "test")


def read_easy_rows(split: str = "") -> list[QuestionRow]:
    """All questions of `split`; those of "test" when it is empty. MissingPackage, or ConfigError for another split."""
    find_easy_images(split)
    import easy_vqa

    asked = easy_vqa.get_train_questions() if split == "train" else easy_vqa.get_test_questions()
    questions, answers, images = asked
    return [
        QuestionRow(image=f"{image}.png", question=question, answers=(answer,), kind=answer_kind(answer))
        for question, answer, image in zip(questions, answers, images, strict=True)
    ]


def find_easy_images(split: str = "") -> Path:
    """Where its drawings lie. MissingPackage, or ConfigError for another split."""
    if split and split not in SPLITS:
        raise ConfigError(f"easy-VQA has no split {split!r}. Use {' or '.join(SPLITS)}")
    try:
        import easy_vqa
    except ImportError as error:
        raise MissingPackage(EASY, needed_for="its questions") from error
    return Path(str(easy_vqa.__file__)).parent / "data" / (split or "test") / "images"


def answer_kind(answer: str) -> str:
    """Closed or open."""
    return "yesno" if answer in ("yes", "no") else "open"


LEAST, MOST = 8, 30  # photos that show a noun: with fewer it is not asked for; more are not asked about
MANY = {"people": "person", "kids": "child", "kid": "child", "men": "man", "women": "woman", "guy": "man"}


def read_nouns(file: Path) -> tuple[tuple[str, ...], frozenset[str]]:
    """All nouns, and those that are places."""
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return tuple(name for name, *_ in lines), frozenset(name for name, *marks in lines if marks)


NOUNS, PLACES = read_nouns(Path(__file__).parent / "nouns.txt")


def split_words(caption: str) -> list[str]:
    """Lower-case words as they stand."""
    return re.findall(r"[a-z]+", caption.lower())


def canonical_noun(word: str) -> str:
    """dogs -> dog, people -> person, kids -> child."""
    return MANY.get(word) or MANY.get(single := singular(word)) or single


def find_nouns(captions: Sequence[str]) -> frozenset[str]:
    """Those of NOUNS that any of the captions names."""
    return frozenset(canonical_noun(word) for caption in captions for word in split_words(caption)) & frozenset(NOUNS)


def make_presence_rows(rows: Sequence[CaptionRow], *, seed: int = 0, least: int = LEAST) -> list[QuestionRow]:
    """For each noun that enough photos show some of those, and as many that do not; always the same for a seed."""
    named = [find_nouns(row.captions) for row in rows]
    asked = []
    for noun in NOUNS:
        chance = Random(f"{seed} {noun}")
        shown = [n for n, nouns in enumerate(named) if noun in nouns]
        absent = [n for n, nouns in enumerate(named) if noun not in nouns]
        if len(shown) < least or len(absent) < least:
            continue
        count = min(len(shown), len(absent), MOST)
        for answer, photos in (("yes", chance.sample(shown, count)), ("no", chance.sample(absent, count))):
            question = f"Is there {with_article(noun)} in the photo?"
            asked += [QuestionRow(image=rows[n].image, question=question, answers=(answer,), kind=noun) for n in photos]
    return asked
