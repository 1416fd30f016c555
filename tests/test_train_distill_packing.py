"""The student's files, made of stages that have learned nothing: what the product opens of them."""

import argparse
import json

import numpy as np
import pytest
from PIL import Image

from deepseek_mm.embeddings.edge import EdgeSpace, files_of_edge
from deepseek_mm.train.distill import house as houses
from deepseek_mm.train.distill.house import House, owners
from deepseek_mm.train.distill.packing import pack_stage
from deepseek_mm.train.distill.stages import opened_student
from deepseek_mm.train.journal import Journal
from deepseek_mm.vision.analysis import ImageAnalysis
from deepseek_mm.vision.tagger import read_noticer
from deepseek_mm.vision.vqa import read_reader
from deepseek_mm.vision.vqa_net import VqaQuestion


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
    house, reads = House(data, tmp_path / "out"), Reads()
    monkeypatch.setattr(houses, "DefaultSpace", lambda: reads)
    monkeypatch.setattr(houses, "rounded_tower", lambda: None)
    monkeypatch.setattr(houses, "Both", lambda space, tower, engines: argparse.Namespace(space=space))
    texts, again = house.texts("dev"), House(data, tmp_path / "out").texts("dev")
    assert [own[:, 0].tolist() for own in texts] == [[1, 2], [3]]
    assert owners(texts).tolist() == [0, 0, 1]
    assert reads.asked == 1
    assert all(np.array_equal(a, b) for a, b in zip(texts, again, strict=True))


@pytest.mark.campaign(times=1, only=True)
def test_a_student_that_has_learned_nothing_is_packed_and_opened_with_its_small_models(data, tmp_path):
    house = House(data, tmp_path / "out")
    student = opened_student(house)
    trained = {name: p.detach() for name, p in student.named_parameters()}
    Journal(house.out / "sight", {}).save(1, {"trained": trained})
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
