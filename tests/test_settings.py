"""Settings: who wins, what is refused, and a description that reads back as the same Config."""

import re
import tomllib
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest

from deepseek_mm.config import Config, EncoderConfig, LMConfig, RagConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.settings import EXPECTED, _types, describe, split_flags, trace_settings
from deepseek_mm.settings_file import SettingsFile

FILE = "library/config.toml"
VARIABLE = "DEEPSEEK_MM_RAG__NUM_REGIONS"


@pytest.fixture
def cwd(tmp_path):
    (tmp_path / "library").mkdir()
    return tmp_path


def read(cwd: Path, flags: dict | None = None, environ: dict | None = None, **files: str) -> Config:
    """Settings in `cwd`; a keyword `library` is the text of library/config.toml."""
    if "library" in files:
        (cwd / FILE).write_text(files["library"])
    return trace_settings(flags or {}, environ=environ or {}, cwd=cwd).config


def ignored(cwd: Path, text: str) -> dict[str, str]:
    """What of library/config.toml is left out, with the reason; all else is as if it did not stand there."""
    (cwd / FILE).write_text(f"{text}\n")
    settings = trace_settings({}, environ={}, cwd=cwd)
    assert settings.config == Config()
    assert settings.saved_names == frozenset()
    return dict(settings.ignored)


def test_without_any_word_from_the_user_the_defaults_stand(tmp_path):
    assert read(tmp_path) == Config()


def test_flags_beat_the_environment_which_beats_the_file_which_beats_the_defaults(cwd):
    library, environ, flags = "[rag]\nnum_regions = 2\n", {VARIABLE: "3"}, {"rag.num_regions": "4"}
    assert read(cwd).rag.num_regions == RagConfig().num_regions == 6
    assert read(cwd, library=library).rag.num_regions == 2
    assert read(cwd, {}, environ).rag.num_regions == 3
    assert read(cwd, flags, environ).rag.num_regions == 4


def test_sources_are_merged_name_by_name(cwd):
    config = read(
        cwd,
        {"encoder.batch": "4"},
        {"DEEPSEEK_MM_LM__NAME": "none"},
        library="[encoder]\nbatch = 2\nthreads = 1\n[lm]\nmax_tokens = 8\n",
    )
    assert config.encoder == EncoderConfig(batch=4, threads=1)
    assert config.lm == LMConfig(name="none", max_tokens=8)


def test_the_file_lies_in_the_data_folder_that_flags_or_environment_name(cwd):
    for folder, port in (("one", 1001), ("two", 1002)):
        (cwd / folder).mkdir()
        (cwd / folder / "config.toml").write_text(f"[serve]\nport = {port}")
    environ = {"DEEPSEEK_MM_DATA": "one"}
    assert (read(cwd, {}, environ).data, read(cwd, {}, environ).serve.port) == (Path("one"), 1001)
    assert (read(cwd, {"data": "two"}, environ).data, read(cwd, {"data": "two"}, environ).serve.port) == (
        Path("two"),
        1002,
    )


def test_a_named_file_takes_the_place_of_the_librarys_own(cwd):
    (cwd / FILE).write_text("[serve]\nport = 1001")
    (cwd / "mine.toml").write_text("data = 'elsewhere'\n[rag]\nnum_regions = 2")
    for config in (read(cwd, {"config": "mine.toml"}), read(cwd, {}, {"DEEPSEEK_MM_CONFIG": str(cwd / "mine.toml")})):
        assert (config.data, config.rag.num_regions, config.serve.port) == (Path("elsewhere"), 2, 7860)


def test_the_flag_names_the_file_before_the_environment_does(cwd):
    (cwd / "mine.toml").write_text("[rag]\nnum_regions = 2")
    assert read(cwd, {"config": "mine.toml"}, {"DEEPSEEK_MM_CONFIG": "absent.toml"}).rag.num_regions == 2


