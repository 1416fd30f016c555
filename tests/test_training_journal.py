"""A run's folder survives being killed and refuses to mix two recipes."""

import pytest
import torch

from deepseek_mm.errors import ConfigError
from deepseek_mm.training.loop import CHECKPOINT, RunFolder


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
