"""The evaluation of test drafts: what is drawn, what counts, and one small package from end to end."""

import json

import pytest

from deepseek_mm.config import SandboxConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.drafts import draft_score
from deepseek_mm.evaluation.drafts.draft_score import (
    DraftReport,
    DraftScore,
    DrawnFunction,
    draw_functions,
    evaluate_test_drafts,
    list_packages,
    open_runner,
    score_results,
)

CODE = '''
def between(age: int) -> str:
    """Say which."""
    if age < 18:
        return "young"
    return "old"


def _hidden(x):
    x += 1
    x += 1
    return x


def short(x): return x


def nothing(x):
    x.a()
    x.b()
    x.c()


class Till:
    def put(self, coins: list[int]) -> int:
        total = 0
        for coin in coins:
            total += coin
        return total

    @property
    def size(self):
        first = 1
        second = 2
        return first + second

    @size.setter
    def size(self, value):
        first = value
        second = first + 1
        self.x = second
'''


@pytest.fixture
def package(tmp_path):
    for name in ("shop/money.py", "shop/_own.py", "shop/tests/test_money.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(CODE)
    (tmp_path / "shop/__init__.py").touch()
    return tmp_path


def test_public_functions_of_some_lines_that_a_fault_can_be_put_into_are_drawn(package):
    drawn = draw_functions("shop", package, seed=0)
    assert {one.path for one in drawn} == {"between", "Till.put", "Till.size"}
    assert {one.file.name for one in drawn} == {"money.py"}


def test_the_draw_depends_on_the_seed_alone(package):
    draws = [[one.path for one in draw_functions("shop", package, seed=seed, count=1)] for seed in range(20)]
    assert draws == [[one.path for one in draw_functions("shop", package, seed=seed, count=1)] for seed in range(20)]
    assert len({draw[0] for draw in draws}) == 3


@pytest.mark.parametrize(
    ("results", "outcome", "killed"),
    [
        ([True, True, True, False, False], "kills", 2),
        ([True, True, True, True], "survived", 0),
        ([True, False, False], "red", 0),
        ([], "red", 0),
    ],
)
def test_only_what_passes_twice_and_notices_a_fault_counts(tmp_path, results, outcome, killed):
    score = score_results(DrawnFunction("p", tmp_path / "m.py", "f"), results, tests=3)
    assert (score.outcome, score.killed) == (outcome, killed)


def test_shares_means_and_reasons_are_told_by_package():
    rows = (
        DraftScore(package="a", name="f", outcome="kills", tests=4, mutants=8, killed=6),
        DraftScore(package="a", name="g", outcome="survived", tests=2, mutants=2),
        DraftScore(package="b", name="h", outcome="not run", why="ModuleNotFoundError: No module named 'x'"),
        DraftScore(package="b", name="i", outcome="kills", tests=3, mutants=2, killed=1),
    )
    report = DraftReport(rows)
    told = json.loads(report.json())
    assert (told["share"], told["packages"]) == (0.5, {"a": 0.5, "b": 0.5})
    assert (told["mean_killed"], told["share_killed"], told["mean_tests"]) == (2.33, 0.5833, 3.0)
    assert told["reasons"] == {"survived": 1, "not run: ModuleNotFoundError": 1}
    assert "50.0% of 4 functions" in report.table()
    assert len(list(report.lines())) == 4


def test_packages_for_development_and_for_scoring_are_different_ones():
    dev, test = ({each.partition("==")[0] for each in list_packages(split)} for split in ("dev", "test"))
    assert not dev & test
    assert len(test) == 6
    with pytest.raises(ConfigError, match="no split 'train'"):
        list_packages("train")


@pytest.mark.campaign(times=1, only=True)
def test_a_small_package_is_scored_from_end_to_end(package, monkeypatch, tmp_path):
    monkeypatch.setattr(draft_score, "fetch_package", lambda requirement, work: package)
    runs = open_runner(SandboxConfig(weak=True))
    report = evaluate_test_drafts(["shop==1"], tmp_path, runs, each=3)
    assert {row.outcome for row in report.rows} == {"kills"}
    assert report.share == 1.0
