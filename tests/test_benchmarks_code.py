"""`bench code`: what it counts went in, and its three rounds are of the same store."""

from collections import Counter
from dataclasses import replace

import pytest
from fakes import ColourSpace
from test_parse_repository import wrote

from deepseek_mm.benchmarks import code as bench
from deepseek_mm.benchmarks.results import BenchSetting, BenchSizes
from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import NothingThere

FILES = {
    "a.py": "import os\n\ndef f(): pass\n\nclass A:\n    def g(self): pass\n",
    "b/c.go": "package c\n\nfunc H() {}\n",
    "b/keys.py": "KEY = 'ghp_" + "a1B2" * 9 + "'\ndef secret(): pass\n",
    "empty.py": "",
    "z.py": "def late(): pass\n",
}


@pytest.fixture
def setting(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "open_space", lambda config: ColourSpace())
    said = []
    origin = wrote(tmp_path / "origin", FILES)
    made = BenchSetting(folder=tmp_path / "bench", note=said.append, sizes=BenchSizes(functions=3), code=origin)
    made.folder.mkdir()
    return made


def test_functions_and_methods_are_counted_and_the_rest_goes_in_beside_them(setting):
    result = bench.measure_code(setting)
    numbers = result.numbers
    assert (numbers["functions"], numbers["pieces"], numbers["files"]) == (3, 5, 2)
    assert numbers["functions_per_s"] == pytest.approx(3 / numbers["index_s"])
    assert all(numbers[name] > 0 for name in ("split_s", "index_s", "again_s", "changed_s", "watch_s"))
    assert result.lines[0].what == "3 functions in (5 pieces of 2 files)"
    assert [line.bar for line in result.lines] == ["20,000 in 600 s", "5 s", "", "2 s"]


def test_files_are_copied_in_order_until_they_hold_enough_functions(setting, tmp_path):
    kinds = bench.copy_functions(setting.code, tmp_path / "copy", 1, ParseConfig())
    assert sorted(path.name for path in (tmp_path / "copy").rglob("*.*")) == ["a.py"]
    assert kinds == Counter({"module": 1, "function": 1, "class": 1, "method": 1})
    assert (setting.code / "a.py").read_text() == FILES["a.py"]  # the change is made in the copy


def test_a_folder_without_a_function_is_refused_by_its_name(setting, tmp_path):
    wrote(tmp_path / "bare", {"a.md": "words\n"})
    with pytest.raises(NothingThere, match=r"no function in the code below .*bare\. Name another folder with --code"):
        bench.measure_code(replace(setting, code=tmp_path / "bare"))


def test_progress_is_told_every_hundred_files(tmp_path):
    said = []
    hooks = bench.report_progress(BenchSetting(folder=tmp_path, note=said.append))
    for done in range(1, 251):
        hooks.progress(done, 250, "a.py")
    assert said == ["100 of 250 files", "200 of 250 files"]
