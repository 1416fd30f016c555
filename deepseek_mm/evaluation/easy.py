"""The questions and drawings of easy-VQA (Victor Zhou, MIT), out of the package of that name."""

from pathlib import Path

from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.evaluation.vqa import QuestionRow

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
