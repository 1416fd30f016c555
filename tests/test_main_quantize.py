"""`quantize` and `lm.bits`: what is missing is said before anything heavy is opened."""

import io

import pytest

from deepseek_mm.__main__ import main
from deepseek_mm.config import LMConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.terminal import Desk


def told(folder, *words):
    out, err = io.StringIO(), io.StringIO()
    code = main([*words], Desk(out=out, err=err, environ={}, cwd=folder))
    return code, out.getvalue(), err.getvalue()


def test_towers_without_photos_to_look_at_say_which_flags_are_missing(tmp_path):
    code, out, err = told(tmp_path, "quantize", "towers-int8")
    assert (code, out) == (2, "")
    assert "--captions and --images are missing" in err


def test_eval_quant_of_towers_asks_for_captions_and_photos(tmp_path):
    code, _, err = told(tmp_path, "eval", "quant", "--parts", "towers")
    assert code == 2
    assert "--data and --images are missing" in err


def test_bits_are_those_that_a_file_can_have_and_of_our_model_alone():
    assert LMConfig(bits="fp4").bits == "fp4"
    with pytest.raises(ConfigError, match="lm.bits=3 must be auto, int8 or fp4"):
        LMConfig(bits="3")
    with pytest.raises(ConfigError, match="is made for lm.name=deepseek-mm alone"):
        LMConfig(bits="fp4", name="smollm2")
