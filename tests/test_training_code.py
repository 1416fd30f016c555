"""Pairs of questions and code, the batches they are drawn in, and what is kept of what was learned."""

import json

import pytest
import torch
from code_help import ToySide
from safetensors.torch import load_file

from deepseek_mm.deltas import add_deltas
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.code_search import Function
from deepseek_mm.parse.packages import LEAST_CHARS, InstalledPackage
from deepseek_mm.training import code
from deepseek_mm.training.code import (
    CodeBatchConfig,
    CodeBatches,
    CodePair,
    choose_share,
    embed_by_table,
    embed_by_tower,
    initialise_table,
    make_package_pairs,
    make_pair_loss,
    read_shell_pairs,
    read_task_pairs,
    unfreeze_upper_layers,
)
from index import Symbol

SOURCE = '''
def read_lines(path):
    """Read all lines of a file. Or none."""
    with open(path) as file:
        return file.readlines()

def count_long_lines(path, least):
    total = 0
    for line in read_lines(path):
        if len(line) > least:
            total += 1
    return total
'''
PAIRS = [CodePair(kind="doc", group=f"file {n // 4}", question=f"add {n}", code=f"def add {n}") for n in range(40)] + [
    CodePair(kind="name", group="file", question=f"read {n}", code=f"def read {n}") for n in range(6)
]


@pytest.fixture
def package(tmp_path) -> InstalledPackage:
    file = tmp_path / "lines.py"
    file.write_text(SOURCE + "# filled up\n" * (LEAST_CHARS // 10))
    return InstalledPackage(name="lines", description="", files=(file,))


def test_a_package_gives_pairs_of_docstrings_of_names_and_of_calls(package):
    made = {pair.kind: pair for pair in make_package_pairs(package)}
    assert made["doc"].question.startswith("Read all lines of a file.")
    assert made["doc"].code.startswith("read lines\ndef read lines(path):\nwith open(path)")
    assert made["name"].question == "count long lines"
    assert "count" not in made["name"].code
    assert made["call"].question == "for line in read lines(path):"
    assert "read lines" not in made["call"].code
    assert {pair.group for pair in made.values()} == {made["doc"].group}


def test_a_function_that_was_copied_is_learned_once(package):
    twice = InstalledPackage(name="lines", description="", files=package.files * 2)
    assert len([pair for pair in make_package_pairs(twice) if pair.kind == "doc"]) == 1


def test_commands_and_tasks_are_pairs_and_no_task_of_the_benchmark_is(tmp_path):
    row = {"command": "git-add", "examples": [["Add a file:", "git add {{file}}"]]}
    (tmp_path / "tldr").write_text(json.dumps(row))
    (pair,) = read_shell_pairs(tmp_path / "tldr")
    assert (pair.group, pair.question, pair.code) == ("shell git", "add a file", "git add file")
    tasks = [{"task_id": n, "text": "Add.", "code": "def add_up(a):\r\n  pass"} for n in (510, 511)]
    (tmp_path / "mbpp").write_text("\n".join(map(json.dumps, tasks)))
    assert [pair.code for pair in read_task_pairs(tmp_path / "mbpp")] == ["def add up(a):\npass"]


def test_a_batch_has_one_kind_neighbours_of_a_file_and_nothing_twice():
    batches = CodeBatches(PAIRS, CodeBatchConfig(batch=8, alike=4, shell=0, task=0, call=0))
    for step in range(9):
        drawn = batches.draw(step)
        assert len({pair.kind for pair in drawn}) == 1
        assert len({pair.code for pair in drawn}) == len(drawn) == (8 if drawn[0].kind == "doc" else 6)
        assert drawn == batches.draw(step)
    assert any(len({pair.group for pair in batches.draw(n)}) < 6 for n in range(9))


def test_only_the_last_layers_of_the_tower_may_change():
    side = ToySide()
    trained = unfreeze_upper_layers(side, 1)
    assert trained
    assert all(name.startswith("model.encoder.layer.1.") for name in trained)
    assert {name for name, weight in side.named_parameters() if weight.requires_grad} == set(trained)


@pytest.mark.parametrize("embed", [embed_by_tower, embed_by_table])
def test_tower_and_table_learn_to_tell_pairs_apart(embed):
    side = ToySide()
    pairs = [
        CodePair(kind="doc", group="f", question=text, code=f"def {text}")
        for text in ("add two numbers", "open a file", "close lines", "read x")
    ]
    side.requires_grad_(True)
    optimiser = torch.optim.Adam(side.parameters(), lr=1e-2 if embed is embed_by_table else 1e-3)
    loss = make_pair_loss(side, CodeBatches(pairs, CodeBatchConfig(batch=4)), embed)
    first = float(loss(0)["loss"].detach())
    for step in range(12):
        optimiser.zero_grad()
        parts = loss(step)
        parts["loss"].backward()
        optimiser.step()
    assert float(parts["loss"].detach()) < 0.7 * first


def test_at_first_a_rare_piece_of_the_table_weighs_more_than_a_common_one():
    side = ToySide()
    side.table = type(side.table)(12, width=4)
    initialise_table(side, [CodePair(kind="doc", group="f", question="", code="def x"), PAIRS[0]])
    common, rare = side.table.told[7], side.table.told[1]  # "def" in both, "add" in one
    assert common < rare < side.table.told[4]  # "open" in none


def test_what_is_written_is_what_changed_and_comes_back_as_it_was(tmp_path):
    side, again = ToySide(), ToySide()
    before = {name: value.clone() for name, value in side.state_dict().items()}
    with torch.no_grad():
        side.model.encoder.layer[1].output.dense.weight.add_(0.01)
        side.share.fill_(0.75)
    code.write_weights(tmp_path / "code.safetensors", before, side)
    packed = load_file(tmp_path / "code.safetensors")
    assert not any("layer.0" in name or "embeddings" in name for name in packed)
    add_deltas(again, packed)
    torch.testing.assert_close(again(["add x"], asks=True), side(["add x"], asks=True), atol=1e-3, rtol=0)


def test_the_share_that_ranks_best_is_chosen():
    side = ToySide()
    texts = ("add two numbers", "open a file", "close lines", "read x")
    functions = [
        Function(package="p", path="f.py", symbol=Symbol(name="x", kind="function", doc=f"{text}."), text=text)
        for text in texts
    ]
    share, scores = choose_share(side, functions)
    assert 0 <= share <= 1
    assert max(scores.values()) == scores[f"both, {share:.2f} of it the tower"]


def test_an_absent_file_of_tasks_is_named(tmp_path):
    with pytest.raises(NothingThere, match="--text"):
        code.read_pairs(tmp_path / "run", tmp_path, limit=1)
