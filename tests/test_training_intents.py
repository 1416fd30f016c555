"""The file of vectors holds every example, by its key."""

from argparse import ArgumentParser

import numpy as np
from sentences import encode

from deepseek_mm.answering.intents import key_of, read_known
from deepseek_mm.training import intents


def test_every_example_is_written_once_with_its_vector(tmp_path, monkeypatch):
    examples = {("a", "x"): ["Hello there!", "hello there"], ("b", "y"): ["delete it"]}
    monkeypatch.setattr(intents, "all_examples", lambda: examples)
    monkeypatch.setattr(intents, "read_examples", lambda: {"where": ["where is it"]})
    parser, file = ArgumentParser(), tmp_path / "intents.safetensors"
    intents.add_arguments(parser)
    assert intents.run(parser.parse_args(["--weights", str(file)])) == 0
    known = read_known(file)
    assert set(known) == {key_of("hello there"), key_of("delete it"), key_of("where is it")}
    np.testing.assert_allclose(known[key_of("delete it")], encode(["delete it"])[0], atol=0.02)
