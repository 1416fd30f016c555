"""What a report says of runs, from outcomes that are known by hand."""

import pytest
from ppo_help import PUZZLE, Letters, Likes, policy, puzzles

from deepseek_mm.errors import NothingThere
from deepseek_mm.training.loop import RunFolder
from deepseek_mm.training.ppo import rollouts
from deepseek_mm.training.ppo.learner import PPOConfig
from deepseek_mm.training.ppo.report import (
    CARD,
    DRAWN,
    UNSEEN,
    MeasuredRun,
    Solved,
    compute_figures,
    compute_rates,
    measure,
    pick_likeliest,
    read_outcomes,
    write_outcomes,
    write_ppo_report,
)
from deepseek_mm.training.ppo.rollouts import AnswerWriter
from deepseek_mm.training.report import read_report


def outcomes(*drawn, rounds=4):
    """Two puzzles of one problem and so on: how many of ten passed."""
    rows = [
        Solved(name=f"mbpp {600 + n // 2}:{n}", level=1 + n % 2, drawn=each, greedy=each > 4, picked=each > 2, shown="")
        for n, each in enumerate(drawn)
    ]
    return MeasuredRun(rounds=rounds, solved=tuple(rows))


def test_rates_are_percent_of_all_puzzles_and_of_each_level():
    told = compute_rates(outcomes(10, 0, 5, 1).solved)
    assert told["pass_rate"] == pytest.approx(40.0)
    assert (told["greedy"], told["best_of_n"], told["pass_at_n"]) == (50.0, 50.0, 75.0)
    assert (told["pass_rate_level_1"], told["pass_rate_level_2"]) == (75.0, 5.0)


def test_a_gain_is_the_mean_of_the_seeds_less_the_warm_up():
    told = compute_figures(outcomes(2, 2), [outcomes(4, 4), outcomes(6, 6, rounds=6)])
    assert told["ppo_pass_rate_before"] == 20.0
    assert told["ppo_pass_rate_after"] == 50.0
    assert told["ppo_pass_rate_gain"] == 30.0
    assert (told["ppo_pass_rate_after_lowest"], told["ppo_pass_rate_after_highest"]) == (40.0, 60.0)
    assert told["ppo_pass_rate_after_deviation"] == pytest.approx(14.142)
    assert (told["ppo_seeds"], told["ppo_rounds"], told["ppo_test_problems"]) == (2, 5, 1)


def run_of(folder, told, *, rounds=2):
    journal = RunFolder(folder, {})
    for number in range(rounds):
        journal.log(number + 1, reward=0.5, pass_rate=0.4)
    write_outcomes(folder, told)


def test_a_report_has_its_figures_plot_and_card_and_says_how_it_was_measured(tmp_path):
    run_of(tmp_path / "warm", outcomes(2, 2))
    run_of(tmp_path / "ppo-0", outcomes(4, 4))
    run_of(tmp_path / "rejection-0", outcomes(3, 3))
    path = tmp_path / "reports" / "ppo.json"
    told = write_ppo_report(tmp_path, path, command="python -m deepseek_mm train ppo", config=PPOConfig())
    assert read_report(path) == told
    assert told.figures["ppo_rejection_pass_rate"] == 30.0
    assert "4096 trajectories in all" in told.notes[1]
    assert (tmp_path / CARD).read_text().startswith("# Changes of the last layers")
    assert (path.parent / UNSEEN).read_text() == "mbpp 600\n"
    assert 1_000 < path.with_suffix(".png").stat().st_size < 100_000


def test_without_a_measured_run_there_is_no_report(tmp_path):
    run_of(tmp_path / "warm", outcomes(2, 2))
    with pytest.raises(NothingThere, match="nothing was measured in .* --stage measure"):
        write_ppo_report(tmp_path, tmp_path / "ppo.json", command="python -m deepseek_mm train ppo", config=PPOConfig())
    assert read_outcomes(tmp_path) is None


def test_what_was_measured_comes_back_as_it_was(tmp_path):
    write_outcomes(tmp_path, outcomes(1, 2))
    assert read_outcomes(tmp_path) == outcomes(1, 2)


def test_every_puzzle_is_measured_with_ten_answers_and_the_likeliest(monkeypatch):
    monkeypatch.setattr(rollouts, "LONGEST_ANSWER", 2)
    asked = [*puzzles(3), PUZZLE]
    told = measure(AnswerWriter(policy(), Letters()), Likes(""), asked)
    assert [each.name for each in told] == [puzzle.name for puzzle in asked]
    assert all(each.drawn == DRAWN and each.greedy and each.picked for each in told)


def test_the_picked_answer_is_the_likeliest_of_those_that_were_drawn(monkeypatch):
    monkeypatch.setattr(rollouts, "LONGEST_ANSWER", 2)
    writer = AnswerWriter(policy(moved=True), Letters())
    rollout = writer.write([PUZZLE], DRAWN + 1, seed=0, greedy=True)[0]
    told = writer.policy.score_answers([rollout.group]).logprob_A.detach()
    means = [float(each.mean()) for each in told.split([len(answer) for answer in rollout.group.answers])][:DRAWN]
    assert pick_likeliest(writer, rollout) == means.index(max(means))
