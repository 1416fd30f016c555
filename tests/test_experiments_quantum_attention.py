"""The tasks and the twins always; the circuit where PennyLane is installed."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch

from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.experiments import quantum_attention as experiment
from deepseek_mm.experiments.quantum_attention import (
    DOUBLE,
    TURN,
    Ansatz,
    ArmRun,
    CircuitCost,
    Dots,
    LearnConfig,
    Quantum,
    Sines,
    TaskConfig,
    __main__,
    accuracy,
    count_parameters,
    draw_questions,
    make_scores,
    read_runs,
    run_all,
    run_arm,
    score_as_oracle,
)

SMALL = LearnConfig(steps=2, batch=2, held=8, seeds=2, layers=1)


def with_pennylane():
    return pytest.importorskip("pennylane", reason="pennylane is not installed: pip install 'deepseek-mm[quantum]'")


def test_without_spread_the_right_key_is_the_query_turned_by_two_angles():
    asked = draw_questions(TaskConfig(spread=0.0), 5, seed=1)
    right_B2 = asked.keys_BT2[torch.arange(5), asked.right_B]
    off_B2 = (right_B2 - asked.query_B2 - torch.tensor(TURN, dtype=DOUBLE)).remainder(2 * math.pi)
    torch.testing.assert_close(off_B2.sin(), torch.zeros(5, 2, dtype=DOUBLE), atol=1e-9, rtol=0)
    assert torch.equal(draw_questions(TaskConfig(), 5, seed=1).right_B, asked.right_B)


def test_a_key_of_the_task_pair_may_lie_opposite_in_both_angles_only():
    asked = draw_questions(TaskConfig(name="pair", spread=0.0), 200, seed=0)
    right_B2 = asked.keys_BT2[torch.arange(200), asked.right_B]
    cosines_B2 = (right_B2 - asked.query_B2 - torch.tensor(TURN, dtype=DOUBLE)).cos()
    torch.testing.assert_close(cosines_B2.prod(-1), torch.ones(200, dtype=DOUBLE))
    assert 60 < int((cosines_B2[:, 0] < 0).sum()) < 140


@pytest.mark.parametrize("name", ["turn", "pair"])
def test_who_knows_the_rule_is_nearly_always_right_and_a_blind_one_at_chance(name):
    task = TaskConfig(name=name, spread=0.1)
    held = draw_questions(task, 400, seed=3)
    assert accuracy(partial(score_as_oracle, config=task), held) > 0.95
    blind = accuracy(lambda query, keys: torch.rand(keys.shape[:2], generator=torch.Generator().manual_seed(0)), held)
    assert blind == pytest.approx(1 / 6, abs=0.07)


def test_the_twin_has_exactly_as_many_parameters_as_the_circuit():
    for layers in (1, 3, 5):
        ansatz = Ansatz(layers=layers)
        assert count_parameters(make_scores("sines", ansatz=ansatz, seed=0)) == count_parameters(
            make_scores("quantum", ansatz=ansatz, seed=0)
        )
    assert count_parameters(Quantum(Ansatz(layers=3))) == 3 * 4 * 3 + 1
    assert count_parameters(Dots()) == 32


def test_sines_and_dots_give_a_score_a_key_and_sines_can_say_a_product_of_cosines():
    asked = draw_questions(TaskConfig(), 3, seed=0)
    assert Dots()(asked.query_B2, asked.keys_BT2).shape == (3, 6)
    twin = Sines(13)  # cos a cos b is half of cos(a + b) + cos(a - b)
    with torch.no_grad():
        twin.enter.weight.copy_(torch.tensor([[-1.0, -1, 1, 1], [-1, 1, 1, -1]]))
        twin.enter.bias.fill_(math.pi / 2)
        twin.leave.weight.fill_(0.5)
        twin.sharp.fill_(1.0)
    off = asked.keys_BT2 - asked.query_B2[:, None]
    torch.testing.assert_close(twin(asked.query_B2, asked.keys_BT2), off.cos().prod(-1))


def test_dot_products_learn_to_point_within_a_few_steps():
    task = TaskConfig(spread=0.1)
    run = run_arm(task, "dots", seed=0, rate=0.1, config=replace(SMALL, steps=80, batch=16, held=200))
    assert run.accuracy > 0.6
    assert run.parameters == 32


def test_runs_are_kept_and_not_done_again_and_other_settings_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "ARMS", {"sines": "sines", "dots": "dots"})
    first = list(run_all(SMALL, tmp_path))
    assert [(run.task, run.arm, run.seed) for run in first[:3]] == [
        ("turn", "sines", 0),
        ("turn", "sines", 1),
        ("turn", "dots", 0),
    ]
    assert len(read_runs(tmp_path, SMALL)) == 2 * 2 * (3 + 2)  # tasks, arms, rates that were tried and seeds
    monkeypatch.setattr(experiment, "run_arm", lambda *args, **kwargs: pytest.fail("trained again"))
    assert list(run_all(SMALL, tmp_path)) == first
    with pytest.raises(ConfigError, match="other settings than these. Use another --out"):
        read_runs(tmp_path, replace(SMALL, steps=3))


def made_run(task, arm, seed, right) -> ArmRun:
    of_circuit = arm == "quantum"
    return ArmRun(
        task=task,
        arm=arm,
        seed=seed,
        rate=0.1,
        parameters=37,
        accuracy=right,
        seconds=2.0,
        under_noise={"0.1": right / 2} if of_circuit else {},
        with_shots={"10": right / 4} if of_circuit else {},
    )


def test_figures_hold_mean_and_spread_of_every_arm_and_pictures_are_drawn(tmp_path):
    kinds = [(task, arm, seed) for task in experiment.TASKS for arm in experiment.ARMS for seed in (0, 1)]
    runs = [made_run(task, arm, seed, 0.4 + 0.2 * seed) for task, arm, seed in kinds]
    costs = [CircuitCost(qubits=n, noise=noise, amplitudes=2**n, seconds=0.1) for n in (2, 3) for noise in (0.0, 0.1)]
    ceilings = {"turn": 0.9, "pair": 0.8}
    told = __main__.summarize_runs(runs, costs, ceilings)
    assert told["turn_quantum_accuracy"] == pytest.approx(0.5)
    assert told["turn_quantum_spread"] == pytest.approx(0.2 / math.sqrt(2))
    assert told["pair_quantum_under_noise_0.1"] == pytest.approx(0.25)
    assert told["cost_exact_3_qubits_amplitudes"] == 8
    for file in (
        __main__.draw_accuracies(runs, ceilings, tmp_path / "a.png"),
        __main__.draw_noise(runs, tmp_path / "b.png"),
        __main__.draw_costs(costs, tmp_path / "c.png"),
    ):
        assert 1_000 < file.stat().st_size < 100_000


def test_amplitudes_double_with_a_qubit_and_with_noise_they_quadruple():
    assert [Ansatz(qubits=n).amplitudes for n in (2, 3, 4)] == [4, 8, 16]
    assert [Ansatz(qubits=n, noise=0.1).amplitudes for n in (2, 3, 4)] == [16, 64, 256]


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pennylane", None)
    with pytest.raises(MissingPackage, match=r"pip install 'deepseek-mm\[quantum\]'"):
        experiment.import_pennylane()


def test_an_untrained_circuit_of_one_layer_says_what_is_worked_out_by_hand():
    """Without turns the ring of CNOTs makes Z of the first qubit the product of the other three: their cosines'."""
    with_pennylane()
    angles = torch.tensor([[0.3, 0.5, 0.7, 1.1], [2.0, 1.0, 0.1, -0.4]], dtype=DOUBLE)
    values = experiment.measure_circuit(angles, torch.zeros(1, 4, 3, dtype=DOUBLE), Ansatz(layers=1))
    torch.testing.assert_close(values, angles[:, 1:].cos().prod(-1))


