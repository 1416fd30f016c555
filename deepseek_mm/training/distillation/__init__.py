"""`train distill`: distil the default models into a small student, for machines with little memory.

`look` caches what teacher and student's tower compute of all photos. `sight` trains the student's vision, `read` its
reader. `words` makes a tokenizer of fewer tokens, for which `train corpus --model OUT/words --out OUT/corpus` cuts the
corpus; `speech` trains a fifth of the language model's layers on it. `pack` writes the weights, and `draw` plots the
runs of the stage sight beside the teacher. Every stage can be stopped and resumes.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepseek_mm.config import BASE_LM, cache_folder
from deepseek_mm.embeddings.edge import WEIGHTS, EdgeConfig, EdgeModel, EdgeSpace, files_of_edge, write_edge
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.towers import LAYERS
from deepseek_mm.evaluation.retrieval import RetrievalReport
from deepseek_mm.lm.generator import silence
from deepseek_mm.lm.model_folders import EDGE_FOLDER, find_folder
from deepseek_mm.lm.weights import WEIGHTS as SPEAKS
from deepseek_mm.lm.weights import with_changes
from deepseek_mm.runtime.quantization.lm_files import write_student
from deepseek_mm.training.distillation.features import DEV, DistillationRun, Looks, score_recalls, take
from deepseek_mm.training.distillation.lessons import (
    ReadingConfig,
    ReadingLessons,
    SightConfig,
    SightLessons,
    SpeechConfig,
    SpeechLessons,
    Student,
    make_student_decoder,
    make_student_features,
    make_student_reader,
    make_teacher_features,
    strip_first_layer,
    swap_first_layer,
    write_short_tokenizer,
)
from deepseek_mm.training.language_model import LmStageConfig, open_base, open_shipped, read_training_rows
from deepseek_mm.training.loop import (
    StepsConfig,
    add_config_flags,
    choose_config,
    read_learned,
    train_stage,
)
from deepseek_mm.training.question_albums import QuestionBatchConfig, QuestionSampler
from deepseek_mm.training.report import REPORTS
from deepseek_mm.vision.vqa import WEIGHTS as READS
from deepseek_mm.vision.vqa import read_reader, write_reader
from deepseek_mm.vision.vqa_net import WEIGHTS as NOTICES
from deepseek_mm.vision.vqa_net import TaggerHeader, write_noticer

RECALLS, PICTURE = "recalls.json", "distill.png"
WAYS = (("t2i_r10", "text to image"), ("i2t_r10", "image to text"))


def measure_teacher_recalls(house: DistillationRun) -> RetrievalReport:
    """The teacher's on the dev photos, from the vectors that were kept."""
    vectors_NXD = take(house.open_dev_features(), "vectors", slice(None))
    return score_recalls(vectors_NXD[:, 0], house.embed_captions(DEV))


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
SIGHT_PLOTS = ("loss", "vectors", "cells", "read", "noticed", "shares", "ranks", "classes", "told")
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
    torch.manual_seed(steps.seed)
    student = Student(house.tower.classifier).train()
    if args.begin:
        student.load_state_dict(read_learned(house.out / args.begin))
    more = [house.open_features(album) for album in others] if config.others else []
    taught = SightLessons(student, house.open_features(first), house.embed_captions("train"), more, config, steps.seed)
    folder, plots = house.out / (args.name or "sight"), SIGHT_PLOTS
    train_stage(folder, student, taught.loss, steps, config, {"begin": args.begin}, every=config.kept, plots=plots)
    student.load_state_dict(read_learned(folder))
    report = measure_recalls(student.eval(), house.open_dev_features(), house.embed_captions(DEV))
    sys.stderr.write(f"{report.table()}\n")
    (folder / RECALLS).write_text(report.json())
    return 0


def load_student(house: DistillationRun) -> Student:
    """As the stage sight has left it."""
    student = Student(house.tower.classifier)
    student.load_state_dict(read_learned(house.out / "sight"))
    return student.eval().requires_grad_(False)


