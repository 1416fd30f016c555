"""The last stages of `train distill`: the plot of the runs, and the weights that the product opens."""

import argparse
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from deepseek_mm.embeddings.edge import EdgeSpace, files_of_edge
from deepseek_mm.training.distillation import (
    draw_recalls,
    measure_teacher_recalls,
    pack_stage,
    read_run_recalls,
)
from deepseek_mm.training.distillation import features as houses
from deepseek_mm.training.distillation.features import DistillationRun
from deepseek_mm.training.distillation.lessons import Student
from deepseek_mm.training.feature_maps import to_bf16_bits
from deepseek_mm.training.loop import RunFolder
from deepseek_mm.vision.pipeline import ImageAnalysis
from deepseek_mm.vision.vqa import read_reader
from deepseek_mm.vision.vqa_net import VqaQuestion, read_noticer


@pytest.fixture
def house(tmp_path):
    """Four photos; each has two captions of its own vector."""
    vectors = np.eye(4, 512, dtype=np.float32)
    rows = torch.zeros(4, 82, 512)
    rows[:, 0] = torch.from_numpy(vectors)
    looks = {"vectors": to_bf16_bits(rows.bfloat16())}
    texts = [np.stack([vector, vector]) for vector in vectors]
    return SimpleNamespace(out=tmp_path, embed_captions=lambda split: texts, open_dev_features=lambda: looks)


def ended(folder, name, **recalls):
    (folder / name).mkdir()
    (folder / name / "recalls.json").write_text(json.dumps(recalls))


def test_a_teacher_whose_photos_lie_at_their_captions_finds_all_of_them(house):
    report = measure_teacher_recalls(house)
    assert (report.t2i_r1, report.i2t_r1, report.images, report.captions) == (100.0, 100.0, 4, 8)


def test_runs_that_have_ended_are_drawn_beside_the_teacher_and_told_in_a_table(house, capsys):
    ended(house.out, "sight", t2i_r10=60.0, i2t_r10=70.0)
    ended(house.out, "sight-no-ranks", t2i_r10=50.0, i2t_r10=65.0)
    (house.out / "sight-unfinished").mkdir()
    picture = draw_recalls(house, house.out / "docs")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 100_000
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["teacher", "sight", "sight-no-ranks"]
    assert lines[2].split()[1:] == ["50.0", "65.0"]
    assert list(read_run_recalls(house.out)) == ["sight", "sight-no-ranks"]


class Reads:
    """A space that reads a text as its length, and counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    def embed_texts(self, texts):
        self.asked += 1
        return np.array([[len(text)] for text in texts], np.float32)


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data" / "flickr8k").mkdir(parents=True)
    told = {"a.jpg": ["a", "ab"], "b.jpg": ["abc"]}
    rows = [{"image": image, "captions": captions, "split": "dev"} for image, captions in told.items()]
    (tmp_path / "data" / "flickr8k" / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "data"


def test_captions_are_read_once_and_belong_to_their_photos(data, tmp_path, monkeypatch):
    house, reads = DistillationRun(data, tmp_path / "out"), Reads()
    monkeypatch.setattr(houses, "DefaultSpace", lambda: reads)
    texts, again = house.embed_captions("dev"), DistillationRun(data, tmp_path / "out").embed_captions("dev")
    assert [own[:, 0].tolist() for own in texts] == [[1, 2], [3]]
    assert reads.asked == 1
    assert all(np.array_equal(a, b) for a, b in zip(texts, again, strict=True))


@pytest.mark.campaign(times=1, only=True)
def test_a_student_that_has_learned_nothing_is_packed_and_opened_with_its_small_models(data, tmp_path):
    house = DistillationRun(data, tmp_path / "out")
    student = Student(house.tower.classifier)
    trained = {name: p.detach() for name, p in student.named_parameters()}
    RunFolder(house.out / "sight", {}).save(1, {"trained": trained})
    assert pack_stage(house, argparse.Namespace(weights=tmp_path)) == 0
    assert sum(file.stat().st_size for file in files_of_edge(tmp_path)) < 42e6  # the language model is not among them
    space = EdgeSpace(tmp_path / "edge.safetensors")
    assert space.taught_by == house.space.fingerprint
    noticer = read_noticer(space, tmp_path / "edge_notice.safetensors")
    reader = read_reader(space, tmp_path / "edge_reader.safetensors", noticer=noticer)
    green = ImageAnalysis(Image.new("RGB", (40, 30), (9, 99, 9)))
    (reading,) = reader.read_many([(VqaQuestion.of("is there a dog?"), green)])
    assert set(reading.chances) == {"yes", "no"}
    assert len(reading.noticed) == len(noticer.names)
    texts = ["a dog runs", "two red cups"]
    alike = (space.embed_texts(texts) * house.space.embed_texts(texts)).sum(axis=1)
    assert alike.min() > 0.99  # the text side is the teacher's, in eight bits
