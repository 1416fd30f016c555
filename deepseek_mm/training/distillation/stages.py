"""The stages of `train distill`, one function each, with the plot of the runs and the writing of the weights."""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepseek_mm.config import BASE_LM, cache_folder
from deepseek_mm.embeddings.edge import WEIGHTS, EdgeConfig, EdgeModel, EdgeSpace, files_of_edge, write_edge
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.towers import LAYERS
from deepseek_mm.evaluation.retrieval import RetrievalReport, score_vectors
from deepseek_mm.lm.generator import silence
from deepseek_mm.lm.model_folders import EDGE_FOLDER, find_folder
from deepseek_mm.lm.weights import WEIGHTS as SPEAKS
from deepseek_mm.lm.weights import with_changes
from deepseek_mm.runtime.quantization.lm_files import write_student
from deepseek_mm.training.distillation.features import DEV, DistillationFeatures, DistillationRun, list_owners
from deepseek_mm.training.distillation.language_lessons import SpeechConfig, SpeechLessons, write_short_tokenizer
from deepseek_mm.training.distillation.language_lessons import make_student_decoder as begun_speech
from deepseek_mm.training.distillation.reader_lessons import (
    ReadingConfig,
    make_reading_lessons,
    make_student_features,
    make_student_reader,
    make_teacher_features,
    strip_first_layer,
)
from deepseek_mm.training.distillation.vision_lessons import SightConfig, SightLessons, Student, list_weights
from deepseek_mm.training.language_model.runs import open_base, open_shipped
from deepseek_mm.training.language_model.stages import LmStageConfig, read_training_rows
from deepseek_mm.training.loop import RunFolder, StepsConfig, choose_config, make_gather, read_learned, train_steps
from deepseek_mm.training.question_albums import AlbumFeatures, QuestionBatchConfig, QuestionSampler
from deepseek_mm.training.report import REPORTS
from deepseek_mm.vision.vqa import WEIGHTS as READS
from deepseek_mm.vision.vqa import read_reader, write_reader
from deepseek_mm.vision.vqa_net import WEIGHTS as NOTICES
from deepseek_mm.vision.vqa_net import TaggerHeader, write_noticer

RECALLS, PICTURE = "recalls.json", "distill.png"
WAYS = (("t2i_r10", "text to image"), ("i2t_r10", "image to text"))


def measure_teacher_recalls(house: DistillationRun) -> RetrievalReport:
    """The teacher's on the dev photos, from the vectors that were kept."""
    texts, kept = house.embed_captions(DEV), house.open_dev_features().views[0]["vectors"]
    photos_MD = torch.from_numpy(np.ascontiguousarray(kept[:, 0])).view(torch.bfloat16).float().numpy()
    return score_vectors(photos_MD, np.concatenate(texts), list_owners(texts))


def read_run_recalls(folder: Path) -> dict[str, Mapping[str, float]]:
    """Recalls by the name of the run, those of all runs that have ended."""
    return {file.parent.name: json.loads(file.read_text()) for file in sorted(folder.glob(f"*/{RECALLS}"))}


def draw_recalls(house: DistillationRun, out: Path) -> Path:
    """Bars of R@10, the teacher first; the table goes to standard error."""
    from matplotlib.figure import Figure

    told = {"teacher": json.loads(measure_teacher_recalls(house).json()), **read_run_recalls(house.out)}
    figure = Figure(figsize=(7, 0.6 + 0.5 * len(told)), layout="constrained")
    axes, places = figure.subplots(), np.arange(len(told))
    for n, (key, name) in enumerate(WAYS):
        axes.barh(places + 0.4 * n, [own[key] for own in told.values()], height=0.38, label=name)
    axes.set_yticks(places + 0.2, list(told))
    axes.invert_yaxis()
    axes.set_xlabel("R@10, 1,000 dev photos, percent")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / PICTURE, dpi=90)
    for name, own in told.items():
        sys.stderr.write(f"{name:<24}" + "".join(f"{own[key]:>8.1f}" for key, _ in WAYS) + "\n")
    return out / PICTURE


SIGHT_STEPS = StepsConfig(steps=800, rate=1e-3, decay=0.05, average=0.99)
SPEECH_STEPS = StepsConfig(steps=600, rate=6e-4, decay=0.01, average=0.98)
CORPUS = "corpus"  # folder of the run that the student's words were cut into
READ_STEPS = StepsConfig(steps=400, rate=3e-4, decay=0.05, average=0.99)
DEV_BATCH = 64  # dev photos


