"""Eight processes learn what one does: the same losses, the same weights."""

import json
import shutil
import subprocess
import sys
from random import Random

import pytest
import torch

from deepseek_mm.errors import BadCheckpoint, ConfigError, NothingThere
from deepseek_mm.training import parallel
from deepseek_mm.training.loop import RunFolder, StepsConfig
from deepseek_mm.training.parallel import add_arguments, check_world, checkpoint, read_order, report_figures
from deepseek_mm.training.parallel.layout import Layout, RankLost, RankRegistry
from deepseek_mm.training.parallel.recipe import MicrobatchConfig, ModelConfig, list_sizes, train_single
from deepseek_mm.training.parallel.shards import list_cuts
from deepseek_mm.training.parallel.worker import KeepConfig, RunOrder, describe_exit, explain_failure, run_local
from deepseek_mm.training.report import read_report

NEAR = 1e-4  # how far losses and weights may be off
STEPS = 4


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Always the same bytes: what is read may not change with our source."""
    folder = tmp_path_factory.mktemp("text")
    chance = Random(0)
    (folder / "words.py").write_text(
        " ".join(chance.choice(("def", "return", "x", "y", "=", "+")) for _ in range(4000))
    )
    return folder


def small_order(out, text, layout=None, *, steps=STEPS, every=2) -> RunOrder:
    return RunOrder(
        text=text,
        out=out,
        layout=layout or Layout(),
        model=ModelConfig(num_layers=2, width=32, num_heads=2, num_kv_heads=2, ffn_width=32, experts=3),
        batch=MicrobatchConfig(microbatches=4, rows=1, length=16),
        steps=StepsConfig(steps=steps, rate=3e-3, warm=0.2),
        keep=KeepConfig(every=every, patience_s=30),
    )


@pytest.fixture(scope="module")
def truth(text):
    order = small_order(None, text)
    return train_single(order.model.shape(), order.batch, order.steps, text=text)


@pytest.fixture(scope="module")
def eight(tmp_path_factory, text) -> RunOrder:
    order = small_order(tmp_path_factory.mktemp("eight"), text, Layout(data=2, pipeline=2, tensor=2))
    run_local(order)
    return order


@pytest.mark.campaign(times=1, only=True)
def test_eight_ranks_have_the_losses_and_the_weights_of_one_process(eight, truth):
    loss_off, weight_off = parallel.measure_difference(eight, truth)
    assert loss_off < NEAR
    assert weight_off < NEAR


def test_a_layout_is_measured_beside_one_process(eight, truth):
    told = parallel.measure_layout(eight, truth)
    assert told["parallel_2x2x2_seconds"] > 0
    assert told["parallel_2x2x2_weight_difference"] < NEAR


def test_one_rank_writes_the_log_and_two_checkpoints_are_kept(eight):
    assert [line["step"] for line in RunFolder(eight.out, {}).read_log()] == [1, 2, 3, 4]
    assert sorted(path.name for path in eight.out.glob("step-*")) == ["step-00000002", "step-00000004"]
    assert len(list((eight.out / "step-00000004").glob("rank-*.safetensors"))) == 8


def test_no_rank_keeps_more_of_the_moments_than_its_share(eight):
    sizes = [path.stat().st_size for path in checkpoint.find_latest(eight.out).glob("rank-*.safetensors")]
    whole = 3 * 4 * sum(size.numel() for size in list_sizes(eight.model.shape()).values())  # three numbers of each
    assert sum(sizes) < whole * 1.5  # with their names
    assert max(sizes) < whole / 3  # the first stage has the experts


def test_another_layout_goes_on_from_their_checkpoint_as_if_nothing_had_changed(eight, truth, text, tmp_path):
    order = small_order(tmp_path / "out", text, Layout(tensor=2))
    shutil.copytree(eight.out, order.out)
    shutil.rmtree(order.out / "step-00000004")
    run_local(order)
    assert max(parallel.measure_difference(order, truth)) < NEAR
    assert json.loads((order.out / "step-00000004" / "manifest.json").read_text())["layout"] == "1x1x2"


def test_a_killed_rank_stops_all_and_is_named_and_the_run_goes_on_to_the_same_end(tmp_path, text):
    order = small_order(tmp_path, text, Layout(data=2), steps=30, every=5)
    with pytest.raises(
        RankLost, match=r"rank 1 \(data 1, pipeline 0, tensor 0\) was killed by SIGKILL in step \d+\. All"
    ):
        run_local(order, started=parallel.make_killer(order.out, rank=1, step=6))
    assert checkpoint.find_latest(order.out).name == "step-00000005"
    run_local(order)
    truth = train_single(order.model.shape(), order.batch, order.steps, text=text)
    assert max(parallel.measure_difference(order, truth)) < NEAR


def test_a_rank_that_fails_says_why_through_the_launcher(tmp_path):
    order = small_order(tmp_path, tmp_path / "nothing")
    with pytest.raises(RankLost, match="failed \\(no Python files in .*nothing"):
        run_local(order)


class Pigeonholes(dict):
    """A store of one process."""

    def check(self, keys):
        return all(key in self for key in keys)

    def set(self, key, value):
        self[key] = value.encode()


def test_ranks_that_only_wait_for_each_other_name_those_that_are_behind():
    roll = RankRegistry(Pigeonholes({f"step/{rank}": b"7" if rank else b"6" for rank in range(2)}), Layout(data=2))
    said = str(explain_failure({0: 3, 1: 3}, roll))
    assert "no answer in step 6" in said
    assert "rank 0 (data 0, pipeline 0, tensor 0)" in said
    assert "rank 1" not in said


def test_a_survivor_names_the_rank_whose_process_is_gone():
    store = Pigeonholes()
    roll = RankRegistry(store, Layout(data=2), 0)
    roll.sign()
    RankRegistry(store, Layout(data=2), 1).enter_step(4)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host, mine = json.loads(store["process/0"])
    store.set("process/1", json.dumps([host, {**mine, "pid": gone.pid}]))
    assert "rank 1 (data 1, pipeline 0, tensor 0) is gone in step 4" in str(roll.explain(RuntimeError("closed")))
    assert describe_exit(-15, "") == "was killed by SIGTERM"
    assert describe_exit(1, "") == "failed (exit code 1; its traceback is above)"


def test_a_checkpoint_of_another_recipe_is_refused_with_the_difference(eight):
    with checkpoint.open_checkpoint(checkpoint.find_latest(eight.out), {}) as found:
        assert found.step == STEPS
        with pytest.raises(ConfigError, match=r"other settings \(width\)"):
            found.check({**found.settings, "width": 128})


def test_a_checkpoint_that_lacks_a_file_is_refused_by_the_name_of_the_parameter(eight, tmp_path):
    folder = tmp_path / "step-00000004"
    shutil.copytree(checkpoint.find_latest(eight.out), folder)
    next(folder.glob("rank-0000*")).unlink()
    with pytest.raises(BadCheckpoint, match="lacks a part of .* Remove that folder"):
        checkpoint.read_weights(folder, list_cuts(eight.model.shape()))
    with pytest.raises(NothingThere, match="no checkpoint in"):
        checkpoint.read_weights(tmp_path / "no", {})


def test_a_checkpoint_without_its_name_is_not_taken(tmp_path):
    checkpoint.save_pieces(tmp_path, 3, {"weight": [("a", 0, torch.ones(2))]}, rank=0, tensor=0)
    assert checkpoint.find_latest(tmp_path) is None
    checkpoint.finish_checkpoint(tmp_path, 3, {}, {"a": [2]}, layout="1x1x1")
    assert checkpoint.read_weights(checkpoint.find_latest(tmp_path), {})["a"].tolist() == [1, 1]


def parsed(*words):
    import argparse

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(list(words))


def test_flags_make_the_order():
    order = read_order(parsed("--data", "2", "--tensor", "2", "--length", "8", "--every", "3"))
    assert (str(order.layout), order.batch.length, order.keep.every, order.steps.steps) == ("2x1x2", 8, 3, 20)


def test_the_report_of_a_stage_leaves_what_another_stage_has_measured(tmp_path):
    file = tmp_path / "parallel.json"
    report_figures(parsed("--stage", "layouts", "--report", str(file)), {"a": 1, "b": 2}, ["first"])
    report_figures(parsed("--stage", "memory", "--report", str(file)), {"c": 3}, ["other"])
    report_figures(parsed("--stage", "layouts", "--report", str(file)), {"a": 4}, ["second"])
    told = read_report(file)
    assert told.figures == {"a": 4, "b": 2, "c": 3}
    assert told.notes == ("memory: other", "layouts: second")


def test_torchrun_with_another_number_of_processes_is_refused():
    with pytest.raises(ConfigError, match="started 4 processes, and 2x2x2 needs 8"):
        check_world(small_order(None, None, Layout(data=2, pipeline=2, tensor=2)), 4)


@pytest.mark.campaign(times=1, only=True)
def test_torchrun_starts_the_same_ranks(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "deepseek_mm", "train"]
    words = ["parallel", "--tensor", "2", "--steps", "3", "--out", str(tmp_path)]
    assert subprocess.run([*command, *words], check=False, timeout=300).returncode == 0
    order = read_order(parsed("--tensor", "2", "--steps", "3", "--out", str(tmp_path)))
    assert max(parallel.measure_difference(order, train_single(order.model.shape(), order.batch, order.steps))) < NEAR


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize(
    "layout", [Layout(data=d, pipeline=p, tensor=t) for d in (1, 2) for p in (1, 2) for t in (1, 2)]
)
def test_every_layout_has_the_same_losses_and_weights_after_twenty_steps(layout, tmp_path):
    order = RunOrder(out=tmp_path, layout=layout)
    run_local(order)
    assert max(parallel.measure_difference(order, train_single(order.model.shape(), order.batch, order.steps))) < NEAR
