"""The stages of `train distill`, one function each."""

import argparse
import sys
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from deepseek_mm.config import BASE_LM, cache_folder
from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.evaluation.retrieval import RetrievalReport, score_vectors
from deepseek_mm.lm.generator import silence
from deepseek_mm.lm.model_folders import find_folder
from deepseek_mm.lm.weights import WEIGHTS as SPEAKS
from deepseek_mm.lm.weights import with_changes
from deepseek_mm.train.bank import Bank
from deepseek_mm.train.distill.drawing import RECALLS, draw
from deepseek_mm.train.distill.house import DEV, House, owners
from deepseek_mm.train.distill.look import Kept
from deepseek_mm.train.distill.reading import (
    ReadingConfig,
    begun,
    headless,
    lessons,
    student_bank,
    teacher_bank,
)
from deepseek_mm.train.distill.sight import Lessons, SightConfig, Student, weights_of
from deepseek_mm.train.distill.speech import SpeechConfig, SpeechLessons, write_short
from deepseek_mm.train.distill.speech import begun as begun_speech
from deepseek_mm.train.journal import Journal, learned
from deepseek_mm.train.lm import StageConfig, read_rows
from deepseek_mm.train.loop import chosen, gathered, train_steps
from deepseek_mm.train.mixed import BatchConfig, Mixed
from deepseek_mm.train.report import REPORTS
from deepseek_mm.train.runs import open_base, open_shipped
from deepseek_mm.train.steps import StepsConfig
from deepseek_mm.vision.vqa import read_reader

SIGHT_STEPS = StepsConfig(steps=800, rate=1e-3, decay=0.05, average=0.99)
SPEECH_STEPS = StepsConfig(steps=600, rate=6e-4, decay=0.01, average=0.98)
CORPUS = "corpus"  # folder of the run that the student's words were cut into
READ_STEPS = StepsConfig(steps=400, rate=3e-4, decay=0.05, average=0.99)
AT_ONCE = 64  # dev photos


def look_stage(house: House, args: argparse.Namespace) -> int:
    """All photos, those first that other stages begin with."""
    house.dev_looks()
    for album in house.albums:
        house.looks(album)
    return 0


def sight_stage(house: House, args: argparse.Namespace) -> int:
    """Neck, head and first layers; ends with the recalls on the dev photos."""
    steps, config = chosen(SIGHT_STEPS, args), chosen(SightConfig(), args)
    first, *others = house.albums
    student = opened_student(house, steps.seed).train()
    if args.begin:
        student.load_state_dict(learned(house.out / args.begin))
    more = [house.looks(album) for album in others] if config.others else []
    taught = Lessons(student, house.looks(first), house.texts("train"), more, config, steps.seed)
    folder = house.out / (args.name or "sight")
    journal = Journal(folder, {"steps": repr(steps), "sight": repr(config), "views": house.views, "begin": args.begin})
    train_steps(dict(student.named_parameters()), gathered(taught.loss), journal, steps, every=config.kept)
    journal.plot("loss", *weights_of(config))
    student.load_state_dict(learned(folder))
    report = recalls(student.eval(), house.dev_looks(), house.texts(DEV))
    sys.stderr.write(f"{report.table()}\n")
    (folder / RECALLS).write_text(report.json())
    return 0


def opened_student(house: House, seed: int = 0) -> Student:
    """As it begins."""
    torch.manual_seed(seed)
    return Student(house.tower.classifier)


def seeing_student(house: House, name: str = "sight") -> Student:
    """As the stage sight has left it."""
    student = opened_student(house)
    student.load_state_dict(learned(house.out / name))
    return student.eval().requires_grad_(False)


@torch.inference_mode()
def recalls(student: Student, looks: Kept, texts: list[np.ndarray]) -> RetrievalReport:
    """On photos that were kept, with the teacher's vectors of their captions."""
    vectors: list[Tensor] = []
    for start in range(0, len(looks), AT_ONCE):
        some = range(start, min(len(looks), start + AT_ONCE))
        map_BPC, middle_BPC = (looks.batch(name, some, [0] * len(some)).float() for name in ("map", "middle"))
        with autocast_bf16():
            vectors.append(student(map_BPC, middle_BPC)["vectors"].float())
    return score_vectors(torch.cat(vectors).numpy(), np.concatenate(texts), owners(texts))


def read_stage(house: House, args: argparse.Namespace) -> int:
    """The reader, after the teacher's."""
    steps, config, batch = chosen(READ_STEPS, args), chosen(ReadingConfig(), args), chosen(BatchConfig(), args)
    student, reader = seeing_student(house), read_reader(house.space)
    net = begun(reader.net, student.read.state_dict(), student.sight.neck.place.shape[1]).train()
    own, its = banks(house, student)
    class_of = {answer: n for n, answer in enumerate(reader.answers)}
    mixed = Mixed.of(house.space, own, class_of, batch, held_out=False)
    taught = lessons(net, headless(reader.net), mixed, its, config, steps.seed)
    folder = house.out / (args.name or "read")
    journal = Journal(folder, {**asdict(batch), **asdict(steps), **asdict(config)})
    train_steps(dict(net.named_parameters()), gathered(taught.loss), journal, steps, every=batch.every)
    journal.plot("loss", "hits", "scores", "looked", "right")
    return 0


def draw_stage(house: House, args: argparse.Namespace) -> int:
    """The picture of docs/learning.md."""
    sys.stderr.write(f"drew {draw(house, args.weights or REPORTS)}\n")
    return 0


def banks(house: House, student: Student) -> tuple[list[Bank], list[Bank]]:
    """Every album as the student sees it, and as the teacher's reader does."""
    looks = [(album, house.looks(album)) for album in house.albums]
    own = [student_bank(album, each, student.sight, house.out / "cells") for album, each in looks]
    return own, [teacher_bank(album, each) for album, each in looks]


def words_stage(house: House, args: argparse.Namespace) -> int:
    """The student's tokenizer and the shape of its language model."""
    folder = find_folder(BASE_LM, cache=cache_folder(), progress=silence)
    out = write_short(folder, house.out / "words", chosen(SpeechConfig(), args))
    sys.stderr.write(f"wrote {out}; cut a corpus for it with: train corpus --model {out} --out {house.out / CORPUS}\n")
    return 0


def speech_stage(house: House, args: argparse.Namespace) -> int:
    """The language model, after the teacher's."""
    steps, config = chosen(SPEECH_STEPS, args), chosen(SpeechConfig(), args)
    base = open_base(BASE_LM, cache_folder())
    torch.manual_seed(steps.seed)
    student = begun_speech(base.shape, with_changes(base.shape, base.weights, SPEAKS, base=base.known_by)[1], config)
    rows = read_rows(house.out / CORPUS, StageConfig(length=config.length, limit=config.limit), seed=steps.seed)
    taught = SpeechLessons(open_shipped(base), student.train(), rows, config, steps.seed)
    folder = house.out / (args.name or "speech")
    journal = Journal(folder, {"steps": repr(steps), "speech": repr(config)})
    train_steps(dict(student.named_parameters()), gathered(taught.loss), journal, steps, every=config.saved)
    journal.plot("words", "thoughts")
    return 0
