"""The picture of student and teacher, over a house of made-up vectors."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from deepseek_mm.training.distillation.features import DistillationFeatures
from deepseek_mm.training.distillation.stages import draw_recalls, measure_teacher_recalls, read_run_recalls
from deepseek_mm.training.feature_maps import to_bf16_bits


@pytest.fixture
def house(tmp_path):
    """Four photos; each has two captions of its own vector."""
    vectors = np.eye(4, 512, dtype=np.float32)
    rows = torch.zeros(4, 82, 512)
    rows[:, 0] = torch.from_numpy(vectors)
    looks = DistillationFeatures(({"vectors": to_bf16_bits(rows.bfloat16())},))
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
