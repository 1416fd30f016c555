"""The settings of a backup, without those that let people or programs in or say where keys go: these stay as they are.

A backup may come from anybody, and its `config.toml` counts from the next start on.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from deepseek_mm.errors import BadFile, ConfigError
from deepseek_mm.settings import saved_values
from deepseek_mm.settings_file import change_values

GUARDED = ("serve.", "sandbox.", "lm.api_key_")  # beginnings of the names of settings that no backup changes


def keep_guarded(restored: Path, own: Path) -> list[str]:
    """Give a restored settings file the guarded values of the library's own one; names of those that differed.

    BadFile if the restored file is no settings file. Either may be absent: a backup without one changes no setting.
    """
    if not restored.exists():
        return []
    mine: dict[str, Any] = {}
    with suppress(ConfigError):  # no start reads it either
        mine = guarded_values(own)
    try:
        theirs = guarded_values(restored)
        differing = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
        if differing:
            values = {name: mine.get(name) for name in differing}
            restored.write_text(change_values(restored.read_text("utf-8"), values, restored), "utf-8")
        if guarded_values(restored) != mine:
            raise ConfigError(f"{', '.join(differing)} cannot be taken out of it")
    except ConfigError as error:
        raise BadFile(f"the settings in the backup cannot be used: {error}. Use another backup") from error
    return differing


def guarded_values(file: Path) -> dict[str, Any]:
    """Dotted name -> value of the guarded settings that a file names. ConfigError if it cannot be read."""
    return {name: value for name, value in saved_values(file).items() if name.startswith(GUARDED)}
