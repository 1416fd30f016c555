"""Photos and code that go in, measured on paper models."""

import mmap
from collections import Counter
from dataclasses import replace

import pytest
from fakes import ColourSpace
from PIL import Image
from test_parse_repository import wrote

from deepseek_mm.benchmarks import ingestion
from deepseek_mm.benchmarks import ingestion as bench
from deepseek_mm.benchmarks.results import BenchSetting, BenchSizes
from deepseek_mm.config import ParseConfig
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
    monkeypatch.setattr(ingestion, "open_space", lambda config: CountingSpace())
    sizes = BenchSizes(photos=10, some_photos=100, many_photos=120)
    return BenchSetting(folder=tmp_path / "bench", note=lambda text: None, sizes=sizes)


def test_both_ways_see_every_photo_and_the_ratio_is_that_of_their_speeds(setting, monkeypatch):
    monkeypatch.setattr(ingestion, "time_reading", lambda paths: 0.25)
    monkeypatch.setattr(ingestion, "TURNS", 1)
    result = ingestion.measure_intake_speed(setting)
    assert CountingSpace.looks == 2 * 10
    assert result.numbers["ocr_per_s"] == 4
    assert result.numbers["ingest_vs_tower"] == pytest.approx(
        result.numbers["photos_per_s"] / result.numbers["tower_per_s"]
    )
    assert [line.bar for line in result.lines] == ["0.5 with a detector, 0.8 without (aim 0.7)", ""]


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

    take_in = ingestion.ingest_folder
    assert ingestion.measure_memory_growth(setting).numbers["growth_mb"] < 100
    monkeypatch.setattr(ingestion, "ingest_folder", leaking)
    leaky = ingestion.measure_memory_growth(replace(setting, folder=setting.folder / "again"))
    assert leaky.numbers["growth_mb"] > 150
    assert leaky.numbers["growth_photos"] == 100


@pytest.mark.campaign(times=1, only=True)
def test_the_full_bench_watches_more_photos(setting):
    assert ingestion.measure_memory_growth(replace(setting, full=True)).numbers["growth_photos"] == 120


def test_the_photos_differ_in_every_byte_string_and_have_the_sizes_asked_for(tmp_path):
    paths = list(ingestion.make_photos(tmp_path / "photos", 150, ((64, 48), (48, 64))))
    assert len({path.read_bytes() for path in paths}) == 150
    assert [Image.open(path).size for path in paths[:3]] == [(64, 48), (48, 64), (64, 48)]


def test_without_the_bundled_photos_it_says_where_it_can_be_run(tmp_path, monkeypatch):
    monkeypatch.setattr(ingestion, "BUNDLED", tmp_path)
    with pytest.raises(NothingThere, match="Run this from a clone"):
        list(ingestion.make_photos(tmp_path / "photos", 1, ((64, 48),)))


FILES = {
    "a.py": "import os\n\ndef f(): pass\n\nclass A:\n    def g(self): pass\n",
    "b/c.go": "package c\n\nfunc H() {}\n",
    "b/keys.py": "KEY = 'ghp_" + "a1B2" * 9 + "'\ndef secret(): pass\n",
    "empty.py": "",
    "z.py": "def late(): pass\n",
}


@pytest.fixture
def code_setting(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "open_space", lambda config: ColourSpace())
    said = []
    origin = wrote(tmp_path / "origin", FILES)
    made = BenchSetting(folder=tmp_path / "bench", note=said.append, sizes=BenchSizes(functions=3), code=origin)
    made.folder.mkdir()
    return made


def test_functions_and_methods_are_counted_and_the_rest_goes_in_beside_them(code_setting):
    result = bench.measure_code(code_setting)
    numbers = result.numbers
    assert (numbers["functions"], numbers["pieces"], numbers["files"]) == (3, 5, 2)
    assert numbers["functions_per_s"] == pytest.approx(3 / numbers["index_s"])
    assert all(numbers[name] > 0 for name in ("split_s", "index_s", "again_s", "changed_s", "watch_s"))
    assert result.lines[0].what == "3 functions in (5 pieces of 2 files)"
    assert [line.bar for line in result.lines] == ["20,000 in 600 s", "5 s", "", "2 s"]


def test_files_are_copied_in_order_until_they_hold_enough_functions(code_setting, tmp_path):
    kinds = bench.copy_functions(code_setting.code, tmp_path / "copy", 1, ParseConfig())
    assert sorted(path.name for path in (tmp_path / "copy").rglob("*.*")) == ["a.py"]
    assert kinds == Counter({"module": 1, "function": 1, "class": 1, "method": 1})
    assert (code_setting.code / "a.py").read_text() == FILES["a.py"]  # the change is made in the copy


def test_a_folder_without_a_function_is_refused_by_its_name(code_setting, tmp_path):
    wrote(tmp_path / "bare", {"a.md": "words\n"})
    with pytest.raises(NothingThere, match=r"no function in the code below .*bare\. Name another folder with --code"):
        bench.measure_code(replace(code_setting, code=tmp_path / "bare"))


def test_progress_is_told_every_hundred_files(tmp_path):
    said = []
    hooks = bench.report_progress(BenchSetting(folder=tmp_path, note=said.append))
    for done in range(1, 251):
        hooks.progress(done, 250, "a.py")
    assert said == ["100 of 250 files", "200 of 250 files"]