def look_stage(house: DistillationRun, args: argparse.Namespace) -> int:
    """All photos, those first that other stages begin with."""
    house.open_dev_features()
    for album in house.albums:
        house.open_features(album)
    return 0


def sight_stage(house: DistillationRun, args: argparse.Namespace) -> int:
    """Neck, head and first layers; ends with the recalls on the dev photos."""
    steps, config = choose_config(SIGHT_STEPS, args), choose_config(SightConfig(), args)
    first, *others = house.albums
    student = open_student(house, steps.seed).train()
    if args.begin:
        student.load_state_dict(read_learned(house.out / args.begin))
    more = [house.open_features(album) for album in others] if config.others else []
    taught = SightLessons(student, house.open_features(first), house.embed_captions("train"), more, config, steps.seed)
    folder = house.out / (args.name or "sight")
    journal = RunFolder(
        folder, {"steps": repr(steps), "sight": repr(config), "views": house.views, "begin": args.begin}
    )
    train_steps(dict(student.named_parameters()), make_gather(taught.loss), journal, steps, every=config.kept)
    journal.plot("loss", *list_weights(config))
    student.load_state_dict(read_learned(folder))
    report = measure_recalls(student.eval(), house.open_dev_features(), house.embed_captions(DEV))
    sys.stderr.write(f"{report.table()}\n")
    (folder / RECALLS).write_text(report.json())
    return 0


def open_student(house: DistillationRun, seed: int = 0) -> Student:
    """As it begins."""
    torch.manual_seed(seed)
    return Student(house.tower.classifier)


def load_student(house: DistillationRun, name: str = "sight") -> Student:
    """As the stage sight has left it."""
    student = open_student(house)
    student.load_state_dict(read_learned(house.out / name))
    return student.eval().requires_grad_(False)


@torch.inference_mode()
def measure_recalls(student: Student, looks: DistillationFeatures, texts: list[np.ndarray]) -> RetrievalReport:
    """On photos that were kept, with the teacher's vectors of their captions."""
    vectors: list[Tensor] = []
    for start in range(0, len(looks), DEV_BATCH):
        some = range(start, min(len(looks), start + DEV_BATCH))
        map_BPC, middle_BPC = (looks.batch(name, some, [0] * len(some)).float() for name in ("map", "middle"))
        with autocast_bf16():
            vectors.append(student(map_BPC, middle_BPC)["vectors"].float())
    return score_vectors(torch.cat(vectors).numpy(), np.concatenate(texts), list_owners(texts))


def read_stage(house: DistillationRun, args: argparse.Namespace) -> int:
    """The reader, after the teacher's."""
    steps, config, batch = (
        choose_config(READ_STEPS, args),
        choose_config(ReadingConfig(), args),
        choose_config(QuestionBatchConfig(), args),
    )
    student, reader = load_student(house), read_reader(house.space)
    net = make_student_reader(reader.net, student.read.state_dict(), student.sight.neck.place.shape[1]).train()
    own, its = open_both_features(house, student)
    class_of = {answer: n for n, answer in enumerate(reader.answers)}
    mixed = QuestionSampler.of(house.space, own, class_of, batch, held_out=False)
    taught = make_reading_lessons(net, strip_first_layer(reader.net), mixed, its, config, steps.seed)
    folder = house.out / (args.name or "read")
    journal = RunFolder(folder, {**asdict(batch), **asdict(steps), **asdict(config)})
    train_steps(dict(net.named_parameters()), make_gather(taught.loss), journal, steps, every=batch.every)
    journal.plot("loss", "hits", "scores", "looked", "right")
    return 0


def draw_stage(house: DistillationRun, args: argparse.Namespace) -> int:
    """The picture of docs/learning.md."""
    sys.stderr.write(f"drew {draw_recalls(house, args.weights or REPORTS)}\n")
    return 0


def open_both_features(house: DistillationRun, student: Student) -> tuple[list[AlbumFeatures], list[AlbumFeatures]]:
    """Every album as the student sees it, and as the teacher's reader does."""
    looks = [(album, house.open_features(album)) for album in house.albums]
    own = [make_student_features(album, each, student.sight, house.out / "cells") for album, each in looks]
    return own, [make_teacher_features(album, each) for album, each in looks]


