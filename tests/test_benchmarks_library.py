"""What is kept of files that were moved and renamed: counted by `bench library`, here over a few."""

from dataclasses import replace

import pytest
from rag_house import build

from deepseek_mm.benchmarks import library as bench
from deepseek_mm.benchmarks.results import BenchSetting, BenchSizes
from deepseek_mm.ingest.intake import Intake


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "VIDEO_PX", (192, 108))
    monkeypatch.setattr(bench, "SCENE_S", 1)
    monkeypatch.setattr(bench, "load", lambda config, progress: build(config.data))
    sizes = replace(BenchSizes(), library_files=30, video_s=2)

    def measure():
        return bench.measure_library(BenchSetting(folder=tmp_path / "bench", note=lambda line: None, sizes=sizes))

    return measure


def test_all_that_was_known_of_files_is_known_where_they_lie_now_and_a_video_by_its_scenes(run):
    told = run().numbers
    assert (told["moved_files"], told["labels_kept"], told["citations_kept"]) == (30, 30, 3)
    assert told["moved_looked_at"] == 0
    assert told["moved_s"] > 0
    assert told["video_pictures"] == 2  # one of each photo
    assert told["video_s"] > 0


def test_files_that_are_read_anew_have_not_kept_their_labels(run, monkeypatch):
    monkeypatch.setattr(Intake, "_is_copy", lambda self, file, batch: False)
    told = run().numbers
    assert (told["labels_kept"], told["citations_kept"]) == (0, 0)
    assert told["moved_looked_at"] == 30
