"""What the stages of `train distill` learned, as files that the product opens."""

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from deepseek_mm.config import BASE_LM, cache_folder
from deepseek_mm.embeddings.edge import WEIGHTS, EdgeConfig, EdgeModel, EdgeSpace, files_of_edge, write_edge
from deepseek_mm.embeddings.text import LAYERS
from deepseek_mm.lm.model_folders import EDGE_FOLDER
from deepseek_mm.runtime.quantize.student import write_student
from deepseek_mm.train.distill.house import House
from deepseek_mm.train.distill.reading import begun
from deepseek_mm.train.distill.sight import Student
from deepseek_mm.train.distill.speech import SpeechConfig
from deepseek_mm.train.distill.speech import begun as begun_speech
from deepseek_mm.train.distill.stages import seeing_student
from deepseek_mm.train.journal import learned
from deepseek_mm.train.loop import chosen
from deepseek_mm.train.runs import open_base
from deepseek_mm.vision.tagger import WEIGHTS as NOTICES
from deepseek_mm.vision.tagger import TaggerHeader, write_noticer
from deepseek_mm.vision.vqa import WEIGHTS as READS
from deepseek_mm.vision.vqa import write_reader


def pack_stage(house: House, args: argparse.Namespace) -> int:
    """Everything that was learned, in files; what was not yet learned is the teacher's."""
    folder: Path = args.weights or WEIGHTS.parent
    student, space = seeing_student(house), house.space
    config = EdgeConfig(layers=LAYERS[-1], read_after=LAYERS)
    model = EdgeModel(config, house.tower, space.model.text_tower)
    model.sight.load_state_dict(student.sight.state_dict())
    model.image_tower.classifier.load_state_dict(student.classifier.state_dict())
    model.text_head, model.side.text, model.narrow = space.model.text_head, space.model.side.text, space.model.narrow
    write_edge(folder / WEIGHTS.name, model, config, taught_by=space.fingerprint)
    pack_small(house, student, folder)
    if (house.out / "speech").is_dir():
        pack_speech(house, folder / EDGE_FOLDER.name, chosen(SpeechConfig(), args))
    for file in files_of_edge(folder):
        sys.stderr.write(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB\n")
    return 0


def pack_small(house: House, student: Student, folder: Path) -> None:
    """The small models that look at cells."""
    edge, neck = EdgeSpace(folder / WEIGHTS.name), student.sight.neck.place.shape[1]
    reader, noticer = house.both.whole_reader, house.both.whole_noticer
    net = begun(reader.net, student.read.state_dict(), neck)
    if (house.out / "read").is_dir():
        net.load_state_dict(learned(house.out / "read"))
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


def pack_speech(house: House, folder: Path, config: SpeechConfig) -> None:
    """The language model with its tokenizer."""
    shutil.copytree(house.out / "words", folder, dirs_exist_ok=True)
    base = open_base(BASE_LM, cache_folder())
    decoder = begun_speech(base.shape, base.weights, config)
    decoder.load_state_dict(learned(house.out / "speech"), strict=False)
    write_student(folder, decoder)
