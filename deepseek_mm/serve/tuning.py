"""Everything that the Settings tab does, over HTTP: settings with their origins, changed in the library's own file.

What holds at once is written and taken up; the rest holds from the next start on, and the answer says so. What a flag
or the environment fixes is never changed here. From another machine only what holds at once can be changed: the rest
could open doors (keys, hosts), or send this machine's key to any server.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.config import LMConfig
from deepseek_mm.errors import BadQuestion, ConfigError, Conflict, Forbidden, ServerError
from deepseek_mm.lm.offer import address_of, models_at
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.runtime.dial import dialled
from deepseek_mm.serve.about import AboutOut, about
from deepseek_mm.serve.described import at_once, defaults, descriptions, is_fixed, shown
from deepseek_mm.serve.problems import DECLARED
from deepseek_mm.serve.who import LOCAL, Who, needs
from deepseek_mm.serve.wire import Text, Typed
from deepseek_mm.settings import Settings
from deepseek_mm.settings_file import SettingsFile, Value, value_of

BY_FILE = "data"  # lies where the file lies, so no file can change it
Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
Real = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[Typed, Field(max_length=4096)]
Scalar = bool | Whole | Real | Word


class SettingOut(BaseModel):
    """One setting."""

    name: str = Field(examples=["rag.num_regions"])
    value: bool | int | float | Text = Field(description="of the next start, and where at_once of the next question")
    default: bool | int | float | Text
    says: str = Field(description="what it is", examples=["regions retrieved per question"])
    origin: Text = Field(description="default, or the file, variable or flag that says so", examples=["default"])
    at_once: bool = Field(description="whether a change holds from the next question on; else from the next start on")
    fixed: bool = Field(description="a flag or the environment fixes it")


class SettingsOut(BaseModel):
    """All settings."""

    file: Text = Field(description="that changes are written to")
    settings: list[SettingOut]
    restart: list[str] = Field(description="names of those that another start would open otherwise than they are now")


class ChangesIn(BaseModel):
    """Settings by name."""

    model_config = ConfigDict(extra="forbid")

    changes: dict[Annotated[Typed, Field(max_length=100)], Scalar | None] = Field(
        min_length=1, max_length=100, description="null: the default", examples=[{"rag.num_regions": 8}]
    )


class ServerIn(BaseModel):
    """A language model server."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[Typed, Field(min_length=1, max_length=2000, examples=["http://127.0.0.1:8000/v1"])]


class ModelsOut(BaseModel):
    """What it offers."""

    models: list[Text] = Field(examples=[["llama-3"]])


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """Reads and changes settings."""

    assistant: Assistant
    file: SettingsFile

    def settings(self, who: Annotated[object, needs("settings")]) -> SettingsOut:
        """All of them, with what they are and who says so."""
        return self._told(self.file.read())

    def change(self, asked: ChangesIn, who: Annotated[Who, needs("settings")]) -> SettingsOut:
        """Write some; all of them or, where one cannot be, none."""
        return self._change(asked.changes, who)

    def defaults(self, who: Annotated[Who, needs("settings")]) -> SettingsOut:
        """Take back whatever the file says of what holds at once."""
        origin = self.file.read().origin
        mine = [name for name in origin if at_once(name) and not is_fixed(origin, name)]
        return self._change(dict.fromkeys(mine), who)

    def models(self, asked: ServerIn, who: Annotated[Who, needs("settings")]) -> ModelsOut:
        """Which models a server offers, before it is chosen. For callers on this machine: its key goes along."""
        lm = self.assistant.config.lm
        local_only(who, "ask a server")
        if is_fixed(self.file.read().origin, "lm.url"):
            raise Conflict("lm.url is fixed by a flag or the environment of this start. Start without it")
        if "@" in asked.url:
            raise BadQuestion(f"the address holds a name or a key. Put the key into the variable {lm.api_key_env}")
        server = LMConfig(url=asked.url.strip(), api_key_env=lm.api_key_env, timeout_s=lm.timeout_s)
        try:
            address_of(server)
        except ServerError as error:  # nobody was asked yet: what was sent is wrong, not the server
            raise BadQuestion(str(error)) from error
        return ModelsOut(models=models_at(server))

    def about(self, who: Annotated[object, needs("ask")]) -> AboutOut:
        """What answers here, and on what machine."""
        return about(self.assistant)

    def _change(self, changes: Mapping[str, Value | None], who: Who) -> SettingsOut:
        origin = self.file.read().origin
        for name in changes:
            self._refuse(name, origin, who)
        settings = self.file.write(changes) if changes else self.file.read()
        self.assistant.reconfigure(settings.config)
        return self._told(settings)

    def _refuse(self, name: str, origin: Mapping[str, str], who: Who) -> None:
        """ConfigError, Conflict or Forbidden if this caller cannot change this setting."""
        if name not in defaults() or name == BY_FILE:
            raise ConfigError(f"there is no setting {name!r} to change. See which there are: GET /settings")
        if is_fixed(origin, name):
            raise Conflict(f"{name} is fixed by {origin[name]} of this start. Start without it")
        if not at_once(name):
            local_only(who, f"change {name}")

    def _told(self, settings: Settings) -> SettingsOut:
        known, says = defaults(), descriptions()
        now, then = self.assistant.config, dialled(settings.config)
        return SettingsOut(
            file=str(settings.file.absolute()),
            settings=[setting_out(name, value, settings, says.get(name, "")) for name, value in known.items()],
            restart=[name for name in known if name != BY_FILE and value_of(now, name) != value_of(then, name)],
        )


def setting_out(name: str, default: object, settings: Settings, says: str) -> SettingOut:
    """As JSON says it."""
    return SettingOut(
        name=name,
        value=shown(value_of(settings.config, name)),
        default=shown(default),
        says=says,
        origin=settings.origin.get(name, "default"),
        at_once=at_once(name),
        fixed=is_fixed(settings.origin, name),
    )


def local_only(who: Who, what: str) -> None:
    """Forbidden for everybody but callers on this machine."""
    if who.session != LOCAL.session:
        raise Forbidden(f"the key {who.name!r} may not {what}: only a caller on this machine may. Do it there")


def settings_routes(assistant: Assistant, file: SettingsFile) -> APIRouter:
    """/settings and /about."""
    tuned = Tuned(assistant=assistant, file=file)
    router = APIRouter(tags=["settings"], responses=DECLARED)
    router.get("/settings")(tuned.settings)
    router.patch("/settings")(tuned.change)
    router.delete("/settings")(tuned.defaults)
    router.post("/settings/models")(tuned.models)
    router.get("/about")(tuned.about)
    return router