def test_a_named_file_that_is_absent_is_refused_with_the_command_that_makes_it(cwd):
    with pytest.raises(ConfigError, match=r"no settings file at .*absent\.toml\. Make one with: python -m deepseek_mm"):
        read(cwd, {"config": "absent.toml"})


def test_a_librarys_own_file_cannot_move_the_library(cwd):
    (reason,) = ignored(cwd, "data = 'elsewhere'").values()
    assert "says data='elsewhere', but lies in library itself. Remove that line" in reason
    assert read(cwd, library="data = 'library'").data == Path("library")
    assert read(cwd, library=f"data = '{cwd / 'library'}'").data == cwd / "library"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("rag.num_regions", " 8 ", 8),
        ("rag.min_score", "0.25", 0.25),
        ("rag.min_score", "-1", -1.0),
        ("lm.url", "http://127.0.0.1:8000/v1?a=b", "http://127.0.0.1:8000/v1?a=b"),
        ("data", "a b/c", Path("a b/c")),
    ],
)
def test_text_becomes_the_type_of_its_field(tmp_path, name, text, value):
    variable = "DEEPSEEK_MM_" + name.upper().replace(".", "__")
    for config in (read(tmp_path, {name: text}), read(tmp_path, {}, {variable: text})):
        for part in name.split("."):
            config = getattr(config, part)
        assert config == value
        assert type(config) is type(value) or isinstance(value, Path)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    assert read(tmp_path, {"data": "~/photos"}).data == Path("/home/anna/photos")


def test_an_empty_variable_counts_as_absent(tmp_path):
    assert read(tmp_path, {}, {"DEEPSEEK_MM_DATA": "", VARIABLE: "", "DEEPSEEK_MM_CONFIG": ""}) == Config()


def test_variables_of_others_are_left_alone(tmp_path):
    environ = {"PATH": "/bin", "DEEPSEEK_MM_CACHE": "/cache", "DEEPSEEK_API_KEY": "x", "RAG__NUM_REGIONS": "9"}
    assert read(tmp_path, {}, environ) == Config()


def test_an_unknown_flag_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown setting rag\.regions \(from flag .* nearest is rag\.num_regions;"):
        read(tmp_path, {"rag.regions": "8"})


def test_an_unknown_variable_is_refused_with_the_nearest_variable(tmp_path):
    with pytest.raises(ConfigError, match=rf"DEEPSEEK_MM_RAG_NUM_REGIONS\)\. The nearest is {VARIABLE}"):
        read(tmp_path, {}, {"DEEPSEEK_MM_RAG_NUM_REGIONS": "8"})


@pytest.mark.parametrize(
    "text", ["[rga]\nnum_regions = 8", "rag.num_region = 8", "[rag.num_regions]\nx = 8", "rag = 8"]
)
def test_an_unknown_name_is_left_out_of_the_librarys_own_file_and_refused_in_one_that_is_named(cwd, text):
    (reason,) = ignored(cwd, text).values()
    assert re.search(r"unknown setting .*library/config\.toml\)\. The nearest is \w+", reason)
    with pytest.raises(ConfigError, match=r"unknown setting .*library/config\.toml\)\. The nearest is \w+"):
        read(cwd, {"config": FILE})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("rag.num_regions", "many", "a whole number such as 8"),
        ("rag.num_regions", "8.5", "a whole number such as 8"),
        ("rag.min_score", "high", r"a number such as 0\.5"),
        ("data", " ", r"a path such as \./library"),
    ],
)
def test_text_of_the_wrong_type_is_refused_with_value_and_type(tmp_path, name, text, expected):
    with pytest.raises(ConfigError, match=rf"{name}='{text}' \(from flag {name}\) must be {expected}"):
        read(tmp_path, {name: text})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rag.num_regions = '8'", "rag.num_regions='8' .* must be a whole number"),
        ("rag.num_regions = 8.0", "rag.num_regions=8.0 .* must be a whole number"),
        ("rag.num_regions = true", "rag.num_regions=True .* must be a whole number"),
        ("rag.min_score = true", "rag.min_score=True .* must be a number"),
        ("lm.name = 7", "lm.name=7 .* must be text"),
        ("data = [1]", r"data=\[1\] .* must be a path"),
        ("lm.url = 2026-01-02", "lm.url=datetime.* must be text"),
    ],
)
def test_a_file_value_of_the_wrong_type_is_left_out_or_refused_with_value_and_type(cwd, text, message):
    (reason,) = ignored(cwd, text).values()
    assert re.search(message, reason)
    with pytest.raises(ConfigError, match=message):
        read(cwd, {"config": FILE})


