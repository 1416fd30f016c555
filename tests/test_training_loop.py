"""Steps, checkpoints and logs: a resumed run equals an undisturbed one."""

import pytest
import torch
from torch import nn

from deepseek_mm.errors import ConfigError
from deepseek_mm.training.loop import CHECKPOINT, Optimiser, RunFolder, StepsConfig, compute_rate


def test_the_rate_rises_then_falls_as_half_a_cosine_to_its_last_share():
    config = StepsConfig(steps=100, rate=1.0, warm=0.1, last=0.2)
    assert [compute_rate(step, config) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert compute_rate(55, config) == pytest.approx(0.2 + 0.8 / 2)
    assert compute_rate(100, config) == pytest.approx(0.2)


def test_a_long_gradient_is_clipped_and_its_length_told():
    weight = nn.Parameter(torch.zeros(2))
    steps = Optimiser({"weight": weight}, StepsConfig(clip=1.0))
    (weight @ torch.tensor([3.0, 4.0])).backward()
    assert steps.update(0) == pytest.approx(5.0)
    assert weight.grad is None


def run(steps: Optimiser, numbers: range) -> torch.Tensor:
    weight = steps.trained["weight"]
    for n in numbers:
        (weight * (n + 1)).square().sum().backward()
        steps.update(n)
    return weight.detach().clone()


def test_the_average_follows_the_weights_with_a_short_memory_at_first():
    steps = Optimiser({"weight": nn.Parameter(torch.ones(1))}, StepsConfig(steps=4, rate=0.1, average=0.15))
    seen = [float(run(steps, range(n, n + 1))) for n in range(3)]
    first = 0.1 * 1.0 + 0.9 * seen[0]
    second = 0.15 * first + 0.85 * seen[1]
    assert float(steps.average["weight"]) == pytest.approx(0.15 * second + 0.85 * seen[2])
    assert "average" not in Optimiser({"weight": nn.Parameter(torch.ones(1))}, StepsConfig()).state()


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_resumed_run_ends_where_an_undisturbed_one_does(average):
    config = StepsConfig(steps=6, rate=0.1, average=average)
    undisturbed = Optimiser({"weight": nn.Parameter(torch.ones(3))}, config)
    whole = run(undisturbed, range(6))
    first = Optimiser({"weight": nn.Parameter(torch.ones(3))}, config)
    run(first, range(3))
    second = Optimiser({"weight": nn.Parameter(torch.zeros(3))}, config)
    second.restore(first.state())
    assert torch.equal(run(second, range(3, 6)), whole)
    assert second.average.keys() == undisturbed.average.keys()
    assert all(torch.equal(value, second.average[name]) for name, value in undisturbed.average.items())


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"rate": 2.0}, {"warm": -0.1}, {"accumulate": 0}])
def test_a_number_out_of_range_is_refused_with_its_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        StepsConfig(**wrong)


def test_a_new_run_has_no_state_and_an_empty_log(tmp_path):
    journal = RunFolder(tmp_path / "run", {"rate": 0.1})
    assert journal.resume() is None
    assert journal.read_log() == []


def test_a_saved_state_comes_back_with_its_step(tmp_path):
    journal = RunFolder(tmp_path, {"rate": 0.1})
    journal.save(7, {"weights": torch.arange(3)})
    saved = RunFolder(tmp_path, {"rate": 0.1}).resume()
    assert (saved["step"], saved["weights"].tolist()) == (7, [0, 1, 2])


def test_lines_logged_after_the_last_checkpoint_are_dropped_when_a_run_goes_on(tmp_path):
    journal = RunFolder(tmp_path, {})
    for step in (1, 2, 3):
        journal.log(step, loss=float(step))
        if step == 2:
            journal.save(2, {})
    journal.resume()
    assert [line["step"] for line in journal.read_log()] == [1, 2]


def test_another_recipe_is_refused_and_the_difference_is_named(tmp_path):
    RunFolder(tmp_path, {"rate": 0.1, "seed": 0}).save(1, {})
    with pytest.raises(ConfigError, match=r"begun with other settings \(rate\). Use another --out"):
        RunFolder(tmp_path, {"rate": 0.2, "seed": 0}).resume()


def test_a_crash_while_saving_leaves_the_old_checkpoint(tmp_path):
    journal = RunFolder(tmp_path, {})
    journal.save(1, {"x": 1})
    (tmp_path / f"{CHECKPOINT}.draft").write_bytes(b"half")
    assert journal.resume()["step"] == 1


def test_the_plot_is_a_picture_of_the_logged_numbers(tmp_path):
    from PIL import Image

    journal = RunFolder(tmp_path, {})
    for step in range(1, 5):
        journal.log(step, loss=1 / step)
    with Image.open(journal.plot("loss")) as image:
        assert image.format == "PNG"
        assert len(image.convert("RGB").getcolors(1 << 20)) > 10
