"""What a library, its settings and the cache settle before a plan is made, on described machines."""

from dataclasses import replace

import pytest
from towers_help import TinySpace

from deepseek_mm.config import Config, EncoderConfig, LMConfig
from deepseek_mm.encoders import open_space
from deepseek_mm.encoders.default import DefaultSpace
from deepseek_mm.runtime import planned as planning
from deepseek_mm.runtime.hardware import GIB, Hardware
from deepseek_mm.runtime.planned import encoder_here, given_here, plan_here
from deepseek_mm.runtime.quantize.kept import cache_file
from deepseek_mm.runtime.quantize.language import FP4

DESK = Hardware(memory_bytes=16 * GIB, available_bytes=8 * GIB)
BOX = replace(DESK, limit_bytes=3 * GIB)  # a container on it


class SmallTinySpace(TinySpace):
    name = "small"


class DefaultTinySpace(TinySpace):
    name = "default"


@pytest.fixture
def config(tmp_path):
    return Config(data=tmp_path / "library")


def filled(config, *spaces):
    for name in spaces:
        (config.data / "spaces" / f"{name}-01234567").mkdir(parents=True)
    return config


def with_fp4(cache):
    cache_file(cache, FP4).parent.mkdir(parents=True)
    cache_file(cache, FP4).write_bytes(b"")
    return cache


def test_a_new_library_is_filled_in_the_small_space_where_memory_is_short_and_else_in_the_default_one(config):
    assert encoder_here(config, BOX).name == "small"
    assert encoder_here(config, DESK).name == "default"


@pytest.mark.parametrize("machine", [DESK, BOX])
def test_a_library_keeps_its_space_when_it_moves_to_another_machine(config, machine):
    assert encoder_here(filled(config, "small"), machine).name == "small"
    assert encoder_here(filled(config, "default"), machine).name == "default"  # now it has both


def test_a_space_that_is_named_is_taken_whatever_the_machine_and_its_numbers_are_kept(config):
    named = replace(config, encoder=EncoderConfig(name="default", batch=3))
    assert encoder_here(named, BOX) == named.encoder
    auto = replace(config, encoder=EncoderConfig(batch=3))
    assert encoder_here(auto, BOX) == EncoderConfig(name="small", batch=3)


def test_without_its_package_the_small_space_is_not_chosen_and_the_plan_names_what_installs_it(
    config, tmp_path, monkeypatch
):
    monkeypatch.setattr(planning, "SMALL_TOWER", "no_such_module")
    assert encoder_here(config, BOX).name == "default"
    plan = plan_here(config, DefaultTinySpace(), cache=with_fp4(tmp_path), hardware=BOX).plan
    assert (plan.lm, plan.image_model, len(plan.fell_back)) == ("fp4", "efficientnet-lite2", 1)
    assert "requirements-models.txt" in plan.fell_back[0]


def test_a_small_machine_speaks_in_four_bits_where_the_file_lies_and_else_names_its_command(config, tmp_path):
    plan = plan_here(config, SmallTinySpace(), cache=tmp_path, hardware=BOX).plan
    assert (plan.branch, plan.lm, plan.image_model) == ("small", "packed", "efficientnet-lite0")
    assert "python -m deepseek_mm quantize lm-fp4" in " ".join(plan.fell_back)
    plan = plan_here(config, SmallTinySpace(), cache=with_fp4(tmp_path), hardware=BOX).plan
    assert (plan.lm, plan.fell_back) == ("fp4", ())
    assert "language model fp4" in plan.short


def test_a_model_of_others_is_never_said_to_speak_in_four_bits(config, tmp_path):
    other = replace(config, lm=LMConfig(name="smollm2"))
    plan = plan_here(other, SmallTinySpace(), cache=with_fp4(tmp_path), hardware=BOX).plan
    assert plan.lm == "packed"
    assert "packaged language model alone" in " ".join(plan.fell_back)


def test_bits_that_are_asked_for_are_what_the_plan_tells_on_any_machine(config, tmp_path):
    asked = replace(config, lm=LMConfig(bits="int8"))
    for machine in (DESK, BOX):
        assert plan_here(asked, DefaultTinySpace(), cache=tmp_path, hardware=machine).plan.lm == "int8"


def test_a_library_of_the_default_space_says_on_a_small_machine_how_it_could_be_the_small_one(config, tmp_path):
    given = given_here(config, DefaultTinySpace(), tmp_path)
    assert given.image_model == "efficientnet-lite2"
    assert "index --rebuild" in given.lacking["efficientnet-lite0"]
    named = replace(config, encoder=EncoderConfig(name="default"))
    assert "encoder.name=default asks" in given_here(named, DefaultTinySpace(), tmp_path).lacking["efficientnet-lite0"]


def test_auto_without_a_library_is_the_default_space():
    assert isinstance(open_space(EncoderConfig()), DefaultSpace)