def test_what_cannot_be_used_of_the_own_file_takes_nothing_else_with_it(cwd):
    (cwd / FILE).write_text("[rag]\nnum_regions = 999\nsure = 0.7\n[lm]\nurl = 'http://x/v1'\nvlm = 'a/b'\nnew = 1\n")
    settings = trace_settings({"rag.min_score": "0.2"}, environ={}, cwd=cwd)
    assert (settings.config.rag.num_regions, settings.config.rag.sure, settings.config.rag.min_score) == (6, 0.7, 0.2)
    assert (settings.config.lm.url, settings.config.lm.vlm) == ("http://x/v1", "")
    assert set(settings.ignored) == {"rag.num_regions", "lm.vlm", "lm.new"}
    assert settings.saved_names == {"rag.sure", "lm.url"}


@pytest.mark.parametrize("place", ["file", "flag", "environment"])
def test_a_space_of_an_earlier_version_becomes_its_successor_with_a_word_of_it(cwd, place):
    (cwd / FILE).write_text("encoder.name = 'small'\n" if place == "file" else "")
    flags = {"encoder.name": "small"} if place == "flag" else {}
    environ = {"DEEPSEEK_MM_ENCODER__NAME": "small"} if place == "environment" else {}
    settings = trace_settings(flags, environ=environ, cwd=cwd)
    assert settings.config.encoder.name == "edge"
    assert settings.origin["encoder.name"].startswith(place)
    (notice,) = settings.notices
    assert "encoder.name=small is no more" in notice.text
    assert "Write encoder.name=edge" in notice.text


def test_a_program_that_names_a_space_of_an_earlier_version_is_warned_and_gets_its_successor():
    with pytest.warns(FutureWarning, match="Write encoder.name=edge"):
        assert EncoderConfig(name="small").name == "edge"


def test_what_a_flag_says_wrongly_still_stops_though_the_file_has_faults_of_its_own(cwd):
    (cwd / FILE).write_text("rag.num_regions = 999")
    with pytest.raises(ConfigError, match="rag.min_score=7.0 must lie between"):
        read(cwd, {"rag.min_score": "7"})


def test_a_whole_number_in_the_file_serves_where_a_fraction_is_meant(cwd):
    timeout = read(cwd, library="lm.timeout_s = 5").lm.timeout_s
    assert timeout == 5.0
    assert isinstance(timeout, float)


def test_a_value_out_of_range_is_refused_with_the_one_who_said_it(tmp_path):
    with pytest.raises(ConfigError, match=rf"rag\.num_regions=99 must lie between 1 and 64 \(.* {VARIABLE}"):
        read(tmp_path, {}, {VARIABLE: "99"})
    with pytest.raises(ConfigError, match="rag.min_score=nan must lie between"):
        read(tmp_path, {"rag.min_score": "nan"})


@pytest.mark.parametrize("raw", [b"[rag\nnum_regions = 8", b"lm.name = '\xff'"], ids=["no TOML", "no UTF-8"])
def test_a_file_that_cannot_be_read_is_refused_with_its_path(cwd, raw):
    (cwd / FILE).write_bytes(raw)
    with pytest.raises(ConfigError, match=r"cannot read the settings in .*config\.toml: .*TOML file in UTF-8"):
        read(cwd, {"config": str(cwd / FILE)})


