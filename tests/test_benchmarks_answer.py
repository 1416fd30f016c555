"""How long an answer about an uploaded photo takes: the clock starts with the question and stops at the first word."""

import pytest
from fakes import Parrot, picture
from rag_house import build

from deepseek_mm.benchmarks import answer as bench
from deepseek_mm.benchmarks import ingestion
from deepseek_mm.benchmarks.results import BenchSetting
from deepseek_mm.errors import NothingThere


@pytest.fixture
def setting(tmp_path, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in ("red", "green", "blue"):
        picture(colour).save(photos / f"{colour}.jpg")
    monkeypatch.setattr(ingestion, "BUNDLED", photos)
    monkeypatch.setattr(bench, "load", lambda config, progress: build(config.data, lm=Parrot("It is red [1].")))
    return BenchSetting(folder=tmp_path / "bench", note=lambda line: None)


def test_every_photo_is_asked_about_once_and_the_first_word_comes_before_the_last(setting):
    told = bench.measure_answer(setting).numbers
    assert told["questions"] == 3
    assert 0 < told["first_word_s"] <= told["answer_s"] <= told["slowest_answer_s"]


def test_without_bundled_photos_it_says_where_to_run_it(setting, monkeypatch, tmp_path):
    monkeypatch.setattr(ingestion, "BUNDLED", tmp_path / "nowhere")
    with pytest.raises(NothingThere, match="clone of the repository"):
        bench.measure_answer(setting)
