"""Questions about pictures that are made of other data: presence of nouns in captioned photos, and easy-VQA.

Each noun is asked for as often with yes as with no. A photo shows what any of its captions names, and does not show
what none of them names; people leave much unsaid, so who answers by looking alone cannot reach 100 %. easy-VQA
(Victor Zhou, MIT) is read from the package of that name.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random

from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.evaluation.vqa import QuestionRow
from deepseek_mm.language.words import singular, with_article

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
