"""What the student keeps of the default models' quality: photos found by captions, questions about photos answered.

The dev parts, which nothing was trained on, asked of both in the same way.
"""

from dataclasses import replace
from pathlib import Path

from deepseek_mm.bench.result import Line, Result, Setting
from deepseek_mm.config import DEFAULT, EDGE, Config
from deepseek_mm.encoders import open_space
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluate.retrieval import RetrievalReport, evaluate_retrieval, read_caption_rows
from deepseek_mm.evaluate.vqa import VqaReport, evaluate_vqa, read_question_rows
from deepseek_mm.factory import load
from deepseek_mm.train.bank import ASKED, CAPTIONED

SPACES = (DEFAULT, EDGE)


def kept(setting: Setting) -> Result:
    """Both sets. NothingThere without the data."""
    if setting.data is None:
        raise NothingThere("no folder with flickr8k and coco_vqa. Name it with --judged FOLDER")
    return shares(
        *(retrieval(setting, name, setting.data / CAPTIONED) for name in SPACES),
        answered=(vqa(setting, SPACES[0], setting.data / ASKED), vqa(setting, SPACES[1], setting.data / ASKED)),
    )


def retrieval(setting: Setting, name: str, folder: Path) -> RetrievalReport:
    """As `eval retrieval --split dev` does."""
    setting.note(f"finding photos in the space {name}")
    rows = read_caption_rows(folder / "captions.jsonl", split="dev")
    return evaluate_retrieval(open_space(named(setting.config, name).encoder), rows, folder / "images")


def vqa(setting: Setting, name: str, folder: Path) -> VqaReport:
    """As `eval vqa --split dev` does."""
    setting.note(f"answering in the space {name}")
    config = named(setting.config, name)
    rows = read_question_rows(folder / "qa.jsonl", split="dev")
    silent = replace(config, data=setting.folder / f"vqa-{name}", lm=replace(config.lm, name="none"))
    with load(silent, progress=setting.note) as assistant:
        return evaluate_vqa(assistant, rows, folder / "images")


def named(config: Config, space: str) -> Config:
    """In this space."""
    return replace(config, encoder=replace(config.encoder, name=space))


def shares(usual: RetrievalReport, small: RetrievalReport, *, answered: tuple[VqaReport, VqaReport]) -> Result:
    """What the student reaches of what the default models do; of retrieval the mean of both directions."""
    found = (small.t2i_r10 / usual.t2i_r10 + small.i2t_r10 / usual.i2t_r10) / 2
    right, own = (report.whole.accuracy for report in answered)
    numbers = {
        "distill_retrieval_kept": round(found, 4),
        "distill_vqa_kept": round(own / right, 4),
        "distill_t2i_r10": small.t2i_r10,
        "distill_i2t_r10": small.i2t_r10,
        "distill_default_t2i_r10": usual.t2i_r10,
        "distill_default_i2t_r10": usual.i2t_r10,
        "distill_vqa": own,
        "distill_default_vqa": right,
        "distill_vqa_ece": answered[1].ece,
        **{f"distill_vqa_{kind}": part.accuracy for kind, part in answered[1].by_kind.items()},
        **{f"distill_default_vqa_{kind}": part.accuracy for kind, part in answered[0].by_kind.items()},
    }
    lines = (
        Line(what="R@10 kept, both directions", value=f"{found:.3f}",
             beside=f"{small.t2i_r10} / {small.i2t_r10} of {usual.t2i_r10} / {usual.i2t_r10}", bar="0.95"),
        Line(what="answers about photos kept", value=f"{own / right:.3f}", beside=f"{own} % of {right} %", bar="0.90"),
    )  # fmt: skip
    return Result(lines=lines, numbers=numbers)
