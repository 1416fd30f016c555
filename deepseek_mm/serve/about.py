"""What answers here and on what machine: no path, no address and no key, fit for a bug report."""

import os
import platform
from pathlib import Path

from pydantic import BaseModel, Field

from deepseek_mm.assistant import Assistant
from deepseek_mm.hub import Revisions
from deepseek_mm.library.holding import size_of
from deepseek_mm.serve.wire import Text


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
