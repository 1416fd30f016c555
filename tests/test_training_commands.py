"""The laboratory's command `train`: every trainer by its name, help without torch, and the one that is the
product's."""

import subprocess
import sys
from argparse import ArgumentParser, Namespace
from importlib import import_module

import pytest

from deepseek_mm.errors import ConfigError
from deepseek_mm.training import commands
from deepseek_mm.training.commands import TRAINERS, add_commands, run


@pytest.fixture
def train():
    """The command as it is registered; words that are handed on are told."""
    found = {}
    add_commands(lambda **command: found.update(command), lambda words, desk: desk.append(list(words)) or 7)
    return found


def parsed(train, *words):
    parser = ArgumentParser()
    train["add"](parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("name", TRAINERS)
def test_every_trainer_is_in_the_package_and_parses_its_own_example(name):
    module, example = TRAINERS[name]
    trainer, parser = import_module(f"{commands.__package__}.{module}"), ArgumentParser()
    trainer.add_arguments(parser)
    assert parser.parse_args(example.split())
    assert trainer.__doc__.startswith(f"`train {name}`")
    assert callable(trainer.run)


def test_a_trainer_gets_the_words_behind_its_name(train, capsys):
    with pytest.raises(SystemExit, match="0"):
        train["run"](parsed(train, "scenes", "--help"), None)
    told = capsys.readouterr().out
    assert "python -m deepseek_mm train scenes --stage find" in told
    assert "--stage {find,answer,pack}" in told
    with pytest.raises(SystemExit, match="2"):
        parsed(train, "painting")


def test_continual_learning_alone_is_the_products_own_command(train):
    desk = []
    assert train["run"](parsed(train, "continual", "--library", "mine"), desk) == 7
    assert train["run"](parsed(train, "continual"), desk) == 7
    assert desk == [["learning", "train", "--data", "mine"], ["learning", "train"]]


def test_a_stage_of_continual_learning_needs_photos(train):
    with pytest.raises(ConfigError, match="--data FOLDER"):
        run(Namespace(trainer="continual", words=["--experiment"]), None, lambda words, desk: 7)


def test_the_table_of_trainers_loads_no_torch():
    code = "import sys, deepseek_mm.training.commands; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
