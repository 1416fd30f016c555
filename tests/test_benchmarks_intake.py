"""The figures of the intake are of real work: every photo is in the store, and the two ways saw the same pictures."""

import mmap
from dataclasses import replace

import pytest
from fakes import ColourSpace
from PIL import Image

from deepseek_mm.benchmarks import intake
from deepseek_mm.benchmarks.results import BenchSetting, BenchSizes
from deepseek_mm.errors import NothingThere


class CountingSpace(ColourSpace):
    """Counts the pictures that it is shown."""

    looks = 0

    def look_many(self, images):
        for look in super().look_many(images):
            CountingSpace.looks += 1
            yield look


@pytest.fixture
def setting(tmp_path, monkeypatch):
    CountingSpace.looks = 0
    monkeypatch.setattr(intake, "open_space", lambda config: CountingSpace())
    sizes = BenchSizes(photos=10, some_photos=100, many_photos=120)
    return BenchSetting(folder=tmp_path / "bench", note=lambda text: None, sizes=sizes)


def test_both_ways_see_every_photo_and_the_ratio_is_that_of_their_speeds(setting, monkeypatch):
    monkeypatch.setattr(intake, "time_reading", lambda paths: 0.25)
    monkeypatch.setattr(intake, "TURNS", 1)
    result = intake.measure_intake_speed(setting)
    assert CountingSpace.looks == 2 * 10
    assert result.numbers["ocr_per_s"] == 4
    assert result.numbers["ingest_vs_tower"] == pytest.approx(
        result.numbers["photos_per_s"] / result.numbers["tower_per_s"]
    )
    assert [line.bar for line in result.lines] == ["0.6 (aim 0.8)", ""]


@pytest.mark.campaign(times=1, only=True)
def test_what_a_store_holds_on_to_for_every_photo_is_seen_as_growth(setting, monkeypatch):
    held = []

    def leak(done: int, total: int, path: str) -> None:
        pages = mmap.mmap(-1, 4_000_000)  # of its own: malloc may give what other tests freed, and nothing grows
        pages.write(bytes([1]) * len(pages))
        held.append(pages)

    def leaking(setting, eyes, folder, name, hooks):
        def progress(done, total, path):
            leak(done, total, path)
            hooks.progress(done, total, path)

        return take_in(setting, eyes, folder, name, replace(hooks, progress=progress))

    take_in = intake.ingest_folder
    assert intake.measure_memory_growth(setting).numbers["growth_mb"] < 100
    monkeypatch.setattr(intake, "ingest_folder", leaking)
    leaky = intake.measure_memory_growth(replace(setting, folder=setting.folder / "again"))
    assert leaky.numbers["growth_mb"] > 150
    assert leaky.numbers["growth_photos"] == 100


@pytest.mark.campaign(times=1, only=True)
def test_the_full_bench_watches_more_photos(setting):
    assert intake.measure_memory_growth(replace(setting, full=True)).numbers["growth_photos"] == 120


def test_the_photos_differ_in_every_byte_string_and_have_the_sizes_asked_for(tmp_path):
    paths = list(intake.make_photos(tmp_path / "photos", 150, ((64, 48), (48, 64))))
    assert len({path.read_bytes() for path in paths}) == 150
    assert [Image.open(path).size for path in paths[:3]] == [(64, 48), (48, 64), (64, 48)]


def test_without_the_bundled_photos_it_says_where_it_can_be_run(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "BUNDLED", tmp_path)
    with pytest.raises(NothingThere, match="Run this from a clone"):
        list(intake.make_photos(tmp_path / "photos", 1, ((64, 48),)))
