"""The dial: what its steps change, what they leave alone, and what was measured of them."""

from dataclasses import replace

import pytest
from rag_house import build

from deepseek_mm.config import Config, LMConfig, RagConfig, RuntimeConfig, SeeConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.runtime.planner import FILE, PRESETS, PresetResult, apply_preset, read_presets, write_presets


def at(dial, **see):
    return apply_preset(Config(runtime=RuntimeConfig(dial=dial), see=SeeConfig(**see))).see


def test_fast_looks_at_less_and_best_at_more_than_balanced():
    fast, balanced, best = at("fast"), at("balanced"), at("best")
    assert balanced == SeeConfig()
    assert (fast.glance, best.glance) == (False, True)
    assert fast.max_parts < balanced.max_parts < best.max_parts
    assert fast.beams < balanced.beams < best.beams


def test_engines_must_be_the_more_exact_the_further_the_dial_is_turned():
    least = [row.least_cosine for row in PRESETS]
    assert least == sorted(least)
    assert len(set(least)) == 3


def test_a_number_that_its_owner_set_stays_whatever_the_dial_says():
    assert at("fast", max_parts=5).max_parts == 5
    assert at("fast", max_parts=5).beams == at("fast").beams


def test_at_fast_nothing_is_reworded_unless_its_owner_chose_a_wording():
    fast = Config(runtime=RuntimeConfig(dial="fast"))
    assert apply_preset(fast).lm.phrasing == "none"
    assert apply_preset(replace(fast, lm=LMConfig(phrasing="claims"))).lm.phrasing == "claims"
    assert apply_preset(Config()).lm.phrasing == LMConfig().phrasing


def test_a_setting_that_is_saved_at_fast_does_not_bring_the_rewording_back(tmp_path):
    config = apply_preset(Config(runtime=RuntimeConfig(dial="fast")))
    with build(tmp_path / "library") as assistant:
        assistant.config = replace(assistant.config, runtime=config.runtime, lm=config.lm)
        assistant.reconfigure(Config(rag=RagConfig(num_regions=3), runtime=config.runtime))
        assert (assistant.config.lm.phrasing, assistant.config.rag.num_regions) == ("none", 3)


def test_another_preset_holds_from_the_next_question_on(tmp_path):
    with build(tmp_path / "library") as assistant:
        kept = assistant.config.see.min_tag
        assistant.reconfigure(Config(runtime=RuntimeConfig(dial="fast"), see=SeeConfig(beams=7, min_tag=0.9)))
        see, fast = assistant.config.see, PRESETS[0].see
        assert (see.max_parts, see.glance, see.beams) == (fast.max_parts, False, 7)  # the owner's own number stays
        assert see.min_tag == kept  # what only a start reads
        assert (assistant.eyes.config, assistant.config.lm.phrasing) == (see, "none")
        assistant.reconfigure(Config())
        assert (assistant.eyes.config.max_parts, assistant.config.runtime.dial) == (SeeConfig().max_parts, "balanced")


def test_a_step_that_nobody_knows_is_refused_by_name():
    with pytest.raises(ConfigError, match="fast, balanced or best"):
        RuntimeConfig(dial="warp")


def test_what_was_measured_is_told_and_what_was_not_is_none(tmp_path):
    assert [(one.name, one.seconds, one.score) for one in read_presets(tmp_path)] == [
        ("fast", None, None), ("balanced", None, None), ("best", None, None),
    ]  # fmt: skip
    write_presets(tmp_path, [PresetResult(name="fast", says="", seconds=0.1, score=50.0, questions=4)])
    fast, balanced, _ = read_presets(tmp_path)
    assert (fast.seconds, fast.score, fast.questions, balanced.seconds) == (0.1, 50.0, 4, None)
    assert fast.says == PRESETS[0].says


@pytest.mark.parametrize("damaged", ["{", "[]", '{"fast": {"speed": 1}}', '{"fast": 3}'])
def test_a_damaged_file_of_the_dial_counts_as_not_measured(tmp_path, damaged):
    (tmp_path / FILE).write_text(damaged)
    assert read_presets(tmp_path)[0].seconds is None
