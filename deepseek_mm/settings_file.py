"""The library's settings file, changed while the page runs: never half written, and never one that cannot be read back.

`read` is what a start would make of it now, with the flags and the environment of this run, which win over the file. A
change is written beside the file, read back, and put in its place; comments and other settings stay as they are.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock, get_ident
from typing import Any, Self

import tomlkit
from tomlkit.exceptions import TOMLKitError

from deepseek_mm.config import Config
from deepseek_mm.errors import ConfigError
from deepseek_mm.settings import PREFIX, Settings, trace_settings

Value = bool | int | float | str


class SettingsFile:
    """Reads and changes one file. Whoever runs with these flags and this environment runs with what it says."""

    def __init__(self, flags: Mapping[str, str], *, environ: Mapping[str, str], cwd: Path) -> None:
        self._flags, self._cwd = dict(flags), cwd
        self._environ = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
        self._lock = Lock()

    @classmethod
    def of(cls, config: Config) -> Self:
        """The file in the library's own folder, with no flag or variable beside it."""
        return cls({"data": str(config.data)}, environ={}, cwd=Path.cwd())

    def read(self) -> Settings:
        """The settings of a start now. ConfigError if that start would fail."""
        return trace_settings(self._flags, environ=self._environ, cwd=self._cwd)

    def write(self, changes: Mapping[str, Value | None]) -> Settings:
        """Put these values into the file; None takes one out, so that its default holds. ConfigError: nothing changed.

        Returns what `read` returns then.
        """
        with self._lock:
            before = self.read()
            file = before.file.resolve()
            draft = file.with_name(f"{file.name}.{os.getpid()}-{get_ident()}.draft")  # others may write as well
            try:
                self._write(draft, change_values(_text(file), changes, file))
                self._read_back(draft, changes, before)
                if file.exists():
                    shutil.copymode(file, draft)
                os.replace(draft, file)
            except OSError as error:
                reason = error.strerror or error
                raise ConfigError(f"cannot write the settings to {file}: {reason}. Make it writable") from error
            finally:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
            return self.read()

    def _write(self, draft: Path, text: str) -> None:
        with draft.open("w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())

    def _read_back(self, draft: Path, changes: Mapping[str, Value | None], before: Settings) -> None:
        """ConfigError if the file by itself would not give these values, or lose another that it gave."""
        file = str(before.file.resolve())
        try:
            now = trace_settings({"config": str(draft)}, environ={}, cwd=self._cwd, forgiving=True)
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(draft), file)) from error
        if lost := [why for name, why in now.ignored.items() if name in changes or name not in before.ignored]:
            raise ConfigError(lost[0].replace(str(draft), file))
        config = now.config
        for name, value in changes.items():
            assert value is None or value_of(config, name) == value, f"{name} was not kept"


def value_of(config: Config, name: str) -> Any:
    """The value of a setting, by its dotted name."""
    found: Any = config
    for part in name.split("."):
        found = getattr(found, part)
    return found


def change_values(text: str, changes: Mapping[str, Value | None], file: Path) -> str:
    """A settings file's text with other values. ConfigError if it is no TOML."""
    try:
        tree = tomlkit.parse(text)
        for name, value in changes.items():
            section, _, leaf = name.rpartition(".")
            if value is None:
                tree.get(section, {}).pop(leaf, None)
            else:
                tree.setdefault(section, tomlkit.table())[leaf] = value
    except (TOMLKitError, AttributeError, TypeError) as error:
        raise ConfigError(f"cannot change the settings in {file}: {error}. It must be a TOML file") from error
    return tomlkit.dumps(tree)


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """The same with other values, by dotted names. ConfigError where they do not go together."""
    for section in dict.fromkeys(name.partition(".")[0] for name in values):
        own = {name.partition(".")[2]: value for name, value in values.items() if name.startswith(f"{section}.")}
        config = replace(config, **{section: replace(getattr(config, section), **own)})
    return config


def with_defaults(config: Config, names: Iterable[str]) -> Config:
    """The same with the defaults of these settings."""
    return with_values(config, {name: value_of(Config(), name) for name in names})


def _text(file: Path) -> str:
    """Its text, none of a file that is absent. ConfigError if it is no text."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot change the settings in {file}: {error}. It must be a TOML file in UTF-8") from error
