"""The settings file, changed while the page runs: kept, read back, and never half written."""

import os
from pathlib import Path
from threading import Thread

import pytest

from deepseek_mm.config import Config
from deepseek_mm.errors import ConfigError
from deepseek_mm.settings import trace_settings
from deepseek_mm.settings_file import SettingsFile, change_values, value_of

OLD = '# mine\n[rag]\nnum_regions = 3  # few\nsure = 0.9\n\n[lm]\nname = "none"\n'


@pytest.fixture
def file(tmp_path):
    """The file of a library, not yet there."""
    data = tmp_path / "library"
    data.mkdir()
    return data / "config.toml"


def opened(file: Path, flags: dict | None = None, environ: dict | None = None) -> SettingsFile:
    return SettingsFile({"data": "library", **(flags or {})}, environ=environ or {}, cwd=file.parent.parent)


def restarted(file: Path) -> Config:
    return trace_settings({"data": "library"}, environ={}, cwd=file.parent.parent).config


def test_what_is_written_holds_after_a_restart(file):
    after = opened(file).write({"rag.num_regions": 9, "rag.min_certainty": 0.25, "lm.phrasing": "none"})
    assert restarted(file) == after.config
    assert (after.config.rag.num_regions, after.config.rag.min_certainty, after.config.lm.phrasing) == (9, 0.25, "none")
    assert after.origin["rag.num_regions"] == f"file {file}"


def test_other_settings_and_comments_stay_as_they_are(file):
    file.write_text(OLD)
    opened(file).write({"rag.num_regions": 9, "encoder.name": "clip"})
    assert file.read_text() == OLD.replace("num_regions = 3", "num_regions = 9") + '\n[encoder]\nname = "clip"\n'


def test_a_setting_that_is_taken_out_goes_back_to_its_default(file):
    file.write_text(OLD)
    assert opened(file).write({"rag.num_regions": None, "encoder.name": None}).config.rag.num_regions == 6
    assert "num_regions" not in file.read_text()
    assert restarted(file).rag.sure == 0.9


@pytest.mark.parametrize(
    "changes", [{"rag.num_regions": 0}, {"rag.num_regions": "many"}, {"rag.regions": 3}, {"lm.phrasing": "loud"}]
)
def test_what_could_not_be_read_back_is_not_written(file, changes):
    file.write_text(OLD)
    with pytest.raises(ConfigError) as told:
        opened(file).write({"rag.sure": 0.5, **changes})
    assert file.read_text() == OLD
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]
    assert "draft" not in str(told.value)


def test_flags_and_environment_win_over_the_file_and_are_named(file):
    environ = {"DEEPSEEK_MM_RAG__NUM_REGIONS": "4", "OPENAI_API_KEY": "secret"}
    settings = opened(file, {"lm.name": "none"}, environ)
    after = settings.write({"rag.num_regions": 9})
    assert after.config.rag.num_regions == 4
    assert after.origin["rag.num_regions"] == "environment DEEPSEEK_MM_RAG__NUM_REGIONS"
    assert after.origin["lm.name"] == "flag lm.name"
    assert "secret" not in str(vars(settings))
    assert restarted(file).rag.num_regions == 9


def test_a_file_that_somebody_broke_meanwhile_is_left_alone(file):
    file.write_text("[rag\n")
    with pytest.raises(ConfigError, match="must be a TOML file"):
        opened(file).write({"rag.sure": 0.5})
    assert file.read_text() == "[rag\n"


def test_a_value_where_a_section_should_be_is_told():
    with pytest.raises(ConfigError, match="cannot change the settings in here"):
        change_values("rag = 3\n", {"rag.sure": 0.5}, Path("here"))


def test_a_kill_between_write_and_rename_leaves_the_old_file(file, monkeypatch):
    file.write_text(OLD)

    def killed(draft, target):
        assert "num_regions = 9" in Path(draft).read_text()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        patched.setattr(Path, "unlink", lambda path, missing_ok=False: None)  # nobody tidies up after a kill
        with pytest.raises(KeyboardInterrupt):
            opened(file).write({"rag.num_regions": 9})
    assert file.read_text() == OLD
    assert restarted(file).rag.num_regions == 3
    assert opened(file).write({"rag.num_regions": 8}).config.rag.num_regions == 8  # the draft is no hindrance


def test_a_file_that_a_flag_names_is_the_one_that_is_written(file, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text("[rag]\nsure = 0.7\n")
    after = opened(file, {"config": str(other)}).write({"rag.num_regions": 2})
    assert (after.config.rag.sure, after.config.rag.num_regions) == (0.7, 2)
    assert not file.exists()


def test_the_file_keeps_its_permissions_and_its_link(file, tmp_path):
    real = tmp_path / "real.toml"
    real.write_text(OLD)
    real.chmod(0o640)
    file.symlink_to(real)
    opened(file).write({"rag.num_regions": 9})
    assert file.is_symlink()
    assert "num_regions = 9" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_folder_that_cannot_be_written_is_a_sentence(file):
    assert SettingsFile.of(Config(data=file.parent)).read().config == Config(data=file.parent)
    with pytest.raises(ConfigError, match="Make it writable"):
        SettingsFile.of(Config(data=file.parent / "gone")).write({"rag.sure": 0.5})


def test_two_changes_at_once_are_both_kept(file):
    settings = opened(file)
    names = ["rag.num_regions", "rag.history_turns", "lm.max_tokens", "encoder.batch"]
    threads = [Thread(target=settings.write, args=({name: 7},)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [value_of(restarted(file), name) for name in names] == [7, 7, 7, 7]