def words_stage(house: DistillationRun, args: argparse.Namespace) -> int:
    """The student's tokenizer and the shape of its language model."""
    folder = find_folder(BASE_LM, cache=cache_folder(), progress=silence)
    out = write_short_tokenizer(folder, house.out / "words", choose_config(SpeechConfig(), args))
    sys.stderr.write(f"wrote {out}; cut a corpus for it with: train corpus --model {out} --out {house.out / CORPUS}\n")
    return 0


def speech_stage(house: DistillationRun, args: argparse.Namespace) -> int:
    """The language model, after the teacher's."""
    steps, config = choose_config(SPEECH_STEPS, args), choose_config(SpeechConfig(), args)
    base = open_base(BASE_LM, cache_folder())
    torch.manual_seed(steps.seed)
    student = begun_speech(base.shape, with_changes(base.shape, base.weights, SPEAKS, base=base.known_by)[1], config)
    rows = read_training_rows(
        house.out / CORPUS, LmStageConfig(length=config.length, limit=config.limit), seed=steps.seed
    )
    taught = SpeechLessons(open_shipped(base), student.train(), rows, config, steps.seed)
    folder = house.out / (args.name or "speech")
    journal = RunFolder(folder, {"steps": repr(steps), "speech": repr(config)})
    train_steps(dict(student.named_parameters()), make_gather(taught.loss), journal, steps, every=config.saved)
    journal.plot("words", "thoughts")
    return 0


def pack_stage(house: DistillationRun, args: argparse.Namespace) -> int:
    """Everything that was learned, in files; what was not yet learned is the teacher's."""
    folder: Path = args.weights or WEIGHTS.parent
    student, space = load_student(house), house.space
    config = EdgeConfig(layers=LAYERS[-1], read_after=LAYERS)
    model = EdgeModel(config, house.tower, space.model.text_tower)
    model.sight.load_state_dict(student.sight.state_dict())
    model.image_tower.classifier.load_state_dict(student.classifier.state_dict())
    model.text_head, model.side.text, model.narrow = space.model.text_head, space.model.side.text, space.model.narrow
    write_edge(folder / WEIGHTS.name, model, config, taught_by=space.fingerprint)
    pack_small(house, student, folder)
    if (house.out / "speech").is_dir():
        pack_speech(house, folder / EDGE_FOLDER.name, choose_config(SpeechConfig(), args))
    for file in files_of_edge(folder):
        sys.stderr.write(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB\n")
    return 0


def pack_small(house: DistillationRun, student: Student, folder: Path) -> None:
    """The small models that look at cells."""
    edge, neck = EdgeSpace(folder / WEIGHTS.name), student.sight.neck.place.shape[1]
    reader, noticer = house.both.whole_reader, house.both.whole_noticer
    net = make_student_reader(reader.net, student.read.state_dict(), neck)
    if (house.out / "read").is_dir():
        net.load_state_dict(read_learned(house.out / "read"))
    write_reader(
        folder / f"{edge.prefix}{READS.name}",
        net.state_dict(),
        answers=reader.answers,
        sure=reader.sure,
        config=net.config,
        fingerprint=edge.fingerprint,
    )
    (taught,) = noticer.nets
    kept = TaggerHeader(
        names=noticer.names,
        usual=noticer.usual_L.tolist(),
        curve=(noticer.slope, noticer.offset),
        config=replace(taught.config, channels=neck),
        fingerprint=edge.fingerprint,
    )
    state = {name: value for name, value in taught.state_dict().items() if not name.startswith("bring.")}
    state |= {f"bring.{name}": value for name, value in student.noticed.state_dict().items()}
    write_noticer(folder / f"{edge.prefix}{NOTICES.name}", [state], kept)


def pack_speech(house: DistillationRun, folder: Path, config: SpeechConfig) -> None:
    """The language model with its tokenizer."""
    shutil.copytree(house.out / "words", folder, dirs_exist_ok=True)
    base = open_base(BASE_LM, cache_folder())
    decoder = begun_speech(base.shape, base.weights, config)
    decoder.load_state_dict(read_learned(house.out / "speech"), strict=False)
    write_student(folder, decoder)