@torch.inference_mode()
def measure_recalls(student: Student, looks: Looks, texts: list[Floats]) -> RetrievalReport:
    """On photos that were kept, with the teacher's vectors of their captions."""
    vectors: list[Tensor] = []
    for start in range(0, len(looks["map"]), DEV_BATCH):
        map_BPC, middle_BPC = (take(looks, name, slice(start, start + DEV_BATCH)) for name in ("map", "middle"))
        with autocast_bf16():
            vectors.append(student(map_BPC.float(), middle_BPC.float())["vectors"].float())
    return score_recalls(torch.cat(vectors), texts)


def read_stage(house: DistillationRun, args: argparse.Namespace) -> int:
    """The reader, after the teacher's."""
    configs = (READ_STEPS, ReadingConfig(), QuestionBatchConfig())
    steps, config, batch = (choose_config(each, args) for each in configs)
    student, reader = load_student(house), read_reader(house.space)
    net = make_student_reader(reader.net, student.read.state_dict(), student.sight.neck.place.shape[1]).train()
    looks = [(album, house.open_features(album)) for album in house.albums]
    own = [make_student_features(album, each, student.sight, house.out / "cells") for album, each in looks]
    its = [make_teacher_features(album, each) for album, each in looks]
    class_of = {answer: n for n, answer in enumerate(reader.answers)}
    mixed = QuestionSampler.of(house.space, own, class_of, batch, held_out=False)
    taught = ReadingLessons(net, strip_first_layer(reader.net), mixed, its, config, steps.seed)
    folder, plots = house.out / (args.name or "read"), ("loss", "hits", "scores", "looked", "right")
    train_stage(folder, net, taught.loss, steps, batch, config, every=batch.every, plots=plots)
    return 0


def draw_stage(house: DistillationRun, args: argparse.Namespace) -> int:
    """The picture of docs/learning.md."""
    sys.stderr.write(f"drew {draw_recalls(house, args.weights or REPORTS)}\n")
    return 0


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
    _, weights = with_changes(base.shape, base.weights, SPEAKS, base=base.known_by)
    student = make_student_decoder(base.shape, weights, config)
    reading = LmStageConfig(length=config.length, limit=config.limit)
    rows = read_training_rows(house.out / CORPUS, reading, seed=steps.seed)
    taught = SpeechLessons(open_shipped(base), student.train(), rows, config, steps.seed)
    folder, plots = house.out / (args.name or "speech"), ("words", "thoughts")
    train_stage(folder, student, taught.loss, steps, config, every=config.saved, plots=plots)
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
    reader, noticer = house.reader, house.noticer
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
    state, config = swap_first_layer(taught, student.noticed.state_dict()), replace(taught.config, channels=neck)
    curve = (noticer.slope, noticer.offset)
    kept = TaggerHeader(
        names=noticer.names, usual=noticer.usual_L.tolist(), curve=curve, config=config, fingerprint=edge.fingerprint
    )
    write_noticer(folder / f"{edge.prefix}{NOTICES.name}", [state], kept)


def pack_speech(house: DistillationRun, folder: Path, config: SpeechConfig) -> None:
    """The language model with its tokenizer."""
    shutil.copytree(house.out / "words", folder, dirs_exist_ok=True)
    base = open_base(BASE_LM, cache_folder())
    decoder = make_student_decoder(base.shape, base.weights, config)
    decoder.load_state_dict(read_learned(house.out / "speech"), strict=False)
    write_student(folder, decoder)


STAGES: Mapping[str, Callable[[DistillationRun, argparse.Namespace], int]] = {
    "look": look_stage,
    "sight": sight_stage,
    "read": read_stage,
    "words": words_stage,
    "speech": speech_stage,
    "pack": pack_stage,
    "draw": draw_stage,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train distill`."""
    parser.add_argument("--stage", choices=tuple(STAGES), required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with flickr8k, coco_vqa and daquar")
    parser.add_argument("--out", type=Path, default=Path("runs/distill"), help="a folder in it for each stage")
    parser.add_argument("--name", default="", help="another name for the folder of this stage's run")
    parser.add_argument("--begin", default="", help="sight: folder of an earlier run in OUT, to go on from")
    parser.add_argument("--weights", type=Path, help="folder that the stages pack and draw write to")
    add_config_flags(parser, SightConfig, ReadingConfig, QuestionBatchConfig, SpeechConfig, StepsConfig)


def run(args: argparse.Namespace) -> int:
    """Do one stage to its end; goes on where an earlier call stopped."""
    return STAGES[args.stage](DistillationRun(args.data, args.out), args)
