"""A house that learns: a reader that knows a picture's mean colour, and a few built-in questions it must not forget."""

from dataclasses import replace
from pathlib import Path

import torch
from fakes import ColourSpace
from rag_house import build, paint
from torch import Tensor

from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config, LearningConfig
from deepseek_mm.history import History
from deepseek_mm.learning.memory import Builtin, ReaderRows
from deepseek_mm.types import Answer, Question
from deepseek_mm.vision.pipeline import VisionModels, VisionPipeline
from deepseek_mm.vision.vqa import AnswerCalibration, AnswerHead, VqaModel
from deepseek_mm.vision.vqa_net import ReaderConfig, ReaderNet

ANSWERS = ("yes", "no", "red", "green", "blue", "2")
KNOWN = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}
SMALL = ReaderConfig(channels=4, cells=1, space=8, width=8, heads=1, layers=1, feed=8, dropout=0.0)


class ColourReader(VqaModel):
    """Sees the mean colour, and whether it is asked what, or whether something is there."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.net = ReaderNet(len(ANSWERS), SMALL).eval().requires_grad_(False)
        weight_VW = torch.zeros(len(ANSWERS), SMALL.width)
        for n, colour in enumerate(("red", "green", "blue")):
            weight_VW[ANSWERS.index(colour), n] = 8.0
        weight_VW[0, 4], weight_VW[1, 5] = 2.0, 2.0
        self.net.out.load_state_dict({"weight": weight_VW, "bias": torch.zeros(len(ANSWERS))})
        self.sure = AnswerCalibration({}, frozenset({"kite", "dog"}))
        self.shipped = self.head = AnswerHead(ANSWERS, self.net.out)

    def features_many(self, asked) -> Tensor:
        return torch.stack([seen(question.text, picture.image) for question, picture in asked])


def seen(question: str, image) -> Tensor:
    red, green, blue = image.convert("RGB").resize((1, 1)).getpixel((0, 0))
    colours = torch.tensor([red, green, blue]) / 255
    closed = question.startswith("is ")
    return torch.cat([colours * (not closed), torch.tensor([1.0, float(closed), 0.0, 0.0, 0.0])])


def builtin() -> Builtin:
    """The three colours, each ten times; half to replay and half to ask."""
    torch.manual_seed(1)
    right_N = torch.tensor([ANSWERS.index(colour) for colour in KNOWN] * 10)
    x_NW = torch.zeros(30, SMALL.width)
    x_NW[:, :3] = torch.tensor([*KNOWN.values()] * 10) + 0.05 * torch.randn(30, 3)
    x_NW[:, 3] = 1.0
    stiff = {"weight": torch.full((len(ANSWERS), SMALL.width), 1e-4), "bias": torch.full((len(ANSWERS),), 1e-4)}
    return Builtin(
        replay=ReaderRows.of(x_NW[:15], right_N[:15]),
        dev=ReaderRows.of(x_NW[15:], right_N[15:]),
        sets=("colour",) * 15,
        closed_N=torch.zeros(15, dtype=torch.bool),
        stiff=stiff,
    )


def learning_house(data: Path) -> Assistant:
    """An Assistant whose reader learns; nothing is indexed."""
    space = ColourSpace()
    assistant = build(data, eyes=VisionPipeline(space, Config().see, models=VisionModels(reader=ColourReader())))
    learning = assistant.library.learning
    learning.builtin = builtin
    learning.config = replace(learning.config, learning=LearningConfig(steps=60, rate=0.1, hold=1.0))
    return assistant


def asked(history: History, question: str, photo: Path, answer: str, *, session: str = "") -> int:
    """A turn about a photo, as it would be after it was answered."""
    _, turn = history.begin(
        Question(text=question, image_name=photo.name, session=session), image_path=str(photo), settings={},
        fingerprint="",
    )  # fmt: skip
    history.finish(turn, Answer(text=answer))
    return turn


def corrected(
    assistant: Assistant, folder: Path, colour: str, right: str, count: int = 6, *, session: str = ""
) -> list[int]:
    """Questions about so many photos of a colour, with what the answer should have been."""
    turns = []
    for n in range(count):
        photo = paint(folder, f"{colour}-{n}.png", colour)
        turn = asked(assistant.history, f"What colour is the thing number {n}?", photo, "It is grey.", session=session)
        assistant.history.put_right(turn, right, session=session)
        turns.append(turn)
    return turns
