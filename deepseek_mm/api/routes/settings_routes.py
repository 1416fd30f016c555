"""/settings: settings with their origins, the models of servers, and what a bug report says of this machine.

What holds at once is written and taken up; the rest holds from the next start on, and the answer says so.
"""

import os
import platform
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Administrator, Asker, OurAssistant, OurServices
from deepseek_mm.api.schemas import Body, JobOut, Text, Typed
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import NothingThere
from deepseek_mm.hub import Revisions
from deepseek_mm.library.backup import size_of
from deepseek_mm.services import Services
from deepseek_mm.services.settings_service import (
    applies_at_once,
    defaults,
    descriptions,
    is_fixed,
    to_json_value,
)
from deepseek_mm.settings import Settings
from deepseek_mm.settings_file import value_of


class AboutOut(BaseModel):
    """Models, counts, machine."""

    version: str = Field(examples=["0.1.0"])
    python: str = Field(examples=["3.11.7"])
    machine: str = Field(examples=["Linux x86_64"])
    cores: int
    language_model: Text = Field(examples=["deepseek-mm"])
    phrasing: str = Field(description="how it phrases answers now", examples=["claims"])
    space: Text = Field(description="vector space", examples=["default"])
    fingerprint: str = Field(description="of the space's weights")
    sources: int = Field(description="files in the library")
    regions: int
    size_bytes: int = Field(description="of the library's folder")
    revisions: dict[str, Text] = Field(description="of models that came from a hub: the commit of each")
    notices: list[Text] = Field(description="what is otherwise than the settings say, or cannot be done here")
    certainty: float = Field(description="that a search needs, as it works now")


def about(assistant: Assistant) -> AboutOut:
    """Everything as it stands."""
    told, config, counts = assistant.about(), assistant.config, assistant.store.counts()
    return AboutOut(
        version=told["version"],
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        language_model=Path(told["language model"]).name,
        phrasing=config.lm.phrasing_now,
        space=Path(told["space"]).name,
        fingerprint=told["fingerprint"],
        sources=counts.sources,
        regions=counts.regions,
        size_bytes=size_of(config.data),
        revisions=dict(Revisions(config.data).all()),
        notices=[notice.short for notice in assistant.notices],
        certainty=config.rag.min_certainty or assistant.retriever.search.fitted_certainty,
    )


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


class ChangesIn(Body):
    """Settings by name."""

    changes: dict[Annotated[Typed, Field(max_length=100)], Scalar | None] = Field(
        min_length=1, max_length=100, description="null: the default", examples=[{"rag.num_regions": 8}]
    )


class ServerIn(Body):
    """A language model server."""

    url: Annotated[Typed, Field(min_length=1, max_length=2000, examples=["http://127.0.0.1:8000/v1"])]


class ModelsOut(BaseModel):
    """What it offers."""

    models: list[Text] = Field(examples=[["llama-3"]])


router = APIRouter(tags=["settings"], responses=DECLARED)


@router.get("/settings")
def settings(services: OurServices, caller: Administrator) -> SettingsOut:
    """All of them, with what they are and who says so."""
    return describe_settings(services, caller, services.settings.read(caller))


@router.patch("/settings")
def change(services: OurServices, asked: ChangesIn, caller: Administrator) -> SettingsOut:
    """Write some; all of them or, where one cannot be, none."""
    return describe_settings(services, caller, services.settings.change(caller, asked.changes))


@router.delete("/settings", name="defaults")
def restore_defaults(services: OurServices, caller: Administrator) -> SettingsOut:
    """Take back whatever the file says of what holds at once."""
    return describe_settings(services, caller, services.settings.restore_defaults(caller))


@router.post("/settings/measurement", status_code=202)
def measure_presets(services: OurServices, caller: Administrator) -> JobOut:
    """Measure what each quality preset costs and is worth here, in the background; /health has the result."""
    return JobOut.of(services.settings.measure_presets(caller))


@router.get("/settings/measurement")
def measurement(services: OurServices, caller: Administrator) -> JobOut:
    """How the last measurement stands."""
    found = services.settings.find_measurement(caller)
    if found is None:
        raise NothingThere("nothing was measured yet. Begin with: POST /settings/measurement")
    return JobOut.of(found)


@router.delete("/settings/measurement", status_code=204)
def stop_measurement(services: OurServices, caller: Administrator) -> None:
    """End the one that goes on; what was measured before stays."""
    services.settings.stop_measurement(caller)


@router.post("/settings/models")
def models(services: OurServices, asked: ServerIn, caller: Administrator) -> ModelsOut:
    """Which models a server offers, before it is chosen. For callers on this machine only."""
    return ModelsOut(models=services.models.list_models(caller, asked.url))


@router.get("/about", name="about")
def show_about(assistant: OurAssistant, caller: Asker) -> AboutOut:
    """What answers here, and on what machine."""
    return about(assistant)


def describe_settings(services: Services, caller: Caller, found: Settings) -> SettingsOut:
    """As JSON says them."""
    says = descriptions()
    return SettingsOut(
        file=str(found.file.absolute()),
        settings=[setting_out(name, value, found, says.get(name, "")) for name, value in defaults().items()],
        restart=services.settings.list_pending(caller, found),
    )


def setting_out(name: str, default: object, settings: Settings, says: str) -> SettingOut:
    """As JSON says it."""
    return SettingOut(
        name=name,
        value=to_json_value(value_of(settings.config, name)),
        default=to_json_value(default),
        says=says,
        origin=settings.origin.get(name, "default"),
        at_once=applies_at_once(name),
        fixed=is_fixed(settings.origin, name),
    )