def test_noise_shrinks_what_is_measured_by_its_formula():
    """A depolarising channel on the qubit that is measured leaves 1 - 4p/3 of its Z."""
    with_pennylane()
    angles, turns = torch.full((1, 4), 0.4, dtype=DOUBLE), torch.zeros(1, 4, 3, dtype=DOUBLE)
    exact, noisy = (experiment.measure_circuit(angles, turns, Ansatz(layers=1, noise=noise)) for noise in (0.0, 0.09))
    torch.testing.assert_close(noisy, exact * (1 - 4 * 0.09 / 3))


def test_shots_come_near_the_mean_when_there_are_many():
    with_pennylane()
    asked = draw_questions(TaskConfig(), 4, seed=0)
    scores = make_scores("quantum", ansatz=Ansatz(layers=1), seed=0)
    exact = scores(asked.query_B2, asked.keys_BT2)
    off = [
        float((scores.shot(asked.query_B2, asked.keys_BT2, shots=n, seed=0) - exact).detach().abs().mean())
        for n in (10, 100_000)
    ]
    assert off[1] < 0.03 < off[0]


def test_the_circuit_learns_and_is_drawn(tmp_path):
    with_pennylane()
    run = run_arm(TaskConfig(), "quantum", seed=0, rate=0.05, config=SMALL)
    assert set(run.with_shots) == {"10", "100", "1000"}
    assert set(run.under_noise) == {"0.01", "0.03", "0.1", "0.3"}
    assert 1_000 < experiment.draw_circuit(Ansatz(layers=1), tmp_path / "circuit.png").stat().st_size < 100_000
