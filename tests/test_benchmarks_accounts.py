"""What accounts cost an ask: a door with a login beside one without, and questions with collections hidden."""

import pytest
from account_samples import open_quick
from fakes import picture
from rag_house import build

from deepseek_mm.benchmarks import accounts as bench
from deepseek_mm.benchmarks import ingestion
from deepseek_mm.benchmarks.results import BenchSetting
from deepseek_mm.config import Config


def test_both_costs_are_taken_and_added_up(tmp_path, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in ("red", "green"):
        picture(colour).save(photos / f"{colour}.jpg")
    monkeypatch.setattr(ingestion, "BUNDLED", photos)
    monkeypatch.setattr(bench, "Accounts", open_quick)
    for name, value in {"REQUESTS": 5, "ASKS": 3, "PEOPLE": 3}.items():
        monkeypatch.setattr(bench, name, value)

    monkeypatch.setattr(bench, "load", lambda config, progress: build(config.data))
    told = bench.measure_accounts(BenchSetting(folder=tmp_path / "bench", note=lambda line: None)).numbers
    assert told["photos"] == 2
    assert told["ask_ms"] > 0
    assert told["accounts_ms"] == pytest.approx(told["accounts_door_ms"] + told["accounts_library_ms"], abs=0.002)


def test_whoever_is_not_let_in_is_no_measurement(tmp_path):
    accounts = open_quick(tmp_path)
    user, cookie = bench.fill_accounts(accounts)
    assert len(accounts.collections.viewer_of(user).hidden) == bench.COLLECTIONS
    with pytest.raises(AssertionError, match="the door answers"):
        bench.measure_door(Config(data=tmp_path), accounts, cookie + "x")
    accounts.close()
