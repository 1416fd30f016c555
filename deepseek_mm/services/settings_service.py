"""Settings, read and changed in the library's own file.

What holds at once is written and taken up; the rest holds from the next start on. What a flag or the environment fixes
is never changed here. From another machine only what holds at once can be changed: the rest could open doors (keys,
hosts, folders), or send what is asked here, and this machine's key, to any server.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from deepseek_mm.accounts.permissions import Caller, require_local, requires
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import ConfigError, Conflict
from deepseek_mm.runtime.dial import dialled
from deepseek_mm.services.setting_descriptions import at_once, defaults, is_fixed
from deepseek_mm.settings import Settings
from deepseek_mm.settings_file import SettingsFile, Value, value_of

BY_FILE = "data"  # lies where the file lies, so no file can change it


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsService:
    """The settings of one library, as callers read and change them."""

    assistant: Assistant
    file: SettingsFile

    @requires("settings")
    def read(self, caller: Caller) -> Settings:
        """Those of the next start, with the origin of each. ConfigError if that start would fail."""
        return self.file.read()

    @requires("settings")
    def change(self, caller: Caller, changes: Mapping[str, Value | None]) -> Settings:
        """Write some, None for the default; all of them or, where one cannot be, none.

        ConfigError, Conflict or Forbidden says which one this caller cannot change, and why.
        """
        origin = self.file.read().origin
        for name in changes:
            check_change(name, origin, caller)
        settings = self.file.write(changes) if changes else self.file.read()
        self.assistant.reconfigure(settings.config)
        return settings

    @requires("settings")
    def restore_defaults(self, caller: Caller) -> Settings:
        """Take back whatever the file says of what holds at once."""
        origin = self.file.read().origin
        mine = [name for name in origin if at_once(name) and not is_fixed(origin, name)]
        return self.change(caller, dict.fromkeys(mine))

    @requires("settings")
    def list_pending(self, caller: Caller, settings: Settings) -> list[str]:
        """Names of those that another start would open otherwise than they are now."""
        now, then = self.assistant.config, dialled(settings.config)
        return [name for name in defaults() if name != BY_FILE and value_of(now, name) != value_of(then, name)]


def check_change(name: str, origin: Mapping[str, str], caller: Caller) -> None:
    """ConfigError, Conflict or Forbidden if this caller cannot change this setting."""
    if name not in defaults() or name == BY_FILE:
        raise ConfigError(f"there is no setting {name!r} to change. See which there are: GET /settings")
    if is_fixed(origin, name):
        raise Conflict(f"{name} is fixed by {origin[name]} of this start. Start without it")
    if not at_once(name):
        require_local(caller, f"change {name}")
