"""Settings with their descriptions, read and changed in the library's own file, and the models that a server offers.

A description is the comment behind the field, so that what the API says stands once, where the field is.

What holds at once is written and taken up; the rest holds from the next start on. What a flag or the environment fixes
is never changed here. From another machine only what holds at once can be changed: the rest could open doors (keys,
hosts, folders), or send what is asked here, and this machine's key, to any server.

Others could have this machine ask any address that only it can reach. The machine's key goes to no address that it was
not set for (`lm.credentials`).
"""

import inspect
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from deepseek_mm.accounts.permissions import Caller, require_local, requires_by_default
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config, LMConfig
from deepseek_mm.errors import BadQuestion, ConfigError, Conflict, ServerError
from deepseek_mm.jobs import Job
from deepseek_mm.lm.backends.served_model import address_of, models_at
from deepseek_mm.models.catalogue import MODEL_SETTINGS
from deepseek_mm.models.downloads import ALLOWED, OFFER
from deepseek_mm.runtime.engines import Tower
from deepseek_mm.runtime.planner import LOOKS, apply_preset
from deepseek_mm.runtime.preset_measurement import MEASURE
from deepseek_mm.settings import Settings, list_values
from deepseek_mm.settings_file import SettingsFile, Value, value_of

LIVE = ("lm.phrasing", "runtime.dial", *(f"see.{name}" for name in LOOKS))  # besides `rag` and `people`
FIELD = re.compile(r"^    (\w+): [^#\n]*#\s*(.*)$", re.MULTILINE)  # with the comment behind it


def defaults() -> dict[str, Any]:
    """Dotted name -> value, in their order."""
    return dict(list_values(Config()))


@cache
def descriptions() -> Mapping[str, str]:
    """Dotted name -> what it is; those without a comment are absent, and so are all where the source is."""
    config = Config()
    sections = {"": config} | {f"{f.name}.": getattr(config, f.name) for f in fields(config)}
    found: dict[str, str] = {}
    for prefix, section in sections.items():
        if is_dataclass(section):
            with suppress(OSError):
                rows = FIELD.findall(inspect.getsource(type(section)))
                found |= {f"{prefix}{name}": says.strip() for name, says in rows}
    return found


def applies_at_once(name: str) -> bool:
    """Whether a change holds from the next question on (see `Assistant.reconfigure`)."""
    return (name.startswith(("rag.", "people.")) and name not in MODEL_SETTINGS) or name in LIVE


def is_fixed(origin: Mapping[str, str], name: str) -> bool:
    """Whether a flag or the environment of this start says it, and so wins over the file."""
    return origin.get(name, "").startswith(("flag ", "environment "))


def to_json_value(value: Any) -> Any:
    """A value as JSON holds it; an address without a name or key in it."""
    if isinstance(value, str) and "@" in value and "//" in value:
        with suppress(ValueError):
            parts = urlsplit(value)
            return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return os.fspath(value) if isinstance(value, os.PathLike) else value


BY_FILE = "data"  # lies where the file lies, so no file can change it


@requires_by_default("settings")
@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsService:
    """The settings of one library, as callers read and change them."""

    assistant: Assistant
    file: SettingsFile

    def read(self, caller: Caller) -> Settings:
        """Those of the next start, with the origin of each. ConfigError if that start would fail."""
        return self.file.read()

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

    def restore_defaults(self, caller: Caller) -> Settings:
        """Take back whatever the file says of what holds at once."""
        origin = self.file.read().origin
        mine = [name for name in origin if applies_at_once(name) and not is_fixed(origin, name)]
        return self.change(caller, dict.fromkeys(mine))

    def measure_presets(self, caller: Caller) -> Job:
        """Measure every engine and quality preset of this machine, in the background; a minute or two."""
        return self.assistant.library.jobs.add(MEASURE, {}, title="Measure speed and quality", unique=True)

    def find_measurement(self, caller: Caller) -> Job | None:
        """The one that was begun last."""
        return next(iter(self.assistant.library.jobs.find(kinds=(MEASURE,), limit=1)), None)

    def stop_measurement(self, caller: Caller) -> None:
        """End it, if it goes on; what was measured before stays."""
        job = self.find_measurement(caller)
        if job is not None and not job.is_ended:
            self.assistant.library.jobs.cancel(job.id)

    def list_changed_engines(self, caller: Caller) -> dict[Tower, str]:
        """What computes pictures or text otherwise from the next start on, by tower."""
        planned = self.assistant.planned
        return planned.list_changed_engines(self.file.read().config.runtime) if planned else {}

    def list_pending(self, caller: Caller, settings: Settings) -> list[str]:
        """Names of those that another start would open otherwise than they are now."""
        now, then = self.assistant.config, apply_preset(settings.config)
        known = [name for name in defaults() if name not in (BY_FILE, ALLOWED, OFFER)]
        return [name for name in known if value_of(now, name) != value_of(then, name)]


def check_change(name: str, origin: Mapping[str, str], caller: Caller) -> None:
    """ConfigError, Conflict or Forbidden if this caller cannot change this setting."""
    if name not in defaults() or name == BY_FILE:
        raise ConfigError(f"there is no setting {name!r} to change. See which there are: GET /settings")
    if is_fixed(origin, name):
        raise Conflict(f"{name} is fixed by {origin[name]} of this start. Start without it")
    if not applies_at_once(name):
        require_local(caller, f"change {name}")


@requires_by_default("settings")
@dataclass(frozen=True, kw_only=True, slots=True)
class ModelService:
    """Which models there are to choose from."""

    assistant: Assistant
    file: SettingsFile

    def list_models(self, caller: Caller, url: str) -> list[str]:
        """Names of the models that the server at this address offers. ServerError says what is wrong with it."""
        return models_at(self._server(caller, url))

    def check_address(self, caller: Caller, url: str) -> str:
        """The address as it is kept and shown. BadQuestion if it is none; nobody is asked."""
        return address_of(self._server(caller, url))

    def _server(self, caller: Caller, url: str) -> LMConfig:
        """The settings to ask it with. Forbidden, Conflict or BadQuestion says why it may not be asked."""
        lm = self.assistant.config.lm
        require_local(caller, "ask a server")
        if is_fixed(self.file.read().origin, "lm.url"):
            raise Conflict("lm.url is fixed by a flag or the environment of this start. Start without it")
        if "@" in url:
            raise BadQuestion(f"the address holds a name or a key. Put the key into the variable {lm.api_key_env}")
        server = LMConfig(
            url=url.strip(), api_key_env=lm.api_key_env, api_key_for=lm.api_key_for, timeout_s=lm.timeout_s
        )
        try:
            address_of(server)
        except ServerError as error:  # nobody was asked yet: what was sent is wrong, not the server
            raise BadQuestion(str(error)) from error
        return server
