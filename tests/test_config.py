"""The Config: one value, checked where it is made."""

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from pathlib import Path

import pytest

from deepseek_mm.config import (
    AccountsConfig,
    Config,
    EditsConfig,
    EncoderConfig,
    HubConfig,
    IndexConfig,
    LearningConfig,
    LibraryConfig,
    LMConfig,
    OpenIdConfig,
    ParseConfig,
    PeopleConfig,
    RagConfig,
    RuntimeConfig,
    SandboxConfig,
    SeeConfig,
    ServeConfig,
    between,
)
from deepseek_mm.errors import ConfigError, DeepSeekMMError
from deepseek_mm.storage_config import StorageConfig

ROOT = Path(__file__).parent.parent
SECTIONS = (
    EncoderConfig,
    IndexConfig,
    ParseConfig,
    LibraryConfig,
    SeeConfig,
    RagConfig,
    LMConfig,
    RuntimeConfig,
    ServeConfig,
    SandboxConfig,
    EditsConfig,
    LearningConfig,
    HubConfig,
    PeopleConfig,
    AccountsConfig,
    OpenIdConfig,
    StorageConfig,
)


def test_both_bounds_of_a_range_belong_to_it():
    between("x", 1, 1, 2)
    between("x", 2, 1, 2)


@pytest.mark.parametrize("value", [0.999, 2.001, float("nan"), float("inf")])
def test_a_number_outside_its_range_is_refused_with_name_value_and_bounds(value):
    with pytest.raises(ConfigError, match=f"x={value} must lie between 1 and 2"):
        between("x", value, 1, 2)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        (EncoderConfig, "batch", 0),
        (EncoderConfig, "threads", -1),
        (IndexConfig, "exact_up_to", -1),
        (SeeConfig, "max_parts", 65),
        (SeeConfig, "min_label", 1.1),
        (ParseConfig, "max_pixels", 0),
        (RagConfig, "num_regions", 0),
        (RagConfig, "min_score", -1.1),
        (RagConfig, "min_presence", 1.1),
        (RagConfig, "max_question_chars", 0),
        (RagConfig, "max_code_chars", 0),
        (RagConfig, "max_pictures", 0),
        (RagConfig, "history_turns", -1),
        (LMConfig, "max_tokens", 0),
        (LMConfig, "timeout_s", 0),
        (ServeConfig, "port", 65_536),
        (LearningConfig, "fewest", 0),
        (LearningConfig, "held_out", 1),
        (LearningConfig, "remembered", 0),
        (LearningConfig, "tolerated", 1.1),
        (LearningConfig, "most_strange", -0.1),
        (SandboxConfig, "seconds", 0),
        (SandboxConfig, "memory_mb", 31),
        (SandboxConfig, "at_once", 0),
    ],
)
def test_every_section_checks_itself_where_it_is_made(section, field, value):
    name = f"{section.__name__.removesuffix('Config').lower()}.{field}"
    with pytest.raises(ConfigError, match=f"{name}={value} must lie between"):
        section(**{field: value})
    with pytest.raises(ConfigError, match=f"{name}={value} must lie between"):
        replace(section(), **{field: value})


def test_a_model_that_sees_takes_the_place_of_the_named_one_and_reads_freely():
    for name in ("deepseek-mm", "none"):
        lm = LMConfig(name=name, vlm="some/eyes")
        assert (lm.phrasing_now, lm.trained_here) == ("free", False)
    assert LMConfig(vlm="some/eyes", phrasing="claims").phrasing_now == "claims"
    assert (LMConfig().phrasing_now, LMConfig(name="none").phrasing_now) == ("claims", "none")


def test_a_server_and_a_model_that_sees_are_one_too_many_and_the_address_is_not_repeated():
    with pytest.raises(ConfigError, match=r"lm.vlm=some/eyes and lm.url each name a model.* --vlm '' or --llm ''$"):
        LMConfig(vlm="some/eyes", url="http://me:secret@127.0.0.1:9/v1")


def test_a_refused_setting_is_an_error_that_the_edges_catch():
    assert issubclass(ConfigError, DeepSeekMMError)
    assert issubclass(ConfigError, ValueError)


def test_a_variant_is_one_replace_away_and_leaves_the_original_alone():
    config = Config()
    variant = replace(config, rag=replace(config.rag, num_regions=8))
    assert (config.rag.num_regions, variant.rag.num_regions) == (6, 8)
    assert variant.encoder == config.encoder
    assert {config, variant, Config()} == {config, variant}


@pytest.mark.parametrize("section", [Config, *SECTIONS], ids=lambda section: section.__name__)
def test_a_config_cannot_be_changed_nor_filled_by_position(section):
    with pytest.raises(FrozenInstanceError):
        setattr(section(), fields(section)[0].name, 1)
    with pytest.raises(TypeError, match="positional"):
        section(1)


def test_every_field_has_a_default_and_every_section_is_known():
    sections = [f.default_factory for f in fields(Config) if is_dataclass(f.default_factory)]
    assert tuple(sections) == SECTIONS
    assert Config().data == Path("library")


def test_the_config_needs_no_library_of_arrays():
    code = "import sys, deepseek_mm.config; sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://host/db", "must begin with postgresql://"),
        ("postgresql://anna:secret@host/db", "~/.pgpass"),
        ("host/db", "must begin with postgresql://"),
    ],
)
def test_an_address_of_a_server_that_cannot_be_used_says_what_to_write(url, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        StorageConfig(url=url)


def test_addresses_with_and_without_a_user_and_a_port_are_taken():
    for url in ("postgresql://host/db", "postgresql://anna@host:5433/db", "postgres://anna@host/db", ""):
        assert StorageConfig(url=url).url == url
    with pytest.raises(ConfigError, match="small letters"):
        StorageConfig(prefix="Two words")
