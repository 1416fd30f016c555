"""`eval caption` from its command line."""

from argparse import ArgumentParser

import pytest

from deepseek_mm.errors import MissingWeights
from deepseek_mm.evaluation.commands import add_arguments
from deepseek_mm.see.caption.captioner import read_captioner


def test_other_weights_can_be_named_and_all_of_them_must_be_there(tmp_path):
    parser = ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args(["caption"]).captioner is None
    files = parser.parse_args(["caption", "--captioner", str(tmp_path / "a"), str(tmp_path / "b")]).captioner
    assert [file.name for file in files] == ["a", "b"]
    with pytest.raises(MissingWeights, match="train caption"):
        read_captioner(None, files)