@pytest.mark.parametrize("raw", [b"[rag\nnum_regions = 8", b"lm.name = '\xff'"], ids=["no TOML", "no UTF-8"])
def test_a_librarys_own_file_that_cannot_be_read_is_told_and_holds_nothing(cwd, raw):
    (cwd / FILE).write_bytes(raw)
    settings = trace_settings({}, environ={}, cwd=cwd)
    assert settings.config == Config()
    (notice,) = settings.notices
    assert "cannot be read" in notice.short
    assert str(cwd) in notice.text
    assert str(cwd) not in notice.short
    with pytest.raises(ConfigError, match="must be a TOML file"):  # and is not written over
        SettingsFile({}, environ={}, cwd=cwd).write({"rag.num_regions": 3})
    assert (cwd / FILE).read_bytes() == raw


def test_a_settings_file_that_is_a_folder_is_refused(cwd):
    with pytest.raises(ConfigError, match="cannot read the settings in"):
        read(cwd, {"config": "library"})


def test_flags_are_split_at_the_first_equals_sign():
    assert split_flags(["rag.num_regions=8", "lm.url=http://x/?a=b", "lm.name="]) == {
        "rag.num_regions": "8",
        "lm.url": "http://x/?a=b",
        "lm.name": "",
    }
    with pytest.raises(ConfigError, match="'rag.num_regions' sets nothing. Write NAME=VALUE"):
        split_flags(["rag.num_regions"])


ODD = Config(
    data=Path("/photos/\u00e4 \"b\" \\ \U0001f600 \x7f\t'c' # d"),
    encoder=EncoderConfig(name="[x]\n = 1", batch=3),
    rag=RagConfig(min_score=-1e-05),
    lm=LMConfig(timeout_s=1e3),
)


@pytest.mark.parametrize("config", [Config(), ODD], ids=["defaults", "odd"])
def test_a_description_reads_back_as_the_same_config(tmp_path, config):
    (tmp_path / "written.toml").write_text(describe(config))
    assert read(tmp_path, {"config": "written.toml"}) == config


def test_a_description_with_origins_reads_back_too(tmp_path):
    flags = {"rag.num_regions": "8", "config": "odd\nname = 1.toml"}
    (tmp_path / "odd\nname = 1.toml").write_text("lm.name = 'none'")
    settings = trace_settings(flags, environ={}, cwd=tmp_path)
    (tmp_path / "written.toml").write_text(describe(settings.config, settings.origin))
    assert read(tmp_path, {"config": "written.toml"}) == settings.config


def test_a_description_names_every_setting_with_its_origin(cwd):
    (cwd / FILE).write_text("lm.name = 'none'\nserve.port = 1001")
    settings = trace_settings({"serve.port": "1002"}, environ={VARIABLE: "8"}, cwd=cwd)
    assert settings.origin == {
        "rag.num_regions": f"environment {VARIABLE}",
        "lm.name": f"file {cwd / FILE}",
        "serve.port": "flag serve.port",
    }
    lines = describe(settings.config, settings.origin).splitlines()
    assert 'data = "library"  # default' in lines
    assert f"num_regions = 8  # environment {VARIABLE}" in lines
    assert f'name = "none"  # file {cwd / FILE}' in lines
    assert "port = 1002  # flag serve.port" in lines
    assert {line for line in lines if line.startswith("[")} == {
        f"[{f.name}]" for f in fields(Config) if is_dataclass(f.default_factory)
    }


def test_every_field_of_the_config_can_be_set_and_described(tmp_path):
    """A field of a type that settings cannot read would be found here, not by a user."""
    described = tomllib.loads(describe(Config()))
    for name, kind in _types(Config).items():
        value = described
        for part in name.split("."):
            value = value[part]
        assert kind in EXPECTED
        assert read(tmp_path, {name: str(value)}) == replace(Config())
